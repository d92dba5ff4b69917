//! Unit and whole-system tests, by cargo-nextest or, where that is not installed, by cargo.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// The programs that whole-system tests start, with the packages that they are of.
const PROGRAMS: &[(&str, &str)] = &[("foedus-daemon", "foedusd"), ("foedus-cli", "foedus")];

/// Where the tests look for them.
const PROGRAMS_VARIABLE: &str = "FOEDUS_PROGRAMS";

/// The step: all tests of all crates, with every feature.
pub fn test(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let Some(programs) = programs(workspace, log)? else {
        return Ok(log.failed());
    };
    let features = workspace.features();
    let nextest = log.run(&mut workspace.cargo(&["nextest", "--version"]))?;
    let arguments: &[&str] = if nextest {
        &[
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--features",
            &features,
        ]
    } else {
        &[
            "test",
            "--workspace",
            "--all-targets",
            "--no-fail-fast",
            "--features",
            &features,
        ]
    };
    let mut tests = workspace.cargo(arguments);
    let passed = log.run(tests.env(PROGRAMS_VARIABLE, programs))?;
    let text = log.text();
    let figure = if nextest {
        nextest_figure(&text)
    } else {
        cargo_figure(&text)
    };
    Ok(match figure {
        _ if !passed => log.failed(),
        None => Outcome::Failed(vec!["no test was run".to_owned()]),
        figure => Outcome::Passed(figure),
    })
}

/// Builds the programs as they are shipped, and puts them where what cargo builds for the tests, with
/// features for tests, does not replace them. `None` if they do not build.
fn programs(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Option<PathBuf>> {
    let mut arguments = vec!["build", "--bins"];
    for (package, _) in PROGRAMS {
        arguments.extend(["--package", package]);
    }
    if !log.run(&mut workspace.cargo(&arguments))? {
        return Ok(None);
    }
    let folder = workspace.scratch().join("programs");
    fs::create_dir_all(&folder).context("no folder for the programs")?;
    for (_, program) in PROGRAMS {
        let built = workspace.target.join("debug").join(program);
        // Renamed into place: one that still runs, of a test that was broken off, can't be written to.
        let copied = folder.join(format!("{program}.new"));
        fs::copy(&built, &copied).with_context(|| format!("no copy of {}", built.display()))?;
        fs::rename(&copied, folder.join(program))?;
    }
    Ok(Some(folder))
}

/// What follows the time in `Summary [   1.234s] 12 tests run: 12 passed, 0 skipped`.
fn nextest_figure(text: &str) -> Option<String> {
    let line = text
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, figure) = line.split_once(']')?;
    let figure = figure.trim();
    (!figure.starts_with("0 tests")).then(|| figure.to_owned())
}

/// The sum over the lines `test result: ok. 12 passed; 0 failed; …`.
fn cargo_figure(text: &str) -> Option<String> {
    let passed: u64 = text
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|rest| rest.split_once(' ')?.0.parse::<u64>().ok())
        .sum();
    (passed > 0).then(|| format!("{passed} tests passed"))
}

#[cfg(test)]
mod tests {
    use super::{cargo_figure, nextest_figure};

    #[test]
    fn no_test_is_no_figure() {
        assert_eq!(
            nextest_figure("     Summary [   0.000s] 0 tests run: 0 passed"),
            None
        );
        assert_eq!(nextest_figure(""), None);
        assert_eq!(
            cargo_figure("test result: ok. 0 passed; 0 failed; 0 ignored"),
            None
        );
    }

    #[test]
    fn figures() {
        let nextest = "     Summary [   3.100s] 12 tests run: 12 passed, 1 skipped\n";
        assert_eq!(
            nextest_figure(nextest).as_deref(),
            Some("12 tests run: 12 passed, 1 skipped")
        );
        let cargo = "test result: ok. 3 passed; 0 failed\nx\ntest result: ok. 4 passed; 0 failed";
        assert_eq!(cargo_figure(cargo).as_deref(), Some("7 tests passed"));
    }
}
