//! `cargo xtask demo`: the story of two organisations on two real daemons, told by what `foedus` says.
//!
//! Each line that is told is the output of a command against one of the daemons, and each step says beforehand what
//! that output must contain: where it does not, the demo has failed. Nothing is known here of how a daemon works.

mod cable;
pub mod claim;
pub mod load;
pub mod processes;
pub mod screen;
pub mod stage;
pub mod step;
pub mod story;
pub mod teller;
mod timeline;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};

pub use cable::run as run_cable;

use crate::bounds::DEMO_STORY_MAX;
use crate::demo::screen::Screen;
use crate::demo::stage::Stage;
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    keep: bool,
}

impl Options {
    /// Reads the words after `demo`.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            match *word {
                "--keep" => options.keep = true,
                other => return Err(format!("demo does not know {other:?}")),
            }
        }
        Ok(options)
    }
}

/// Builds, tells the story, and cleans up; or leaves both daemons running. A story that takes too long has failed.
pub fn run(workspace: &Workspace, options: Options) -> anyhow::Result<bool> {
    let programs = build(workspace)?;
    let began = Instant::now();
    let stage = Stage::set_up("demo", programs)?;
    let screen = Screen::new();
    let told = story::tell(&stage, &screen, began).and_then(|()| {
        let took = began.elapsed();
        ensure!(
            took <= DEMO_STORY_MAX,
            "the story took {:.0} s, and may take {:.0} s",
            took.as_secs_f64(),
            DEMO_STORY_MAX.as_secs_f64()
        );
        screen.took(took);
        if options.keep {
            story::go_on(&stage, &screen)?;
        }
        Ok(())
    });
    if let Err(error) = told {
        // After an interrupt this waits for the end of this process: what failed is no news then.
        stage.processes.undisturbed(|| ());
        stage.show_logs(&screen);
        return Err(error.context("the demo stopped, because a step did not do what it claims"));
    }
    if options.keep {
        stage.leave(&screen);
    }
    Ok(true)
}

/// Builds both programs in release; the folder in which they are.
pub fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    eprintln!("Building foedusd and foedus in release; the first time this takes some minutes.");
    let built = workspace
        .cargo(&[
            "build",
            "--release",
            "--package",
            "foedus-daemon",
            "--package",
            "foedus-cli",
            "--bins",
        ])
        .status()
        .context("cargo can't be run")?;
    ensure!(built.success(), "cargo build ended with {built}");
    Ok(workspace.target.join("release"))
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options() {
        assert_eq!(Options::parse(&[]), Ok(Options { keep: false }));
        assert_eq!(Options::parse(&["--keep"]), Ok(Options { keep: true }));
        assert!(Options::parse(&["--hold"]).is_err());
    }
}
