//! Up to where words count: notes name heads of logs, and beyond the size of a head nothing of its
//! log does. A log that a note does not name has the size 0 there.
//!
//! It must not know the logs themselves.

use std::sync::Arc;

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};

use super::{Governance, Revision};
use crate::bounds::WITHDRAWALS_PER_ORG_MAX;
use crate::entry::LogId;
use crate::note::value::LogHeads;

impl Governance {
    /// Whether an entry that was written under a revision of this number lies beyond the heads up
    /// to which its origin's words count. What a revision says of heads is about words written
    /// before it; what a withdrawal says, about all until its org comes back.
    pub fn is_after_final_heads(&self, entry: EntryRef, number: u64) -> bool {
        let beyond =
            |heads: &LogHeads| entry.sequence >= size_named(heads, entry.origin, entry.incarnation);
        self.withdrawals_from(entry.origin, number)
            .any(|withdrawal| beyond(&withdrawal.note().heads))
            || self
                .revisions
                .iter()
                .filter(|revision| revision.charter().number > number)
                .filter(|revision| revision.limits.contains(&entry.origin))
                .any(|revision| beyond(&revision.charter().finals))
    }

    /// Below this, no note says that words of a log do not count.
    pub fn least_head(&self, origin: OrgId, incarnation: IncarnationId) -> u64 {
        let withdrawals = self.withdrawals.get(&origin).map_or(&[][..], Vec::as_slice);
        if withdrawals.len() >= WITHDRAWALS_PER_ORG_MAX {
            // One that is held no more may have said less.
            return 0;
        }
        let withdrawals = withdrawals
            .iter()
            .map(|withdrawal| size_named(&withdrawal.note().heads, origin, incarnation));
        let limiting = self.revisions.iter();
        let limiting = limiting.filter(|revision| revision.limits.contains(&origin));
        let limiting =
            limiting.map(|revision| size_named(&revision.charter().finals, origin, incarnation));
        withdrawals.chain(limiting).min().unwrap_or(u64::MAX)
    }

    /// Up to where a log counts whose origin takes part no more; 0 if nothing was said of it.
    pub fn final_size(&self, origin: OrgId, incarnation: IncarnationId) -> u64 {
        let out = self
            .newest()
            .is_none_or(|newest| newest.access(origin).is_none());
        let limiting = |revision: &&Arc<Revision>| revision.limits.contains(&origin);
        let removed = self.revisions.iter().rev().find(limiting);
        let removed =
            removed.map(|revision| size_named(&revision.charter().finals, origin, incarnation));
        let number = self.newest().map_or(0, |newest| newest.charter().number);
        let withdrawn = self.withdrawals_from(origin, number);
        withdrawn
            .map(|withdrawal| size_named(&withdrawal.note().heads, origin, incarnation))
            .chain(out.then(|| removed.unwrap_or(0)))
            .min()
            .unwrap_or(0)
    }

    /// Up to where any record of an organisation says that it held a log; 0 if none names it.
    pub fn recorded_size(&self, org: OrgId, log: LogId) -> u64 {
        let records = self.records.get(&org).into_iter().flatten();
        let sizes =
            records.map(|record| size_named(&record.note().logs, log.origin, log.incarnation));
        sizes.max().unwrap_or(0)
    }
}

/// Up to where a note names a log; 0 if it does not.
fn size_named(heads: &LogHeads, origin: OrgId, incarnation: IncarnationId) -> u64 {
    heads
        .get(&(origin, incarnation))
        .map_or(0, |head| head.size)
}
