//! The audit log as lines that programs read, and that prove themselves.
//!
//! Each line is a JSON object in one form, written here. Whoever reads one hands it in as an
//! [`AuditLine`], and it counts only if writing it again gives the same bytes. What was left out is
//! there by its header: the tree, and so the proof, is whole.
//!
//! It must not know how JSON is read, nor what the names in a line mean here.

use data_encoding::BASE64;
use foedus_policy::id::OrgId;
use foedus_policy::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Export;
use crate::frame::{RawBody, RawEntry};
use crate::note::NoteType as _;
use crate::note::value::format_time;
use crate::snapshot::OurKeys;

mod json;
mod verifier;

pub use verifier::{AuditReport, AuditVerifier};

/// The format that the first line names.
pub const AUDIT_FORMAT: &str = "foedus/audit-export/v1";

/// What a line says of one act, by the names that its organisation uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditShown {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The rule that denied it; empty: it was done.
    pub rule: String,
    /// The partner that it concerns; empty: none.
    pub partner: String,
    /// More, by name.
    pub details: Vec<(String, String)>,
    /// How many denials it stands for.
    pub count: u64,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditLine {
    /// The first: whose log it is, and what proves it.
    Head {
        /// Whose.
        org: OrgId,
        /// Its identity notes, oldest first.
        identity: Vec<String>,
        /// How many lines of entries follow.
        entries: u64,
        /// The newest checkpoint, a signed note.
        checkpoint: String,
    },
    /// An entry.
    Entry {
        /// Its place over all incarnations, from 0.
        sequence: u64,
        /// What it says; nothing if it is about the log itself, or was left out.
        shown: Option<AuditShown>,
        /// The entry; without its body if it was left out.
        raw: RawEntry,
    },
    /// The exporter's note over all before it. The last line.
    Statement(String),
}

impl AuditLine {
    /// The line, newline included.
    pub fn write(&self) -> String {
        let mut object = json::Object::new();
        match self {
            Self::Head {
                org,
                identity,
                entries,
                checkpoint,
            } => {
                object.text("format", AUDIT_FORMAT);
                object.text("org", &org.to_string());
                object.texts("identity", identity);
                object.number("entries", *entries);
                object.text("checkpoint", checkpoint);
            }
            Self::Entry {
                sequence,
                shown,
                raw,
            } => {
                object.number("sequence", *sequence);
                if let Some(shown) = shown {
                    shown.write(&mut object);
                }
                object.text("header", &BASE64.encode(&raw.header));
                if let Some(RawBody { salt, bytes }) = &raw.body {
                    let body = [salt, bytes.as_slice()].concat();
                    object.text("body", &BASE64.encode(&body));
                }
            }
            Self::Statement(note) => object.text("statement", note),
        }
        object.finish()
    }
}

impl AuditShown {
    fn write(&self, object: &mut json::Object) {
        let Self {
            at,
            actor,
            action,
            subject,
            rule,
            partner,
            details,
            count,
        } = self;
        object.text("at", &format_time(*at));
        object.text("actor", actor);
        object.text("action", action);
        object.text("subject", subject);
        object.text("outcome", self.outcome());
        object.text("rule", rule);
        object.text("partner", partner);
        object.object("details", details);
        object.number("count", *count);
    }

    /// In one word what came of the act.
    pub fn outcome(&self) -> &'static str {
        match self.rule.is_empty() {
            true => "done",
            false => "denied",
        }
    }
}

/// What was exported so far, for the exporter's word at the end.
#[derive(Debug, Clone, Default)]
pub struct AuditDigest(Sha256);

impl AuditDigest {
    /// Takes note of lines that go out.
    pub fn update(&mut self, lines: &[u8]) {
        self.0.update(lines);
    }

    /// The last line.
    pub fn statement(&self, at: Timestamp, keys: &OurKeys) -> String {
        let export = Export {
            org: keys.org,
            channel: None,
            at,
            digest: self.0.clone().finalize().into(),
        };
        let note = export.sign(&keys.sign);
        let note = note.expect("a statement has a few short lines");
        let text = String::from_utf8(note.bytes().to_vec()).expect("a note is text");
        AuditLine::Statement(text).write()
    }
}

#[cfg(test)]
mod tests;
