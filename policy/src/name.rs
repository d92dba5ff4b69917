//! Names that are checked once and then carried by type: of members, channels, organisations,
//! and the free text that people show each other.
//!
//! Local names are ASCII by construction, so no name can look like another. Free text is a label
//! to show and never an identifier; what could reorder, hide or control is refused here.
//! Knows nothing of who may use a name.

use std::fmt;
use std::str::FromStr;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::bounds::{
    CHANNEL_NAME_BYTES_MAX, HANDLE_BYTES_MAX, HANDLE_LABEL_BYTES_MAX, LABEL_BYTES_MAX,
    MEMBER_NAME_BYTES_MAX, SENTENCE_BYTES_MAX,
};
use crate::id::{OrgId, is_identifier};

/// Why a text is no name of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Empty, or too long.
    #[error("expected 1 to {bytes_max} bytes, found {bytes}")]
    Length {
        /// The most that is allowed.
        bytes_max: usize,
        /// What was found.
        bytes: usize,
    },
    /// A character that this kind of name cannot have.
    #[error("expected {expected}, found U+{:04X}", u32::from(*.found))]
    Character {
        /// What this kind of name is made of.
        expected: &'static str,
        /// The first character that is something else.
        found: char,
    },
    /// The right characters in a wrong place.
    #[error("expected {expected}")]
    Shape {
        /// The rule that is broken.
        expected: &'static str,
    },
}

fn check_length(text: &str, bytes_max: usize) -> Result<(), InvalidName> {
    if text.is_empty() || text.len() > bytes_max {
        return Err(InvalidName::Length {
            bytes_max,
            bytes: text.len(),
        });
    }
    Ok(())
}

fn check_ascii(
    text: &str,
    bytes_max: usize,
    punctuation: &[char],
    expected: &'static str,
) -> Result<(), InvalidName> {
    check_length(text, bytes_max)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some(found) = text
        .chars()
        .find(|c| !allowed(*c) && !punctuation.contains(c))
    {
        return Err(InvalidName::Character { expected, found });
    }
    // Shown or asked for by its name it would be taken for what has that identifier.
    if is_identifier(text) {
        return Err(InvalidName::Shape {
            expected: "a name that is no identifier",
        });
    }
    // A leading `.` or `-` would be a hidden file or an option to somebody.
    if !text.starts_with(allowed) {
        return Err(InvalidName::Shape {
            expected: "a letter or a digit first",
        });
    }
    Ok(())
}

fn check_member_name(text: &str) -> Result<(), InvalidName> {
    let expected = "lower-case letters, digits, `.`, `_` and `-`";
    check_ascii(text, MEMBER_NAME_BYTES_MAX, &['.', '_', '-'], expected)
}

fn check_channel_name(text: &str) -> Result<(), InvalidName> {
    let expected = "lower-case letters, digits, `_` and `-`";
    check_ascii(text, CHANNEL_NAME_BYTES_MAX, &['_', '-'], expected)
}

fn check_handle(text: &str) -> Result<(), InvalidName> {
    check_ascii(
        text,
        HANDLE_BYTES_MAX,
        &['.', '-'],
        "lower-case letters, digits, `-` and `.`",
    )?;
    for label in text.split('.') {
        if label.is_empty() || label.len() > HANDLE_LABEL_BYTES_MAX {
            return Err(InvalidName::Shape {
                expected: "1 to 63 bytes between dots",
            });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(InvalidName::Shape {
                expected: "no `-` beside a dot or at an end",
            });
        }
    }
    Ok(())
}

/// Letters that Unicode calls letters but that show nothing.
const BLANKS: [char; 5] = ['\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}', '\u{2800}'];

fn check_free_text(text: &str, bytes_max: usize) -> Result<(), InvalidName> {
    check_length(text, bytes_max)?;
    let refused = |c: char| {
        BLANKS.contains(&c)
            || matches!(
                c.general_category(),
                GeneralCategory::Control
                    // All marks that reorder text (bidi) and all that show nothing are here.
                    | GeneralCategory::Format
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
                    | GeneralCategory::Surrogate
                    | GeneralCategory::PrivateUse
                    | GeneralCategory::Unassigned
            )
    };
    if let Some(found) = text.chars().find(|c| refused(*c)) {
        return Err(InvalidName::Character {
            expected: "one line of visible text",
            found,
        });
    }
    if text.trim() != text {
        return Err(InvalidName::Shape {
            expected: "no space at either end",
        });
    }
    Ok(())
}

fn check_label(text: &str) -> Result<(), InvalidName> {
    check_free_text(text, LABEL_BYTES_MAX)
}

fn check_sentence(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Ok(());
    }
    check_free_text(text, SENTENCE_BYTES_MAX)
}

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text as one of these, or which rule it breaks.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

checked_text!(
    /// The local part of a member's address: `anna`.
    MemberName, check_member_name
);
checked_text!(
    /// What this organisation calls a channel. Never leaves the organisation.
    ChannelName, check_channel_name
);
checked_text!(
    /// What an organisation calls itself: a name in the form of DNS, in lower case. A claim.
    Handle, check_handle
);
checked_text!(
    /// One line of visible text that is not empty: a display name, a project's or a token's name.
    Label, check_label
);
checked_text!(
    /// One line of visible text, or nothing: a topic, a purpose, a reason.
    Sentence, check_sentence
);

/// Which organisations a partner rule is about.
///
/// Text form: `globex.example`, `*.example` (every handle under it, not itself), or `org_…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Pattern {
    /// One handle.
    Exact(Handle),
    /// Every handle that ends in a dot and this.
    Under(Handle),
    /// One organisation, whatever it calls itself.
    Org(OrgId),
}

impl Pattern {
    /// The pattern that `text` stands for, or which rule of handles it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if let Ok(org) = text.parse() {
            return Ok(Self::Org(org));
        }
        match text.strip_prefix("*.") {
            Some(rest) => Handle::parse(rest).map(Self::Under),
            None => Handle::parse(text).map(Self::Exact),
        }
    }

    /// Whether the organisation, under the handle that it claims, is meant.
    pub fn matches(&self, org: Option<&OrgId>, handle: Option<&Handle>) -> bool {
        match self {
            Self::Org(meant) => org == Some(meant),
            Self::Exact(meant) => handle == Some(meant),
            Self::Under(parent) => handle.is_some_and(|handle| {
                handle
                    .as_str()
                    .strip_suffix(parent.as_str())
                    .is_some_and(|rest| rest.ends_with('.'))
            }),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(handle) => write!(f, "{handle}"),
            Self::Under(handle) => write!(f, "*.{handle}"),
            Self::Org(org) => write!(f, "{org}"),
        }
    }
}

#[cfg(test)]
mod tests;
