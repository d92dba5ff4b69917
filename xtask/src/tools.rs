//! Checks by tools that are not cargo's: cargo-deny, buf, and a verifier that others wrote.
//!
//! Each is taken from where it is installed, or set up under `target/xtask/` by its package
//! registry's ordinary client; where neither works the step is skipped and says why. Versions are
//! fixed, so that a check means the same tomorrow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// The package of buf, with its version.
const BUF: &str = "@bufbuild/buf@1.75.0";

/// The step: bans, licences and sources of everything that is built in.
///
/// Advisories stand in `deny.toml` as bans of versions, because the database of advisories can't
/// be fetched everywhere.
pub fn deny(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let requirements = workspace.root.join("xtask/requirements/cargo-deny.txt");
    let mut command = if log.run(&mut workspace.cargo(&["deny", "--version"]))? {
        workspace.cargo(&["deny"])
    } else {
        match python(workspace, log, &requirements)? {
            Ok(programs) => {
                let mut command = Command::new(programs.join("cargo-deny"));
                command.current_dir(&workspace.root);
                command
            }
            Err(why) => return Ok(Outcome::Skipped(why)),
        }
    };
    // Without the graphs, so that what is wrong can be found in the log.
    command.args(["--color", "never", "check", "--hide-inclusion-graph"]);
    log.pass(command.args(["bans", "licenses", "sources"]))
}

/// The step: the style and the layout of the `.proto` files.
pub fn buf(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let folder = workspace.scratch().join("node");
    fs::create_dir_all(&folder)?;
    let program = folder.join("node_modules/.bin/buf");
    if !is_set_up(&folder, BUF) {
        let folder = folder.to_str().context("the path of target/ is UTF-8")?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--prefix",
            folder,
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            BUF,
        ]);
        match log.run(&mut npm) {
            Ok(true) => mark_set_up(Path::new(folder), BUF)?,
            Ok(false) => return Ok(Outcome::Skipped(format!("npm can't install {BUF}"))),
            Err(_) => return Ok(Outcome::Skipped("npm is not installed".to_owned())),
        }
    }
    log.pass(
        Command::new(program)
            .arg("lint")
            .current_dir(workspace.root.join("proto")),
    )
}

/// The step: our test vectors, verified by code that is not ours.
pub fn foreign(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let folder = workspace.root.join("tests/foreign");
    let programs = match python(workspace, log, &folder.join("requirements.txt"))? {
        Ok(programs) => programs,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let script = folder.join("check_signature.py");
    let vectors = workspace.root.join("tests/vectors");
    let outcome = log.pass(
        Command::new(programs.join("python3"))
            .arg(script)
            .arg(vectors),
    )?;
    let text = log.text();
    let figure = text.lines().rev().find(|line| line.ends_with("verified"));
    if !matches!(outcome, Outcome::Passed(_)) {
        return Ok(outcome);
    }
    let export = log.pass(
        Command::new(programs.join("python3"))
            .arg(folder.join("verify_export.py"))
            .arg(workspace.root.join("tests/vectors/exports/channel.foedus"))
            // With every so many of its bytes changed, it is no export any more.
            .arg("7"),
    )?;
    Ok(match export {
        Outcome::Passed(_) => Outcome::Passed(figure.map(str::to_owned)),
        other => other,
    })
}

/// Sets a Python environment up with what a file of requirements asks for; the folder of its
/// programs, or why there is none.
pub fn python(
    workspace: &Workspace,
    log: &mut Log,
    requirements: &Path,
) -> anyhow::Result<Result<PathBuf, String>> {
    let wanted = fs::read_to_string(requirements)
        .with_context(|| format!("{} can't be read", requirements.display()))?;
    // One environment for each, so that what one needs can't change what another gets.
    let owner = requirements.with_extension("");
    let owner = owner
        .strip_prefix(&workspace.root)
        .unwrap_or(&owner)
        .to_string_lossy();
    let folder = workspace
        .scratch()
        .join(format!("python-{}", owner.replace('/', "-")));
    let programs = folder.join("bin");
    if is_set_up(&folder, &wanted) {
        return Ok(Ok(programs));
    }
    let made = log.run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    );
    if !matches!(made, Ok(true)) {
        return Ok(Err("python3 with venv is not installed".to_owned()));
    }
    let mut pip = Command::new(programs.join("python3"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    if !log.run(pip.arg("--requirement").arg(requirements))? {
        return Ok(Err(format!("pip can't install what {owner}.txt asks for")));
    }
    mark_set_up(&folder, &wanted)?;
    Ok(Ok(programs))
}

/// A set-up that was interrupted has no mark, and is made anew.
pub fn is_set_up(folder: &Path, wanted: &str) -> bool {
    fs::read_to_string(folder.join("set-up")).is_ok_and(|found| found == wanted)
}

pub fn mark_set_up(folder: &Path, wanted: &str) -> anyhow::Result<()> {
    fs::write(folder.join("set-up"), wanted)
        .with_context(|| format!("{} can't be written", folder.display()))
}
