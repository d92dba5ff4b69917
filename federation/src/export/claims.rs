//! What organisations state of each other's logs, gathered from an export before it is verified:
//! statements stand before and after what they are about.
//!
//! Nothing here is verified. A claim that nobody signed is found when its note or entry is.

use std::collections::BTreeMap;

use foedus_policy::id::{IncarnationId, OrgId};

use super::Line;
use crate::bounds::EXPORT_CLAIMS_MAX;
use crate::charter::{Termination, Withdrawal};
use crate::entry::Entry;
use crate::frame::RawEntry;
use crate::kind::{Body, Kind};
use crate::note::value::LogHeads;
use crate::note::{Claimed, NoteKind};
use crate::record::DisconnectRecord;
use crate::tree::Hash;

/// One log of the channel.
pub(super) type LogName = (OrgId, IncarnationId);

/// Size and root of a log, as somebody states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub root: Hash,
    pub by: OrgId,
}

/// All claims of an export.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// By log and size; of equal claims the first.
    of_logs: BTreeMap<LogName, BTreeMap<u64, Vec<Claim>>>,
    count: usize,
}

impl Claims {
    /// Takes the next line of the export. What can't be read says nothing here.
    pub fn line(&mut self, bytes: &[u8]) {
        match Line::read(bytes).0 {
            Ok(Line::Note(note)) => self.note(&note),
            Ok(Line::Entry(entry)) => self.entry(entry),
            _ => {}
        }
    }

    fn note(&mut self, bytes: &[u8]) {
        match NoteKind::of(bytes) {
            Some(NoteKind::DisconnectRecord) => {
                if let Ok(note) = Claimed::<DisconnectRecord>::parse(bytes) {
                    self.heads(note.claims().org, &note.claims().logs);
                }
            }
            Some(NoteKind::Withdrawal) => {
                if let Ok(note) = Claimed::<Withdrawal>::parse(bytes) {
                    self.heads(note.claims().org, &note.claims().heads);
                }
            }
            Some(NoteKind::Termination) => {
                if let Ok(note) = Claimed::<Termination>::parse(bytes) {
                    self.heads(note.claims().host, &note.claims().heads);
                }
            }
            _ => {}
        }
    }

    fn heads(&mut self, by: OrgId, heads: &LogHeads) {
        for (log, head) in heads {
            let root = head.root;
            self.add(*log, head.size, Claim { root, by });
        }
    }

    fn entry(&mut self, raw: RawEntry) {
        // Most entries state nothing, and are not read twice.
        let states = |entry: &Entry| {
            let kind = entry.header.known_kind();
            kind == Ok(Kind::Heads) || kind == Ok(Kind::Opened)
        };
        let Some(entry) = Entry::read(raw).ok().filter(states) else {
            return;
        };
        let by = entry.header.log.origin;
        match entry.body {
            Some(Body::Heads(heads)) => {
                for head in heads {
                    let log = (head.origin, head.incarnation);
                    let root = head.root;
                    self.add(log, head.size, Claim { root, by });
                }
            }
            Some(Body::Opened(opened)) => {
                for closed in opened.closes {
                    let root = closed.root;
                    self.add((by, closed.incarnation), closed.size, Claim { root, by });
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, log: LogName, size: u64, claim: Claim) {
        if size == 0 || self.count >= EXPORT_CLAIMS_MAX {
            return;
        }
        let claims = self
            .of_logs
            .entry(log)
            .or_default()
            .entry(size)
            .or_default();
        if claims.iter().all(|known| known.root != claim.root) {
            claims.push(claim);
            self.count += 1;
        }
    }

    /// What is stated of a log's first `size` entries.
    pub(super) fn at(&self, log: LogName, size: u64) -> &[Claim] {
        let of_log = self.of_logs.get(&log);
        let claims = of_log.and_then(|sizes| sizes.get(&size));
        claims.map_or(&[], Vec::as_slice)
    }

    /// Of each log the greatest size that is stated, and by whom.
    pub(super) fn greatest(&self) -> impl Iterator<Item = (LogName, u64, OrgId)> + '_ {
        let logs = self.of_logs.iter();
        logs.filter_map(|(log, sizes)| {
            let (size, claims) = sizes.last_key_value()?;
            Some((*log, *size, claims.first()?.by))
        })
    }
}
