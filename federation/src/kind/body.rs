//! Bodies: what entries say. One encoding each, the whole input consumed.

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};
use foedus_policy::vocabulary::AuthorKind;
use tls_codec::{DeserializeBytes, Serialize, TlsByteVecU8, TlsByteVecU16};

use super::invalid::{Field, InvalidBody};
use super::limits::{
    check_address, check_closes, check_custom, check_display_name, check_emoji, check_heads,
    check_note, check_text, utf8,
};
use super::{Class, CustomName, Kind, wire};
use crate::bounds::BODY_BYTES_MAX;
use crate::tree::Hash;

/// One earlier incarnation of the same log, closed by the first entry of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedLog {
    /// Which incarnation.
    pub incarnation: IncarnationId,
    /// How much of it is known. More may turn up.
    pub size: u64,
    /// The root of the tree of that size.
    pub root: Hash,
}

/// What the first entry of an incarnation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The public key (Ed25519) under which this incarnation's checkpoints are signed.
    pub key: [u8; 32],
    /// The incarnations of this log that were still open, ascending.
    pub closes: Vec<ClosedLog>,
}

/// What somebody holds of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation.
    pub incarnation: IncarnationId,
    /// How much of it is held, without a gap.
    pub size: u64,
    /// The root of the tree of that size.
    pub root: Hash,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A message.
    Post {
        /// Its text; not empty.
        text: String,
        /// What it answers.
        reply_to: Option<EntryRef>,
    },
    /// Another text for a message of the same author.
    Edit {
        /// The message.
        target: EntryRef,
        /// Its new text; not empty.
        text: String,
    },
    /// A message of the same author is taken back.
    Retract {
        /// The message.
        target: EntryRef,
    },
    /// A reaction.
    React {
        /// What it is a reaction to.
        target: EntryRef,
        /// The emoji; not empty.
        emoji: String,
        /// Whether it is put on, or taken off again.
        on: bool,
    },
    /// The author of the entry joined, or from here on has this address and name.
    Joined {
        /// What kind of author it is.
        author_kind: AuthorKind,
        /// A label to show, never an identifier to trust.
        address: String,
        /// The name to show; may be empty.
        display_name: String,
    },
    /// The author of the entry left.
    Left,
    /// The first entry of an incarnation.
    Opened(Opened),
    /// What the origin of the entry holds of the channel's logs, its own excepted.
    Heads(
        /// Ascending by origin and incarnation; at least one.
        Vec<Head>,
    ),
    /// A signed note, as its signers produced it.
    Note(
        /// Text and signature lines; not empty.
        Vec<u8>,
    ),
    /// From here on nobody hands on the body of an entry of the same log.
    Erase {
        /// The entry.
        target: EntryRef,
    },
    /// An event that the charter names.
    Custom {
        /// Its name. It is in the header's class, not in the encoded body.
        name: CustomName,
        /// Its content.
        bytes: Vec<u8>,
    },
}

impl Body {
    /// The kind that says how the body is read.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Post { .. } => Kind::Post,
            Self::Edit { .. } => Kind::Edit,
            Self::Retract { .. } => Kind::Retract,
            Self::React { .. } => Kind::React,
            Self::Joined { .. } => Kind::Joined,
            Self::Left => Kind::Left,
            Self::Opened(_) => Kind::Opened,
            Self::Heads(_) => Kind::Heads,
            Self::Note(_) => Kind::Note,
            Self::Erase { .. } => Kind::Erase,
            Self::Custom { .. } => Kind::Custom,
        }
    }

    /// The class that its entry has.
    pub fn class(&self) -> Class {
        match self {
            Self::Post { .. } => Class::Content,
            Self::Edit { .. } | Self::Retract { .. } => Class::ChangeOfOwn,
            Self::React { .. } => Class::Reaction,
            Self::Joined { .. } | Self::Left => Class::Membership,
            Self::Opened(_) | Self::Heads(_) | Self::Note(_) | Self::Erase { .. } => Class::Control,
            Self::Custom { name, .. } => Class::Custom(name.clone()),
        }
    }

    /// The bytes, if the body keeps every limit.
    pub fn encode(&self) -> Result<Vec<u8>, InvalidBody> {
        match self {
            Self::Post { text, reply_to } => write(&wire::Post {
                text: text_field(text)?,
                reply_to: reply_to.map(Into::into),
            }),
            Self::Edit { target, text } => write(&wire::Edit {
                target: (*target).into(),
                text: text_field(text)?,
            }),
            Self::Retract { target } | Self::Erase { target } => {
                write(&wire::Reference::from(*target))
            }
            Self::React { target, emoji, on } => write(&wire::React {
                target: (*target).into(),
                emoji: TlsByteVecU8::from(check_emoji(emoji)?.as_bytes()),
                on: u8::from(*on),
            }),
            Self::Joined {
                author_kind,
                address,
                display_name,
            } => write(&wire::Joined {
                author_kind: author_kind_number(*author_kind),
                address: TlsByteVecU16::from(check_address(address)?.as_bytes()),
                display_name: TlsByteVecU8::from(check_display_name(display_name)?.as_bytes()),
            }),
            Self::Left => Ok(Vec::new()),
            Self::Opened(Opened { key, closes }) => write(&wire::Opened {
                key: *key,
                closes: TlsByteVecU16::from(write_closes(closes)?),
            }),
            Self::Heads(heads) => write(&TlsByteVecU16::from(write_heads(heads)?)),
            Self::Note(note) => write(&TlsByteVecU16::from(check_note(note)?)),
            Self::Custom { bytes, .. } => write(&TlsByteVecU16::from(check_custom(bytes)?)),
        }
    }

    /// What `bytes` say, as the body of an entry of this kind and class.
    pub fn decode(kind: Kind, class: &Class, bytes: &[u8]) -> Result<Self, InvalidBody> {
        if !kind.is_of(class) {
            let class = class.clone();
            return Err(InvalidBody::Class { kind, class });
        }
        if bytes.len() > BODY_BYTES_MAX {
            let found_bytes = bytes.len();
            return Err(InvalidBody::Bytes { found_bytes });
        }
        match kind {
            Kind::Post => read(bytes).and_then(Self::of_post),
            Kind::Edit => read(bytes).and_then(Self::of_edit),
            Kind::React => read(bytes).and_then(Self::of_react),
            Kind::Joined => read(bytes).and_then(Self::of_joined),
            Kind::Opened => read(bytes).and_then(Self::of_opened),
            Kind::Retract => read(bytes).map(|target: wire::Reference| Self::Retract {
                target: target.into(),
            }),
            Kind::Erase => read(bytes).map(|target: wire::Reference| Self::Erase {
                target: target.into(),
            }),
            Kind::Left if bytes.is_empty() => Ok(Self::Left),
            Kind::Left => Err(InvalidBody::Layout(tls_codec::Error::TrailingData)),
            Kind::Heads => {
                let rows: TlsByteVecU16 = read(bytes)?;
                read_heads(rows.as_slice()).map(Self::Heads)
            }
            Kind::Note => {
                let note: TlsByteVecU16 = read(bytes)?;
                check_note(note.as_slice())?;
                Ok(Self::Note(note.into()))
            }
            Kind::Custom => match class {
                Class::Custom(name) => {
                    let content: TlsByteVecU16 = read(bytes)?;
                    check_custom(content.as_slice())?;
                    let name = name.clone();
                    Ok(Self::Custom {
                        name,
                        bytes: content.into(),
                    })
                }
                _ => unreachable!("the class was checked to be the kind's"),
            },
        }
    }

    fn of_post(wire::Post { text, reply_to }: wire::Post) -> Result<Self, InvalidBody> {
        Ok(Self::Post {
            text: check_text(utf8(Field::Text, text.as_slice())?)?.to_owned(),
            reply_to: reply_to.map(Into::into),
        })
    }

    fn of_edit(wire::Edit { target, text }: wire::Edit) -> Result<Self, InvalidBody> {
        Ok(Self::Edit {
            target: target.into(),
            text: check_text(utf8(Field::Text, text.as_slice())?)?.to_owned(),
        })
    }

    fn of_react(wire::React { target, emoji, on }: wire::React) -> Result<Self, InvalidBody> {
        Ok(Self::React {
            target: target.into(),
            emoji: check_emoji(utf8(Field::Emoji, emoji.as_slice())?)?.to_owned(),
            on: match on {
                0 => false,
                1 => true,
                found => return Err(InvalidBody::Flag { found }),
            },
        })
    }

    fn of_joined(joined: wire::Joined) -> Result<Self, InvalidBody> {
        let wire::Joined {
            author_kind,
            address,
            display_name,
        } = joined;
        let address = utf8(Field::Address, address.as_slice())?;
        let display_name = utf8(Field::DisplayName, display_name.as_slice())?;
        Ok(Self::Joined {
            author_kind: author_kind_of(author_kind)?,
            address: check_address(address)?.to_owned(),
            display_name: check_display_name(display_name)?.to_owned(),
        })
    }

    fn of_opened(wire::Opened { key, closes }: wire::Opened) -> Result<Self, InvalidBody> {
        let closes = read_closes(closes.as_slice())?;
        Ok(Self::Opened(Opened { key, closes }))
    }
}

fn read<T: DeserializeBytes>(bytes: &[u8]) -> Result<T, InvalidBody> {
    T::tls_deserialize_exact_bytes(bytes).map_err(InvalidBody::Layout)
}

fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, InvalidBody> {
    value.tls_serialize_detached().map_err(InvalidBody::Layout)
}

fn text_field(text: &str) -> Result<TlsByteVecU16, InvalidBody> {
    Ok(TlsByteVecU16::from(check_text(text)?.as_bytes()))
}

fn author_kind_number(kind: AuthorKind) -> u8 {
    match kind {
        AuthorKind::Member => 1,
        AuthorKind::Guest => 2,
        AuthorKind::Bot => 3,
        AuthorKind::Bridge => 4,
    }
}

fn author_kind_of(number: u8) -> Result<AuthorKind, InvalidBody> {
    match number {
        1 => Ok(AuthorKind::Member),
        2 => Ok(AuthorKind::Guest),
        3 => Ok(AuthorKind::Bot),
        4 => Ok(AuthorKind::Bridge),
        found => Err(InvalidBody::AuthorKind { found }),
    }
}

fn write_closes(closes: &[ClosedLog]) -> Result<Vec<u8>, InvalidBody> {
    check_closes(closes)?;
    write_rows(
        closes,
        |&ClosedLog {
             incarnation,
             size,
             root,
         }| {
            let incarnation = incarnation.0;
            wire::ClosedLog {
                incarnation,
                size,
                root,
            }
        },
    )
}

fn read_closes(bytes: &[u8]) -> Result<Vec<ClosedLog>, InvalidBody> {
    let closes = read_rows(bytes, |row| {
        let wire::ClosedLog {
            incarnation,
            size,
            root,
        } = row;
        let incarnation = IncarnationId(incarnation);
        ClosedLog {
            incarnation,
            size,
            root,
        }
    })?;
    check_closes(&closes)?;
    Ok(closes)
}

fn write_heads(heads: &[Head]) -> Result<Vec<u8>, InvalidBody> {
    check_heads(heads)?;
    write_rows(
        heads,
        |&Head {
             origin,
             incarnation,
             size,
             root,
         }| wire::Head {
            origin: origin.0,
            incarnation: incarnation.0,
            size,
            root,
        },
    )
}

fn read_heads(bytes: &[u8]) -> Result<Vec<Head>, InvalidBody> {
    let heads = read_rows(bytes, |row: wire::Head| Head {
        origin: OrgId(row.origin),
        incarnation: IncarnationId(row.incarnation),
        size: row.size,
        root: row.root,
    })?;
    check_heads(&heads)?;
    Ok(heads)
}

fn write_rows<T, W: Serialize>(
    rows: &[T],
    to_wire: impl Fn(&T) -> W,
) -> Result<Vec<u8>, InvalidBody> {
    let mut bytes = Vec::new();
    for row in rows {
        to_wire(row)
            .tls_serialize(&mut bytes)
            .map_err(InvalidBody::Layout)?;
    }
    Ok(bytes)
}

fn read_rows<T, W: DeserializeBytes>(
    mut bytes: &[u8],
    from_wire: impl Fn(W) -> T,
) -> Result<Vec<T>, InvalidBody> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let (row, rest) = W::tls_deserialize_bytes(bytes).map_err(InvalidBody::Layout)?;
        rows.push(from_wire(row));
        bytes = rest;
    }
    Ok(rows)
}
