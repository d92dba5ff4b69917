//! P6: from a second after the end on, by what an organisation knows or its clock says, no entry
//! comes in or goes out.

use foedus_federation::batch::Batch;
use foedus_federation::entry::LogId;
use foedus_federation::frame::Frame;
use foedus_federation::keys::ChannelKey;
use foedus_federation::note::{Claimed, NoteKind};
use foedus_federation::record::DisconnectRecord;
use foedus_federation::steploop::Ask;
use foedus_federation::stored::{Record as _, Run, StoredEntry, StoredNote};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::EndCause;

use super::{CONSENTED, ENDED};
use crate::simulator::host::Hosted;
use crate::simulator::organisation::ScopeId;
use crate::simulator::world::{BEGIN, World};

/// The run of entries that is stored under a key, if one is.
fn runs_of(key: &[u8], value: &[u8]) -> Option<(LogId, Run)> {
    match ChannelKey::parse(key)? {
        (_, ChannelKey::Run(log, _)) => Some((log, Run::from_value(key, value).ok()?)),
        _ => None,
    }
}

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
        self.checker.count(ENDED);
        let puts = &mut batch.puts.iter();
        if puts.any(|(key, value)| self.is_new_run(at, key, value)) {
            let text = format!("{at} takes entries after the end");
            self.checker.find(ENDED, self.now, text);
        }
    }

    /// Whether a value to be written has entries, or bodies, that are not on the disk yet. A note
    /// of the end says up to where words count, so that it changes the verdicts of what is there:
    /// the same entries are written once more, and none came in.
    fn is_new_run(&self, at: usize, key: &[u8], value: &[u8]) -> bool {
        let Some((_, run)) = runs_of(key, value) else {
            // Whatever else is under such a key has no place there.
            return matches!(ChannelKey::parse(key), Some((_, ChannelKey::Run(..))));
        };
        let held = self.orgs[at].disk.get(key).ok().flatten();
        let Some((_, held)) = held.and_then(|held| runs_of(key, &held)) else {
            return true;
        };
        let same = |(a, b): (&StoredEntry, &StoredEntry)| a.header == b.header && a.body == b.body;
        let count = held.entries.len();
        held.first != run.first
            || count != run.entries.len()
            || !held.entries.iter().zip(&run.entries).all(same)
    }

    /// A frame goes out.
    pub fn check_sent(&mut self, at: usize, to: usize, frame: &Frame) {
        if !matches!(frame, Frame::Hello(_) | Frame::Goodbye(_)) {
            self.check_peering(at, to);
        }
        let Frame::Entries(entries) = frame else {
            return;
        };
        if Some(entries.channel) != self.checker.shared {
            let text = format!("{at} sends entries of a channel that is its own");
            self.checker.find(CONSENTED, self.now, text);
        }
        if self.checker.is_past_end(at, self.now, self.wall(at)) {
            self.checker.count(ENDED);
            if !entries.parts.is_empty() {
                let text = format!("{at} sends entries after the end");
                self.checker.find(ENDED, self.now, text);
            }
        }
        self.check_sent_bodies(to, entries);
    }

    /// Remembers which entries of its own an organisation made durable.
    fn keep_written(&mut self, at: usize, batch: &Batch) {
        let us = self.orgs[at].id;
        for (key, value) in &batch.puts {
            let Some((log, run)) = runs_of(key, value) else {
                continue;
            };
            if log.origin == us {
                let end = run.first + run.entries.len() as u64;
                let entries = (run.first..end).map(|sequence| log.entry(sequence));
                self.checker.written.extend(entries);
            }
        }
    }

    /// Nobody records an end by a clock that is further from right than clocks may be.
    fn check_not_early(&mut self, at: usize, bytes: &[u8]) {
        let Some(NoteKind::DisconnectRecord) = NoteKind::of(bytes) else {
            return;
        };
        let Ok(note) = Claimed::<DisconnectRecord>::parse(bytes) else {
            return;
        };
        let record = note.claims();
        let latest = Timestamp(BEGIN + self.now + self.plan.clock_millis_max);
        let own = record.org == self.orgs[at].id && record.cause == EndCause::End;
        if own && record.at > latest {
            let text = format!("{at} records an end that has not come");
            self.checker.find(ENDED, self.now, text);
        }
    }

    /// A commit is durable: what it says of charters and ends is known from here on.
    pub fn check_durable(&mut self, at: usize, id: ScopeId, batch: &Batch) {
        match id {
            ScopeId::Org => self.check_partners(at, batch),
            ScopeId::Channel(channel) => {
                self.keep_written(at, batch);
                self.outline(at, channel, batch);
                let mut notes = Vec::new();
                for (key, value) in &batch.puts {
                    if let Some((_, ChannelKey::Note(_))) = ChannelKey::parse(key)
                        && let Ok(note) = StoredNote::from_value(key, value)
                    {
                        notes.push(note);
                    }
                }
                notes.sort_by_key(|note| note.order);
                for note in &notes {
                    self.check_not_early(at, &note.bytes);
                }
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
