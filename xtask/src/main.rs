//! The commands of the README: `cargo xtask demo`, `cargo xtask test`, `cargo xtask sim`,
//! `cargo xtask power`, `cargo xtask bench`.
//!
//! It drives cargo and a few tools of others. It must not know any crate of the project: it has
//! to build, and to say what is wrong, while they do not build.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

mod bench;
mod bounds;
mod crates;
mod demo;
mod doctests;
mod examples;
mod law;
mod papers;
mod power;
mod program;
mod sim;
mod sources;
mod step;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Context;

use crate::workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask <command>

  demo [--keep]                       two organisations on two daemons, from the invitation to the end;
                                      --keep: leave both running, and say what to type
  test [--no-skip] [--only STEP]...   check everything; --no-skip: a step that can't run has failed
  sim [--seeds N] [--from S]          run N seeds of the simulator, from seed S on
  sim --faults [--from S]             see that each planted fault is found
  power [--engine sled|fjall] [--cuts N] [--messages N] [--bulk-mib N] [--seed S] [--without-sync]
                                      cut the power of a daemon under load N times, while each of four writers sends
                                      messages, together a bulk of long ones, and a partner writes, too;
                                      --without-sync: the store's syncs count as nothing, and it has to be seen
  bench [--engine sled|fjall|both] [--only CASE]... [--quick] [--json FILE]
                                      measure speed, beside what this machine can do at all; --quick: little of
                                      it, to see that all works

Exit codes: 0 all is well, 1 something failed, 64 the command was not understood.";

/// EX_USAGE of sysexits.h.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = match arguments.as_slice() {
        ["test", rest @ ..] if asks_for_help(rest) => return help_of_test(),
        ["demo" | "sim" | "power" | "bench", rest @ ..] if asks_for_help(rest) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        ["test", rest @ ..] => match test::Options::parse(rest) {
            Ok(options) => match load().and_then(|workspace| test::run(&workspace, &options)) {
                Ok(test::Ran::Steps { well }) => Ok(well),
                Ok(test::Ran::Unknown(misused)) => return usage(&misused),
                Err(error) => Err(error),
            },
            Err(misused) => return usage(&misused),
        },
        ["demo", rest @ ..] => match demo::Options::parse(rest) {
            Ok(options) => load().and_then(|workspace| demo::run(&workspace, options)),
            Err(misused) => return usage(&misused),
        },
        // The demo's network: a process of its own, which can be ended.
        ["cable", rest @ ..] => demo::run_cable(rest),
        // The stage of the step that is called so, as a process of its own.
        ["examples", rest @ ..] => load().and_then(|workspace| examples::run(&workspace, rest)),
        ["sim", rest @ ..] => match sim::Options::parse(rest) {
            Ok(options) => load().and_then(|workspace| sim::run(&workspace, options)),
            Err(misused) => return usage(&misused),
        },
        ["power", rest @ ..] => match power::Options::parse(rest) {
            Ok(options) => return ended(load().and_then(|known| power::run(&known, &options))),
            Err(misused) => return usage(&misused),
        },
        ["bench", rest @ ..] => match bench::Options::parse(rest) {
            Ok(options) => return ended(load().and_then(|known| bench::run(&known, &options))),
            Err(misused) => return usage(&misused),
        },
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [] => return usage("a command is expected"),
        [other, ..] => return usage(&format!("no command is called {other:?}")),
    };
    ended(ran.map(|well| match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }))
}

fn ended(ran: anyhow::Result<ExitCode>) -> ExitCode {
    ran.unwrap_or_else(|error| {
        eprintln!("cargo xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn asks_for_help(words: &[&str]) -> bool {
    words.iter().any(|word| matches!(*word, "--help" | "-h"))
}

/// The steps are those of the workspace; where it can't be read, nothing can be said of them.
fn help_of_test() -> ExitCode {
    println!("{USAGE}");
    if let Ok(names) = load().and_then(|workspace| test::names(&workspace)) {
        println!("\nSteps of test: {names}");
    }
    ExitCode::SUCCESS
}

fn load() -> anyhow::Result<Workspace> {
    Workspace::load().context("the workspace can't be read")
}

fn usage(misused: &str) -> ExitCode {
    eprintln!("cargo xtask: {misused}\n\n{USAGE}");
    ExitCode::from(EXIT_USAGE)
}
