//! `cargo xtask power`: power cuts on a real daemon, many of them. A short form is among the tests.

use std::process::ExitCode;

use crate::program::{build_and_run, value};
use crate::workspace::Workspace;

const PROGRAM: &str = "power";

/// What was asked for: words for the program that cuts.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    words: Vec<String>,
}

impl Options {
    /// Reads the words after `power`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut known = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            known.push((*word).to_owned());
            match *word {
                "--without-sync" => {}
                "--engine" => {
                    let engine = value(word, &mut words)?;
                    if !["sled", "fjall"].contains(&engine) {
                        return Err(format!("an engine is sled or fjall, not {engine:?}"));
                    }
                    known.push(engine.to_owned());
                }
                "--cuts" | "--messages" | "--bulk-mib" | "--seed" => {
                    let number = value(word, &mut words)?;
                    if number.parse::<u32>().is_err() {
                        return Err(format!("{word} expects a number: {number:?}"));
                    }
                    known.push(number.to_owned());
                }
                other => return Err(format!("power does not know {other:?}")),
            }
        }
        Ok(Self { words: known })
    }
}

/// Builds, cuts, and shows what was lost.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    build_and_run(workspace, PROGRAM, &options.words)
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options() {
        let check = |words: &[&str]| Options::parse(words).map(|options| options.words);
        let words = ["--engine", "fjall", "--cuts", "20", "--without-sync"];
        assert_eq!(check(&words), Ok(words.map(str::to_owned).to_vec()));
        assert!(check(&["--engine", "both"]).is_err());
        assert!(check(&["--cuts", "many"]).is_err());
        assert!(check(&["--seed"]).is_err());
        assert!(check(&["--cut", "20"]).is_err());
    }
}
