//! Frames from protocol buffers: every field, its length and its count checked. The way back, to
//! protocol buffers, is in `wire/encode.rs`.
//!
//! It knows the syntax of frames only. Whether a header, note or proof inside makes sense is for
//! those who check it later; here they are bytes of bounded length.

use foedus_policy::id::{ChannelId, IncarnationId, NoteHash, OrgId, RunId};
use foedus_policy::time::Timestamp;
use foedus_proto::federation::v1 as proto;

use crate::bounds;
use crate::frame::{
    Ack, Cursor, Entries, Frame, Goodbye, Hello, LogSize, Notes, RawBody, RawEntry, RawPart,
    Subscribe,
};

mod encode;
#[cfg(test)]
mod tests;

/// Why bytes from a partner are no frame. It closes the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// Not the protocol buffers of a frame.
    #[error("expected the protocol buffers of a frame")]
    Undecodable,
    /// Longer than a frame may be.
    #[error("expected a frame of at most {} bytes", bounds::FRAME_BYTES_MAX)]
    Oversized,
    /// No frame, or one of a kind that no version in common has.
    #[error("expected a frame of a known kind")]
    Kind,
    /// The first frame is another.
    #[error("expected a hello as the first frame")]
    HelloExpected,
    /// A hello that is not the first frame.
    #[error("expected no second hello")]
    HelloRepeated,
    /// A field of fixed length has another.
    #[error("expected {expected_bytes} bytes in `{field}`, found {found_bytes}")]
    Length {
        /// Its name in the protocol buffers.
        field: &'static str,
        /// How long it is.
        expected_bytes: usize,
        /// How long it was.
        found_bytes: usize,
    },
    /// A field is longer than it may be.
    #[error("expected at most {bytes_max} bytes in `{field}`, found {found_bytes}")]
    TooLong {
        /// Its name in the protocol buffers.
        field: &'static str,
        /// How long it may be.
        bytes_max: usize,
        /// How long it was.
        found_bytes: usize,
    },
    /// A list is longer than it may be.
    #[error("expected at most {count_max} of `{field}`, found {found}")]
    TooMany {
        /// Its name in the protocol buffers.
        field: &'static str,
        /// How many it may have.
        count_max: usize,
        /// How many it had.
        found: usize,
    },
    /// A field without which the frame means nothing.
    #[error("expected `{field}`")]
    Missing {
        /// Its name in the protocol buffers.
        field: &'static str,
    },
    /// The versions in a hello are no range of versions.
    #[error("expected a range of versions from 1, found {min} to {max}")]
    Versions {
        /// The lowest.
        min: u32,
        /// The highest.
        max: u32,
    },
    /// A part goes beyond the last sequence that there is.
    #[error("expected sequences below 2^64, found {count} entries from {first}")]
    Sequence {
        /// Of the first entry.
        first: u64,
        /// How many there were.
        count: usize,
    },
    /// A goodbye that says no reason.
    #[error("expected a reason in a goodbye, found none")]
    Goodbye,
}

fn fixed<const LENGTH: usize>(
    field: &'static str,
    bytes: Vec<u8>,
) -> Result<[u8; LENGTH], InvalidFrame> {
    bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| InvalidFrame::Length {
            field,
            expected_bytes: LENGTH,
            found_bytes: bytes.len(),
        })
}

fn at_most(field: &'static str, bytes_max: usize, bytes: Vec<u8>) -> Result<Vec<u8>, InvalidFrame> {
    if bytes.len() > bytes_max {
        return Err(InvalidFrame::TooLong {
            field,
            bytes_max,
            found_bytes: bytes.len(),
        });
    }
    Ok(bytes)
}

fn each<From, To>(
    field: &'static str,
    count_max: usize,
    list: Vec<From>,
    convert: impl FnMut(From) -> Result<To, InvalidFrame>,
) -> Result<Vec<To>, InvalidFrame> {
    if list.len() > count_max {
        return Err(InvalidFrame::TooMany {
            field,
            count_max,
            found: list.len(),
        });
    }
    list.into_iter().map(convert).collect()
}

fn note(field: &'static str, bytes: Vec<u8>) -> Result<Vec<u8>, InvalidFrame> {
    at_most(field, bounds::NOTE_BYTES_MAX, bytes)
}

fn chain(field: &'static str, notes: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, InvalidFrame> {
    each(field, bounds::IDENTITY_CHAIN_NOTES_MAX, notes, |bytes| {
        note(field, bytes)
    })
}

fn channel(bytes: Vec<u8>) -> Result<ChannelId, InvalidFrame> {
    fixed("channel", bytes).map(ChannelId)
}

fn origin(bytes: Vec<u8>) -> Result<OrgId, InvalidFrame> {
    fixed("origin", bytes).map(OrgId)
}

fn incarnation(bytes: Vec<u8>) -> Result<IncarnationId, InvalidFrame> {
    fixed("incarnation", bytes).map(IncarnationId)
}

impl TryFrom<proto::Frame> for Frame {
    type Error = InvalidFrame;

    fn try_from(frame: proto::Frame) -> Result<Self, InvalidFrame> {
        use proto::frame::Kind;
        let proto::Frame { kind } = frame;
        Ok(match kind.ok_or(InvalidFrame::Kind)? {
            Kind::Hello(hello) => Self::Hello(Box::new(hello.try_into()?)),
            Kind::Notes(notes) => Self::Notes(notes.try_into()?),
            Kind::Subscribe(subscribe) => Self::Subscribe(subscribe.try_into()?),
            Kind::UnknownCursor(proto::UnknownCursor { channel: bytes }) => {
                Self::UnknownCursor(channel(bytes)?)
            }
            Kind::Entries(entries) => Self::Entries(entries.try_into()?),
            Kind::Ack(ack) => Self::Ack(ack.try_into()?),
            Kind::Goodbye(goodbye) => Self::Goodbye(goodbye.try_into()?),
        })
    }
}

impl TryFrom<proto::Hello> for Hello {
    type Error = InvalidFrame;

    fn try_from(hello: proto::Hello) -> Result<Self, InvalidFrame> {
        let proto::Hello {
            version_min,
            version_max,
            run,
            wall_millis,
            identity,
            endpoints,
            peering,
        } = hello;
        if version_min == 0 || version_min > version_max {
            return Err(InvalidFrame::Versions {
                min: version_min,
                max: version_max,
            });
        }
        Ok(Self {
            version_min,
            version_max,
            run: RunId(fixed("run", run)?),
            wall: Timestamp(wall_millis),
            identity: chain("identity", identity)?,
            endpoints: note("endpoints", endpoints)?,
            peering: note("peering", peering)?,
        })
    }
}

impl TryFrom<proto::Notes> for Notes {
    type Error = InvalidFrame;

    fn try_from(frame: proto::Notes) -> Result<Self, InvalidFrame> {
        let proto::Notes {
            channel: id,
            identities,
            notes,
        } = frame;
        let identity = |proto::IdentityChain { notes }| chain("identities.notes", notes);
        Ok(Self {
            channel: channel(id)?,
            identities: each("identities", bounds::PARTICIPANTS_MAX, identities, identity)?,
            notes: each("notes", bounds::FRAME_NOTES_MAX, notes, |bytes| {
                note("notes", bytes)
            })?,
        })
    }
}

impl TryFrom<proto::Cursor> for Cursor {
    type Error = InvalidFrame;

    fn try_from(cursor: proto::Cursor) -> Result<Self, InvalidFrame> {
        let proto::Cursor { run, arrival } = cursor;
        Ok(Self {
            run: RunId(fixed("run", run)?),
            arrival,
        })
    }
}

impl TryFrom<proto::LogSize> for LogSize {
    type Error = InvalidFrame;

    fn try_from(log: proto::LogSize) -> Result<Self, InvalidFrame> {
        let proto::LogSize {
            origin: org,
            incarnation: id,
            size,
        } = log;
        Ok(Self {
            origin: origin(org)?,
            incarnation: incarnation(id)?,
            size,
        })
    }
}

impl TryFrom<proto::Subscribe> for Subscribe {
    type Error = InvalidFrame;

    fn try_from(subscribe: proto::Subscribe) -> Result<Self, InvalidFrame> {
        let proto::Subscribe {
            channel: id,
            subscription,
            cursor,
            held,
            relayed,
            notes,
        } = subscribe;
        let org = |bytes| fixed("relayed", bytes).map(OrgId);
        Ok(Self {
            channel: channel(id)?,
            subscription,
            cursor: cursor.map(Cursor::try_from).transpose()?,
            held: each("held", bounds::FRAME_HELD_MAX, held, LogSize::try_from)?,
            relayed: each("relayed", bounds::PARTICIPANTS_MAX, relayed, org)?,
            notes: NoteHash(fixed("notes", notes)?),
        })
    }
}

impl TryFrom<proto::Body> for RawBody {
    type Error = InvalidFrame;

    fn try_from(body: proto::Body) -> Result<Self, InvalidFrame> {
        let proto::Body { salt, bytes } = body;
        Ok(Self {
            salt: fixed("salt", salt)?,
            bytes: at_most("bytes", bounds::BODY_BYTES_MAX, bytes)?,
        })
    }
}

impl TryFrom<proto::Entry> for RawEntry {
    type Error = InvalidFrame;

    fn try_from(entry: proto::Entry) -> Result<Self, InvalidFrame> {
        let proto::Entry { header, body } = entry;
        Ok(Self {
            header: at_most("header", bounds::HEADER_BYTES_MAX, header)?,
            body: body.map(RawBody::try_from).transpose()?,
        })
    }
}

impl TryFrom<proto::Part> for RawPart {
    type Error = InvalidFrame;

    fn try_from(part: proto::Part) -> Result<Self, InvalidFrame> {
        let proto::Part {
            origin: org,
            incarnation: id,
            first,
            entries,
            checkpoint,
            proof,
        } = part;
        let count = entries.len();
        if count == 0 {
            return Err(InvalidFrame::Missing {
                field: "parts.entries",
            });
        }
        // Also the size after the last entry is a number of 64 bits.
        if first.checked_add(count as u64).is_none() {
            return Err(InvalidFrame::Sequence { first, count });
        }
        let hash = |bytes| fixed("proof", bytes);
        Ok(Self {
            origin: origin(org)?,
            incarnation: incarnation(id)?,
            first,
            entries: each(
                "parts.entries",
                bounds::PART_ENTRIES_MAX,
                entries,
                RawEntry::try_from,
            )?,
            checkpoint: at_most("checkpoint", bounds::CHECKPOINT_BYTES_MAX, checkpoint)?,
            proof: each("proof", bounds::PROOF_HASHES_MAX, proof, hash)?,
        })
    }
}

impl TryFrom<proto::Entries> for Entries {
    type Error = InvalidFrame;

    fn try_from(frame: proto::Entries) -> Result<Self, InvalidFrame> {
        let proto::Entries {
            channel: id,
            subscription,
            number,
            cursor,
            parts,
        } = frame;
        Ok(Self {
            channel: channel(id)?,
            subscription,
            number,
            cursor: cursor.map(Cursor::try_from).transpose()?,
            parts: each("parts", bounds::FRAME_PARTS_MAX, parts, RawPart::try_from)?,
        })
    }
}

impl TryFrom<proto::Ack> for Ack {
    type Error = InvalidFrame;

    fn try_from(ack: proto::Ack) -> Result<Self, InvalidFrame> {
        let proto::Ack {
            channel: id,
            number,
            void,
            withheld,
        } = ack;
        Ok(Self {
            channel: channel(id)?,
            number,
            void,
            withheld,
        })
    }
}

impl TryFrom<proto::Goodbye> for Goodbye {
    type Error = InvalidFrame;

    fn try_from(goodbye: proto::Goodbye) -> Result<Self, InvalidFrame> {
        use proto::GoodbyeReason as Reason;
        let proto::Goodbye { reason } = goodbye;
        match Reason::try_from(reason) {
            Ok(Reason::Unspecified) => Err(InvalidFrame::Goodbye),
            Ok(Reason::Duplicate) => Ok(Self::Duplicate),
            Ok(Reason::Version) => Ok(Self::Version),
            Ok(Reason::Protocol) => Ok(Self::Protocol),
            Ok(Reason::Refused) => Ok(Self::Refused),
            Ok(Reason::NothingShared) => Ok(Self::NothingShared),
            // Whoever leaves for a reason that came later than this leaves all the same.
            Ok(Reason::Restart) | Err(_) => Ok(Self::Restart),
        }
    }
}
