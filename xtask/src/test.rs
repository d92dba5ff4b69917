//! `cargo xtask test`: everything that has to hold before a change is taken.

use std::fs;

use crate::step::{Log, Outcome, Step, run_all};
use crate::workspace::Workspace;
use crate::{bench, crates, demo, doctests, examples, law, papers, sim, sources, tools};

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

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Ran {
    /// The steps were run; whether none has failed.
    Steps {
        /// None has.
        well: bool,
    },
    /// A step was asked for that there is not: what to say of it.
    Unknown(String),
}

/// The names of the steps.
pub fn names(workspace: &Workspace) -> anyhow::Result<String> {
    let names: Vec<&str> = steps(workspace)?.iter().map(|step| step.name).collect();
    Ok(names.join(", "))
}

/// Runs the steps.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<Ran> {
    let mut steps = steps(workspace)?;
    let known = |name: &String| steps.iter().any(|step| step.name == name);
    if let Some(name) = options.only.iter().find(|name| !known(name)) {
        let names = names(workspace)?;
        return Ok(Ran::Unknown(format!(
            "no step is called {name}; there are {names}"
        )));
    }
    if !options.only.is_empty() {
        steps.retain(|step| options.only.iter().any(|name| name == step.name));
    }
    let tally = run_all(workspace, &steps, options.no_skip);
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    );
    Ok(Ran::Steps {
        well: tally.failed == 0,
    })
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
        name: "bench",
        run: bench::check,
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
    // After those whose tools it needs.
    steps.push(Step {
        name: "examples",
        run: examples::check,
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
    use super::{Options, Ran, run};
    use crate::workspace::Workspace;

    #[test]
    fn a_step_that_there_is_not_is_named_with_those_that_there_are() {
        let workspace = Workspace::load().expect("cargo runs these tests in it");
        let options = Options::parse(&["--only", "bogus"]).expect("well formed");
        let Ok(Ran::Unknown(misused)) = run(&workspace, &options) else {
            panic!("a step that there is not was run");
        };
        assert!(misused.starts_with("no step is called bogus; there are fmt, sources, "));
    }

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
