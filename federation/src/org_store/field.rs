//! What the mirrors of all records are made of: text, flags, and why a field is refused.
//!
//! Knows no record.

use std::convert::Infallible;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use foedus_policy::name::InvalidName;
use foedus_policy::vocabulary::UnknownWord;
use tls_codec::{TlsByteVecU16, TlsDeserializeBytes, TlsSerialize, TlsSize};

/// Why a field of a stored record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// It is no text.
    #[error("{field}: expected text in UTF-8")]
    Utf8 {
        /// The field.
        field: &'static str,
    },
    /// It is no name of the expected kind.
    #[error("{field}: expected a valid name")]
    Name {
        /// The field.
        field: &'static str,
        /// Which rule it breaks.
        #[source]
        source: InvalidName,
    },
    /// It is no word of the vocabulary.
    #[error("{field}: expected a known word")]
    Word {
        /// The field.
        field: &'static str,
        /// Which words are known.
        #[source]
        source: UnknownWord,
    },
    /// It holds more or fewer than it must.
    #[error("{field}: expected {expected}, found {found}")]
    Count {
        /// The field.
        field: &'static str,
        /// How many it must hold.
        expected: usize,
        /// How many it holds.
        found: usize,
    },
}

/// A mirror without text can't be wrong.
impl From<Infallible> for InvalidField {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Text, of at most 65,535 bytes.
pub(super) type Text = TlsByteVecU16;

pub(super) fn text(text: &str) -> Text {
    text.as_bytes().into()
}

pub(super) fn utf8(field: &'static str, text: &Text) -> Result<String, InvalidField> {
    match std::str::from_utf8(text.as_slice()) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(InvalidField::Utf8 { field }),
    }
}

/// Text that has a parser of its own.
pub(super) fn name<T>(field: &'static str, text: &Text) -> Result<T, InvalidField>
where
    T: FromStr<Err = InvalidName>,
{
    utf8(field, text)?
        .parse()
        .map_err(|source| InvalidField::Name { field, source })
}

/// Yes or no.
#[derive(Clone, Copy, TlsSize, TlsSerialize, TlsDeserializeBytes)]
#[repr(u8)]
pub(super) enum Flag {
    No = 0,
    Yes = 1,
}

impl From<bool> for Flag {
    fn from(set: bool) -> Self {
        if set { Self::Yes } else { Self::No }
    }
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        matches!(flag, Flag::Yes)
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}
