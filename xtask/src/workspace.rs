//! What cargo says of the workspace, and where its parts are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The feature that lets a simulated world plant a fault in production code.
pub const PLANTED_FAULTS: &str = "planted-faults";

/// The part of `cargo metadata` that is needed here.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    /// The packages of the workspace, and only those.
    pub packages: Vec<Package>,
    /// Where `Cargo.toml` of the workspace is.
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub target: PathBuf,
}

/// A package as its `Cargo.toml` declares it.
#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
    pub features: BTreeMap<String, Vec<String>>,
    pub targets: Vec<Target>,
}

/// A dependency as declared, of whatever kind.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    pub optional: bool,
    pub uses_default_features: bool,
    pub features: Vec<String>,
}

/// A library, program or test of a package.
#[derive(Debug, Deserialize)]
pub struct Target {
    pub name: String,
    pub kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> anyhow::Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cargo can't be run")?;
        ensure!(
            output.status.success(),
            "cargo metadata ended with {}",
            output.status
        );
        serde_json::from_slice(&output.stdout).context("what cargo metadata says can't be read")
    }

    /// All features of all packages, as `package/feature`.
    pub fn features(&self) -> String {
        let features = self.packages.iter().flat_map(|package| {
            let names = package.features.keys();
            names.map(|feature| format!("{}/{feature}", package.name))
        });
        features.collect::<Vec<_>>().join(",")
    }

    /// Does some package have a program of this name?
    pub fn has_program(&self, package: &str, program: &str) -> bool {
        self.packages
            .iter()
            .filter(|candidate| candidate.name == package)
            .flat_map(|candidate| &candidate.targets)
            .any(|target| target.name == program && target.kind.iter().any(|kind| kind == "bin"))
    }

    /// Where logs and the tools of others are kept.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// Cargo, to be run in the workspace with an answer that does not depend on a terminal.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", "never");
        command
    }
}

impl Package {
    /// The folder of the package.
    pub fn folder(&self) -> &Path {
        self.manifest_path
            .parent()
            .expect("a manifest lies in a folder")
    }
}

/// The cargo that runs us, so that a chosen toolchain stays chosen.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
