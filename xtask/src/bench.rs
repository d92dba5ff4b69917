//! `cargo xtask bench`: builds in release what is measured and what measures, and runs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::program::{build_and_run, value};
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

const PROGRAM: &str = "bench";

/// How many figures a case tells of an engine, how many of them have a target, and how many raw limits stand beside them in
/// all.
struct Told {
    case: &'static str,
    figures: usize,
    targets: usize,
    limits: usize,
}

const fn told(case: &'static str, figures: usize, targets: usize, limits: usize) -> Told {
    Told {
        case,
        figures,
        targets,
        limits,
    }
}

/// What each engine has, with `--quick` and if all went well.
const CASES: &[Told] = &[
    told("raw", 5, 0, 0),
    told("idle", 2, 2, 0),
    told("paced", 4, 4, 8),
    told("post-1", 4, 2, 4),
    told("post-64", 10, 2, 6),
    told("post-many", 10, 2, 6),
    told("catch-up", 6, 4, 4),
    told("million", 9, 2, 4),
    told("restart", 2, 2, 0),
    told("channels", 12, 0, 6),
    told("partners", 8, 0, 4),
];

/// What has nothing to do with an engine.
const MACHINE: Told = told("raw", 15, 0, 0);

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
    // The raw limits are no case.
    let cases = CASES.len() - 1;
    Ok(Outcome::Passed(Some(format!(
        "{cases} cases on both engines, each message once"
    ))))
}

/// What programs are not told of what they should be.
fn untold(written: &Value) -> Vec<String> {
    let figures = written["figures"].as_array().map_or(&[][..], Vec::as_slice);
    let engines = [json!("sled"), json!("fjall")];
    let mut of_each: Vec<(&Value, &Told)> = vec![(&Value::Null, &MACHINE)];
    of_each.extend(
        engines
            .iter()
            .flat_map(|engine| CASES.iter().map(move |case| (engine, case))),
    );
    let mut findings = Vec::new();
    for (engine, told) in of_each {
        let of_case: Vec<&Value> = figures
            .iter()
            .filter(|figure| figure["case"] == told.case && figure["engine"] == *engine)
            .collect();
        let beside = |figure: &&Value| figure["beside"].as_array().map_or(0, Vec::len);
        let found = (
            of_case.len(),
            of_case
                .iter()
                .filter(|figure| !figure["target"].is_null())
                .count(),
            of_case.iter().map(beside).sum(),
        );
        if found != (told.figures, told.targets, told.limits) {
            findings.push(format!(
                "the JSON of {} on {engine} has {found:?} figures, targets and raw limits, not {:?}",
                told.case,
                (told.figures, told.targets, told.limits)
            ));
        }
        let names: BTreeSet<_> = of_case
            .iter()
            .map(|figure| figure["what"].as_str())
            .collect();
        if names.len() < of_case.len() {
            findings.push(format!(
                "the JSON of {} on {engine} has two figures of one name",
                told.case
            ));
        }
        let lacking = of_case.into_iter().filter(|figure| !is_whole(figure));
        findings.extend(
            lacking.map(|figure| format!("the JSON on {engine} lacks something: {figure}")),
        );
    }
    findings
}

/// Beside a target stands whether it is met, and beside each raw limit the ratio to it.
fn is_whole(figure: &Value) -> bool {
    let limits = figure["beside"].as_array().map_or(&[][..], Vec::as_slice);
    figure["value"].is_number()
        && figure["target"].is_null() == figure["met"].is_null()
        && limits
            .iter()
            .all(|limit| limit["ratio"].is_f64() && limit["raw"].is_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CASES, MACHINE, Options, Told, untold};

    /// A bench that told all that it should.
    fn whole() -> Value {
        let figures = |engine: Value, told: &Told| -> Vec<Value> {
            (0..told.figures)
                .map(|number| {
                    let target = (number < told.targets).then(|| json!({ "at_least": 1.0 }));
                    // All limits beside the first, as they are counted together.
                    let limits = if number == 0 { told.limits } else { 0 };
                    let limit = json!({ "raw": "a sync", "value": 2.0, "ratio": 0.5 });
                    json!({
                        "case": told.case, "what": format!("figure {number}"), "engine": engine,
                        "value": 1.0, "target": target,
                        "met": target.is_some().then_some(true), "beside": vec![limit; limits],
                    })
                })
                .collect()
        };
        let mut all = figures(Value::Null, &MACHINE);
        for engine in ["sled", "fjall"] {
            all.extend(CASES.iter().flat_map(|told| figures(json!(engine), told)));
        }
        json!({ "figures": all })
    }

    #[test]
    fn what_programs_are_told_is_whole() {
        assert_eq!(untold(&whole()), Vec::<String>::new());
        let first = |case: &str| {
            let all = whole();
            let figures = all["figures"].as_array().expect("a list");
            let first = figures.iter().position(|figure| figure["case"] == case);
            first.expect("it is there")
        };
        let check = |place: usize, change: fn(&mut Value)| {
            let mut without = whole();
            change(&mut without["figures"][place]);
            assert_eq!(untold(&without).len(), 1, "{:?}", untold(&without));
        };
        check(first("post-64"), |figure| figure["beside"] = json!([]));
        check(first("paced"), |figure| {
            figure["target"] = json!(null);
            figure["met"] = json!(null);
        });
        check(first("million"), |figure| {
            figure["beside"][0]["ratio"] = json!(null)
        });
        check(first("idle"), |figure| figure["met"] = json!(null));
        check(first("restart"), |figure| {
            figure["what"] = json!("figure 1")
        });
        check(first("raw"), |figure| figure["case"] = json!("another"));
        assert_eq!(untold(&json!({})).len(), 2 * CASES.len() + 1);
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
