//! P5: no peering, channel or right comes into being without everybody's yes, and nobody's words
//! reach an organisation that they did not agree to.

use foedus_federation::batch::Batch;
use foedus_federation::charter::{Charter, Consent, Seal};
use foedus_federation::entry::Header;
use foedus_federation::frame::Entries;
use foedus_federation::keys::ChannelKey;
use foedus_federation::note::{Claimed, NoteKind};
use foedus_federation::org_store::read_record;
use foedus_federation::stored::{Record as _, Run};
use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::state::{PartnerState, Record};

use super::CONSENTED;
use crate::simulator::disk::{ChannelOnDisk, Held};
use crate::simulator::world::World;

impl World {
    /// Partners become active only by their administrators' yes.
    pub(super) fn check_partners(&mut self, at: usize, batch: &Batch) {
        for (key, value) in &batch.puts {
            if !key.starts_with(b"os") {
                continue;
            }
            if let Ok(Record::Partner(partner, known)) = read_record(key, value)
                && known.state == PartnerState::Active
            {
                self.checker.count(CONSENTED);
                if !self.checker.peerings.contains(&(at, partner)) {
                    let text = format!("{at} has a partner that nobody approved");
                    self.checker.find(CONSENTED, self.now, text);
                }
            }
        }
    }

    /// Nothing but the first word and the last passes between two that did not both agree.
    pub(super) fn check_peering(&mut self, at: usize, to: usize) {
        let (us, them) = (self.orgs[at].id, self.orgs[to].id);
        let both = self.checker.peerings.contains(&(at, them))
            && self.checker.peerings.contains(&(to, us));
        self.checker.count(CONSENTED);
        if !both {
            let text = format!("{at} talks to {to} before both agreed");
            self.checker.find(CONSENTED, self.now, text);
        }
    }

    /// A seal on a disk rests on the consent of everybody but the host, each given by an
    /// administrator.
    pub(super) fn check_sealed(&mut self, at: usize, channel: ChannelId, bytes: &[u8]) {
        if NoteKind::of(bytes) != Some(NoteKind::Seal) {
            return;
        }
        let Ok(seal) = Claimed::<Seal>::parse(bytes) else {
            return;
        };
        let hash = seal.claims().charter;
        let Some(charter) = self.checker.charters.get(&hash).cloned() else {
            let text = format!("{at} holds a seal for a charter that is on no disk");
            return self.checker.find(CONSENTED, self.now, text);
        };
        self.checker.count(CONSENTED);
        let consents: Vec<OrgId> = ChannelOnDisk::new(&self.orgs[at].disk, channel)
            .notes()
            .iter()
            .filter_map(|note| Claimed::<Consent>::parse(note).ok())
            .filter(|note| note.claims().charter == hash)
            .map(|note| note.claims().org)
            .collect();
        for participant in charter.participants.keys() {
            let index = self.checker.index_of(*participant);
            let approved = index.is_some_and(|index| self.approves(index, &charter, hash));
            if !approved {
                let text = format!("{at} holds a seal that {participant} did not agree to");
                self.checker.find(CONSENTED, self.now, text);
            } else if *participant != charter.host && !consents.contains(participant) {
                let text = format!("{at} holds a seal without the consent of {participant}");
                self.checker.find(CONSENTED, self.now, text);
            }
        }
    }

    fn approves(&self, at: usize, charter: &Charter, hash: NoteHash) -> bool {
        self.checker.has_approved(at, charter, hash)
    }

    /// What is shown was written under something that we agreed to.
    pub(super) fn check_agreed(&mut self, at: usize, held: &Held) {
        let revision = held.header.revision;
        if revision == NoteHash::LOCAL {
            if held.header.log.origin != self.orgs[at].id {
                let text = format!("{at} shows a local entry of another organisation");
                self.checker.find(CONSENTED, self.now, text);
            }
            return;
        }
        let charter = self.checker.charters.get(&revision).cloned();
        let agreed = charter.is_some_and(|charter| self.approves(at, &charter, revision));
        self.checker.count(CONSENTED);
        if !agreed {
            let text = format!("{at} shows what was written under a charter it did not agree to");
            self.checker.find(CONSENTED, self.now, text);
        }
    }

    /// No body is stored where it may not be read.
    pub(super) fn check_bodies(&mut self, at: usize, batch: &Batch) {
        for (key, value) in &batch.puts {
            let Some((_, ChannelKey::Run(..))) = ChannelKey::parse(key) else {
                continue;
            };
            let Ok(run) = Run::from_value(key, value) else {
                continue;
            };
            for entry in run.entries.iter().filter(|entry| entry.body.is_some()) {
                self.check_body_at(at, &entry.header);
            }
        }
    }

    /// No body is sent where it may not be read.
    pub(super) fn check_sent_bodies(&mut self, to: usize, entries: &Entries) {
        for part in &entries.parts {
            for entry in part.entries.iter().filter(|entry| entry.body.is_some()) {
                self.check_body_at(to, &entry.header);
            }
        }
    }

    fn check_body_at(&mut self, at: usize, header: &[u8]) {
        let Ok(header) = Header::decode(header) else {
            return;
        };
        self.checker.count(CONSENTED);
        // Whoever lies hands its lies to anybody.
        if !self.checker.forged.contains(&header.log)
            && !self
                .checker
                .may_hold_body(header.log.origin, header.revision, at)
        {
            let text = format!("{at} is given a body that it may not read");
            self.checker.find(CONSENTED, self.now, text);
        }
    }
}
