//! `cargo xtask test`: everything that has to hold before a change is taken.

use std::fs;

use crate::step::{Log, Outcome, Step, run_all};
use crate::workspace::Workspace;
use crate::{crates, demo, doctests, law, papers, sim, sources, tools};

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    no_skip: bool,
    only: Vec<String>,
}

impl Options {
    /// Reads the words after `test`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-skip" => options.no_skip = true,
                "--only" => {
                    let name = words.next().ok_or("--only expects the name of a step")?;
                    options.only.push((*name).to_owned());
                }
                other => return Err(format!("test does not know {other:?}")),
            }
        }
        Ok(options)
    }
}

/// Runs the steps; `false` if one failed.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    let mut steps = steps(workspace)?;
    for name in &options.only {
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        anyhow::ensure!(
            names.contains(&name.as_str()),
            "no step {name:?}; there are {names:?}"
        );
    }
    if !options.only.is_empty() {
        steps.retain(|step| options.only.iter().any(|name| name == step.name));
    }
    let tally = run_all(workspace, &steps, options.no_skip);
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    );
    Ok(tally.failed == 0)
}

/// In the order in which a mistake is cheapest to find.
fn steps(workspace: &Workspace) -> anyhow::Result<Vec<Step>> {
    let mut steps = vec![
        Step {
            name: "fmt",
            run: format,
        },
        Step {
            name: "sources",
            run: sources::check,
        },
        Step {
            name: "law",
            run: law::check,
        },
        Step {
            name: "papers",
            run: papers::check,
        },
        Step {
            name: "clippy",
            run: clippy,
        },
        Step {
            name: "docs",
            run: docs,
        },
        Step {
            name: "tests",
            run: crates::test,
        },
    ];
    if doctests::any(workspace)? {
        steps.push(Step {
            name: "doctests",
            run: doctests::run,
        });
    }
    if sim::expected(workspace) {
        steps.push(Step {
            name: "sim",
            run: sim::step,
        });
    }
    // After the simulator, with which it shares what is built in release.
    steps.push(Step {
        name: "demo",
        run: demo::step::check,
    });
    steps.push(Step {
        name: "deny",
        run: tools::deny,
    });
    steps.push(Step {
        name: "buf",
        run: tools::buf,
    });
    steps.push(Step {
        name: "foreign",
        run: tools::foreign,
    });
    Ok(steps)
}

fn format(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    log.pass(&mut workspace.cargo(&["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let features = workspace.features();
    log.pass(&mut workspace.cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        &features,
        "--",
        "-D",
        "warnings",
    ]))
}

fn docs(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    // Documentation of a file that is gone would hide a broken link to it.
    fs::remove_dir_all(workspace.target.join("doc")).ok();
    let features = workspace.features();
    log.pass(
        workspace
            .cargo(&["doc", "--no-deps", "--workspace", "--features", &features])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options() {
        let only = vec!["fmt".to_owned(), "law".to_owned()];
        let expected = Options {
            no_skip: true,
            only,
        };
        assert_eq!(
            Options::parse(&["--only", "fmt", "--no-skip", "--only", "law"]),
            Ok(expected)
        );
        assert!(Options::parse(&["--only"]).is_err());
        assert!(Options::parse(&["--skip"]).is_err());
    }
}
