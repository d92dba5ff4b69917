//! The examples in other languages, as a step of the test command: set up as their READMEs say, and run on two real
//! daemons, of which each is killed while they post and follow.
//!
//! Nothing is known here of what is in an example but what its README says: how it is called and what it prints.

mod comparison;
mod follower;
mod place;
mod play;
mod set_up;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::demo;
use crate::demo::screen::Screen;
use crate::demo::stage::Stage;
use crate::step::{Log, Outcome};
use crate::workspace::Workspace;

/// The step.
pub fn check(workspace: &Workspace, log: &mut Log) -> anyhow::Result<Outcome> {
    let made = match set_up::set_up(workspace, log)? {
        Ok(made) => made,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    // A process of its own: what it shows is in the log, and an interrupt ends the daemons with it.
    let ourselves = std::env::current_exe().context("where this program is")?;
    let mut played = Command::new(ourselves);
    played.arg("examples").args(made.words());
    if !log.run(played.current_dir(&workspace.root))? {
        return Ok(log.failed());
    }
    let text = log.text();
    let figure = text.lines().rev().find_map(|line| line.strip_prefix("✓ "));
    Ok(Outcome::Passed(figure.map(str::to_owned)))
}

/// Plays the examples that were set up where `words` say.
pub fn run(workspace: &Workspace, words: &[&str]) -> anyhow::Result<bool> {
    let [folder, python, foreign] = words else {
        bail!("examples are run by `cargo xtask test --only examples`");
    };
    let made = set_up::Made {
        folder: folder.into(),
        python: python.into(),
        foreign: foreign.into(),
    };
    let programs = demo::build(workspace)?;
    let stage = Stage::set_up("examples", programs)?;
    let screen = Screen::new();
    let played = play::play(&stage, &screen, &made, &certificate_maker(&workspace.root));
    if played.is_err() {
        // After an interrupt this waits for the end of this process: what failed is no news then.
        stage.processes.undisturbed(|| ());
        stage.show_logs(&screen);
    }
    played.map(|()| true)
}

fn certificate_maker(root: &Path) -> PathBuf {
    root.join("tests/foreign/make_certificate.py")
}
