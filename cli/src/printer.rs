//! The only place that writes to standard output and standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::bounds;
use crate::failure::{Exit, Failure};
use crate::page::{Page, Style};
use crate::sanitize;

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// For programs: one JSON object, or one to a line.
    Json,
}

/// Writes what commands have to say.
pub struct Printer {
    output: Output,
    style: Style,
    out: Box<dyn io::Write>,
}

impl Printer {
    /// A printer for `output`: fitted to the terminal if standard output is one, bold unless `NO_COLOR` is set.
    pub fn new(output: Output) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        Self {
            output,
            style: Style {
                bold: terminal && !no_color,
                columns: terminal.then(terminal_columns),
            },
            out: Box::new(io::stdout()),
        }
    }

    /// A printer whose output goes nowhere.
    #[cfg(test)]
    pub fn silent(output: Output) -> Self {
        Self {
            output,
            style: Style::PLAIN,
            out: Box::new(io::sink()),
        }
    }

    /// Whether the output is for people.
    pub fn is_human(&self) -> bool {
        self.output == Output::Human
    }

    /// Writes the answer of a command: the page for people, the object for programs.
    pub fn answer(&mut self, json: &Value, page: &Page) -> Result<(), Failure> {
        match self.output {
            Output::Human => self.page(page),
            Output::Json => {
                let text =
                    serde_json::to_string_pretty(json).expect("a JSON value can be serialised");
                self.write(&format!("{}\n", sanitize::json(&text)))
            }
        }
    }

    /// Writes one item of a stream: the page for people, one line for programs.
    pub fn item(&mut self, json: &Value, page: &Page) -> Result<(), Failure> {
        match self.output {
            Output::Human => self.page(page),
            Output::Json => self.write(&format!("{}\n", sanitize::json(&json.to_string()))),
        }
    }

    /// Writes a script of our own making, as it is.
    pub fn script(&mut self, script: &str) -> Result<(), Failure> {
        self.write(script)
    }

    /// Says something beside the output, to people only.
    pub fn note(&mut self, text: &str) {
        if self.is_human() {
            to_stderr(&format!("{}\n", sanitize::line(text)));
        }
    }

    /// Says why the command failed.
    pub fn failure(&mut self, failure: &Failure) {
        match self.output {
            Output::Human => to_stderr(&failure_page(failure).draw(Style::PLAIN)),
            Output::Json => to_stderr(&format!(
                "{}\n",
                sanitize::json(&failure_json(failure).to_string())
            )),
        }
    }

    fn page(&mut self, page: &Page) -> Result<(), Failure> {
        let drawn = page.draw(self.style);
        self.write(&drawn)
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(|source| Failure::io("cannot write to standard output", &source))
    }
}

/// As wide as the terminal says that it is, or else `COLUMNS`.
fn terminal_columns() -> u16 {
    let said = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| size.ws_col);
    let variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    Some(said)
        .filter(|columns| *columns > 0)
        .or_else(variable)
        .unwrap_or(bounds::TERMINAL_COLUMNS_DEFAULT)
        .max(bounds::TERMINAL_COLUMNS_MIN)
}

fn to_stderr(text: &str) {
    // When standard error is closed, nobody is left to be told.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

fn failure_page(failure: &Failure) -> Page {
    let Failure {
        exit: _,
        what,
        reason,
        rule,
        fix,
        ..
    } = failure;
    let rule = match (reason.as_str(), rule.as_str()) {
        (reason, "") => reason.to_owned(),
        ("", rule) => rule.to_owned(),
        // Most rules have no other name than their reason.
        (reason, rule) if reason == rule => reason.to_owned(),
        (reason, rule) => format!("{reason} ({rule})"),
    };
    Page::new().details([
        ("error:", what.clone()),
        ("rule:", rule),
        ("to do:", fix.clone()),
    ])
}

fn failure_json(failure: &Failure) -> Value {
    let Failure {
        exit,
        what,
        reason,
        rule,
        fix,
        outcome_unknown,
        ..
    } = failure;
    json!({
        "error": {
            "message": what,
            "reason": reason,
            "rule": rule,
            "fix": fix,
            "outcome_unknown": outcome_unknown,
            "exit_code": exit_number(*exit),
        }
    })
}

fn exit_number(exit: Exit) -> u8 {
    exit as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure {
            reason: "CHANNEL_ENDED".to_owned(),
            rule: "channel.end".to_owned(),
            ..Failure::new(
                Exit::Refused,
                "the channel has ended\u{1b}[2J",
                "ask to extend it",
            )
        }
    }

    #[test]
    fn a_failure_is_told_in_three_lines() {
        assert_eq!(
            failure_page(&refused()).draw(Style::PLAIN),
            "error:  the channel has ended\\u{1b}[2J\n\
             rule:   CHANNEL_ENDED (channel.end)\n\
             to do:  ask to extend it\n"
        );
        let bare = Failure::new(Exit::InputOutput, "cannot write", "");
        assert_eq!(
            failure_page(&bare).draw(Style::PLAIN),
            "error:  cannot write\n"
        );
    }

    #[test]
    fn a_failure_is_one_object_for_programs() {
        let json = failure_json(&refused());
        assert_eq!(json["error"]["reason"], "CHANNEL_ENDED");
        assert_eq!(json["error"]["exit_code"], 77);
    }
}
