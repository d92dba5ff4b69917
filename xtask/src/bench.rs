//! `cargo xtask bench`: builds in release what is measured and what measures, and runs it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use serde_json::Value;

use crate::program::{build_and_run, value};
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

const PROGRAM: &str = "bench";

/// What has a figure on each engine, if all went well.
const CASES: &[&str] = &[
    "idle",
    "paced",
    "post-1",
    "post-64",
    "post-many",
    "catch-up",
    "million",
    "restart",
    "channels",
    "partners",
];

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

/// The step: that each case still runs, and loses nothing. How fast it was says nothing, with so little measured.
pub fn check(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let ourselves = std::env::current_exe().context("where this program is")?;
    let json = workspace.scratch().join("bench.json");
    fs::remove_file(&json).ok();
    let mut bench = Command::new(ourselves);
    bench
        .args([PROGRAM, "--quick", "--engine", "both", "--json"])
        .arg(&json)
        .current_dir(&workspace.root);
    if !log.run(&mut bench)? {
        return Ok(log.failed());
    }
    let written = fs::read(&json).context("what the bench wrote can't be read")?;
    let written: Value = serde_json::from_slice(&written).context("the bench writes JSON")?;
    let findings = untold(&written);
    if !findings.is_empty() {
        return Ok(Outcome::of_findings(findings));
    }
    let cases = CASES.len();
    Ok(Outcome::Passed(Some(format!(
        "{cases} cases on both engines, each message once"
    ))))
}

/// What programs are not told: of each case on each engine they have a figure; beside a target, whether it is met; and
/// the ratio to each raw limit.
fn untold(written: &Value) -> Vec<String> {
    let figures = written["figures"].as_array().map_or(&[][..], Vec::as_slice);
    let mut findings = Vec::new();
    for engine in ["sled", "fjall"] {
        for case in CASES {
            let mut of_case = figures
                .iter()
                .filter(|figure| figure["case"] == **case && figure["engine"] == engine)
                .peekable();
            if of_case.peek().is_none() {
                findings.push(format!("the JSON has no figure of {case} on {engine}"));
            }
            for figure in of_case {
                let limits = figure["beside"].as_array();
                let ratios = limits.is_some_and(|limits| {
                    limits
                        .iter()
                        .all(|limit| limit["ratio"].is_f64() && limit["raw"].is_string())
                });
                let whole = figure["value"].is_number()
                    && figure["target"].is_null() == figure["met"].is_null()
                    && ratios;
                if !whole {
                    findings.push(format!(
                        "the JSON of {case} on {engine} lacks something: {figure}"
                    ));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CASES, Options, untold};

    #[test]
    fn what_programs_are_told_is_whole() {
        let figure = |case: &&str, engine: &str| {
            let beside = [json!({ "raw": "a sync", "value": 2.0, "ratio": 0.5 })];
            json!({ "case": case, "engine": engine, "value": 1.0, "target": null, "met": null, "beside": beside })
        };
        let figures: Vec<_> = CASES
            .iter()
            .flat_map(|case| ["sled", "fjall"].map(|engine| figure(case, engine)))
            .collect();
        let whole = json!({ "figures": figures });
        assert_eq!(untold(&whole), Vec::<String>::new());
        let mut without = whole.clone();
        without["figures"][0]["beside"][0]["ratio"] = json!(null);
        without["figures"][1]["target"] = json!({ "at_most": 1.0 });
        without["figures"][2]["case"] = json!("another");
        assert_eq!(untold(&without).len(), 3, "{:?}", untold(&without));
        assert_eq!(untold(&json!({})).len(), 2 * CASES.len());
    }

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
