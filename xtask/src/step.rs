//! One step of a command: what it may end in, its log, and how that is shown.
//!
//! What a step runs writes into `target/xtask/<step>.log`, so that a screen shows one line a step;
//! the end of the log is shown when the step failed.

use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::bounds::LOG_SHOWN_LINES_MAX;
use crate::workspace::Workspace;

/// How a step ended.
#[derive(Debug)]
pub enum Outcome {
    /// All is well; perhaps with a figure worth showing.
    Passed(Option<String>),
    /// What is wrong, line by line.
    Failed(Vec<String>),
    /// It could not be run here, and why.
    Skipped(String),
}

impl Outcome {
    /// Passed if nothing was found.
    pub fn of_findings(findings: Vec<String>) -> Self {
        if findings.is_empty() {
            Self::Passed(None)
        } else {
            Self::Failed(findings)
        }
    }
}

/// A step: a name, and what it does.
pub struct Step {
    pub name: &'static str,
    pub run: fn(&Workspace, &mut Log) -> anyhow::Result<Outcome>,
}

/// The log of one step.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Begins the log of a step anew.
    pub fn create(workspace: &Workspace, step: &str) -> anyhow::Result<Self> {
        let folder = workspace.scratch();
        fs::create_dir_all(&folder).with_context(|| format!("no folder {}", folder.display()))?;
        let path = folder.join(format!("{step}.log"));
        let file = File::create(&path).with_context(|| format!("no file {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Runs a command to its end and says whether it succeeded. An error means that it could not
    /// be started.
    pub fn run(&mut self, command: &mut Command) -> anyhow::Result<bool> {
        writeln!(self.file, "$ {}", shown(command))?;
        let status = command
            .stdin(Stdio::null())
            .stdout(self.file.try_clone()?)
            .stderr(self.file.try_clone()?)
            .status()
            .with_context(|| format!("{} can't be run", shown(command)))?;
        writeln!(self.file, "[{status}]")?;
        Ok(status.success())
    }

    /// Runs a command; a failure of it is the step's.
    pub fn pass(&mut self, command: &mut Command) -> anyhow::Result<Outcome> {
        Ok(if self.run(command)? {
            Outcome::Passed(None)
        } else {
            self.failed()
        })
    }

    /// The outcome when the reason is in the log.
    pub fn failed(&self) -> Outcome {
        Outcome::Failed(self.tail())
    }

    /// What was logged so far.
    pub fn text(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tail(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LOG_SHOWN_LINES_MAX);
        lines[first..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    }
}

/// How many steps ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// Runs every step, whatever became of those before, and tells each in one line.
pub fn run_all(workspace: &Workspace, steps: &[Step], no_skip: bool) -> Tally {
    let mut tally = Tally::default();
    for step in steps {
        announce(step.name);
        let began = Instant::now();
        let outcome = Log::create(workspace, step.name)
            .and_then(|mut log| (step.run)(workspace, &mut log))
            .unwrap_or_else(|error| Outcome::Failed(vec![format!("{error:#}")]));
        tell(step.name, began.elapsed(), outcome, no_skip, &mut tally);
    }
    tally
}

/// On a terminal: what is under way, until its line replaces this.
fn announce(name: &str) {
    if std::io::stdout().is_terminal() {
        print!("...     {name}\r");
        // A terminal that can't be written to shows nothing in any case.
        std::io::stdout().flush().ok();
    }
}

fn tell(name: &str, took: Duration, outcome: Outcome, no_skip: bool, tally: &mut Tally) {
    let seconds = took.as_secs_f64();
    match outcome {
        Outcome::Passed(figure) => {
            tally.passed += 1;
            let figure = figure.unwrap_or_default();
            println!(
                "{}",
                format!("passed  {name:<12} {seconds:>7.1} s  {figure}").trim_end()
            );
        }
        Outcome::Failed(lines) => {
            tally.failed += 1;
            println!("failed  {name:<12} {seconds:>7.1} s  (target/xtask/{name}.log)");
            for line in lines {
                println!("    | {line}");
            }
        }
        Outcome::Skipped(why) if no_skip => {
            tally.failed += 1;
            println!("failed  {name:<12} {seconds:>7.1} s  may not be skipped: {why}");
        }
        Outcome::Skipped(why) => {
            tally.skipped += 1;
            println!("skipped: {name}: {why}");
        }
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
