//! The dependency law: which crate may know which, and what the pure ones may pull in.
//!
//! What a crate *declares* is read from its manifest, of every kind (normal, dev, build). What a
//! pure crate *pulls in* is asked of `cargo tree` for that crate alone, with its default features,
//! on every platform: the resolve of the workspace would show features that others turn on.

mod tree;

use std::fs;

use anyhow::{Context, ensure};

use crate::step::{Log, Outcome};
use crate::workspace::{PLANTED_FAULTS, Package, Workspace};

const PROTO: &str = "foedus-proto";
const POLICY: &str = "foedus-policy";
const FEDERATION: &str = "foedus-federation";
const DAEMON: &str = "foedus-daemon";
const CLI: &str = "foedus-cli";
const TESTS: &str = "foedus-tests";
const XTASK: &str = "xtask";

/// The feature of the federation crate that adds links.
const TRANSPORT: &str = "transport";

/// What each crate may know of ours.
const MAY_KNOW: &[(&str, &[&str])] = &[
    (PROTO, &[]),
    (POLICY, &[]),
    (FEDERATION, &[POLICY, PROTO]),
    (DAEMON, &[PROTO, POLICY, FEDERATION]),
    (CLI, &[PROTO, FEDERATION]),
    (TESTS, &[PROTO, POLICY, FEDERATION, DAEMON, CLI]),
    (XTASK, &[]),
];

/// The crates whose public items must all be documented, and that are pure.
const PURE: &[&str] = &[POLICY, FEDERATION];

/// The step.
pub fn check(workspace: &Workspace, _log: &mut Log) -> anyhow::Result<Outcome> {
    let mut findings = edges(&workspace.packages);
    for package in &workspace.packages {
        let manifest = fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("{}", package.manifest_path.display()))?;
        if !takes_the_lints(&manifest) {
            findings.push(format!(
                "{} does not take the lints of the workspace",
                package.name
            ));
        }
    }
    for name in PURE {
        let package = workspace
            .packages
            .iter()
            .find(|package| package.name == *name);
        let package = package.with_context(|| format!("there is no package {name}"))?;
        let library = package.folder().join("src/lib.rs");
        let source = fs::read_to_string(&library).context("a pure crate is a library")?;
        if !source.contains("#![deny(missing_docs)]") {
            findings.push(format!("{name} does not deny missing documentation"));
        }
        findings.extend(tree::impurities(name, &pulled_in(workspace, name)?));
    }
    Ok(Outcome::of_findings(findings))
}

/// What is declared against the law.
fn edges(packages: &[Package]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some((_, known)) = MAY_KNOW.iter().find(|(of, _)| *of == name) else {
            findings.push(format!(
                "{name} has no place in the house: the law does not name it"
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let other = dependency.name.as_str();
            if packages.iter().any(|package| package.name == other) && !known.contains(&other) {
                findings.push(format!("{name} must not know {other}"));
            }
            if (name, other) == (FEDERATION, PROTO) && !dependency.optional {
                findings.push(format!(
                    "{FEDERATION} may know {PROTO} for its feature only"
                ));
            }
            if (name, other) == (CLI, FEDERATION)
                && (dependency.uses_default_features || !dependency.features.is_empty())
            {
                findings.push(format!(
                    "{CLI} takes the core of {FEDERATION} only: no feature"
                ));
            }
        }
        for dependency in &package.dependencies {
            if name != TESTS && dependency.features.iter().any(|on| on == PLANTED_FAULTS) {
                let other = &dependency.name;
                findings.push(format!("{name} lets faults be planted in {other}"));
            }
        }
        findings.extend(features(package));
    }
    findings
}

/// Which features are on by default, and which one brings the wire's types to the federation.
fn features(package: &Package) -> Vec<String> {
    let mut findings = Vec::new();
    let name = &package.name;
    for (feature, enables) in &package.features {
        let plants = enables.iter().any(|on| on.contains(PLANTED_FAULTS));
        if plants && name != TESTS {
            findings.push(format!("{name}: feature {feature} lets faults be planted"));
        }
        let wire = enables
            .iter()
            .any(|on| on.contains(PROTO) || on == TRANSPORT);
        if name == FEDERATION && feature != TRANSPORT && wire {
            findings.push(format!("{name}: feature {feature} turns {TRANSPORT} on"));
        }
    }
    findings
}

fn takes_the_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| line == "[lints]") && lines.next() == Some("workspace = true")
}

/// Packages that are compiled into `package`, one a line: `name version|features`.
fn pulled_in(workspace: &Workspace, package: &str) -> anyhow::Result<String> {
    let edges = ["--edges", "normal,no-proc-macro", "--target", "all"];
    let output = workspace
        .cargo(&[
            "tree",
            "--package",
            package,
            "--prefix",
            "none",
            "--format",
            "{p}|{f}",
        ])
        .args(edges)
        .output()
        .context("cargo tree can't be run")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cargo tree ended with {}: {error}",
        output.status
    );
    String::from_utf8(output.stdout).context("cargo tree speaks UTF-8")
}

#[cfg(test)]
mod tests;
