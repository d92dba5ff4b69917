//! What an entry is: its class, which rules act on; its kind, which says how to read its body;
//! and the bodies.
//!
//! Knows nothing of headers, trees or charters. The bytes are those of `docs/PROTOCOL.md` §5.

use std::fmt;
use std::str::FromStr;

use crate::bounds::CUSTOM_NAME_BYTES_MAX;

mod body;
mod invalid;
mod limits;
mod wire;

pub use body::{Body, ClosedLog, Head, Opened};
pub use invalid::{Field, InvalidBody};

/// The name of a custom event: 1 to 64 lower-case letters, digits, `.`, `-`, a letter first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomName(String);

impl CustomName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no name of a custom event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 1 to {CUSTOM_NAME_BYTES_MAX} lower-case letters, digits, `.` or `-`, a letter first"
)]
pub struct InvalidCustomName;

impl FromStr for CustomName {
    type Err = InvalidCustomName;

    fn from_str(text: &str) -> Result<Self, InvalidCustomName> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let first_is_letter = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase());
        if first_is_letter && text.len() <= CUSTOM_NAME_BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCustomName)
        }
    }
}

impl fmt::Display for CustomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for CustomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What rules and capabilities act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Something new is said.
    Content,
    /// Something that the same author said is changed or taken back.
    ChangeOfOwn,
    /// A reaction to what somebody said.
    Reaction,
    /// An author comes or goes.
    Membership,
    /// What organisations tell each other's daemons.
    Control,
    /// An event that the charter names.
    Custom(CustomName),
    /// A class of a later version of this protocol: void, for ever. Holds its number, which is
    /// none of the above.
    Unknown(u8),
}

impl Class {
    const CUSTOM: u8 = 6;

    /// The number in a header.
    pub const fn number(&self) -> u8 {
        match self {
            Self::Content => 1,
            Self::ChangeOfOwn => 2,
            Self::Reaction => 3,
            Self::Membership => 4,
            Self::Control => 5,
            Self::Custom(_) => Self::CUSTOM,
            Self::Unknown(number) => *number,
        }
    }

    /// The name in a header: empty but for custom classes.
    pub fn custom_name(&self) -> &str {
        match self {
            Self::Custom(name) => name.as_str(),
            _ => "",
        }
    }

    /// The class that number and name of a header stand for; exactly the custom class has a name.
    pub(crate) fn of_header(number: u8, name: &[u8]) -> Result<Self, InvalidCustomName> {
        if number == Self::CUSTOM {
            let name = std::str::from_utf8(name).map_err(|_| InvalidCustomName)?;
            return name.parse().map(Self::Custom);
        }
        if !name.is_empty() {
            return Err(InvalidCustomName);
        }
        Ok(match number {
            1 => Self::Content,
            2 => Self::ChangeOfOwn,
            3 => Self::Reaction,
            4 => Self::Membership,
            5 => Self::Control,
            unknown => Self::Unknown(unknown),
        })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => f.write_str("content"),
            Self::ChangeOfOwn => f.write_str("change-of-own"),
            Self::Reaction => f.write_str("reaction"),
            Self::Membership => f.write_str("membership"),
            Self::Control => f.write_str("control"),
            Self::Custom(name) => write!(f, "custom:{name}"),
            Self::Unknown(number) => write!(f, "unknown:{number}"),
        }
    }
}

/// How the body of an entry is read.
///
/// The number in a header is 256 × the number of the class, plus the number within the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A message.
    Post,
    /// Another text for one's own message.
    Edit,
    /// One's own message is taken back.
    Retract,
    /// A reaction is put on or taken off.
    React,
    /// An author joined, or has a new address or name.
    Joined,
    /// An author left.
    Left,
    /// The first entry of an incarnation.
    Opened,
    /// What its origin holds of the channel's logs.
    Heads,
    /// A signed note.
    Note,
    /// A body of the same log is erased, everywhere.
    Erase,
    /// An event that the charter names.
    Custom,
}

impl Kind {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Post,
        Self::Edit,
        Self::Retract,
        Self::React,
        Self::Joined,
        Self::Left,
        Self::Opened,
        Self::Heads,
        Self::Note,
        Self::Erase,
        Self::Custom,
    ];

    /// The number in a header.
    pub const fn number(self) -> u16 {
        match self {
            Self::Post => 0x0101,
            Self::Edit => 0x0201,
            Self::Retract => 0x0202,
            Self::React => 0x0301,
            Self::Joined => 0x0401,
            Self::Left => 0x0402,
            Self::Opened => 0x0501,
            Self::Heads => 0x0502,
            Self::Note => 0x0503,
            Self::Erase => 0x0504,
            Self::Custom => 0x0601,
        }
    }

    /// The kind of a number; `None` for one of a later version.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.number() == number)
    }

    /// The name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Edit => "edit",
            Self::Retract => "retract",
            Self::React => "react",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Opened => "opened",
            Self::Heads => "heads",
            Self::Note => "note",
            Self::Erase => "erase",
            Self::Custom => "custom",
        }
    }

    /// Whether entries of this kind belong to `class`.
    pub const fn is_of(self, class: &Class) -> bool {
        self.number() >> 8 == class.number() as u16
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
