//! Programs of the crate of the tests that drive real daemons in release: `power`, `bench`.

use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

use crate::demo;
use crate::workspace::Workspace;

const PACKAGE: &str = "foedus-tests";

/// Builds the daemon, the command line and `program` in release, and runs it with `words`; ends as it does.
pub fn build_and_run(
    workspace: &Workspace,
    program: &str,
    words: &[String],
) -> anyhow::Result<ExitCode> {
    // Apart from the program, whose crate turns on what is for tests only.
    let programs = demo::build(workspace)?;
    let built = workspace
        .cargo(&["build", "--release", "--package", PACKAGE, "--bin", program])
        .status()
        .context("cargo can't be run")?;
    ensure!(built.success(), "cargo build ended with {built}");
    let status = Command::new(programs.join(program))
        .args(words)
        .env("FOEDUS_PROGRAMS", &programs)
        .status()
        .with_context(|| format!("{program} can't be run"))?;
    // A signal has no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The value that has to follow a word.
pub fn value<'a>(word: &str, words: &mut std::slice::Iter<'_, &'a str>) -> Result<&'a str, String> {
    words
        .next()
        .copied()
        .ok_or_else(|| format!("{word} expects a value"))
}
