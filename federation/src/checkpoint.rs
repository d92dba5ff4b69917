//! Checkpoints: what an org signs of its own log, in c2sp.org/tlog-checkpoint form.
//!
//! Three lines (origin, size, root) under one signature, whose key name is the origin line. Knows
//! nothing of entries, nor of which key is whose: that comes from the identity note and the first
//! entry of the log.

use data_encoding::BASE64;
use foedus_policy::id::{ChannelId, IncarnationId, InvalidId, OrgId};

use crate::bounds::CHECKPOINT_BYTES_MAX;
use crate::entry::LogId;
use crate::key::{SigningKey, VerifyingKey};
use crate::note::{InvalidNote, InvalidSignature, KeyName, SignedNote};
use crate::tree::Hash;

mod fork;

pub use fork::{Fork, ForkSide, InvalidFork, InvalidForkBytes, KeySide, VerifiedFork};

/// What the origin line begins with: type and version.
const ORIGIN_PREFIX: &str = "foedus/log/v1/";

/// Size and root of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub log: LogId,
    /// How many entries it has.
    pub size: u64,
    /// The root of the tree over their headers.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpointText {
    /// Not three lines that end with a newline each.
    #[error("expected exactly three lines: origin, size, root")]
    Lines,
    /// Another type or version, or too many or too few parts.
    #[error("expected an origin `foedus/log/v1/<channel>/<org>/<incarnation>`")]
    Origin,
    /// A part of the origin is no identifier.
    #[error("an identifier in the origin cannot be read")]
    OriginId(#[from] InvalidId),
    /// Not a number in its one form.
    #[error("expected a size as a decimal number below 2^64, without leading zeros")]
    Size,
    /// Not 32 bytes in base64 in their one form.
    #[error("expected a root of 32 bytes in base64")]
    Root,
}

/// Why bytes are no verified checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    /// More bytes than a checkpoint with every signature it may have.
    #[error("expected a checkpoint of at most {CHECKPOINT_BYTES_MAX} bytes, found {found_bytes}")]
    TooLong {
        /// How many there are.
        found_bytes: usize,
    },
    /// Not a signed note.
    #[error("not a signed note")]
    Form(#[source] InvalidNote),
    /// Not the text of a checkpoint.
    #[error("not a checkpoint")]
    Text(#[source] InvalidCheckpointText),
    /// Not signed under this key by the origin that it names.
    #[error("not signed by the origin")]
    Signature(#[source] InvalidSignature),
}

impl Checkpoint {
    /// The name of the key that signs checkpoints of `log`; as text, their origin line.
    pub const fn key_name(log: &LogId) -> KeyName {
        KeyName::Log(log.channel, log.origin, log.incarnation)
    }

    /// The text that is signed: origin, size and root, a line each.
    pub fn to_text(&self) -> String {
        let origin = Self::key_name(&self.log);
        let root = BASE64.encode(&self.root);
        format!("{origin}\n{}\n{root}\n", self.size)
    }

    /// Reads what [`Self::to_text`] writes, and nothing else.
    pub fn parse_text(text: &str) -> Result<Self, InvalidCheckpointText> {
        let body = text
            .strip_suffix('\n')
            .ok_or(InvalidCheckpointText::Lines)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(InvalidCheckpointText::Lines);
        };
        Ok(Self {
            log: parse_origin(origin)?,
            size: parse_size(size).ok_or(InvalidCheckpointText::Size)?,
            root: BASE64
                .decode(root.as_bytes())
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(InvalidCheckpointText::Root)?,
        })
    }

    /// Reads a signed note as a checkpoint that nobody has verified: good for looking up which
    /// key it needs, and for nothing else.
    pub fn claimed(bytes: &[u8]) -> Result<(Self, SignedNote), InvalidCheckpoint> {
        if bytes.len() > CHECKPOINT_BYTES_MAX {
            let found_bytes = bytes.len();
            return Err(InvalidCheckpoint::TooLong { found_bytes });
        }
        let note = SignedNote::parse(bytes).map_err(InvalidCheckpoint::Form)?;
        let checkpoint = Self::parse_text(note.text()).map_err(InvalidCheckpoint::Text)?;
        Ok((checkpoint, note))
    }

    /// Signs the checkpoint with the key that the first entry of the log names.
    pub fn sign(&self, key: &SigningKey) -> VerifiedCheckpoint {
        let note = SignedNote::sign(&self.to_text(), Self::key_name(&self.log), key);
        VerifiedCheckpoint {
            checkpoint: *self,
            bytes: note.into_bytes(),
        }
    }
}

fn parse_origin(origin: &str) -> Result<LogId, InvalidCheckpointText> {
    let ids = origin
        .strip_prefix(ORIGIN_PREFIX)
        .ok_or(InvalidCheckpointText::Origin)?;
    let mut ids = ids.split('/');
    let (Some(channel), Some(org), Some(incarnation), None) =
        (ids.next(), ids.next(), ids.next(), ids.next())
    else {
        return Err(InvalidCheckpointText::Origin);
    };
    Ok(LogId {
        channel: channel.parse::<ChannelId>()?,
        origin: org.parse::<OrgId>()?,
        incarnation: incarnation.parse::<IncarnationId>()?,
    })
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical {
        text.parse().ok()
    } else {
        None
    }
}

/// Evidence that a checkpoint was signed under the key that it was checked against. Only
/// signing and checking make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    bytes: Vec<u8>,
}

impl VerifiedCheckpoint {
    /// Checks that `bytes` are a checkpoint that `key` signed.
    ///
    /// Whose key it is has to be known otherwise: by the origin's identity note.
    pub fn verify(bytes: &[u8], key: &VerifyingKey) -> Result<Self, InvalidCheckpoint> {
        let (checkpoint, note) = Checkpoint::claimed(bytes)?;
        let name = Checkpoint::key_name(&checkpoint.log);
        note.verify(name, key)
            .map_err(InvalidCheckpoint::Signature)?;
        Ok(Self {
            checkpoint,
            bytes: note.under(name, key).into_bytes(),
        })
    }

    /// Which log.
    pub const fn log(&self) -> &LogId {
        &self.checkpoint.log
    }

    /// How many entries the log has, at least.
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root of the tree of that size.
    pub const fn root(&self) -> &Hash {
        &self.checkpoint.root
    }

    /// What it says.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed note: the text exactly as it came, under the one signature that was checked.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
