//! Identifiers: fixed-size byte strings, each of its own type, each with one text form.
//!
//! The text form is a prefix that names the type, an underscore, and lower-case base32
//! (RFC 4648, without padding). Parsing accepts exactly what formatting produces.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use std::sync::LazyLock;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification
        .encoding()
        .expect("32 distinct ASCII symbols are an encoding")
});

/// Lower-case base32 (RFC 4648 alphabet, no padding) of `bytes`.
pub fn base32(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// The bytes that `text` stands for; `None` unless `text` is exactly what [`base32`] would print.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    BASE32.decode(text.as_bytes()).ok()
}

/// Why a text is no identifier of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Another prefix, or none.
    #[error("expected an identifier that begins with `{expected}_`")]
    Prefix {
        /// The prefix of the expected type.
        expected: &'static str,
    },
    /// What follows the prefix is not base32 of the right length.
    #[error("expected {expected_bytes} bytes in lower-case base32 after `{prefix}_`")]
    Encoding {
        /// The prefix of the expected type.
        prefix: &'static str,
        /// The length of the identifier in bytes.
        expected_bytes: usize,
    },
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// What the text form begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let rest = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(InvalidId::Prefix { expected: $prefix })?;
                from_base32(rest)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or(InvalidId::Encoding { prefix: $prefix, expected_bytes: $bytes })
            }
        }
    };
}

identifier!(
    /// An organisation: SHA-256 of `"foedus/org/v1\n"` and its first root key. For ever.
    OrgId, 32, "org"
);
identifier!(
    /// A channel: a hash of its host's id and 16 random bytes.
    ChannelId, 32, "chan"
);
identifier!(
    /// One incarnation of a log: 16 random bytes, drawn at the first append after a start.
    IncarnationId, 16, "inc"
);
identifier!(
    /// An author within one channel: 16 random bytes. Says nothing about who it is.
    AuthorId, 16, "auth"
);
identifier!(
    /// One run of a daemon over a store: 16 random bytes. Arrival numbers are relative to it.
    RunId, 16, "run"
);
identifier!(
    /// A member of this organisation: 16 random bytes. Never leaves the organisation.
    MemberId, 16, "mem"
);
identifier!(
    /// A project of this organisation: 16 random bytes.
    ProjectId, 16, "proj"
);
identifier!(
    /// A token of the API: 16 random bytes. Not the secret.
    TokenId, 16, "tok"
);
identifier!(
    /// An invitation: SHA-256 of `"foedus/invitation/v1\n"` and its secret.
    InvitationId, 32, "inv"
);
identifier!(
    /// A note: SHA-256 of its text with the last newline, without its signatures.
    NoteHash, 32, "note"
);

/// Whether a text is the text form of some identifier.
pub fn is_identifier(text: &str) -> bool {
    fn is<T: std::str::FromStr>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }
    let kinds = [
        is::<OrgId>,
        is::<ChannelId>,
        is::<IncarnationId>,
        is::<AuthorId>,
        is::<RunId>,
        is::<MemberId>,
        is::<ProjectId>,
        is::<TokenId>,
        is::<InvitationId>,
        is::<NoteHash>,
    ];
    kinds.iter().any(|is_one| is_one(text))
}

impl NoteHash {
    /// The revision that entries of a channel without a charter name.
    pub const LOCAL: Self = Self([0; 32]);
}

/// Number of a request, per organisation, from 1. Printed as `REQ-0042`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestNumber(pub u32);

impl fmt::Display for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "REQ-{:04}", self.0)
    }
}

impl fmt::Debug for RequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Refers to one entry of one channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EntryRef {
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation of it.
    pub incarnation: IncarnationId,
    /// Position in it, from 0.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back() {
        let id = OrgId([7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), "org_".len() + 52);
    }

    #[test]
    fn only_the_canonical_text_is_accepted() {
        let text = OrgId([255; 32]).to_string();
        assert!(text.to_uppercase().parse::<OrgId>().is_err());
        assert!(text.replace("org_", "chan_").parse::<OrgId>().is_err());
        assert!(format!("{text}a").parse::<OrgId>().is_err());
        // 32 bytes are 51.2 symbols: the last symbol has 4 bits that must be zero.
        let stretched = format!("{}7", &text[..text.len() - 1]);
        assert!(stretched == text || stretched.parse::<OrgId>().is_err());
    }
}
