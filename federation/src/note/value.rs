//! The values that stand in notes, and the one text form of each.
//!
//! Knows nothing of the notes that they stand in.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use data_encoding::HEXLOWER;
use foedus_policy::id::{ChannelId, IncarnationId, NoteHash, OrgId};
use foedus_policy::time::{DAY_MILLIS, Timestamp};
use foedus_policy::vocabulary::{Access, AuthorKind, Capability, EndCause};

use super::lines::Value;
use crate::bounds::FREE_TEXT_BYTES_MAX;
use crate::key::VerifyingKey;

/// A value whose text form is what `Display` prints and `FromStr` reads.
macro_rules! printed_values {
    ($($type:ty, $expected:literal;)+) => {$(
        impl $crate::note::lines::Value for $type {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn write(&self, out: &mut String) {
                out.push_str(&self.to_string());
            }
        }
    )+};
}
pub(crate) use printed_values;

/// An enum of a note's vocabulary, whose variants have one text form each.
macro_rules! choices {
    (
        $(#[$doc:meta])* $name:ident, $expected:literal,
        { $( $(#[$variant_doc:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $name {
            /// The text form.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::note::lines::Value for $name {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn write(&self, out: &mut String) {
                out.push_str(self.as_str());
            }
        }
    };
}
pub(crate) use choices;

printed_values! {
    OrgId, "an organisation `org_…`";
    ChannelId, "a channel `chan_…`";
    IncarnationId, "an incarnation `inc_…`";
    NoteHash, "the hash of a note `note_…`";
    VerifyingKey, "a public key `key_…` that is not weak";
    Access, "`full`, `post-only` or `read-only`";
    AuthorKind, "`bot`, `bridge`, `guest` or `member`";
    Capability, "the name of a capability";
    EndCause, "`end`, `withdrawal`, `termination` or `disconnect`";
}

/// A decimal number without sign or leading zeros.
macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Value for $type {
            const EXPECTED: &'static str = "a decimal number without leading zeros";

            fn read(text: &str) -> Option<Self> {
                let plain = text.bytes().all(|byte| byte.is_ascii_digit())
                    && (text == "0" || !text.starts_with('0'));
                if plain { text.parse().ok() } else { None }
            }

            fn write(&self, out: &mut String) {
                write!(out, "{self}").expect("a string takes what is written to it");
            }
        }
    )+};
}

numbers!(u16, u32, u64);

/// Bytes as lower-case hexadecimal digits: roots of trees, secrets, proofs, nonces.
impl<const BYTES: usize> Value for [u8; BYTES] {
    const EXPECTED: &'static str = "bytes of a fixed number in lower-case hexadecimal digits";

    fn read(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
    }

    fn write(&self, out: &mut String) {
        out.push_str(&HEXLOWER.encode(self));
    }
}

/// The last millisecond of the year 9999, the latest time that the text form can name.
const TIME_MAX: Timestamp = Timestamp(253_402_300_799_999);

/// RFC 3339 in UTC, with exactly three decimals and `Z`. Later times than the text form can name
/// are written as the latest.
impl Value for Timestamp {
    const EXPECTED: &'static str = "a time such as `2026-11-22T09:30:00.000Z`";

    fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != "2026-11-22T09:30:00.000Z".len() {
            return None;
        }
        let number = |from: usize, to: usize| -> Option<u64> {
            let digits = &bytes[from..to];
            digits.iter().all(u8::is_ascii_digit).then(|| {
                digits
                    .iter()
                    .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
            })
        };
        let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
        let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
        let time = Self(days * DAY_MILLIS + seconds * 1000 + number(20, 23)?);
        // Separators and ranges are held by writing the time again.
        let mut written = String::new();
        time.write(&mut written);
        (written == text).then_some(time)
    }

    fn write(&self, out: &mut String) {
        let millis = (*self).min(TIME_MAX).0;
        let (year, month, day) = civil_from_days(millis / DAY_MILLIS);
        let (seconds, millis) = (millis % DAY_MILLIS / 1000, millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            out,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
        .expect("a string takes what is written to it");
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` before that day and for months
/// that do not exist. After Howard Hinnant, "chrono-compatible low-level date algorithms".
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last.
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    days.checked_sub(719_468)
}

/// Year, month and day of the `days`th day after 1970-01-01; the inverse of [`days_from_civil`].
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The time as it is written in notes.
pub fn format_time(time: Timestamp) -> String {
    let mut text = String::new();
    time.write(&mut text);
    text
}

/// The time that `text` stands for, if it is in the one form of notes.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    Timestamp::read(text)
}

/// One line of free text, 1 to 256 bytes. In a note it stands in quotation marks, escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FreeText(String);

/// Why a text can't stand in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {FREE_TEXT_BYTES_MAX} bytes of text, found {found_bytes}")]
pub struct InvalidFreeText {
    /// How long it is.
    pub found_bytes: usize,
}

impl FreeText {
    /// The text, if its length allows.
    pub fn new(text: &str) -> Result<Self, InvalidFreeText> {
        if (1..=FREE_TEXT_BYTES_MAX).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidFreeText {
                found_bytes: text.len(),
            })
        }
    }

    /// The text itself, not escaped. It came from outside: data, never markup.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FreeText {
    type Err = InvalidFreeText;

    fn from_str(text: &str) -> Result<Self, InvalidFreeText> {
        Self::new(text)
    }
}

/// Characters that would not show, or would turn what stands around them.
const fn is_escaped(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'
        | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}')
}

impl Value for FreeText {
    const EXPECTED: &'static str = "1 to 256 bytes of text, escaped, in quotation marks";

    fn read(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        let mut plain = String::new();
        let mut letters = inner.chars();
        while let Some(letter) = letters.next() {
            if letter != '\\' {
                plain.push(letter);
                continue;
            }
            match letters.next()? {
                letter @ ('"' | '\\') => plain.push(letter),
                'u' => {
                    let (digits, rest) = letters.as_str().strip_prefix('{')?.split_once('}')?;
                    plain.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    letters = rest.chars();
                }
                _ => return None,
            }
        }
        let value = Self::new(&plain).ok()?;
        // One form: nothing escaped that need not be, nothing left that should be.
        let mut written = String::new();
        value.write(&mut written);
        (written == text).then_some(value)
    }

    fn write(&self, out: &mut String) {
        out.push('"');
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => out.extend(['\\', letter]),
                _ if is_escaped(letter) => write!(out, "\\u{{{:x}}}", u32::from(letter))
                    .expect("a string takes what is written to it"),
                _ => out.push(letter),
            }
        }
        out.push('"');
    }
}

impl fmt::Display for FreeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

/// Size and root of one log, as somebody states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over their headers.
    pub root: [u8; 32],
}

/// Heads of logs of one channel, by origin and incarnation.
pub type LogHeads = BTreeMap<(OrgId, IncarnationId), LogHead>;

/// One line of [`LogHeads`]: origin, incarnation, size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeadLine {
    /// Which log.
    pub log: (OrgId, IncarnationId),
    /// What is stated of it.
    pub head: LogHead,
}

impl LogHeadLine {
    /// The lines of `heads`, sorted.
    pub fn of(heads: &LogHeads) -> impl Iterator<Item = Self> {
        heads.iter().map(|(log, head)| Self {
            log: *log,
            head: *head,
        })
    }
}

impl Value for LogHeadLine {
    const EXPECTED: &'static str = "organisation, incarnation, size and root of a log";

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let log = (
            OrgId::read(words.next()?)?,
            IncarnationId::read(words.next()?)?,
        );
        let head = LogHead {
            size: u64::read(words.next()?)?,
            root: Value::read(words.next()?)?,
        };
        words.next().is_none().then_some(Self { log, head })
    }

    fn write(&self, out: &mut String) {
        self.log.0.write(out);
        out.push(' ');
        self.log.1.write(out);
        out.push(' ');
        self.head.size.write(out);
        out.push(' ');
        self.head.root.write(out);
    }
}
