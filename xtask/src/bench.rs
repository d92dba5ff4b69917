//! `cargo xtask bench`: builds in release what is measured and what measures, and runs it.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::program::{build_and_run, value};
use crate::workspace::Workspace;

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
            match *word {
                "--quick" => {}
                "--engine" => {
                    let engine = value(word, &mut words)?;
                    if !["sled", "fjall", "both"].contains(&engine) {
                        return Err(format!("an engine is sled, fjall or both, not {engine:?}"));
                    }
                    known.push(engine.to_owned());
                }
                "--only" => known.push(value(word, &mut words)?.to_owned()),
                "--json" => {
                    let file = PathBuf::from(value(word, &mut words)?);
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
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    build_and_run(workspace, PROGRAM, &options.words)
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
