//! A text that may become the next revision, and who said yes to it.

use foedus_policy::id::{NoteHash, OrgId};
use foedus_policy::time::Timestamp;

use crate::bounds::CONSENTS_PER_ORG_MAX;
use crate::charter::{Charter, Consent, Seal};
use crate::note::Verified;

/// A revision that is not sealed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    charter: Verified<Charter>,
    consents: Vec<Verified<Consent>>,
    /// Further yeses of who gave many, in memory only: the host may have used one of them.
    spare: Vec<Verified<Consent>>,
    /// Its host's seal that names yeses which have yet to come, in memory only.
    awaited: Option<Verified<Seal>>,
}

/// What became of a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// It is kept.
    Kept,
    /// It is kept, since the seal names it, and one of the same organisation that the seal does
    /// not name is not any more.
    InPlaceOf(NoteHash),
    /// There is no room for it: it is only remembered for a while.
    Spare,
}

impl Proposal {
    pub(super) fn new(charter: Verified<Charter>) -> Self {
        Self {
            charter,
            consents: Vec::new(),
            spare: Vec::new(),
            awaited: None,
        }
    }

    /// What it says.
    pub fn charter(&self) -> &Verified<Charter> {
        &self.charter
    }

    /// The yeses to it, in the order in which they were learnt.
    pub fn consents(&self) -> impl Iterator<Item = &Verified<Consent>> {
        self.consents.iter()
    }

    /// Whether an organisation said yes to it.
    pub fn is_agreed_by(&self, org: OrgId) -> bool {
        self.consents
            .iter()
            .any(|consent| consent.note().org == org)
    }

    /// The yes of an organisation that a seal at `at` may use: the one that is good for longest.
    pub(super) fn good_consent(&self, org: OrgId, at: Timestamp) -> Option<&Verified<Consent>> {
        self.consents
            .iter()
            .filter(|consent| consent.note().org == org && consent.note().good_until >= at)
            .max_by_key(|consent| (consent.note().good_until, consent.hash()))
    }

    /// The yeses that a seal cites, as far as they are here.
    pub(super) fn cited(&self, seal: &Seal) -> Vec<Verified<Consent>> {
        let cited = |consent: &&Verified<Consent>| seal.consents.contains(&consent.hash());
        self.consents.iter().filter(cited).cloned().collect()
    }

    pub(super) fn has(&self, consent: NoteHash) -> bool {
        self.consents.iter().any(|known| known.hash() == consent)
    }

    /// Adds a yes, if there is room for another one of its organisation. None is dropped for a
    /// newer one, other than by the host's seal: the host may seal with the older, and two partners
    /// that hold different ones would trade them for ever.
    pub(super) fn add(&mut self, consent: &Verified<Consent>) -> Added {
        let org = consent.note().org;
        let of_org = |known: &Verified<Consent>| known.note().org == org;
        let count = self.consents.iter().filter(|known| of_org(known)).count();
        if count < CONSENTS_PER_ORG_MAX {
            self.consents.push(consent.clone());
            return Added::Kept;
        }
        if let Some(seal) = self.awaited.as_ref().map(Verified::note)
            && seal.consents.contains(&consent.hash())
        {
            let uncited =
                |known: &Verified<Consent>| of_org(known) && !seal.consents.contains(&known.hash());
            if let Some(place) = self.consents.iter().position(uncited) {
                let before = self.consents.remove(place).hash();
                self.consents.push(consent.clone());
                return Added::InPlaceOf(before);
            }
        }
        if !self.spare.contains(consent) {
            if self.spare.iter().filter(|known| of_org(known)).count() >= CONSENTS_PER_ORG_MAX {
                let oldest = self.spare.iter().position(of_org);
                self.spare.remove(oldest.expect("there are some"));
            }
            self.spare.push(consent.clone());
        }
        Added::Spare
    }

    /// Remembers the host's seal for as long as yeses that it names are missing, and keeps those
    /// that it names instead of those that it does not.
    pub(super) fn await_seal(&mut self, seal: &Verified<Seal>) {
        let (note, charter) = (seal.note(), self.charter.note());
        if note.host != charter.host || note.predecessor != charter.predecessor {
            return;
        }
        self.awaited = Some(seal.clone());
        let cited = |known: &Verified<Consent>| note.consents.contains(&known.hash());
        let spare = std::mem::take(&mut self.spare);
        for consent in spare {
            match cited(&consent) {
                true => {
                    self.add(&consent);
                }
                false => self.spare.push(consent),
            }
        }
        if self.cited(note).len() == note.consents.len() {
            self.awaited = None;
        }
    }

    /// The seal that waits for yeses.
    pub(super) fn awaited(&self) -> Option<&Verified<Seal>> {
        self.awaited.as_ref()
    }

    /// Drops what its organisations said in other words than those that the seal names, if it
    /// says nothing else. All that the seal names stays, also where it names two of one organisation: without one of
    /// them it would put nothing in force when the channel is loaded again.
    pub(super) fn forget_uncited(&mut self, seal: &Seal) {
        let cited = self.cited(seal);
        self.consents.retain(|known| {
            if seal.consents.contains(&known.hash()) {
                return true;
            }
            let said = cited
                .iter()
                .find(|cited| cited.note().org == known.note().org);
            said.is_none_or(|said| {
                let named = known.note().withdrawal;
                named.is_some_and(|named| said.note().withdrawal != Some(named))
            })
        });
    }
}
