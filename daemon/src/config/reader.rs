//! Takes one table of a configuration file apart, key by key, and notes what is wrong with each.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::faults::{Fault, FaultKind};

/// One table, and the keys that were asked for.
pub(super) struct Reader<'a> {
    section: String,
    table: Table,
    known: Vec<&'static str>,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(section: &str, table: Table, faults: &'a mut Vec<Fault>) -> Self {
        Self {
            section: section.to_owned(),
            table,
            known: Vec::new(),
            faults,
        }
    }

    /// Notes a fault at a key of this table.
    pub(super) fn fault(&mut self, key: &str, kind: FaultKind) {
        let key = match self.section.as_str() {
            "" => key.to_owned(),
            section => format!("{section}.{key}"),
        };
        self.faults.push(Fault { key, kind });
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Whatever was not asked for is unknown.
    pub(super) fn finish(mut self) {
        let known = self.known.join(", ");
        for key in std::mem::take(&mut self.table).keys() {
            let known = known.clone();
            self.fault(key, FaultKind::UnknownKey { known });
        }
    }

    /// A table in this one; one that is missing is as one that is empty.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let table = match self.take(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong_type(key, "a section", &other);
                Table::new()
            }
        };
        let mut section = Reader::new(key, table, self.faults);
        let found = read(&mut section);
        section.finish();
        found
    }

    fn wrong_type(&mut self, key: &str, expected: &'static str, found: &Value) {
        let found = match found {
            Value::String(_) => "a text",
            Value::Integer(_) => "a number",
            Value::Float(_) => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::Datetime(_) => "a time",
            Value::Array(_) => "a list",
            Value::Table(_) => "a section",
        };
        self.fault(key, FaultKind::Type { expected, found });
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong_type(key, "a text", &other);
                None
            }
        }
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.fault(key, FaultKind::EmptyPath);
        }
        Some(PathBuf::from(text))
    }

    pub(super) fn number(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let found = match self.take(key)? {
            Value::Integer(number) => number,
            other => {
                self.wrong_type(key, "a number", &other);
                return None;
            }
        };
        match u64::try_from(found) {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            _ => {
                self.fault(key, FaultKind::Range { min, max, found });
                None
            }
        }
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let found = self.text(key)?;
        let choice = choices.iter().find(|(word, _)| *word == found);
        if choice.is_none() {
            let known: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let known = known.join(", ");
            self.fault(key, FaultKind::Choice { known, found });
        }
        choice.map(|(_, value)| *value)
    }

    /// Where to listen; `Some(None)` where it is said that nowhere, by an empty text.
    pub(super) fn address(
        &mut self,
        key: &'static str,
        example: &'static str,
    ) -> Option<Option<SocketAddr>> {
        let found = self.text(key)?;
        if found.is_empty() {
            return Some(None);
        }
        match found.parse() {
            Ok(address) => Some(Some(address)),
            Err(_) => {
                self.fault(key, FaultKind::Address { example, found });
                None
            }
        }
    }

    /// A list of addresses to be dialled at.
    pub(super) fn strings(
        &mut self,
        key: &'static str,
        max: usize,
        holds: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let values = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.wrong_type(key, "a list of texts", &other);
                return Vec::new();
            }
        };
        if values.len() > max {
            let found = values.len();
            self.fault(key, FaultKind::TooMany { max, found });
        }
        let mut texts = Vec::new();
        for value in values {
            match value {
                Value::String(found) if holds(&found) => texts.push(found),
                Value::String(found) => self.fault(key, FaultKind::Endpoint { found }),
                other => self.wrong_type(key, "a list of texts", &other),
            }
        }
        texts
    }
}
