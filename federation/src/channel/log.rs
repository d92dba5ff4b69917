//! One log as the channel's machine holds it: the right edge of its tree and its newest checkpoint.

use std::collections::BTreeSet;

use crate::bounds::{CHECKPOINT_BYTES_MAX, PROOF_HASHES_MAX, RECORD_OVERHEAD_BYTES_MAX};
use crate::damaged::Damaged;
use crate::entry::LogId;
use crate::hlc::Hlc;
use crate::part::CheckedPart;
use crate::stored;
use crate::tree::{Frontier, Hash, Nodes};

/// The head of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The right edge of its tree; also says its size.
    pub frontier: Frontier,
    /// The newest checkpoint that proves what we hold, a signed note.
    pub checkpoint: Vec<u8>,
    /// The size that it states. That may be more than we hold.
    pub checkpoint_size: u64,
    /// How many of the entries that we hold it proves. What lies beyond can't be proven to others
    /// yet.
    pub signed: u64,
    /// Proof that these begin the tree of the checkpoint; empty if they are all of it.
    pub ahead: Vec<Hash>,
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
    /// The first of its entries that our rules about its origin withheld: from there on they are
    /// judged again once these let it speak.
    pub withheld_from: Option<u64>,
    /// Evidence that its origin wrote two histories. Nothing is taken into it any more.
    pub fork: Vec<u8>,
}

impl Log {
    /// A log of which nothing is held.
    pub fn empty() -> Self {
        Self {
            frontier: Frontier::EMPTY,
            checkpoint: Vec::new(),
            checkpoint_size: 0,
            signed: 0,
            ahead: Vec::new(),
            key: [0; 32],
            hlc: Hlc::ZERO,
            revision: 0,
            stated: 0,
            closed_at: None,
            withheld_from: None,
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
        let proof = self.checkpoint.len() + 32 * self.ahead.len();
        frontier + proof + self.fork.len() + RECORD_OVERHEAD_BYTES_MAX
    }

    /// Bytes that its head takes at most, whatever checkpoint comes within the step.
    pub(super) fn head_bytes_max(&self) -> usize {
        let proof = self.checkpoint.len() + 32 * self.ahead.len();
        self.head_bytes() - proof + CHECKPOINT_BYTES_MAX + 32 * PROOF_HASHES_MAX
    }

    /// Keeps the checkpoint of a part that was proven against this log, if it proves more of what
    /// is held than the one before.
    ///
    /// Its size may lie beyond all that its origin ever hands out: then its proof is kept with it,
    /// so that the entries prove themselves to others, and tell on their origin, all the same.
    pub(super) fn prove_by(&mut self, part: &CheckedPart) {
        let checkpoint = part.checkpoint();
        let covers_all = checkpoint.size() == self.size();
        if self.signed == self.size() || !(covers_all || part.end() == self.size()) {
            return;
        }
        self.checkpoint = checkpoint.bytes().to_vec();
        self.checkpoint_size = checkpoint.size();
        self.signed = self.size();
        self.ahead = match covers_all {
            true => Vec::new(),
            false => part.proof().to_vec(),
        };
    }

    /// What is known of the checkpoint's tree without reading.
    pub(crate) fn known_nodes(&self) -> Nodes {
        let mut nodes = Nodes::new();
        if self.size() == self.signed {
            nodes.add_frontier(&self.frontier);
        }
        nodes.add_consistency_proof(self.signed, self.checkpoint_size, &self.ahead);
        nodes
    }

    /// Whether two histories of it are known.
    pub fn is_frozen(&self) -> bool {
        !self.fork.is_empty()
    }

    pub(super) fn to_record(&self) -> stored::LogHead {
        let Self {
            frontier,
            checkpoint,
            checkpoint_size,
            signed,
            ahead,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            withheld_from,
            fork,
        } = self;
        stored::LogHead {
            frontier: frontier.encode(),
            checkpoint: checkpoint.clone(),
            checkpoint_size: *checkpoint_size,
            signed: *signed,
            ahead: ahead.as_flattened().to_vec(),
            key: *key,
            hlc: hlc.0,
            revision: *revision,
            stated: *stated,
            closed_at: *closed_at,
            withheld_from: *withheld_from,
            fork: fork.clone(),
        }
    }

    pub(super) fn of_record(at: &[u8], record: stored::LogHead) -> Result<Self, Damaged> {
        let stored::LogHead {
            frontier,
            checkpoint,
            checkpoint_size,
            signed,
            ahead,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            withheld_from,
            fork,
        } = record;
        let frontier = Frontier::decode(&frontier).map_err(|wrong| {
            Damaged::new(at.to_vec(), "the right edge of a tree").caused_by(wrong)
        })?;
        let (ahead, rest) = ahead.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(Damaged::new(at.to_vec(), "the hashes of a proof"));
        }
        let (hlc, ahead) = (Hlc(hlc), ahead.to_vec());
        Ok(Self {
            frontier,
            checkpoint,
            checkpoint_size,
            signed,
            ahead,
            key,
            hlc,
            revision,
            stated,
            closed_at,
            withheld_from,
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
