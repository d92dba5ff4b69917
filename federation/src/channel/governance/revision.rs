//! A text that everybody concerned said yes to and its host sealed: what it says, and who is bound
//! by it. It must not know the other revisions of its channel.

use std::collections::BTreeSet;

use foedus_policy::id::{NoteHash, OrgId};
use foedus_policy::vocabulary::Access;

use crate::charter::{Charter, Consent, SealedCharter};
use crate::note::Verified;

/// One revision in force, or that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub(super) sealed: SealedCharter,
    /// Who had said yes by then, whether or not the seal names it.
    pub(super) agreed_when_sealed: BTreeSet<OrgId>,
    pub(super) agreed: BTreeSet<OrgId>,
    /// Whose earlier words it counts only up to the heads that it names.
    pub(super) limits: BTreeSet<OrgId>,
    /// Withdrawals that a consent to it names: whoever made them is back.
    pub(super) returns: BTreeSet<NoteHash>,
    /// Yeses that came after its seal, in the order in which they were learnt.
    pub(super) late: Vec<Verified<Consent>>,
}

impl Revision {
    /// What it says.
    pub fn charter(&self) -> &Charter {
        self.sealed.charter().note()
    }

    /// Its identity.
    pub fn hash(&self) -> NoteHash {
        self.sealed.charter().hash()
    }

    /// Whether an organisation agreed to it: by its consent, as host, or because it agreed to the
    /// one before and this one only takes away.
    pub fn is_agreed_by(&self, org: OrgId) -> bool {
        self.agreed.contains(&org)
    }

    /// The yes of an organisation that its seal rests on.
    pub fn consent_used(&self, org: OrgId) -> Option<&Consent> {
        let mut used = self.sealed.consents().iter().map(Verified::note);
        used.find(|consent| consent.org == org)
    }

    pub(super) fn access(&self, org: OrgId) -> Option<Access> {
        self.charter().participants.get(&org).copied()
    }

    pub(super) fn may_read(&self, org: OrgId) -> bool {
        self.access(org).is_some_and(Access::may_read)
    }
}
