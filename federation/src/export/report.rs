//! What an export comes to, told organisation by organisation.
//!
//! Knows nothing of how it was found.

use std::collections::BTreeMap;

use foedus_policy::id::{ChannelId, IncarnationId, OrgId};
use foedus_policy::time::Timestamp;

use super::fault::{Fault, Place, Wrong};
use super::log::At;
use crate::bounds::{EXPORT_FAULTS_MAX, EXPORT_MISSING_MAX};
use crate::channel::Void;
use crate::entry::{Entry, LogId};

/// What an export has of one organisation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// What it calls itself; empty if nothing in the export says so. A claim.
    pub handle: String,
    /// How many logs.
    pub logs: u64,
    /// How many entries.
    pub entries: u64,
    /// How many of them without their bodies: nothing is wrong with that.
    pub absent: u64,
    /// How many of them count for nobody, by the rules of the charter.
    pub void: u64,
    /// How many of the entries without bodies might be void by what the body says.
    pub not_judged: u64,
    /// The earliest time that its entries claim.
    pub first: Option<Timestamp>,
    /// The latest.
    pub last: Option<Timestamp>,
}

/// Entries that somebody stated to exist, and that are not in the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Whose log.
    pub origin: OrgId,
    /// Which.
    pub incarnation: IncarnationId,
    /// The first sequence that is missing.
    pub from: u64,
    /// The first that is not stated.
    pub to: u64,
    /// Who stated it.
    pub stated_by: OrgId,
}

/// What an export comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Of which channel it is.
    pub channel: Option<ChannelId>,
    /// Who exported it, and signed that.
    pub exporter: Option<OrgId>,
    /// When, by the exporter's clock.
    pub at: Option<Timestamp>,
    /// The charters that were in force.
    pub revisions: u64,
    /// The notes that govern the channel, charters included.
    pub notes: u64,
    /// What there is of each organisation.
    pub organisations: BTreeMap<OrgId, Contents>,
    /// What is missing, by what is stated. The first of them.
    pub missing: Vec<Missing>,
    /// How many more are missing.
    pub missing_more: u64,
    /// Logs of which two histories were proven.
    pub forks: Vec<LogId>,
    /// The host sealed two charters after one.
    pub two_seals: bool,
    /// What is not genuine. The first of it.
    pub faults: Vec<Fault>,
    /// How much more is not.
    pub faults_more: u64,
}

impl Report {
    /// Whether all that was found is what it says to be.
    pub fn is_genuine(&self) -> bool {
        self.faults.is_empty()
    }

    /// One more fault, at a line.
    pub(super) fn add(&mut self, (at, place, wrong): (At, Place, Wrong)) {
        if self.faults.len() >= EXPORT_FAULTS_MAX {
            self.faults_more += 1;
            return;
        }
        self.faults.push(Fault {
            line: at.line,
            offset: at.offset,
            place,
            wrong,
        });
    }

    /// One more gap: of a log, from a sequence to before another, as somebody stated.
    pub(super) fn miss(
        &mut self,
        (origin, incarnation): (OrgId, IncarnationId),
        from: u64,
        to: u64,
        stated_by: OrgId,
    ) {
        if self.missing.len() >= EXPORT_MISSING_MAX {
            self.missing_more += 1;
            return;
        }
        self.missing.push(Missing {
            origin,
            incarnation,
            from,
            to,
            stated_by,
        });
    }
}

impl Contents {
    /// Counts an entry, with what the rules of the charter make of it, if they can be asked.
    pub(super) fn count(&mut self, entry: &Entry, verdict: Option<Result<(), Void>>) {
        let at = entry.header.hlc.wall();
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        match verdict {
            Some(Err(_)) => self.void += 1,
            Some(Ok(())) if entry.raw.body.is_none() => self.not_judged += 1,
            _ => {}
        }
    }
}
