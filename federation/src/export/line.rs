//! One line of an export: a word, its values, and a check by which damage is found in its place.
//!
//! Knows the form of lines, and nothing of their order or of what they prove.

use data_encoding::{BASE64, HEXLOWER};
use foedus_policy::id::{ChannelId, IncarnationId, OrgId};
use sha2::{Digest as _, Sha256};

use crate::bounds::{
    BODY_BYTES_MAX, CHECKPOINT_BYTES_MAX, EXPORT_FORK_BYTES_MAX, HEADER_BYTES_MAX, NOTE_BYTES_MAX,
    PROOF_HASHES_MAX,
};
use crate::frame::{RawBody, RawEntry};
use crate::note::lines::Value;
use crate::tree::Hash;

/// The first line, without its newline.
pub const FIRST: &str = "foedus/channel-export/v1";

/// What stands where a body is absent.
const ABSENT: &str = "none";

/// Bytes of the check: enough to find what happens by itself. What is done on purpose is found by
/// what the line holds.
const CHECK_BYTES: usize = 4;

const SALT_BYTES: usize = 32;

/// A line after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Which channel.
    Channel(ChannelId),
    /// An identity note of an organisation in it.
    Identity(Vec<u8>),
    /// A note that governs it.
    Note(Vec<u8>),
    /// A log begins.
    Log {
        /// Whose.
        origin: OrgId,
        /// Which.
        incarnation: IncarnationId,
        /// How many of its entries follow, from the first.
        entries: u64,
    },
    /// The checkpoint of the log, a signed note.
    Checkpoint(Vec<u8>),
    /// That the entries begin the tree of the checkpoint, if it is larger.
    Proof(Vec<Hash>),
    /// The next entry.
    Entry(RawEntry),
    /// Evidence that the log has two histories.
    Fork(Vec<u8>),
    /// The exporter's note over all before it. The last line.
    Statement(Vec<u8>),
}

/// Why a line is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// It does not end with a newline.
    #[error("the line does not end with a newline")]
    NoNewline,
    /// Its check is another than that of what stands before it.
    #[error("the line is not as it was written: its check does not fit")]
    Check,
    /// Readable, and yet not what would be written for it; or not readable at all.
    #[error("the line is not in its one form")]
    Form,
    /// No word that is known.
    #[error("the line begins with no word that an export knows")]
    Word,
    /// The values are not those of the word, or not in their one form.
    #[error("what follows `{word}` is not in its one form")]
    Value {
        /// The word.
        word: &'static str,
    },
}

impl Line {
    /// The word that the line begins with.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Identity(_) => "identity",
            Self::Note(_) => "note",
            Self::Log { .. } => "log",
            Self::Checkpoint(_) => "checkpoint",
            Self::Proof(_) => "proof",
            Self::Entry(_) => "entry",
            Self::Fork(_) => "fork",
            Self::Statement(_) => "statement",
        }
    }

    /// The line, newline included.
    pub fn write(&self) -> String {
        let mut text = format!("{} ", self.word());
        match self {
            Self::Channel(channel) => channel.write(&mut text),
            Self::Identity(bytes)
            | Self::Note(bytes)
            | Self::Checkpoint(bytes)
            | Self::Fork(bytes)
            | Self::Statement(bytes) => BASE64.encode_append(bytes, &mut text),
            Self::Log {
                origin,
                incarnation,
                entries,
            } => text.push_str(&format!("{origin} {incarnation} {entries}")),
            Self::Proof(hashes) => BASE64.encode_append(hashes.as_flattened(), &mut text),
            Self::Entry(RawEntry { header, body }) => {
                BASE64.encode_append(header, &mut text);
                text.push(' ');
                match body {
                    None => text.push_str(ABSENT),
                    Some(RawBody { salt, bytes }) => {
                        BASE64.encode_append(&[salt, bytes.as_slice()].concat(), &mut text);
                    }
                }
            }
        }
        let check = check(&text);
        text.push(' ');
        text.push_str(&check);
        text.push('\n');
        text
    }

    /// Reads a line, newline included. What reads is what [`Self::write`] would write for it.
    ///
    /// A line that was changed is said to be so; what it says now is read all the same, so that
    /// more can be told of it.
    pub fn read(bytes: &[u8]) -> (Result<Self, InvalidLine>, Option<InvalidLine>) {
        let Some((b'\n', whole)) = bytes.split_last() else {
            return (Err(InvalidLine::NoNewline), None);
        };
        let Ok(whole) = std::str::from_utf8(whole) else {
            return (Err(InvalidLine::Check), None);
        };
        let Some((text, found)) = whole.rsplit_once(' ') else {
            return (Err(InvalidLine::Word), None);
        };
        let damaged = (check(text) != found).then_some(InvalidLine::Check);
        let Some((word, values)) = text.split_once(' ') else {
            return (Err(InvalidLine::Word), damaged);
        };
        (Self::of(word, values), damaged)
    }

    fn of(word: &str, values: &str) -> Result<Self, InvalidLine> {
        let (word, line) = match word {
            "channel" => ("channel", ChannelId::read(values).map(Self::Channel)),
            "identity" => (
                "identity",
                bytes(values, NOTE_BYTES_MAX).map(Self::Identity),
            ),
            "note" => ("note", bytes(values, NOTE_BYTES_MAX).map(Self::Note)),
            "log" => ("log", log(values)),
            "checkpoint" => {
                let checkpoint = bytes(values, CHECKPOINT_BYTES_MAX);
                ("checkpoint", checkpoint.map(Self::Checkpoint))
            }
            "proof" => ("proof", proof(values).map(Self::Proof)),
            "entry" => ("entry", entry(values).map(Self::Entry)),
            "fork" => ("fork", bytes(values, EXPORT_FORK_BYTES_MAX).map(Self::Fork)),
            "statement" => {
                let statement = bytes(values, NOTE_BYTES_MAX);
                ("statement", statement.map(Self::Statement))
            }
            _ => return Err(InvalidLine::Word),
        };
        line.ok_or(InvalidLine::Value { word })
    }
}

/// The first bytes of the hash of what stands before the check and its space.
fn check(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..CHECK_BYTES])
}

/// At least one byte, in the one form of base64 that the crate accepts.
fn bytes(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    (1..=bytes_max).contains(&bytes.len()).then_some(bytes)
}

fn log(values: &str) -> Option<Line> {
    let mut values = values.split(' ');
    let line = Line::Log {
        origin: OrgId::read(values.next()?)?,
        incarnation: IncarnationId::read(values.next()?)?,
        entries: u64::read(values.next()?)?,
    };
    values.next().is_none().then_some(line)
}

fn proof(text: &str) -> Option<Vec<Hash>> {
    let bytes = bytes(text, PROOF_HASHES_MAX * size_of::<Hash>())?;
    let (hashes, rest) = bytes.as_chunks();
    rest.is_empty().then(|| hashes.to_vec())
}

fn entry(values: &str) -> Option<RawEntry> {
    let (header, body) = values.split_once(' ')?;
    let header = bytes(header, HEADER_BYTES_MAX)?;
    if body == ABSENT {
        return Some(RawEntry { header, body: None });
    }
    let body = bytes(body, SALT_BYTES + BODY_BYTES_MAX)?;
    let (salt, bytes) = body.split_first_chunk::<SALT_BYTES>()?;
    Some(RawEntry {
        header,
        body: Some(RawBody {
            salt: *salt,
            bytes: bytes.to_vec(),
        }),
    })
}
