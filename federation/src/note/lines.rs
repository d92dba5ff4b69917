//! The lines of a note's text: `name: value`, in one fixed order, with one accepted form.
//!
//! Knows nothing of signatures or of what the lines of a particular note mean.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::bounds::NOTE_TEXT_BYTES_MAX;

/// What stands where an optional value is absent.
const NONE: &str = "none";

/// Why a text is not one of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// More than a note's text may be.
    #[error("expected a text of at most {NOTE_TEXT_BYTES_MAX} bytes, found {found_bytes}")]
    TooLong {
        /// How long it is.
        found_bytes: usize,
    },
    /// Another first line.
    #[error("expected a text whose first line is `{expected}`")]
    Type {
        /// The first line of the expected type.
        expected: &'static str,
    },
    /// Another line, or none, where one is expected.
    #[error("expected a line `{expected}: …`, found another or the end")]
    Line {
        /// The name of the expected line.
        expected: &'static str,
    },
    /// A value that is not of the line's type, or not in its one form.
    #[error("expected {expected} in line `{name}`")]
    Value {
        /// The name of the line.
        name: &'static str,
        /// What the value should be.
        expected: &'static str,
    },
    /// Too many lines of a repeated kind.
    #[error("expected at most {count_max} lines `{name}`")]
    TooMany {
        /// The name of the lines.
        name: &'static str,
        /// How many there may be.
        count_max: usize,
    },
    /// Lines of a set that are unsorted, or one twice.
    #[error("expected the lines `{name}` sorted and each once")]
    Order {
        /// The name of the lines.
        name: &'static str,
    },
    /// More after the last line of the type.
    #[error("expected the end after line `{after}`")]
    Trailing {
        /// The last line of the type.
        after: &'static str,
    },
    /// Readable, and yet not what would be written for it.
    #[error("expected the one accepted form of the text")]
    Form,
}

/// A value of a line, with one text form.
pub trait Value: Sized {
    /// What is expected, for the message to who sent another.
    const EXPECTED: &'static str;

    /// The value that `text` stands for; `None` unless it is in the one accepted form.
    fn read(text: &str) -> Option<Self>;

    /// Appends the text form; it holds no newline.
    fn write(&self, out: &mut String);
}

impl<V: Value> Value for Option<V> {
    const EXPECTED: &'static str = V::EXPECTED;

    fn read(text: &str) -> Option<Self> {
        if text == NONE {
            Some(None)
        } else {
            V::read(text).map(Some)
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            None => out.push_str(NONE),
            Some(value) => value.write(out),
        }
    }
}

/// Writes the text of a note.
#[derive(Debug)]
pub struct LineWriter {
    text: String,
}

impl LineWriter {
    /// Begins a text with the line of its type.
    pub fn new(type_line: &'static str) -> Self {
        Self {
            text: format!("{type_line}\n"),
        }
    }

    /// One line.
    pub fn field<V: Value>(&mut self, name: &'static str, value: &V) {
        write!(self.text, "{name}: ").expect("a string takes what is written to it");
        value.write(&mut self.text);
        self.text.push('\n');
    }

    /// A line for each of `values`.
    pub fn repeated<V: Value>(&mut self, name: &'static str, values: impl IntoIterator<Item = V>) {
        for value in values {
            self.field(name, &value);
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Reads the text of a note from the front.
#[derive(Debug)]
pub struct LineReader<'text> {
    rest: &'text str,
    last: &'static str,
}

impl<'text> LineReader<'text> {
    /// Begins to read a text of the type `type_line`.
    pub fn open(text: &'text str, type_line: &'static str) -> Result<Self, InvalidText> {
        if text.len() > NOTE_TEXT_BYTES_MAX {
            return Err(InvalidText::TooLong {
                found_bytes: text.len(),
            });
        }
        match text.split_once('\n') {
            Some((first, rest)) if first == type_line => Ok(Self {
                rest,
                last: type_line,
            }),
            _ => Err(InvalidText::Type {
                expected: type_line,
            }),
        }
    }

    /// The value of the next line, whose name is `name`.
    pub fn field<V: Value>(&mut self, name: &'static str) -> Result<V, InvalidText> {
        match self.next(name)? {
            Some(value) => Ok(value),
            None => Err(InvalidText::Line { expected: name }),
        }
    }

    /// The values of the next lines as long as their name is `name`, in the order found.
    pub fn repeated<V: Value>(
        &mut self,
        name: &'static str,
        count_max: usize,
    ) -> Result<Vec<V>, InvalidText> {
        let mut values = Vec::new();
        while let Some(value) = self.next(name)? {
            if values.len() == count_max {
                return Err(InvalidText::TooMany { name, count_max });
            }
            values.push(value);
        }
        Ok(values)
    }

    /// As [`Self::repeated`], in strictly ascending order of `key`.
    pub fn sorted<V: Value, K: Ord>(
        &mut self,
        name: &'static str,
        count_max: usize,
        key: impl Fn(&V) -> K,
    ) -> Result<Vec<V>, InvalidText> {
        let values = self.repeated(name, count_max)?;
        if values.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
            Ok(values)
        } else {
            Err(InvalidText::Order { name })
        }
    }

    /// As [`Self::sorted`], by the values themselves.
    pub fn set<V: Value + Ord + Clone>(
        &mut self,
        name: &'static str,
        count_max: usize,
    ) -> Result<BTreeSet<V>, InvalidText> {
        Ok(self
            .sorted(name, count_max, V::clone)?
            .into_iter()
            .collect())
    }

    /// Nothing may be left.
    pub fn finish(self) -> Result<(), InvalidText> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(InvalidText::Trailing { after: self.last })
        }
    }

    fn next<V: Value>(&mut self, name: &'static str) -> Result<Option<V>, InvalidText> {
        let Some((line, rest)) = self.rest.split_once('\n') else {
            return Ok(None);
        };
        let Some(text) = line
            .strip_prefix(name)
            .and_then(|line| line.strip_prefix(": "))
        else {
            return Ok(None);
        };
        let value = V::read(text).ok_or(InvalidText::Value {
            name,
            expected: V::EXPECTED,
        })?;
        self.rest = rest;
        self.last = name;
        Ok(Some(value))
    }
}
