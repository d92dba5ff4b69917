//! What was done, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::runtime::chain;

use super::{Checked, Compacted, Copied};

/// What to do about a store that does not fit together.
const REMEDY: &str = "see whether the disk is sound, and put the data folder back from backup; partners then give back \
                      what was said here in shared channels since";

impl Checked {
    fn problems(&self) -> Vec<String> {
        let start: Option<&(dyn std::error::Error + 'static)> =
            self.start.as_ref().map(|error| error as _);
        let faults = self.report.faults.iter().map(|fault| fault as _);
        start.into_iter().chain(faults).map(chain).collect()
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let counts = &self.report.counts;
        let mut text = format!(
            "{} keys of {}: {} channels, {} logs, {} entries with {} bodies, {} entries of the audit log\n",
            counts.pairs,
            self.engine,
            counts.channels,
            counts.logs,
            counts.entries,
            counts.bodies,
            counts.audit_entries,
        );
        if self.is_sound() {
            text.push_str("the store is sound\n");
            return text;
        }
        let problems = self.problems();
        for problem in &problems {
            writeln!(text, "damaged: {problem}").expect("memory takes it");
        }
        let more = self.report.faults_found - self.report.faults.len() as u64;
        if more > 0 {
            writeln!(text, "and {more} more").expect("memory takes it");
        }
        writeln!(text, "to do:   {REMEDY}").expect("memory takes it");
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let counts = &self.report.counts;
        json!({
            "sound": self.is_sound(),
            "engine": self.engine.to_string(),
            "keys": counts.pairs,
            "channels": counts.channels,
            "logs": counts.logs,
            "entries": counts.entries,
            "bodies": counts.bodies,
            "audit_entries": counts.audit_entries,
            "faults_found": self.report.faults_found + u64::from(self.start.is_some()),
            "faults": self.problems(),
            "to_do": (!self.is_sound()).then_some(REMEDY),
        })
    }
}

impl Copied {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "copied {} keys to {}, where {} keeps them; compared, and the same\n\
             to use it, set `data` to that folder and `store.engine` to \"{}\", and never run both\n",
            self.pairs,
            self.to.display(),
            self.engine,
            self.engine,
        )
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "keys": self.pairs,
            "engine": self.engine.to_string(),
            "to": self.to.display().to_string(),
        })
    }
}

impl Compacted {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        const MIB: f64 = 1024.0 * 1024.0;
        format!(
            "wrote {} keys anew, and nothing else: {:.1} MiB on the disk before, {:.1} MiB now\n",
            self.pairs,
            self.bytes_before as f64 / MIB,
            self.bytes_after as f64 / MIB,
        )
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "keys": self.pairs,
            "engine": self.engine.to_string(),
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
        })
    }
}
