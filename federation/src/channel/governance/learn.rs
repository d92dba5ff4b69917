//! Learning a note: what it changes, and what it may not.

use std::collections::BTreeSet;
use std::sync::Arc;

use foedus_policy::id::{NoteHash, OrgId};

use super::proposal::Added;
use super::{Breach, Governance, Learned, Proposal, Revision};
use crate::bounds::{
    GOVERNANCE_BYTES_MAX, LATE_CONSENTS_BYTES_MAX, PROPOSALS_HEARD_MAX, WITHDRAWALS_PER_ORG_MAX,
};
use crate::charter::{
    Charter, Consent, InvalidCharter, Seal, SealedCharter, Termination, Withdrawal,
};
use crate::evidence::GovernanceNote;
use crate::note::Verified;
use crate::record::DisconnectRecord;

impl Governance {
    /// Learns a note whose signature was checked, and that `teller` brought.
    ///
    /// Only a charter's own host says which text it stands by; from anybody else, a text that was
    /// given up for another does not come back.
    pub fn learn(&mut self, note: &GovernanceNote, teller: OrgId) -> Result<Learned, Breach> {
        if self.holds(note.hash()) {
            return Ok(Learned::Nothing);
        }
        let learned = match note {
            GovernanceNote::Charter(charter) => self.learn_charter(charter, teller),
            GovernanceNote::Consent(consent) => self.learn_consent(consent),
            GovernanceNote::Seal(seal) => self.learn_seal(seal),
            GovernanceNote::Withdrawal(withdrawal) => self.learn_withdrawal(withdrawal),
            GovernanceNote::Termination(termination) => self.learn_termination(termination),
            GovernanceNote::DisconnectRecord(record) => self.learn_record(record),
        };
        // Two seals after one revision are evidence: the second is kept, too.
        if matches!(learned, Ok(Learned::Kept | Learned::InForce))
            || learned == Err(Breach::TwoSeals)
        {
            self.keep(note.hash(), note.bytes());
        }
        learned
    }

    /// Whether this very note is held.
    pub fn holds(&self, note: NoteHash) -> bool {
        self.notes.iter().any(|(hash, _)| *hash == note)
    }

    fn keep(&mut self, hash: NoteHash, bytes: &[u8]) {
        if !self.holds(hash) {
            self.notes.push((hash, bytes.into()));
        }
    }

    fn keep_notes_of(&mut self, proposal: &Proposal) {
        self.keep(proposal.charter().hash(), proposal.charter().bytes());
        for consent in proposal.consents() {
            self.keep(consent.hash(), consent.bytes());
        }
    }

    fn forget_notes_of(&mut self, proposal: &Proposal) {
        let charter = proposal.charter().hash();
        self.notes
            .retain(|(hash, _)| *hash != charter && !proposal.has(*hash));
    }

    fn learn_charter(
        &mut self,
        charter: &Verified<Charter>,
        teller: OrgId,
    ) -> Result<Learned, Breach> {
        let valid = match self.newest() {
            None => charter.note().validate_first(),
            Some(newest) => charter.note().validate_successor(newest.charter()),
        };
        valid.map_err(|wrong| match wrong {
            // Stale, or those before it have yet to come.
            InvalidCharter::Number { .. }
            | InvalidCharter::Predecessor { .. }
            | InvalidCharter::Numbering => Breach::OutOfPlace,
            wrong => Breach::Charter(wrong),
        })?;
        self.check_room_for_charter(charter.bytes())?;
        let hash = charter.hash();
        let known = self
            .heard
            .iter()
            .position(|heard| heard.charter().hash() == hash);
        if teller != charter.note().host {
            // As host we stand by what we propose ourselves. What others bring back of ours may
            // have been sealed before our store was put back; only its seal tells.
            if charter.note().host == self.us {
                self.hear(Proposal::new(charter.clone()));
                return Ok(Learned::Nothing);
            }
            // Partners that hold different texts would trade them for ever.
            if known.is_some() || self.heard.len() >= PROPOSALS_HEARD_MAX {
                return Ok(Learned::Nothing);
            }
        }
        let proposal = match known {
            Some(index) => self.heard.remove(index),
            None => Proposal::new(charter.clone()),
        };
        if let Some(before) = self.proposal.take() {
            self.forget_notes_of(&before);
            self.hear(before);
        }
        self.keep_notes_of(&proposal);
        self.proposal = Some(proposal);
        Ok(Learned::Kept)
    }

    /// Stands by no proposed text any more. What was said to it is forgotten: if its host proposes it again, all are asked
    /// again.
    pub fn take_back(&mut self) {
        if let Some(before) = self.proposal.take() {
            self.forget_notes_of(&before);
            // Its seal may be in the world already, if our store is an old copy that was put back.
            self.hear(Proposal::new(before.charter().clone()));
        }
    }

    /// Whether so much more is kept, beside all that the host brought about. What participants say
    /// alone has bounds of its own: none of them takes the room of the host's next charter.
    fn check_room_for_charter(&self, more: &[u8]) -> Result<(), Breach> {
        let all: usize = self.notes.iter().map(|(_, bytes)| bytes.len()).sum();
        let left = self.withdrawals.values().flatten();
        let left: usize = left.map(|note| note.bytes().len()).sum();
        let recorded = self.records.values().flatten();
        let recorded: usize = recorded.map(|note| note.bytes().len()).sum();
        let late = self.revisions.iter().flat_map(|revision| &revision.late);
        let late: usize = late.map(|note| note.bytes().len()).sum();
        let by_host = all - left - recorded - late;
        is_room(by_host, more, GOVERNANCE_BYTES_MAX)
    }

    /// Whether so much more is kept beside the late yeses of an organisation.
    fn check_room_for_late(&self, org: OrgId, more: &[u8]) -> Result<(), Breach> {
        let late = self.revisions.iter().flat_map(|revision| &revision.late);
        let of_org = late.filter(|yes| yes.note().org == org);
        let held = of_org.map(|yes| yes.bytes().len()).sum();
        is_room(held, more, LATE_CONSENTS_BYTES_MAX)
    }

    /// Remembers a text that nobody stands by, as far as we know; the oldest makes room.
    fn hear(&mut self, proposal: Proposal) {
        let hash = proposal.charter().hash();
        if self
            .heard
            .iter()
            .any(|heard| heard.charter().hash() == hash)
        {
            return;
        }
        if self.heard.len() >= PROPOSALS_HEARD_MAX {
            self.heard.remove(0);
        }
        self.heard.push(proposal);
    }

    fn learn_consent(&mut self, consent: &Verified<Consent>) -> Result<Learned, Breach> {
        let note = consent.note();
        let sealed = |revision: &Arc<Revision>| revision.hash() == note.charter;
        if let Some(index) = self.revisions.iter().position(sealed) {
            return self.learn_late_consent(index, consent);
        }
        let of_charter = |proposal: &Proposal| proposal.charter().hash() == note.charter;
        let current = self.proposal.as_ref().is_some_and(of_charter);
        let proposal = match current {
            true => self.proposal.as_mut(),
            false => self.heard.iter_mut().find(|heard| of_charter(heard)),
        };
        let proposal = proposal.ok_or(Breach::OutOfPlace)?;
        check_consent(proposal.charter().note(), note)?;
        if proposal.has(consent.hash()) {
            return Ok(Learned::Nothing);
        }
        let given_up = match proposal.add(consent) {
            Added::Kept => None,
            Added::InPlaceOf(uncited) => Some(uncited),
            Added::Spare => return Err(Breach::OutOfPlace),
        };
        if !current {
            return Ok(Learned::Nothing);
        }
        self.notes.retain(|(hash, _)| Some(*hash) != given_up);
        Ok(Learned::Kept)
    }

    /// A late yes: from here on that organisation writes under this revision, too, and under
    /// those after it that only take away.
    fn learn_late_consent(
        &mut self,
        index: usize,
        consent: &Verified<Consent>,
    ) -> Result<Learned, Breach> {
        let (note, revision) = (consent.note(), &self.revisions[index]);
        check_consent(revision.charter(), note)?;
        // One that had run out before the seal is no late one: somebody brings it back.
        if note.good_until < revision.sealed.seal().note().at {
            return Err(Breach::OutOfPlace);
        }
        // Who agreed before it left comes back by a yes that says so. It has to name a withdrawal
        // that is held, of which there are few: else one organisation had no end of yeses.
        let left = self.withdrawals.get(&note.org).into_iter().flatten();
        let mut left = left.map(Verified::hash);
        let returns = note
            .withdrawal
            .is_some_and(|named| !revision.returns.contains(&named) && left.any(|it| it == named));
        if revision.is_agreed_by(note.org) && !returns {
            return Err(Breach::OutOfPlace);
        }
        self.check_room_for_late(note.org, consent.bytes())?;
        let revision = Arc::make_mut(&mut self.revisions[index]);
        revision.agreed.insert(note.org);
        revision.returns.extend(note.withdrawal);
        revision.late.push(consent.clone());
        self.carry_agreement(index);
        Ok(Learned::InForce)
    }

    /// Whoever agreed to a revision agreed to those after it that add nothing.
    fn carry_agreement(&mut self, from: usize) {
        for index in from + 1..self.revisions.len() {
            let (before, next) = (self.revisions[index - 1].clone(), &self.revisions[index]);
            if Charter::compare(before.charter(), next.charter()).is_adding() {
                return;
            }
            let agreed: Vec<OrgId> = before
                .agreed
                .iter()
                .copied()
                .filter(|org| next.access(*org).is_some() && !next.is_agreed_by(*org))
                .collect();
            if !agreed.is_empty() {
                Arc::make_mut(&mut self.revisions[index])
                    .agreed
                    .extend(agreed);
            }
        }
    }

    fn learn_seal(&mut self, seal: &Verified<Seal>) -> Result<Learned, Breach> {
        let note = seal.note();
        self.check_rival(seal)?;
        let mut proposal = self.awaiting(seal)?;
        let cited = proposal.cited(note);
        if cited.len() < note.consents.len() {
            // The rest may come yet.
            return Err(Breach::OutOfPlace);
        }
        let previous = self.newest().map(Revision::charter);
        let charter = proposal.charter().clone();
        let sealed = SealedCharter::verify(previous, charter, cited, seal.clone())
            .map_err(|_| Breach::Rule)?;
        // Whoever's yes the host did not need, or did not have, agreed all the same: whether it
        // came before or after the seal must make no difference.
        let mut agreed = sealed.agreed();
        let good = proposal.consents().map(Verified::note);
        let good: Vec<&Consent> = good.filter(|yes| yes.good_until >= note.at).collect();
        agreed.extend(good.iter().map(|yes| yes.org));
        let agreed_when_sealed = agreed.clone();
        let returns = good.iter().filter_map(|yes| yes.withdrawal).collect();
        let limits = previous.map_or_else(BTreeSet::new, |previous| {
            Charter::compare(previous, sealed.charter().note()).limits(previous)
        });
        if let Some(before) = self.proposal.take() {
            self.forget_notes_of(&before);
        }
        // Whoever had other yeses that the host did not use holds the same notes from here on.
        proposal.forget_uncited(note);
        self.keep_notes_of(&proposal);
        self.heard.clear();
        self.revisions.push(Arc::new(Revision {
            sealed,
            agreed_when_sealed,
            agreed,
            limits,
            returns,
            late: Vec::new(),
        }));
        if let Some(before) = self.revisions.len().checked_sub(2) {
            self.carry_agreement(before);
        }
        Ok(Learned::InForce)
    }

    /// The text that a seal puts in force, with the yeses that it names, as far as they came. What
    /// the host used takes the place of what it did not: somebody who says yes to it in other words
    /// than to us would else keep us from ever following.
    fn awaiting(&mut self, seal: &Verified<Seal>) -> Result<Proposal, Breach> {
        let of_charter = |proposal: &Proposal| proposal.charter().hash() == seal.note().charter;
        if let Some(mut proposal) = self.proposal.take_if(|proposal| of_charter(proposal)) {
            self.forget_notes_of(&proposal);
            proposal.await_seal(seal);
            self.keep_notes_of(&proposal);
            self.proposal = Some(proposal.clone());
            return Ok(proposal);
        }
        let mut heard = self.heard.iter_mut();
        let proposal = heard.find(|heard| of_charter(heard));
        let proposal = proposal.ok_or(Breach::OutOfPlace)?;
        proposal.await_seal(seal);
        Ok(proposal.clone())
    }

    /// A seal that came before the yeses that it names, which are all here now.
    pub fn seal_at_hand(&self) -> Option<Verified<Seal>> {
        let mut proposals = self.proposal.iter().chain(&self.heard);
        proposals.find_map(|proposal| {
            let seal = proposal.awaited()?;
            let complete = proposal.cited(seal.note()).len() == seal.note().consents.len();
            complete.then(|| seal.clone())
        })
    }

    /// Whether the host sealed another revision after the same one. One pair is evidence enough,
    /// and nobody else's seal is.
    fn check_rival(&mut self, seal: &Verified<Seal>) -> Result<(), Breach> {
        let note = seal.note();
        let rival = self.revisions.iter().find(|revision| {
            revision.charter().predecessor == note.predecessor && revision.hash() != note.charter
        });
        let Some(rival) = rival else { return Ok(()) };
        if rival.charter().host != note.host || rival.charter().channel != note.channel {
            return Err(Breach::Rule);
        }
        if self.two_seals.is_some() {
            return Err(Breach::OutOfPlace);
        }
        self.two_seals = Some((rival.sealed.seal().clone(), seal.clone()));
        Err(Breach::TwoSeals)
    }

    fn learn_withdrawal(&mut self, withdrawal: &Verified<Withdrawal>) -> Result<Learned, Breach> {
        let note = withdrawal.note();
        let revision = self.revision(note.revision).ok_or(Breach::OutOfPlace)?;
        if revision.access(note.org).is_none() {
            return Err(Breach::Rule);
        }
        let org = note.org;
        let mut all = self.withdrawals.get(&org).cloned().unwrap_or_default();
        all.push(withdrawal.clone());
        all.sort_by_key(|known| {
            let revision = self.revision(known.note().revision);
            let number = revision.map_or(0, |revision| revision.charter().number);
            (number, known.note().at, known.hash())
        });
        // The first count, in whatever order they are heard of: all must come to the same.
        if let Some(last) = all.get(WITHDRAWALS_PER_ORG_MAX).map(Verified::hash) {
            if last == withdrawal.hash() {
                return Err(Breach::OutOfPlace);
            }
            all.truncate(WITHDRAWALS_PER_ORG_MAX);
            self.notes.retain(|(hash, _)| *hash != last);
            self.forget_late_yeses(org, last);
        }
        self.withdrawals.insert(org, all);
        Ok(Learned::InForce)
    }

    /// Late yeses that name a withdrawal which is forgotten say nothing any more; else somebody who
    /// signs ever earlier ones had no end of yeses. One stays if nothing else says that its
    /// organisation agreed to the revision.
    fn forget_late_yeses(&mut self, org: OrgId, withdrawal: NoteHash) {
        for index in 0..self.revisions.len() {
            let revision = &self.revisions[index];
            let of_org = |yes: &&Verified<Consent>| yes.note().org == org;
            let named =
                |yes: &Verified<Consent>| of_org(&yes) && yes.note().withdrawal == Some(withdrawal);
            let Some(place) = revision.late.iter().position(named) else {
                continue;
            };
            let carried = index.checked_sub(1).is_some_and(|before| {
                let before = &self.revisions[before];
                let adds = Charter::compare(before.charter(), revision.charter()).is_adding();
                before.is_agreed_by(org) && !adds
            });
            let by_others = revision.late.iter().filter(of_org).count() > 1;
            if !carried && !by_others && !revision.agreed_when_sealed.contains(&org) {
                continue;
            }
            let revision = Arc::make_mut(&mut self.revisions[index]);
            revision.returns.remove(&withdrawal);
            let forgotten = revision.late.remove(place).hash();
            self.notes.retain(|(hash, _)| *hash != forgotten);
        }
    }

    fn learn_termination(
        &mut self,
        termination: &Verified<Termination>,
    ) -> Result<Learned, Breach> {
        let note = termination.note();
        let revision = self.revision(note.revision).ok_or(Breach::OutOfPlace)?;
        if revision.charter().host != note.host {
            return Err(Breach::Rule);
        }
        if let Some(known) = &self.termination {
            let earlier = |note: &Verified<Termination>| (note.note().at, note.hash());
            if earlier(known) <= earlier(termination) {
                return Err(Breach::OutOfPlace);
            }
            // A host that got an old copy of its data back ended it twice: the first end counts,
            // for all.
            let later = known.hash();
            self.notes.retain(|(hash, _)| *hash != later);
        }
        self.termination = Some(termination.clone());
        Ok(Learned::InForce)
    }

    fn learn_record(&mut self, record: &Verified<DisconnectRecord>) -> Result<Learned, Breach> {
        let note = record.note();
        let revision = self.revision(note.revision).ok_or(Breach::OutOfPlace)?;
        if revision.access(note.org).is_none() {
            return Err(Breach::Rule);
        }
        if self.has_all_records(note.org) {
            return Err(Breach::Rule);
        }
        let known = self.records.entry(note.org).or_default();
        known.push(record.clone());
        known.sort_by_key(|record| (record.note().at, record.hash()));
        Ok(Learned::Kept)
    }
}

fn is_room(held: usize, more: &[u8], bytes_max: usize) -> Result<(), Breach> {
    let fits = held + more.len() <= bytes_max;
    fits.then_some(()).ok_or(Breach::Full)
}

/// A yes is to one text, after one predecessor, by one of its participants.
fn check_consent(charter: &Charter, consent: &Consent) -> Result<(), Breach> {
    let fits = consent.channel == charter.channel
        && consent.predecessor == charter.predecessor
        && charter.participants.contains_key(&consent.org);
    fits.then_some(()).ok_or(Breach::Rule)
}
