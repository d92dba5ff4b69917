//! Runs `foedus` as a person or a script would.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::programs::program;

/// One way of asking one daemon: by which door, in whose name.
#[derive(Debug, Clone)]
pub struct Foedus {
    server: String,
    act_as: Option<String>,
    token: Option<String>,
    home: PathBuf,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Answer {
    /// The command line.
    pub command: String,
    /// The exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// What a refused command said.
#[derive(Debug)]
pub struct Refusal {
    /// What happened.
    pub message: String,
    /// The stable name of the reason.
    pub reason: String,
    /// The rule that refused.
    pub rule: String,
    /// What would change the answer.
    pub fix: String,
    /// What the program exited with.
    pub exit: i32,
}

impl Foedus {
    /// By the administration socket at `socket`, as its administrator. `home` is where the program looks for
    /// its own files, so that those of whoever runs the tests are out of play.
    #[must_use]
    pub fn by_socket(socket: &Path, home: &Path) -> Self {
        Self {
            server: format!("unix:{}", socket.display()),
            act_as: None,
            token: None,
            home: home.to_owned(),
        }
    }

    /// The same door, in the name of a member.
    #[must_use]
    pub fn named(&self, member: &str) -> Self {
        Self {
            act_as: Some(member.to_owned()),
            ..self.clone()
        }
    }

    /// Over TCP, with a token.
    #[must_use]
    pub fn by_token(&self, server: &str, token: &str) -> Self {
        Self {
            server: server.to_owned(),
            act_as: None,
            token: Some(token.to_owned()),
            home: self.home.clone(),
        }
    }

    /// The command, ready to be started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("foedus"));
        command
            .env_clear()
            .env("HOME", &self.home)
            .env("FOEDUS_SERVER", &self.server)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(token) = &self.token {
            command.env("FOEDUS_TOKEN", token);
        }
        if let Some(member) = &self.act_as {
            command.args(["--as", member]);
        }
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let mut command = self.command(arguments);
        let output = command.output().expect("the program can be started");
        Answer {
            command: format!("foedus {}", arguments.join(" ")),
            exit: output.status.code(),
            out: String::from_utf8(output.stdout).expect("foedus speaks UTF-8"),
            err: String::from_utf8(output.stderr).expect("foedus speaks UTF-8"),
        }
    }

    /// Runs a command that must succeed, and gives what it tells people.
    #[track_caller]
    #[must_use]
    pub fn text(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.exit, Some(0), "{answer:#?}");
        answer.out
    }

    /// Runs a command that must succeed, and gives what it tells programs.
    #[track_caller]
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        match self.try_json(arguments) {
            Ok(value) => value,
            Err(answer) => panic!("{answer:#?}"),
        }
    }

    /// Runs a command that must succeed, for what it does.
    #[track_caller]
    pub fn must(&self, arguments: &[&str]) {
        drop(self.json(arguments));
    }

    /// Runs a command that may fail, and gives what it tells programs.
    pub fn try_json(&self, arguments: &[&str]) -> Result<Value, Answer> {
        let answer = self.run(&with_json(arguments));
        if answer.exit != Some(0) {
            return Err(answer);
        }
        Ok(serde_json::from_str(&answer.out).expect("--output json gives JSON"))
    }

    /// Runs a command that a rule must refuse. Every refusal names its reason and what to do.
    #[track_caller]
    #[must_use]
    pub fn refused(&self, arguments: &[&str]) -> Refusal {
        match self.try_json(arguments) {
            Ok(value) => panic!("{arguments:?} was not refused: {value}"),
            Err(answer) => answer.refusal(),
        }
    }
}

/// The same command for programs.
#[must_use]
pub fn with_json<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["--output", "json"];
    words.extend(arguments);
    words
}

impl Answer {
    /// What is said of a refusal, which must be complete.
    #[track_caller]
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let said: Value = serde_json::from_str(&self.err)
            .unwrap_or_else(|error| panic!("no refusal in JSON ({error}): {self:#?}"));
        let text = |name: &str| said["error"][name].as_str().unwrap_or_default().to_owned();
        let refusal = Refusal {
            message: text("message"),
            reason: text("reason"),
            rule: text("rule"),
            fix: text("fix"),
            exit: self.exit.expect("no signal ended it"),
        };
        assert!(
            !refusal.message.is_empty() && !refusal.reason.is_empty() && !refusal.fix.is_empty(),
            "a refusal says what happened, names its reason and says what to do: {self:#?}"
        );
        refusal
    }
}
