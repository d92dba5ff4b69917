//! `cargo xtask power`: power cuts on a real daemon, many of them. A short form is among the tests.

use crate::workspace::Workspace;

const PACKAGE: &str = "foedus-tests";
const PROGRAM: &str = "power";

/// Builds the daemon, the command line and the harness in release, and runs it; it reads the words itself.
pub fn run(workspace: &Workspace, words: &[&str]) -> anyhow::Result<bool> {
    let built = workspace
        .cargo(&[
            "build",
            "--release",
            "--quiet",
            "-p",
            "foedus-daemon",
            "-p",
            "foedus-cli",
        ])
        .status()?;
    if !built.success() {
        return Ok(false);
    }
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
    Ok(command.args(words).status()?.success())
}
