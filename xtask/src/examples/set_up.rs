//! Sets the examples up under `target/`, beside a copy of the `.proto` files, by the lines of their READMEs.
//!
//! It must not write into the sources: what is generated and installed lies where everything else is built.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::step::Log;
use crate::tools;
use crate::workspace::Workspace;

/// Where npm puts what it installs, which is kept from one run to the next.
const NODE_MODULES: &str = "node_modules";

/// What an example makes or is given where it lies, and is no part of it.
const NOT_OURS: &[&str] = &[
    NODE_MODULES,
    "dist",
    "generated",
    "foedus",
    ".venv",
    "__pycache__",
];

/// Begins the line of the README that makes Python's stubs.
const PYTHON_GENERATES: &str = "python -m grpc_tools.protoc ";

/// What was set up.
#[derive(Debug)]
pub struct Made {
    /// The examples, below it as in the project.
    pub folder: PathBuf,
    /// The programs of the example's Python.
    pub python: PathBuf,
    /// The programs of the Python that makes certificates.
    pub foreign: PathBuf,
}

impl Made {
    /// As words of a command line.
    pub fn words(&self) -> [&Path; 3] {
        [&self.folder, &self.python, &self.foreign]
    }
}

/// Sets all of it up, or says what can't be installed.
pub fn set_up(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Result<Made, String>> {
    let sources = workspace.root.join("examples");
    let folder = workspace.scratch().join("examples");
    let protos = workspace.root.join("proto/proto");
    copy_anew(&protos, &folder.join("proto/proto"), &[])?;
    copy_anew(&sources, &folder.join("examples"), NOT_OURS)?;

    let requirements = sources.join("python/requirements.txt");
    let python = match tools::python(workspace, log, &requirements)? {
        Ok(programs) => programs,
        Err(why) => return Ok(Err(why)),
    };
    let requirements = workspace.root.join("tests/foreign/requirements.txt");
    let foreign = match tools::python(workspace, log, &requirements)? {
        Ok(programs) => programs,
        Err(why) => return Ok(Err(why)),
    };
    let typescript = folder.join("examples/typescript");
    if let Err(why) = install(log, &typescript)? {
        return Ok(Err(why));
    }

    generate_for_python(log, &folder.join("examples/python"), &python)?;
    let mut build = Command::new("npm");
    build.args(["run", "build"]).current_dir(&typescript);
    ensure!(
        log.run(&mut build)?,
        "the TypeScript example does not build"
    );
    Ok(Ok(Made {
        folder,
        python,
        foreign,
    }))
}

/// What the lock file names, by its hashes.
fn install(log: &mut Log, folder: &Path) -> anyhow::Result<Result<(), String>> {
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    ensure!(
        !lock.contains("\"resolved\""),
        "examples/typescript/package-lock.json says where packages come from, which is the machine's business: \
         leave its .npmrc in place when it is written anew"
    );
    let modules = folder.join(NODE_MODULES);
    if tools::is_set_up(&modules, &lock) {
        return Ok(Ok(()));
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder);
    match log.run(&mut npm) {
        Ok(true) => {
            tools::mark_set_up(&modules, &lock)?;
            Ok(Ok(()))
        }
        Ok(false) => Ok(Err(
            "npm can't install what examples/typescript asks for".to_owned()
        )),
        Err(_) => Ok(Err("npm is not installed".to_owned())),
    }
}

/// By the line of the README, so that what readers type is what is tested.
fn generate_for_python(log: &mut Log, folder: &Path, programs: &Path) -> anyhow::Result<()> {
    let readme = fs::read_to_string(folder.join("README.md"))?;
    let line = readme
        .lines()
        .find(|line| line.starts_with(PYTHON_GENERATES));
    let line = line.with_context(|| format!("the README has no line `{PYTHON_GENERATES}...`"))?;
    let found = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(programs.to_owned()).chain(std::env::split_paths(&found));
    let mut shell = Command::new("sh");
    shell
        .args(["-eu", "-c", line])
        .env("PATH", std::env::join_paths(path)?)
        .current_dir(folder);
    ensure!(log.run(&mut shell)?, "no stubs can be generated for Python");
    Ok(())
}

/// Copies a folder but for what is called as one of `left_out`; of what was there before, only installed packages stay.
fn copy_anew(from: &Path, to: &Path, left_out: &[&str]) -> anyhow::Result<()> {
    let is_left_out = |name: &OsStr| left_out.iter().any(|left_out| name == *left_out);
    fs::create_dir_all(to).with_context(|| format!("no folder {}", to.display()))?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_copied = from.join(&name).exists() && !is_left_out(&name);
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        } else if !is_copied && name != NODE_MODULES {
            fs::remove_dir_all(entry.path())?;
        }
    }
    for entry in fs::read_dir(from).with_context(|| format!("{}", from.display()))? {
        let entry = entry?;
        let (name, place) = (entry.file_name(), to.join(entry.file_name()));
        if is_left_out(&name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_anew(&entry.path(), &place, left_out)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
