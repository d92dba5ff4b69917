//! Entries in parts whose checkpoints were signed by their origins, and a frame of them.
//!
//! It must not know the logs that they continue.

use foedus_policy::id::{ChannelId, OrgId};

use super::KnownIdentities;
use crate::bounds::{FRAME_ENTRIES_BYTES_MAX, FRAME_ENTRIES_MAX};
use crate::checkpoint::InvalidCheckpoint;
use crate::frame::{Cursor, Entries, RawPart};
use crate::note::InvalidSignature;
use crate::part::{CheckedPart, InvalidPart, check_part, claimed_opening};

/// A part whose checkpoint was signed under one of its origin's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPart {
    checked: CheckedPart,
    key: [u8; 32],
}

impl SignedPart {
    /// The part.
    pub fn checked(&self) -> &CheckedPart {
        &self.checked
    }

    /// The key that signed its checkpoint.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

/// Why a frame of entries is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntries {
    /// More than one commit can take.
    #[error(
        "expected at most {FRAME_ENTRIES_MAX} entries and {FRAME_ENTRIES_BYTES_MAX} bytes of them \
         in one frame, found {count} and {bytes}"
    )]
    TooLarge {
        /// How many entries there are.
        count: usize,
        /// How many bytes of headers and bodies.
        bytes: usize,
    },
    /// A part is not what it says to be.
    #[error("a part of the log of {origin} does not hold")]
    Part {
        /// Whose entries they are said to be.
        origin: OrgId,
        /// What is wrong with it.
        #[source]
        source: Box<InvalidPart>,
    },
}

/// The entries of one frame that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEntries {
    channel: ChannelId,
    subscription: u32,
    number: u64,
    cursor: Option<Cursor>,
    parts: Vec<SignedPart>,
    left_out: Vec<OrgId>,
}

impl CheckedEntries {
    /// Checks a frame of entries.
    pub fn check(frame: Entries, known: KnownIdentities<'_>) -> Result<Self, InvalidEntries> {
        let Entries {
            channel,
            subscription,
            number,
            cursor,
            parts,
        } = frame;
        check_size(&parts)?;
        let (mut signed, mut left_out) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in parts {
            let origin = part.origin;
            match check_signed(channel, part, known)? {
                Some(part) => signed.push(part),
                None => left_out.push(origin),
            }
        }
        Ok(Self {
            channel,
            subscription,
            number,
            cursor,
            parts: signed,
            left_out,
        })
    }

    /// The channel.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The subscription that they answer.
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// The number of the frame.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The receiver's position once all of it is durable.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Whose parts were left out, because nobody here knows the origin, or the key under which it
    /// signed, yet. Whoever relays them may know more than we do.
    pub fn left_out(&self) -> &[OrgId] {
        &self.left_out
    }

    /// The parts.
    pub fn parts(&self) -> &[SignedPart] {
        &self.parts
    }
}

fn check_size(parts: &[RawPart]) -> Result<(), InvalidEntries> {
    let entries = || parts.iter().flat_map(|part| &part.entries);
    let count = entries().count();
    let bytes: usize = entries()
        .map(|entry| entry.header.len() + entry.body.as_ref().map_or(0, |body| body.bytes.len()))
        .sum();
    match count <= FRAME_ENTRIES_MAX && bytes <= FRAME_ENTRIES_BYTES_MAX {
        true => Ok(()),
        false => Err(InvalidEntries::TooLarge { count, bytes }),
    }
}

/// A part is signed under one of the keys that its origin's identity names or named: which one,
/// the first entry of its log says. `None` if it is signed under none that is known here.
fn check_signed(
    channel: ChannelId,
    part: RawPart,
    known: KnownIdentities<'_>,
) -> Result<Option<SignedPart>, InvalidEntries> {
    let origin = part.origin;
    let Some(identity) = known(origin) else {
        return Ok(None);
    };
    let opening = claimed_opening(&part).map(|opened| opened.key);
    for key in identity.sign_keys() {
        let key_bytes = *key.as_bytes();
        if opening.is_some_and(|opening| opening != key_bytes) {
            continue;
        }
        match check_part(channel, part.clone(), &key) {
            Ok(checked) => {
                return Ok(Some(SignedPart {
                    checked,
                    key: key_bytes,
                }));
            }
            Err(InvalidPart::Checkpoint(InvalidCheckpoint::Signature(
                InvalidSignature::Missing { .. },
            ))) => {}
            Err(source) => {
                return Err(InvalidEntries::Part {
                    origin,
                    source: Box::new(source),
                });
            }
        }
    }
    Ok(None)
}
