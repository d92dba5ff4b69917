//! Parts: contiguous entries of one log, checked as far as that needs no state.
//!
//! [`check_part`] does what costs time (decoding, hashing, the signature) outside the machines and
//! yields a [`CheckedPart`], which nothing else can make. Whether its entries continue the log as
//! it is held is [`CheckedPart::advance`], which costs some hashes and runs inside. Knows nothing
//! of charters, verdicts, stores or links.

use foedus_policy::id::ChannelId;

use crate::bounds::{PART_ENTRIES_MAX, PROOF_HASHES_MAX};
use crate::checkpoint::{InvalidCheckpoint, VerifiedCheckpoint};
use crate::entry::{Entry, InvalidEntry, LogId};
use crate::frame::RawPart;
use crate::key::VerifyingKey;
use crate::kind::{Body, Kind, Opened};
use crate::tree::{Frontier, FullTile, Hash, InvalidProof, verify_consistency};

/// Why a part is refused as a whole. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPart {
    /// No entries, or more than one tile's.
    #[error("expected 1 to {PART_ENTRIES_MAX} entries, found {found}")]
    Entries {
        /// How many there are.
        found: usize,
    },
    /// The sequences would not end below 2^64.
    #[error("a part that begins at {first} has no place for its entries")]
    First {
        /// The sequence of the first entry.
        first: u64,
    },
    /// More hashes than any proof has.
    #[error("expected at most {PROOF_HASHES_MAX} hashes of proof, found {found}")]
    Proof {
        /// How many there are.
        found: usize,
    },
    /// A proof where the checkpoint covers just the entries of the part, and needs none.
    #[error("expected no proof for a checkpoint of size {size}, found {found} hashes")]
    NeedlessProof {
        /// The size of the checkpoint.
        size: u64,
        /// How many hashes there are.
        found: usize,
    },
    /// An entry cannot be read, or its body is not its own.
    #[error("entry {sequence} cannot be read")]
    Entry {
        /// Its sequence by its place in the part.
        sequence: u64,
        /// What is wrong with it.
        #[source]
        source: InvalidEntry,
    },
    /// An entry is of another log than the part says.
    #[error("entry {sequence} is of another log")]
    EntryLog {
        /// Its sequence by its place in the part.
        sequence: u64,
        /// The log that its header names.
        found: Box<LogId>,
    },
    /// An entry has another sequence than its place in the part says.
    #[error("expected sequence {expected}, found {found}")]
    Sequence {
        /// By the place in the part.
        expected: u64,
        /// By the header.
        found: u64,
    },
    /// The first entry of the log does not open it.
    #[error("the first entry of the log is not `opened`, or its body cannot be read")]
    NotOpened,
    /// The first entry of the log names another key than the one that checked its checkpoint.
    #[error("the first entry of the log names another key")]
    Key {
        /// The key that it names.
        found: Hash,
    },
    /// The checkpoint does not verify.
    #[error("the checkpoint does not verify")]
    Checkpoint(#[source] InvalidCheckpoint),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    CheckpointLog {
        /// The log that it names.
        found: Box<LogId>,
    },
    /// The checkpoint does not cover all entries of the part.
    #[error("expected a checkpoint of size {expected_min} or more, found {found}")]
    CheckpointSize {
        /// The size after the last entry of the part.
        expected_min: u64,
        /// The size that the checkpoint states.
        found: u64,
    },
}

/// Why a sound part does not continue the log as it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartMismatch {
    /// Entries between what is held and the part are missing.
    #[error("{held} entries are held, the part begins at {first}")]
    Gap {
        /// How many are held.
        held: u64,
        /// The first that the part has.
        first: u64,
    },
    /// At the size of the checkpoint, another tree than the one that was signed. If what is held
    /// was proven before, the origin forked or the part's headers are not its origin's.
    #[error("at size {size} the root is another than the one that was signed")]
    RootDiffers {
        /// The size.
        size: u64,
        /// The root with the part's entries.
        computed: Hash,
        /// The root that the checkpoint states.
        signed: Hash,
    },
    /// The tree with the part's entries is not shown to be the beginning of the signed one.
    #[error("at size {size} the tree is not shown to be the beginning of the signed one")]
    NotConsistent {
        /// The size after the last entry of the part.
        size: u64,
        /// The root of that size.
        computed: Hash,
        /// What is wrong with the proof.
        #[source]
        source: InvalidProof,
    },
}

/// Evidence: entries that are well formed, in place, and have their own bodies, and a checkpoint
/// of their log that was signed under the key they were checked against.
///
/// That the entries *are* what the checkpoint covers is shown by [`Self::advance`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPart {
    log: LogId,
    first: u64,
    entries: Vec<Entry>,
    checkpoint: VerifiedCheckpoint,
    proof: Vec<Hash>,
}

/// A log after the entries of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// Its tree.
    pub frontier: Frontier,
    /// The tiles that got full, in order.
    pub tiles: Vec<FullTile>,
}

/// What the first entry of the log says, if it is in the part with its body; unchecked. For
/// looking up which of the origin's keys the part needs, and for nothing else.
pub fn claimed_opening(part: &RawPart) -> Option<Opened> {
    let entry = part.entries.first().filter(|_| part.first == 0)?;
    match Entry::read(entry.clone()).ok()?.body {
        Some(Body::Opened(opened)) => Some(opened),
        _ => None,
    }
}

/// Checks a part that was said to be of `channel`. `key` is the origin's: the one that the first
/// entry of the log names and that an identity note of the origin certifies.
pub fn check_part(
    channel: ChannelId,
    part: RawPart,
    key: &VerifyingKey,
) -> Result<CheckedPart, InvalidPart> {
    let RawPart {
        origin,
        incarnation,
        first,
        entries,
        checkpoint,
        proof,
    } = part;
    let log = LogId {
        channel,
        origin,
        incarnation,
    };
    let found = entries.len();
    if entries.is_empty() || found > PART_ENTRIES_MAX {
        return Err(InvalidPart::Entries { found });
    }
    let end = first
        .checked_add(found as u64)
        .ok_or(InvalidPart::First { first })?;
    if proof.len() > PROOF_HASHES_MAX {
        return Err(InvalidPart::Proof { found: proof.len() });
    }
    // The signature first: who cannot sign does not make us hash.
    let checkpoint =
        VerifiedCheckpoint::verify(&checkpoint, key).map_err(InvalidPart::Checkpoint)?;
    if *checkpoint.log() != log {
        let found = Box::new(*checkpoint.log());
        return Err(InvalidPart::CheckpointLog { found });
    }
    if checkpoint.size() < end {
        return Err(InvalidPart::CheckpointSize {
            expected_min: end,
            found: checkpoint.size(),
        });
    }
    if checkpoint.size() == end && !proof.is_empty() {
        return Err(InvalidPart::NeedlessProof {
            size: end,
            found: proof.len(),
        });
    }
    let mut read: Vec<Entry> = Vec::with_capacity(found);
    for (sequence, raw) in (first..).zip(entries) {
        let mut entry =
            Entry::read(raw).map_err(|source| InvalidPart::Entry { sequence, source })?;
        check_place(&entry, &log, sequence)?;
        if let Some(before) = read.last() {
            entry.check_time(before.header.hlc);
        }
        if sequence == 0 {
            check_opening(&entry, key)?;
        }
        read.push(entry);
    }
    Ok(CheckedPart {
        log,
        first,
        entries: read,
        checkpoint,
        proof,
    })
}

fn check_place(entry: &Entry, log: &LogId, sequence: u64) -> Result<(), InvalidPart> {
    if entry.header.log != *log {
        let found = Box::new(entry.header.log);
        return Err(InvalidPart::EntryLog { sequence, found });
    }
    if entry.header.sequence != sequence {
        return Err(InvalidPart::Sequence {
            expected: sequence,
            found: entry.header.sequence,
        });
    }
    Ok(())
}

/// A log that does not say under which key it is written is never begun. The body may be absent:
/// then the key that the caller knows has to do.
fn check_opening(entry: &Entry, key: &VerifyingKey) -> Result<(), InvalidPart> {
    if entry.fault.is_some() || entry.header.known_kind() != Ok(Kind::Opened) {
        return Err(InvalidPart::NotOpened);
    }
    match &entry.body {
        Some(Body::Opened(opened)) if opened.key != *key.as_bytes() => {
            Err(InvalidPart::Key { found: opened.key })
        }
        _ => Ok(()),
    }
}

impl CheckedPart {
    /// The log that the entries are of.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The sequence of the first entry.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The sequence after the last entry.
    pub const fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The checkpoint that the part came with.
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// The proof that the tree up to [`Self::end`] begins the checkpoint's. It is one once
    /// [`Self::advance`] succeeded with a frontier of that size or less.
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// What the first entry of the log says, if it is in the part with its body.
    pub fn opened(&self) -> Option<&Opened> {
        match self.entries.first().and_then(|entry| entry.body.as_ref()) {
            Some(Body::Opened(opened)) if self.first == 0 => Some(opened),
            _ => None,
        }
    }

    /// The entries from sequence `held` on: those that are new to who holds `held` entries. They
    /// are proven once [`Self::advance`] succeeded with a frontier of that size.
    ///
    /// Whether the first of them is later than the last one held is not checked yet: see
    /// [`Entry::check_time`].
    pub fn new_entries(&self, held: u64) -> &[Entry] {
        &self.entries[self.overlap(held)..]
    }

    /// The entries before sequence `held`. Their headers are **not** proven by
    /// [`Self::advance`]: a body among them is its entry's only if the header, byte for byte, is
    /// the one that is held.
    pub fn known_entries(&self, held: u64) -> &[Entry] {
        &self.entries[..self.overlap(held)]
    }

    fn overlap(&self, held: u64) -> usize {
        let overlap = held.saturating_sub(self.first);
        usize::try_from(overlap).map_or(self.entries.len(), |overlap| {
            overlap.min(self.entries.len())
        })
    }

    /// Appends the entries that are new to `frontier` and proves the tree that comes of it to be
    /// the signed one, or the beginning of it.
    ///
    /// With nothing new, the tree stays as it is; then only a checkpoint of just this size is
    /// compared with it.
    pub fn advance(&self, frontier: &Frontier) -> Result<Advanced, PartMismatch> {
        if frontier.size() < self.first {
            return Err(PartMismatch::Gap {
                held: frontier.size(),
                first: self.first,
            });
        }
        let mut advanced = Advanced {
            frontier: frontier.clone(),
            tiles: Vec::new(),
        };
        for entry in self.new_entries(frontier.size()) {
            advanced.tiles.extend(advanced.frontier.append(entry.leaf));
        }
        let (size, computed) = (advanced.frontier.size(), advanced.frontier.root());
        let signed = *self.checkpoint.root();
        if size == self.checkpoint.size() {
            return match computed == signed {
                true => Ok(advanced),
                false => Err(PartMismatch::RootDiffers {
                    size,
                    computed,
                    signed,
                }),
            };
        }
        if size > self.end() {
            // More is held than the part has, and its proof begins at the part's end.
            return Ok(advanced);
        }
        let proven = verify_consistency(
            size,
            &computed,
            self.checkpoint.size(),
            &signed,
            &self.proof,
        );
        match proven {
            Ok(()) => Ok(advanced),
            Err(source) => Err(PartMismatch::NotConsistent {
                size,
                computed,
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
