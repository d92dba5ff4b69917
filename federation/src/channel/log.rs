//! One log as the channel's machine holds it: the right edge of its tree and its newest checkpoint.

use std::collections::BTreeSet;

use crate::bounds::RECORD_OVERHEAD_BYTES_MAX;
use crate::entry::LogId;
use crate::hlc::Hlc;
use crate::steploop::Damaged;
use crate::stored;
use crate::tree::Frontier;

/// The head of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The right edge of its tree; also says its size.
    pub frontier: Frontier,
    /// The newest checkpoint of a size that we hold, a signed note.
    pub checkpoint: Vec<u8>,
    /// The size of that checkpoint. What lies beyond can't be proven to others yet.
    pub signed: u64,
    /// The key under which this incarnation is signed.
    pub key: [u8; 32],
    /// Hybrid logical time of the last entry.
    pub hlc: Hlc,
    /// Number of the newest revision that an entry names; 0 while the log is local.
    pub revision: u64,
    /// The size that our last heads entry stated.
    pub stated: u64,
    /// The size at which a later incarnation of its origin closed it.
    pub closed_at: Option<u64>,
    /// Evidence that its origin wrote two histories. Nothing is taken into it any more.
    pub fork: Vec<u8>,
}

impl Log {
    /// A log of which nothing is held.
    pub fn empty() -> Self {
        Self {
            frontier: Frontier::EMPTY,
            checkpoint: Vec::new(),
            signed: 0,
            key: [0; 32],
            hlc: Hlc::ZERO,
            revision: 0,
            stated: 0,
            closed_at: None,
            fork: Vec::new(),
        }
    }

    /// Number of entries held.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Whether participants may know of it: its entries were written under a charter.
    pub fn is_shared(&self) -> bool {
        self.revision > 0
    }

    /// Bytes that its head takes in the store.
    pub(super) fn head_bytes(&self) -> usize {
        let frontier = 8 + 32 * self.size().count_ones() as usize;
        frontier + self.checkpoint.len() + self.fork.len() + RECORD_OVERHEAD_BYTES_MAX
    }

    /// Whether two histories of it are known.
    pub fn is_frozen(&self) -> bool {
        !self.fork.is_empty()
    }

    pub(super) fn to_record(&self) -> stored::LogHead {
        let Self {
            frontier,
            checkpoint,
            signed,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            fork,
        } = self;
        stored::LogHead {
            frontier: frontier.encode(),
            checkpoint: checkpoint.clone(),
            signed: *signed,
            key: *key,
            hlc: hlc.0,
            revision: *revision,
            stated: *stated,
            closed_at: *closed_at,
            fork: fork.clone(),
        }
    }

    pub(super) fn of_record(at: &[u8], record: stored::LogHead) -> Result<Self, Damaged> {
        let stored::LogHead {
            frontier,
            checkpoint,
            signed,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            fork,
        } = record;
        let frontier = Frontier::decode(&frontier).map_err(|wrong| {
            Damaged::new(at.to_vec(), "the right edge of a tree").caused_by(wrong)
        })?;
        let hlc = Hlc(hlc);
        Ok(Self {
            frontier,
            checkpoint,
            signed,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            fork,
        })
    }
}

/// Which heads the present step changed, so that each is written once.
#[derive(Debug, Default)]
pub struct Changed {
    /// Logs.
    pub logs: BTreeSet<LogId>,
    /// Those of them that we appended to, and have to sign.
    pub appended: BTreeSet<LogId>,
    /// The channel's head.
    pub head: bool,
    /// Something that readers and links can see.
    pub view: bool,
}
