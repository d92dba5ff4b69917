//! JSON objects of one line in one form: members in the order in which they are added, no space,
//! and nothing but printable ASCII, so that no text of others does anything where it is shown.

use std::fmt::Write as _;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }

    fn member(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        string(&mut self.0, name);
        self.0.push(':');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.member(name);
        string(&mut self.0, value);
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.member(name);
        self.0.push_str(&value.to_string());
    }

    pub(super) fn texts(&mut self, name: &str, values: &[String]) {
        self.member(name);
        self.0.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            string(&mut self.0, value);
        }
        self.0.push(']');
    }

    /// An object of texts.
    pub(super) fn object(&mut self, name: &str, members: &[(String, String)]) {
        self.member(name);
        self.0.push('{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            string(&mut self.0, name);
            self.0.push(':');
            string(&mut self.0, value);
        }
        self.0.push('}');
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            ' '..='~' => out.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes what is written to it");
                }
            }
        }
    }
    out.push('"');
}
