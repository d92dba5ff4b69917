//! Evidence that an origin signed two histories of one log.
//!
//! It stands on its own: whoever has the origin's key checks it without any log, store or link.

use tls_codec::{DeserializeBytes, Serialize, TlsByteVecU8, TlsByteVecU16};
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize};

use super::{InvalidCheckpoint, VerifiedCheckpoint};
use crate::entry::LogId;
use crate::key::VerifyingKey;
use crate::tree::{Hash, InvalidProof, leaf_hash, verify_inclusion};

/// Two histories of one log, each signed by its origin. Nothing is verified by having one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fork {
    /// Two checkpoints of equal size and different root, as signed notes.
    Roots {
        /// One.
        first: Vec<u8>,
        /// The other.
        second: Vec<u8>,
    },
    /// For one index two different headers, each in the tree of a checkpoint.
    Entries {
        /// The sequence of both.
        index: u64,
        /// One.
        first: ForkSide,
        /// The other.
        second: ForkSide,
    },
    /// Two checkpoints under two keys: a log is written under one, which its first entry names.
    Keys {
        /// One.
        first: KeySide,
        /// The other.
        second: KeySide,
    },
}

/// A key, and what it signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySide {
    /// The key.
    pub key: [u8; 32],
    /// The checkpoint, as a signed note.
    pub checkpoint: Vec<u8>,
}

/// A header and the proof that it is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkSide {
    /// The checkpoint, as a signed note.
    pub checkpoint: Vec<u8>,
    /// The header, as its origin encoded it.
    pub header: Vec<u8>,
    /// Inclusion proof of the header in the checkpoint's tree.
    pub proof: Vec<Hash>,
}

/// Evidence of a fork that was checked. Only [`Fork::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFork {
    log: LogId,
    other_key: Option<[u8; 32]>,
}

impl VerifiedFork {
    /// The log that its origin forked.
    pub const fn log(&self) -> &LogId {
        &self.log
    }

    /// The key under which the log was written besides its own. It is evidence against the log's
    /// origin only if an identity note of the origin names this key too.
    pub const fn other_key(&self) -> Option<&[u8; 32]> {
        self.other_key.as_ref()
    }
}

/// Why evidence shows no fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFork {
    /// A checkpoint does not verify.
    #[error("a checkpoint of the evidence does not verify")]
    Checkpoint(#[from] InvalidCheckpoint),
    /// The checkpoints are of different logs.
    #[error("the checkpoints are of different logs")]
    Logs,
    /// The checkpoints are of different sizes: both may be true.
    #[error("expected checkpoints of equal size, found {first} and {second}")]
    Sizes {
        /// One.
        first: u64,
        /// The other.
        second: u64,
    },
    /// Both say the same.
    #[error("both sides say the same")]
    Same,
    /// Neither side is under the key that the log is said to be under.
    #[error("neither side is under the key of the log")]
    Key,
    /// A header is not shown to be in the log.
    #[error("a header is not shown to be in the log")]
    Proof(#[from] InvalidProof),
}

impl Fork {
    /// Checks the evidence. `key` is the origin's key that the first entry of the log names.
    pub fn verify(&self, key: &VerifyingKey) -> Result<VerifiedFork, InvalidFork> {
        match self {
            Self::Roots { first, second } => {
                let (first, second) = verify_both(first, second, key)?;
                if first.size() != second.size() {
                    return Err(InvalidFork::Sizes {
                        first: first.size(),
                        second: second.size(),
                    });
                }
                if first.root() == second.root() {
                    return Err(InvalidFork::Same);
                }
                Ok(VerifiedFork {
                    log: *first.log(),
                    other_key: None,
                })
            }
            Self::Entries {
                index,
                first,
                second,
            } => {
                if first.header == second.header {
                    return Err(InvalidFork::Same);
                }
                let (one, other) = verify_both(&first.checkpoint, &second.checkpoint, key)?;
                first.verify_inclusion(*index, &one)?;
                second.verify_inclusion(*index, &other)?;
                Ok(VerifiedFork {
                    log: *one.log(),
                    other_key: None,
                })
            }
            Self::Keys { first, second } => {
                let other = match [first.key, second.key].map(|side| side == *key.as_bytes()) {
                    [true, false] => second.key,
                    [false, true] => first.key,
                    [true, true] => return Err(InvalidFork::Same),
                    [false, false] => return Err(InvalidFork::Key),
                };
                let [one, two] = [first.verify()?, second.verify()?];
                match one.log() == two.log() {
                    true => Ok(VerifiedFork {
                        log: *one.log(),
                        other_key: Some(other),
                    }),
                    false => Err(InvalidFork::Logs),
                }
            }
        }
    }

    /// The bytes that are stored and exported.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, encoded) = match self {
            Self::Roots { first, second } => {
                let roots = WireRoots {
                    first: first.as_slice().into(),
                    second: second.as_slice().into(),
                };
                (ROOTS, roots.tls_serialize_detached())
            }
            Self::Entries {
                index,
                first,
                second,
            } => {
                let entries = WireEntries {
                    index: *index,
                    first: first.to_wire(),
                    second: second.to_wire(),
                };
                (ENTRIES, entries.tls_serialize_detached())
            }
            Self::Keys { first, second } => {
                let keys = WireKeys {
                    first: first.to_wire(),
                    second: second.to_wire(),
                };
                (KEYS, keys.tls_serialize_detached())
            }
        };
        let encoded = encoded.expect("checkpoints, headers and proofs are shorter than 64 KiB");
        [&[tag], encoded.as_slice()].concat()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidForkBytes> {
        match bytes.split_first() {
            Some((&ROOTS, rest)) => {
                let WireRoots { first, second } = WireRoots::tls_deserialize_exact_bytes(rest)?;
                Ok(Self::Roots {
                    first: first.into(),
                    second: second.into(),
                })
            }
            Some((&ENTRIES, rest)) => {
                let wire = WireEntries::tls_deserialize_exact_bytes(rest)?;
                Ok(Self::Entries {
                    index: wire.index,
                    first: ForkSide::of_wire(wire.first)?,
                    second: ForkSide::of_wire(wire.second)?,
                })
            }
            Some((&KEYS, rest)) => {
                let WireKeys { first, second } = WireKeys::tls_deserialize_exact_bytes(rest)?;
                Ok(Self::Keys {
                    first: KeySide::of_wire(first),
                    second: KeySide::of_wire(second),
                })
            }
            other => Err(InvalidForkBytes::Tag {
                found: other.map(|(tag, _)| *tag),
            }),
        }
    }
}

impl KeySide {
    fn verify(&self) -> Result<VerifiedCheckpoint, InvalidFork> {
        let key = VerifyingKey::from_bytes(&self.key).map_err(|_| InvalidFork::Key)?;
        Ok(VerifiedCheckpoint::verify(&self.checkpoint, &key)?)
    }

    fn to_wire(&self) -> WireKeySide {
        WireKeySide {
            key: self.key,
            checkpoint: self.checkpoint.as_slice().into(),
        }
    }

    fn of_wire(wire: WireKeySide) -> Self {
        let WireKeySide { key, checkpoint } = wire;
        Self {
            key,
            checkpoint: checkpoint.into(),
        }
    }
}

impl ForkSide {
    fn verify_inclusion(
        &self,
        index: u64,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<(), InvalidProof> {
        let leaf = leaf_hash(&self.header);
        verify_inclusion(
            index,
            &leaf,
            checkpoint.size(),
            checkpoint.root(),
            &self.proof,
        )
    }

    fn to_wire(&self) -> WireSide {
        WireSide {
            checkpoint: self.checkpoint.as_slice().into(),
            header: self.header.as_slice().into(),
            proof: self.proof.as_flattened().into(),
        }
    }

    fn of_wire(wire: WireSide) -> Result<Self, InvalidForkBytes> {
        let WireSide {
            checkpoint,
            header,
            proof,
        } = wire;
        let (hashes, rest) = proof.as_slice().as_chunks::<32>();
        if !rest.is_empty() {
            return Err(InvalidForkBytes::Layout(
                tls_codec::Error::InvalidVectorLength,
            ));
        }
        Ok(Self {
            checkpoint: checkpoint.into(),
            header: header.into(),
            proof: hashes.to_vec(),
        })
    }
}

fn verify_both(
    first: &[u8],
    second: &[u8],
    key: &VerifyingKey,
) -> Result<(VerifiedCheckpoint, VerifiedCheckpoint), InvalidFork> {
    let first = VerifiedCheckpoint::verify(first, key)?;
    let second = VerifiedCheckpoint::verify(second, key)?;
    match first.log() == second.log() {
        true => Ok((first, second)),
        false => Err(InvalidFork::Logs),
    }
}

/// Why bytes are no evidence of a fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidForkBytes {
    /// None of the kinds of evidence.
    #[error("expected evidence of kind 1, 2 or 3, found {found:?}")]
    Tag {
        /// The first byte, if there is one.
        found: Option<u8>,
    },
    /// Not the layout of the kind.
    #[error("the bytes are not laid out as evidence of a fork")]
    Layout(#[from] tls_codec::Error),
}

const ROOTS: u8 = 1;
const ENTRIES: u8 = 2;
const KEYS: u8 = 3;

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireRoots {
    first: TlsByteVecU16,
    second: TlsByteVecU16,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireEntries {
    index: u64,
    first: WireSide,
    second: WireSide,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireSide {
    checkpoint: TlsByteVecU16,
    header: TlsByteVecU8,
    proof: TlsByteVecU16,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireKeys {
    first: WireKeySide,
    second: WireKeySide,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireKeySide {
    key: [u8; 32],
    checkpoint: TlsByteVecU16,
}
