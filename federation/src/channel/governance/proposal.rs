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
}

impl Proposal {
    pub(super) fn new(charter: Verified<Charter>) -> Self {
        Self {
            charter,
            consents: Vec::new(),
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

    /// Whether another yes of this organisation is kept. None is dropped for a newer one: the
    /// host may have sealed with the older, and two partners that hold different ones would
    /// trade them for ever.
    pub(super) fn has_room_for(&self, org: OrgId) -> bool {
        let of_org = self.consents.iter().filter(|known| known.note().org == org);
        of_org.count() < CONSENTS_PER_ORG_MAX
    }

    pub(super) fn has(&self, consent: NoteHash) -> bool {
        self.consents.iter().any(|known| known.hash() == consent)
    }

    pub(super) fn add(&mut self, consent: Verified<Consent>) {
        self.consents.push(consent);
    }
}
