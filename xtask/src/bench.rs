//! `cargo xtask bench`: builds in release what is measured and what measures, and runs it.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::demo;
use crate::workspace::Workspace;

const PACKAGE: &str = "foedus-tests";
const PROGRAM: &str = "bench";

/// What was asked for: words for the program that measures.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    words: Vec<String>,
}

impl Options {
    /// Reads the words after `bench`. Which cases there are only the program knows.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut known = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            known.push((*word).to_owned());
            let mut value = || {
                let value = words
                    .next()
                    .ok_or_else(|| format!("{word} expects a value"));
                value.map(|value| (*value).to_owned())
            };
            match *word {
                "--quick" => {}
                "--engine" => {
                    let engine = value()?;
                    if !["sled", "fjall", "both"].contains(&engine.as_str()) {
                        return Err(format!("an engine is sled, fjall or both, not {engine:?}"));
                    }
                    known.push(engine);
                }
                "--only" => known.push(value()?),
                "--json" => {
                    let file = PathBuf::from(value()?);
                    // The program runs in the workspace's folder, and the file is meant where we are.
                    let file = std::path::absolute(&file).unwrap_or(file);
                    known.push(file.display().to_string());
                }
                other => return Err(format!("bench does not know {other:?}")),
            }
        }
        Ok(Self { words: known })
    }
}

/// Builds, measures, and shows what came out.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    // Apart from the bench, whose crate turns on what is for tests only.
    let programs = demo::build(workspace)?;
    let built = workspace
        .cargo(&["build", "--release", "--package", PACKAGE, "--bin", PROGRAM])
        .status()
        .context("cargo can't be run")?;
    ensure!(built.success(), "cargo build ended with {built}");
    let mut command = std::process::Command::new(programs.join(PROGRAM));
    let status = command
        .args(&options.words)
        .env("FOEDUS_PROGRAMS", &programs)
        .status()
        .context("the bench can't be run")?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options() {
        let check = |words: &[&str]| Options::parse(words).map(|options| options.words);
        let words = [
            "--quick", "--engine", "both", "--only", "paced", "--only", "raw",
        ];
        assert_eq!(check(&words), Ok(words.map(str::to_owned).to_vec()));
        let json = check(&["--json", "/tmp/figures.json"]).expect("it is known");
        assert_eq!(json, ["--json", "/tmp/figures.json"]);
        let relative = check(&["--json", "figures.json"]).expect("it is known");
        assert!(relative[1].starts_with('/'), "{relative:?}");
        assert!(check(&["--engine", "postgres"]).is_err());
        assert!(check(&["--only"]).is_err());
        assert!(check(&["paced"]).is_err());
    }
}
