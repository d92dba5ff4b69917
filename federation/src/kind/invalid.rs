//! Why bytes are no body, or a body can't be written.

use super::{Class, Kind};
use crate::bounds::BODY_BYTES_MAX;

/// A field of a body, in errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The text of a message.
    Text,
    /// The emoji of a reaction.
    Emoji,
    /// The address of an author.
    Address,
    /// The display name of an author.
    DisplayName,
    /// The closed incarnations.
    Closes,
    /// The rows of a heads entry.
    Heads,
    /// The note.
    Note,
    /// The content of a custom event.
    Custom,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Emoji => "emoji",
            Self::Address => "address",
            Self::DisplayName => "display name",
            Self::Closes => "closed incarnations",
            Self::Heads => "heads",
            Self::Note => "note",
            Self::Custom => "custom content",
        })
    }
}

/// Why bytes are no body of their kind, or a body cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// Not the layout of the kind: too short, too long, an unknown number.
    #[error("the bytes are not laid out as the kind demands")]
    Layout(#[source] tls_codec::Error),
    /// More bytes than any body may have.
    #[error("expected a body of at most {BODY_BYTES_MAX} bytes, found {found_bytes}")]
    Bytes {
        /// How many there are.
        found_bytes: usize,
    },
    /// A field that must say something is empty.
    #[error("the {field} is empty")]
    Empty {
        /// Which field.
        field: Field,
    },
    /// A field is too long.
    #[error("expected at most {expected_max} bytes or rows of {field}, found {found}")]
    TooLong {
        /// Which field.
        field: Field,
        /// Bytes of a text, rows of a list.
        expected_max: usize,
        /// How many there are.
        found: usize,
    },
    /// A text is not UTF-8.
    #[error("the {field} is not UTF-8")]
    Utf8 {
        /// Which field.
        field: Field,
    },
    /// A text has a NUL, or a name has a control character.
    #[error("the {field} has a character that is not allowed in it")]
    Character {
        /// Which field.
        field: Field,
    },
    /// Rows do not ascend, or one is there twice.
    #[error("the rows of {field} do not ascend")]
    Order {
        /// Which field.
        field: Field,
    },
    /// A yes or no is neither 0 nor 1.
    #[error("expected 0 or 1, found {found}")]
    Flag {
        /// What it is.
        found: u8,
    },
    /// A kind of author that this version does not know.
    #[error("expected a kind of author from 1 to 4, found {found}")]
    AuthorKind {
        /// What it is.
        found: u8,
    },
    /// The class of the header is not the kind's.
    #[error("an entry of kind {kind} is not of class {class}")]
    Class {
        /// The kind.
        kind: Kind,
        /// The class beside it.
        class: Class,
    },
}
