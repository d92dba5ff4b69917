//! Entries: header, salt and body, as the exact bytes that their origin produced.
//!
//! Says what the bytes of one entry mean. Knows nothing of the place of the entry in its tree, of
//! signatures, charters or who may read what. The bytes are those of `docs/PROTOCOL.md` §5.

use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, NoteHash, OrgId};
use sha2::{Digest, Sha256};
use tls_codec::{
    DeserializeBytes, Serialize, TlsByteVecU8, TlsDeserializeBytes, TlsSerialize, TlsSize,
};

use crate::bounds::BODY_BYTES_MAX;
use crate::frame::{RawBody, RawEntry};
use crate::hlc::Hlc;
use crate::kind::{Body, Class, InvalidBody, InvalidCustomName, Kind};
use crate::tree::{Hash, leaf_hash};

/// Names one log: one org's, in one channel, in one incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The channel.
    pub channel: ChannelId,
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation of it.
    pub incarnation: IncarnationId,
}

impl LogId {
    /// The entry of this log at `sequence`.
    pub const fn entry(&self, sequence: u64) -> EntryRef {
        EntryRef {
            origin: self.origin,
            incarnation: self.incarnation,
            sequence,
        }
    }
}

/// The author of what an org writes for itself: of control entries.
pub const ORG_AUTHOR: AuthorId = AuthorId([0; 16]);

/// What the header of an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The log that the entry is in.
    pub log: LogId,
    /// The position in the log, from 0.
    pub sequence: u64,
    /// When the origin wrote it, by its own account.
    pub hlc: Hlc,
    /// The charter revision that it was written under; [`NoteHash::LOCAL`] in a local channel.
    pub revision: NoteHash,
    /// Who wrote it; [`ORG_AUTHOR`] for the org itself.
    pub author: AuthorId,
    /// What rules act on.
    pub class: Class,
    /// The number of the kind; numbers of later versions are possible.
    pub kind: u16,
    /// SHA-256 of salt and body.
    pub commitment: Hash,
}

/// The layout of a header, as `tls_codec` derives it.
#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct WireHeader {
    channel: [u8; 32],
    origin: [u8; 32],
    incarnation: [u8; 16],
    sequence: u64,
    hlc: u64,
    revision: [u8; 32],
    author: [u8; 16],
    class: u8,
    custom_name: TlsByteVecU8,
    kind: u16,
    commitment: [u8; 32],
}

/// Why bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// Not the layout: too short or too long.
    #[error("the bytes are not laid out as a header")]
    Layout(#[source] tls_codec::Error),
    /// A custom class without a valid name, or another class with one.
    #[error("the name of the class does not fit class {class}")]
    CustomName {
        /// The number of the class.
        class: u8,
        /// What is wrong with the name.
        #[source]
        source: InvalidCustomName,
    },
}

/// Why an entry of a sound log counts for nothing: it is void, at every organisation alike.
///
/// The entry keeps its place in the tree; a fault of one entry never stops a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// A class of a later version.
    #[error("class {class} is not known")]
    UnknownClass {
        /// Its number.
        class: u8,
    },
    /// A kind of a later version.
    #[error("kind {kind:#06x} is not known")]
    UnknownKind {
        /// Its number.
        kind: u16,
    },
    /// The kind belongs to another class.
    #[error("an entry of kind {kind} is not of class {class}")]
    ClassOfKind {
        /// The kind.
        kind: Kind,
        /// The class that the header names.
        class: Class,
    },
    /// The first entry of a log is not `opened`, or a later one is.
    #[error("`opened` is the kind of the first entry and of no other")]
    Opened,
    /// The hybrid logical time is not later than that of the entry before.
    #[error("expected a time after {before:?}, found {found:?}")]
    TimeNotGrowing {
        /// The time of the entry before.
        before: Hlc,
        /// The time of this entry.
        found: Hlc,
    },
    /// The body is what the header commits to, but not what its kind demands.
    #[error("the body cannot be read")]
    Body(#[source] InvalidBody),
}

impl Header {
    /// How the entry is referred to.
    pub const fn reference(&self) -> EntryRef {
        self.log.entry(self.sequence)
    }

    /// The bytes that are hashed, stored and sent.
    pub fn encode(&self) -> Vec<u8> {
        let wire = WireHeader {
            channel: self.log.channel.0,
            origin: self.log.origin.0,
            incarnation: self.log.incarnation.0,
            sequence: self.sequence,
            hlc: self.hlc.0,
            revision: self.revision.0,
            author: self.author.0,
            class: self.class.number(),
            custom_name: TlsByteVecU8::from(self.class.custom_name().as_bytes()),
            kind: self.kind,
            commitment: self.commitment,
        };
        wire.tls_serialize_detached()
            .expect("a custom name is shorter than 256 bytes and the rest has a fixed size")
    }

    /// What `bytes` say. Classes and kinds of later versions are no error here: see
    /// [`Self::known_kind`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidHeader> {
        let wire = WireHeader::tls_deserialize_exact_bytes(bytes).map_err(InvalidHeader::Layout)?;
        let class =
            Class::of_header(wire.class, wire.custom_name.as_slice()).map_err(|source| {
                InvalidHeader::CustomName {
                    class: wire.class,
                    source,
                }
            })?;
        Ok(Self {
            log: LogId {
                channel: ChannelId(wire.channel),
                origin: OrgId(wire.origin),
                incarnation: IncarnationId(wire.incarnation),
            },
            sequence: wire.sequence,
            hlc: Hlc(wire.hlc),
            revision: NoteHash(wire.revision),
            author: AuthorId(wire.author),
            class,
            kind: wire.kind,
            commitment: wire.commitment,
        })
    }

    /// The kind, if this version knows it and it fits class and place.
    pub fn known_kind(&self) -> Result<Kind, EntryFault> {
        if let Class::Unknown(class) = self.class {
            return Err(EntryFault::UnknownClass { class });
        }
        let kind = Kind::of_number(self.kind).ok_or(EntryFault::UnknownKind { kind: self.kind })?;
        if !kind.is_of(&self.class) {
            let class = self.class.clone();
            return Err(EntryFault::ClassOfKind { kind, class });
        }
        match (kind == Kind::Opened) == (self.sequence == 0) {
            true => Ok(kind),
            false => Err(EntryFault::Opened),
        }
    }
}

/// SHA-256 of salt and body: what a header says of its body without giving anything of it away.
pub fn commitment(salt: &[u8; 32], body_bytes: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(salt)
        .chain_update(body_bytes)
        .finalize()
        .into()
}

/// Where a new entry goes and who writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub log: LogId,
    /// The position in it.
    pub sequence: u64,
    /// The time.
    pub hlc: Hlc,
    /// The charter revision.
    pub revision: NoteHash,
    /// The author.
    pub author: AuthorId,
}

/// Writes an entry of one's own log. `salt` is 32 random bytes, never used before.
pub fn compose(place: &Place, body: &Body, salt: [u8; 32]) -> Result<Entry, InvalidBody> {
    let bytes = body.encode()?;
    let header = Header {
        log: place.log,
        sequence: place.sequence,
        hlc: place.hlc,
        revision: place.revision,
        author: place.author,
        class: body.class(),
        kind: body.kind().number(),
        commitment: commitment(&salt, &bytes),
    };
    let header_bytes = header.encode();
    Ok(Entry {
        leaf: leaf_hash(&header_bytes),
        fault: header.known_kind().err(),
        header,
        body: Some(body.clone()),
        raw: RawEntry {
            header: header_bytes,
            body: Some(RawBody { salt, bytes }),
        },
    })
}

/// One entry that was read: its bytes, and what they say.
///
/// Says nothing about whether the entry is in any log; that is for a checked part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the header says.
    pub header: Header,
    /// The hash of the header in the tree.
    pub leaf: Hash,
    /// What the body says, if it is present and there is no fault.
    pub body: Option<Body>,
    /// Why the entry is void by itself, if it is.
    pub fault: Option<EntryFault>,
    /// The bytes, as their origin produced them. A body that is larger than any may be is left
    /// out: the entry is void without it.
    pub raw: RawEntry,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// The header cannot be read.
    #[error("the header cannot be read")]
    Header(#[source] InvalidHeader),
    /// Salt and body are not those that the header commits to.
    #[error("salt and body are not what the header commits to")]
    Commitment,
}

impl Entry {
    /// Reads an entry and checks that salt and body, if present, are the header's.
    pub fn read(raw: RawEntry) -> Result<Self, InvalidEntry> {
        let header = Header::decode(&raw.header).map_err(InvalidEntry::Header)?;
        let RawEntry {
            header: header_bytes,
            body: raw_body,
        } = raw;
        if let Some(RawBody { salt, bytes }) = &raw_body
            && commitment(salt, bytes) != header.commitment
        {
            return Err(InvalidEntry::Commitment);
        }
        let read = header.known_kind().and_then(|kind| {
            let decode = |body: &RawBody| Body::decode(kind, &header.class, &body.bytes);
            raw_body
                .as_ref()
                .map(decode)
                .transpose()
                .map_err(EntryFault::Body)
        });
        let (body, fault) = match read {
            Ok(body) => (body, None),
            Err(fault) => (None, Some(fault)),
        };
        Ok(Self {
            leaf: leaf_hash(&header_bytes),
            header,
            body,
            fault,
            raw: RawEntry {
                header: header_bytes,
                body: raw_body.filter(|body| body.bytes.len() <= BODY_BYTES_MAX),
            },
        })
    }

    /// Marks the entry void if its time is not after that of the entry before it.
    ///
    /// Within a part this was done; for the first entry of a part only who holds the entry before
    /// it can.
    pub fn check_time(&mut self, before: Hlc) {
        if self.fault.is_none() && self.header.hlc <= before {
            self.body = None;
            self.fault = Some(EntryFault::TimeNotGrowing {
                before,
                found: self.header.hlc,
            });
        }
    }
}

#[cfg(test)]
mod tests;
