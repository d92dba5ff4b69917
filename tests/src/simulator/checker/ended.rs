//! P6: from a second after the end on, by what an organisation knows or its clock says, no entry
//! comes in or goes out.

use foedus_federation::batch::Batch;
use foedus_federation::frame::Frame;
use foedus_federation::keys;
use foedus_federation::steploop::Ask;

use crate::simulator::host::Hosted;
use crate::simulator::organisation::ScopeId;
use crate::simulator::world::World;

const CHECKER: &str = "P6 ended";

impl World {
    /// A scope decided something, and asks for the commit of it.
    pub fn check_decision<M: Hosted>(&mut self, at: usize, id: ScopeId) {
        let Some(scope) = self.orgs[at].run.as_mut().and_then(|run| M::scope(run, id)) else {
            return;
        };
        let Some(Ask::Commit(batch)) = &scope.asked else {
            return;
        };
        let (batch, causes) = (batch.clone(), scope.committing.clone());
        self.check_sovereign(at, id, &causes, &batch);
        self.check_bodies(at, &batch);
        self.check_still_open(at, id, &batch);
    }

    fn check_still_open(&mut self, at: usize, id: ScopeId, batch: &Batch) {
        let shared = self.checker.shared.map(ScopeId::Channel);
        if shared != Some(id) || !self.checker.is_past_end(at, self.now, self.wall(at)) {
            return;
        }
        self.checker.count(CHECKER);
        let entries = batch.puts.iter().any(|(key, _)| key.get(33) == Some(&b'r'));
        if entries {
            let text = format!("{at} takes entries after the end");
            self.checker.find(CHECKER, self.now, text);
        }
    }

    /// A frame goes out.
    pub fn check_sent(&mut self, at: usize, to: usize, frame: &Frame) {
        if !matches!(frame, Frame::Hello(_) | Frame::Goodbye(_)) {
            self.check_peering(at, to);
        }
        let Frame::Entries(entries) = frame else {
            return;
        };
        self.checker.count(CHECKER);
        if Some(entries.channel) != self.checker.shared {
            let text = format!("{at} sends entries of a channel that is its own");
            self.checker.find("P5 consented", self.now, text);
        }
        if !entries.parts.is_empty() && self.checker.is_past_end(at, self.now, self.wall(at)) {
            let text = format!("{at} sends entries after the end");
            self.checker.find(CHECKER, self.now, text);
        }
        self.check_sent_bodies(to, entries);
    }

    /// A commit is durable: what it says of charters and ends is known from here on.
    pub fn check_durable(&mut self, at: usize, id: ScopeId, batch: &Batch) {
        match id {
            ScopeId::Org => self.check_partners(at, batch),
            ScopeId::Channel(channel) => {
                let mut notes = Vec::new();
                for (key, value) in &batch.puts {
                    if let Some((b'n', _)) = keys::state_kind(key)
                        && let Ok(note) = foedus_federation::stored::Record::from_value(key, value)
                    {
                        let note: foedus_federation::stored::StoredNote = note;
                        notes.push(note);
                    }
                }
                notes.sort_by_key(|note| note.order);
                if Some(channel) == self.checker.shared {
                    for note in &notes {
                        self.checker.noted(at, self.now, &note.bytes);
                    }
                    for note in &notes {
                        self.check_sealed(at, channel, &note.bytes);
                    }
                }
            }
        }
    }
}
