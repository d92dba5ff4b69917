//! `cargo xtask sim`, and the short run of it among the tests.

use std::process::Command;

use crate::bounds::TEST_SEEDS;
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

const PACKAGE: &str = "foedus-tests";
const PROGRAM: &str = "sim";

/// Which simulated worlds to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    seeds: u64,
    from: u64,
    /// Not worlds that have to be good, but planted faults that have to be found.
    faults: bool,
}

impl Options {
    /// Reads the words after `sim`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self {
            seeds: TEST_SEEDS,
            from: 1,
            faults: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let place = match *word {
                "--seeds" => &mut options.seeds,
                "--from" => &mut options.from,
                "--faults" => {
                    options.faults = true;
                    continue;
                }
                other => return Err(format!("sim does not know {other:?}")),
            };
            let number = words
                .next()
                .ok_or_else(|| format!("{word} expects a number"))?;
            *place = number
                .parse()
                .map_err(|_| format!("{word} expects a number: {number:?}"))?;
        }
        Ok(options)
    }
}

/// Runs the seeds and shows what the simulator says.
pub fn run(workspace: &Workspace, options: Options) -> anyhow::Result<bool> {
    Ok(command(workspace, options).status()?.success())
}

/// Is there a simulator, or ought there to be one? A module without its program is a fault.
pub fn expected(workspace: &Workspace) -> bool {
    let source = workspace.root.join("tests/src");
    workspace.has_program(PACKAGE, PROGRAM)
        || source.join("simulator.rs").exists()
        || source.join("simulator").exists()
}

/// The step: a short run, and then a search for every fault that can be planted. What is shown of
/// it says how many seeds and how fast.
pub fn step(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    if !workspace.has_program(PACKAGE, PROGRAM) {
        let wrong = format!("{PACKAGE} has a simulator, but no program {PROGRAM}");
        return Ok(Outcome::Failed(vec![wrong]));
    }
    let clean = Options {
        seeds: TEST_SEEDS,
        from: 1,
        faults: false,
    };
    if !log.run(&mut command(workspace, clean))? {
        return Ok(log.failed());
    }
    let text = log.text();
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !line.starts_with('['));
    let last = last.map(|line| line.trim().to_owned());
    let planted = Options {
        faults: true,
        ..clean
    };
    if !log.run(&mut command(workspace, planted))? {
        return Ok(log.failed());
    }
    let found = planted_found(&log.text());
    let figure = last.map(|last| format!("{last}; planted: {found}"));
    Ok(Outcome::Passed(figure))
}

/// By which checker each planted fault was found, and after how many seeds, of what the simulator told:
/// `NAME: found by CHECKER in seed N, after N seeds: WHAT`.
fn planted_found(text: &str) -> String {
    let found = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(": found by ")?;
        let (checker, rest) = rest.split_once(" in seed ")?;
        let (_, rest) = rest.split_once(", after ")?;
        let (seeds, _) = rest.split_once(" seeds")?;
        Some(format!("{} by {checker} after {seeds}", name.trim()))
    });
    found.collect::<Vec<_>>().join(", ")
}

/// In release: a simulated day in debug takes as long as a coffee.
fn command(workspace: &Workspace, options: Options) -> Command {
    let mut command = workspace.cargo(&[
        "run",
        "--release",
        "--quiet",
        "-p",
        PACKAGE,
        "--bin",
        PROGRAM,
        "--",
    ]);
    command.args(["--from", &options.from.to_string()]);
    match options.faults {
        true => command.arg("--faults"),
        false => command.args(["--seeds", &options.seeds.to_string()]),
    };
    command
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn what_was_planted_is_told_with_who_found_it() {
        let text = "something else\nlost cursor: found by P3 convergent in seed 107, after 107 seeds: not at rest\n\
                    skipped consent: found by P5 consented in seed 1, after 1 seeds: a seal\n";
        assert_eq!(
            super::planted_found(text),
            "lost cursor by P3 convergent after 107, skipped consent by P5 consented after 1"
        );
    }

    #[test]
    fn options() {
        let expected = Options {
            seeds: 20_000,
            from: 7,
            faults: false,
        };
        assert_eq!(
            Options::parse(&["--from", "7", "--seeds", "20000"]),
            Ok(expected)
        );
        let planted = Options::parse(&["--faults"]).expect("it is known");
        assert!(planted.faults);
        assert!(Options::parse(&["--seeds"]).is_err());
        assert!(Options::parse(&["--seeds", "-1"]).is_err());
        assert!(Options::parse(&["7"]).is_err());
    }
}
