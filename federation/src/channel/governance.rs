//! What governs a channel: its sealed revisions, the one that is proposed, and how it ends.
//!
//! A function of the notes that were accepted, in the order of their acceptance: loading a channel
//! learns the same notes again. No note says two things, and they are held in memory only: that the
//! peering ended ([`Governance::disconnect`]), until our own record of the end says so, and texts that
//! nobody stands by any more (`heard`), in case one of them turns out to be sealed. It must not know
//! logs, sessions or stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::id::{NoteHash, OrgId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, EndCause};
use sha2::{Digest, Sha256};

use crate::bounds::RECORDS_PER_ORG_MAX;
use crate::charter::{
    Charter, InvalidCharter, Newcomers, Seal, Termination, Withdrawal, consents_needed,
};
use crate::evidence::GovernanceNote;
use crate::message::Ended;
use crate::note::Verified;
use crate::planted::{Fault, planted};
use crate::record::DisconnectRecord;

mod heads;
mod learn;
mod proposal;
mod revision;

pub use proposal::Proposal;
pub use revision::Revision;

/// Why a note was not learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It is of no use here: of another channel, or about a revision that is not held.
    #[error("the note is about nothing that is held")]
    OutOfPlace,
    /// It breaks the rules of charters.
    #[error("the note breaks the rules of charters")]
    Rule,
    /// It is a revision that can't stand where it says to.
    #[error("the charter breaks the rules of charters")]
    Charter(#[source] InvalidCharter),
    /// The host sealed two revisions after one: evidence, and the channel is frozen.
    #[error("the host sealed two revisions after the same one")]
    TwoSeals,
    /// The charters of this channel, or the late yeses of one organisation, have as many bytes as we
    /// keep.
    #[error("no more notes of this kind about this channel are kept")]
    Full,
}

/// What learning a note changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It was known.
    Nothing,
    /// It is kept.
    Kept,
    /// A revision came into force.
    InForce,
}

/// What governs a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governance {
    us: OrgId,
    revisions: Vec<Arc<Revision>>,
    proposal: Option<Proposal>,
    /// Other texts that were proposed, in memory only: one of them may turn out to be sealed.
    heard: Vec<Proposal>,
    /// Of each organisation, the newest last.
    withdrawals: BTreeMap<OrgId, Vec<Verified<Withdrawal>>>,
    termination: Option<Verified<Termination>>,
    /// What each signed that it held, earlier before later. Whoever got an old copy of its data
    /// back after the end may have more to say than it said before.
    records: BTreeMap<OrgId, Vec<Verified<DisconnectRecord>>>,
    disconnected: Option<Timestamp>,
    two_seals: Option<(Verified<Seal>, Verified<Seal>)>,
    notes: Vec<(NoteHash, Arc<[u8]>)>,
}

impl Governance {
    /// A channel that nothing governs: a local one.
    pub fn local(us: OrgId) -> Self {
        Self {
            us,
            revisions: Vec::new(),
            proposal: None,
            heard: Vec::new(),
            withdrawals: BTreeMap::new(),
            termination: None,
            records: BTreeMap::new(),
            disconnected: None,
            two_seals: None,
            notes: Vec::new(),
        }
    }

    /// The peering with everybody else in the channel ended at `at`.
    pub fn disconnect(&mut self, at: Timestamp) {
        self.disconnected.get_or_insert(at);
    }

    /// The revision of this identity, if it is or was in force.
    pub fn revision(&self, hash: NoteHash) -> Option<&Revision> {
        self.revisions
            .iter()
            .rev()
            .find(|revision| revision.hash() == hash)
            .map(Arc::as_ref)
    }

    /// The revision of this number, if it is or was in force.
    pub fn revision_numbered(&self, number: u64) -> Option<&Revision> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.revisions.get(index).map(Arc::as_ref)
    }

    /// The newest revision in force.
    pub fn newest(&self) -> Option<&Revision> {
        self.revisions.last().map(Arc::as_ref)
    }

    /// The newest revision in force that has an organisation take part.
    pub fn newest_naming(&self, org: OrgId) -> Option<&Revision> {
        let mut newest_first = self.revisions.iter().rev();
        let found = newest_first.find(|revision| revision.access(org).is_some());
        found.map(Arc::as_ref)
    }

    /// What waits for consents.
    pub fn proposal(&self) -> Option<&Proposal> {
        self.proposal.as_ref()
    }

    /// The host, as the newest text says.
    pub fn host(&self) -> Option<OrgId> {
        let proposed = || {
            self.proposal
                .as_ref()
                .map(|proposal| proposal.charter().note().host)
        };
        self.newest()
            .map(|newest| newest.charter().host)
            .or_else(proposed)
    }

    /// Whether a charter governs the channel, or is proposed for the first time to us.
    pub fn is_shared(&self) -> bool {
        // A host goes on writing to its local channel until the first charter is sealed.
        !self.revisions.is_empty() || self.host().is_some_and(|host| host != self.us)
    }

    /// Whether entries may pass at `wall`: a charter that names us is in force and the channel has
    /// not ended for us.
    pub fn is_open(&self, wall: Timestamp) -> bool {
        self.takes_part(self.us) && self.two_seals.is_none() && self.ended(wall).is_none()
    }

    /// Whether, and how, the channel ended for us.
    pub fn ended(&self, wall: Timestamp) -> Option<Ended> {
        if let Some(termination) = &self.termination {
            return Some(Ended {
                cause: EndCause::Termination,
                at: termination.note().at,
            });
        }
        if let Some(own) = self.withdrawal(self.us) {
            return Some(Ended {
                cause: EndCause::Withdrawal,
                at: own.note().at,
            });
        }
        if let Some(record) = self.final_record() {
            return Some(Ended {
                cause: record.note().cause,
                at: record.note().at,
            });
        }
        if let Some(at) = self.disconnected {
            return Some(Ended {
                cause: EndCause::Disconnect,
                at,
            });
        }
        let end = self.agreed_revision(self.us)?.charter().end?;
        (wall >= end).then_some(Ended {
            cause: EndCause::End,
            at: end,
        })
    }

    /// The newest revision that an organisation agreed to.
    fn agreed_revision(&self, org: OrgId) -> Option<&Revision> {
        self.revisions
            .iter()
            .rev()
            .find(|revision| revision.is_agreed_by(org))
            .map(Arc::as_ref)
    }

    /// Whether an organisation said yes to a revision, sealed or not.
    pub fn has_agreed(&self, org: OrgId, charter: NoteHash) -> bool {
        let proposal = self.proposal.as_ref();
        let proposed = proposal.filter(|proposal| proposal.charter().hash() == charter);
        proposed.is_some_and(|proposal| proposal.is_agreed_by(org))
            || self
                .revision(charter)
                .is_some_and(|revision| revision.is_agreed_by(org))
    }

    /// When the channel ends for an organisation, as the newest revision that it agreed to says.
    pub fn agreed_end(&self, org: OrgId) -> Option<Timestamp> {
        self.agreed_revision(org)?.charter().end
    }

    /// The number of the newest revision that an organisation agreed to.
    pub fn agreed_number(&self, org: OrgId) -> Option<u64> {
        self.agreed_revision(org)
            .map(|revision| revision.charter().number)
    }

    /// The revision under which an organisation writes: the newest that it agreed to, if it may
    /// still write in the newest.
    pub fn writing_revision(&self, org: OrgId) -> Option<&Revision> {
        self.access_of(org)?;
        self.agreed_revision(org)
    }

    /// The number of a revision that `org` has not agreed to yet.
    pub fn unagreed(&self, org: OrgId, hash: NoteHash) -> Option<u64> {
        let revision = self.revision(hash)?;
        let newest_agreed = self
            .agreed_revision(org)
            .map_or(0, |agreed| agreed.charter().number);
        (revision.charter().number > newest_agreed).then_some(revision.charter().number)
    }

    /// What an organisation may do in the newest revision, unless it withdrew.
    pub fn access_of(&self, org: OrgId) -> Option<Access> {
        if self.withdrawal(org).is_some() {
            return None;
        }
        self.newest()?.access(org)
    }

    /// The withdrawal by which an organisation is out of the channel, if it is.
    fn withdrawal(&self, org: OrgId) -> Option<&Verified<Withdrawal>> {
        let number = self.newest().map_or(0, |newest| newest.charter().number);
        self.withdrawals_from(org, number).next()
    }

    /// When an organisation left, if it is out of the channel by its own word.
    pub fn withdrew_at(&self, org: OrgId) -> Option<Timestamp> {
        self.withdrawal(org).map(|withdrawal| withdrawal.note().at)
    }

    /// The organisations that the newest revision names and that left by their own word, and when.
    pub fn left(&self) -> impl Iterator<Item = (OrgId, Timestamp)> + '_ {
        let newest = self.newest().into_iter();
        let named = newest.flat_map(|newest| newest.charter().participants.keys());
        named.filter_map(|org| Some((*org, self.withdrew_at(*org)?)))
    }

    /// Whether all but us have left a channel that goes on for us at `wall`.
    pub fn is_alone(&self, wall: Timestamp) -> bool {
        self.is_open(wall) && self.participants().all(|org| org == self.us)
    }

    /// The withdrawals of an organisation that beat the revision of this number: those after the
    /// newest that one of its consents names, to this revision or to one before it.
    fn withdrawals_from(
        &self,
        org: OrgId,
        number: u64,
    ) -> impl Iterator<Item = &Verified<Withdrawal>> {
        let all = self.withdrawals.get(&org).map_or(&[][..], Vec::as_slice);
        let named = |withdrawal: &Verified<Withdrawal>| {
            let revisions = self.revisions.iter();
            let mut revisions = revisions.filter(|known| known.charter().number <= number);
            revisions.any(|known| known.returns.contains(&withdrawal.hash()))
        };
        let after = all.iter().rposition(named).map_or(0, |index| index + 1);
        all[after..].iter()
    }

    /// Our own first record of the end, unless we came back after it.
    pub fn final_record(&self) -> Option<&Verified<DisconnectRecord>> {
        self.final_record_of(self.us)
    }

    /// The first record of the end that an organisation signed, unless it came back after it.
    pub fn final_record_of(&self, org: OrgId) -> Option<&Verified<DisconnectRecord>> {
        let left = self.withdrawal(org).is_some();
        let mut records = self.records.get(&org)?.iter();
        records.find(|record| left || record.note().cause != EndCause::Withdrawal)
    }

    /// Whose verdicts may be others than before this note was learnt, which was the last.
    pub fn reconsidered(&self, note: &GovernanceNote) -> BTreeSet<OrgId> {
        match note {
            GovernanceNote::Withdrawal(note) => [note.note().org].into(),
            GovernanceNote::Consent(yes) if yes.note().withdrawal.is_some() => {
                [yes.note().org].into()
            }
            GovernanceNote::Seal(_) => {
                let newest = self.newest().into_iter();
                let concerned = newest.flat_map(|newest| {
                    let back = self.withdrawals.keys();
                    let back = back.filter(|_| !newest.returns.is_empty());
                    newest.limits.iter().chain(back)
                });
                concerned.copied().collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether an organisation takes part now.
    pub fn takes_part(&self, org: OrgId) -> bool {
        self.access_of(org).is_some()
    }

    /// Whether some text names an organisation: only such an organisation hears of the channel.
    pub fn names(&self, org: OrgId) -> bool {
        self.orgs().any(|named| named == org)
    }

    /// Who takes part by the newest revision.
    pub fn participants(&self) -> impl Iterator<Item = OrgId> + '_ {
        let newest = self.newest().into_iter();
        newest
            .flat_map(|newest| newest.charter().participants.keys().copied())
            .filter(|org| self.withdrawal(*org).is_none())
    }

    /// Everybody whom the revisions in force and the proposed one name.
    pub fn orgs(&self) -> impl Iterator<Item = OrgId> + '_ {
        let proposed = self
            .proposal
            .iter()
            .map(|proposal| proposal.charter().note());
        let sealed = self.revisions.iter().map(|revision| revision.charter());
        let charters = sealed.chain(proposed);
        let orgs: BTreeSet<OrgId> = charters
            .flat_map(|charter| charter.participants.keys().copied())
            .collect();
        orgs.into_iter()
    }

    /// Everybody whom a revision names that is or was in force.
    pub fn orgs_in_force(&self) -> BTreeSet<OrgId> {
        let charters = self.revisions.iter().map(|revision| revision.charter());
        charters
            .flat_map(|charter| charter.participants.keys().copied())
            .collect()
    }

    /// Whether the body of an entry that `origin` wrote under revision `written` may be handed to
    /// `to`: to an organisation that may read in that revision, or in a later one that `origin`
    /// agreed to and that opened the history; and in the newest one.
    pub fn may_hand_body(&self, origin: OrgId, written: NoteHash, to: OrgId) -> bool {
        // An organisation gets back what it wrote itself.
        if origin == to || planted(Fault::BodyOutsideRevision) {
            return self.revision(written).is_some();
        }
        if !self.access_of(to).is_some_and(Access::may_read) {
            return false;
        }
        let Some(index) = self.revisions.iter().position(|rev| rev.hash() == written) else {
            return false;
        };
        let opened = |later: &Arc<Revision>| {
            later.charter().newcomers == Newcomers::All
                && later.is_agreed_by(origin)
                && !self.withdrew_before(origin, later)
                && later.may_read(to)
        };
        self.revisions[index].may_read(to) || self.revisions[index + 1..].iter().any(opened)
    }

    /// Whether an organisation had left before a revision: what it agreed to before it left is
    /// no yes any more.
    fn withdrew_before(&self, org: OrgId, revision: &Revision) -> bool {
        let number = revision.charter().number;
        self.withdrawals_from(org, number).any(|note| {
            let last = self.revision(note.note().revision);
            last.is_some_and(|last| last.charter().number < number)
        })
    }

    /// The seal that we, as host, can make now, if everybody whose yes is needed said it.
    pub fn seal_due(&self, now: Timestamp) -> Option<Seal> {
        let proposal = self.proposal.as_ref()?;
        let charter = proposal.charter().note();
        let previous = self.newest().map(Revision::charter);
        let good = |org: &OrgId| proposal.good_consent(*org, now).is_some();
        // What has ended does not begin again: whoever agreed too late has ended it as well, by the
        // same clock or soon.
        if self.ended(now).is_some() {
            return None;
        }
        if charter.host != self.us || !consents_needed(previous, charter).iter().all(good) {
            return None;
        }
        let participants = charter.participants.keys();
        let in_time = participants.filter_map(|org| proposal.good_consent(*org, now));
        Some(Seal {
            channel: charter.channel,
            charter: proposal.charter().hash(),
            predecessor: charter.predecessor,
            host: self.us,
            consents: in_time.map(Verified::hash).collect(),
            at: now,
        })
    }

    /// The disconnect record of an organisation, if it is known: its latest.
    pub fn record(&self, org: OrgId) -> Option<&Verified<DisconnectRecord>> {
        self.records.get(&org)?.last()
    }

    /// The disconnect records of all, the latest of each.
    pub fn records(&self) -> impl Iterator<Item = &Verified<DisconnectRecord>> {
        self.records.values().filter_map(|records| records.last())
    }

    /// Whether an organisation signed as many records as are kept.
    pub fn has_all_records(&self, org: OrgId) -> bool {
        let records = self.records.get(&org);
        records.is_some_and(|records| records.len() >= RECORDS_PER_ORG_MAX)
    }

    /// The evidence that the host sealed two revisions after one.
    pub fn two_seals(&self) -> Option<&(Verified<Seal>, Verified<Seal>)> {
        self.two_seals.as_ref()
    }

    /// All notes with their identity, in the order in which they were learnt.
    pub fn notes(&self) -> impl Iterator<Item = (NoteHash, &[u8])> {
        self.notes
            .iter()
            .map(|(hash, bytes)| (*hash, bytes.as_ref()))
    }

    /// A note that is held, as its signer signed it.
    pub fn note(&self, hash: NoteHash) -> Option<&[u8]> {
        let mut notes = self.notes();
        notes
            .find(|(held, _)| *held == hash)
            .map(|(_, bytes)| bytes)
    }

    /// Keeps a note that is held under another signature of its signer: the text is the same.
    pub fn sign_anew(&mut self, hash: NoteHash, bytes: &[u8]) {
        if let Some((_, held)) = self.notes.iter_mut().find(|(held, _)| *held == hash) {
            *held = bytes.into();
        }
    }

    /// The notes that an organisation may have: all, or, if a revision left it out, those up to
    /// that revision's seal.
    pub fn notes_for(&self, org: OrgId) -> impl Iterator<Item = (NoteHash, &[u8])> {
        let in_text = |charter: &Charter| charter.participants.contains_key(&org);
        let proposed = self
            .proposal
            .as_ref()
            .is_some_and(|next| in_text(next.charter().note()));
        let last_named = self
            .revisions
            .iter()
            .rposition(|rev| in_text(rev.charter()));
        let left_out_by = match last_named {
            Some(index) if !proposed => self.revisions.get(index + 1),
            _ => None,
        };
        let last = left_out_by.map(|revision| revision.sealed.seal().hash());
        let count = last.map_or(self.notes.len(), |last| {
            let place = self.notes.iter().position(|(hash, _)| *hash == last);
            place.map_or(0, |place| place + 1)
        });
        self.notes().take(count)
    }

    /// Names the set of notes that are held, whatever their order.
    pub fn digest(&self) -> NoteHash {
        let hashes: BTreeSet<NoteHash> = self.notes.iter().map(|(hash, _)| *hash).collect();
        let hash = hashes.iter().fold(Sha256::new(), |hash, note| {
            hash.chain_update(note.as_bytes())
        });
        NoteHash(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests;
