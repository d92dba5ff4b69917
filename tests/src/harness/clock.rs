//! A clock that can be set wrong, for a daemon that knows nothing of it.
//!
//! A small library is preloaded into the daemon, and adds to each wall time what a file says. Nothing of it is in the
//! program that is shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The library, as it is built on this machine.
const LIBRARY: &str = include_str!("clock.c");

/// A year, as far as clocks care.
pub const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The clock of one daemon.
#[derive(Debug, Clone)]
pub struct Clock {
    file: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// A clock that is right, with its files in `folder`.
    ///
    /// # Panics
    ///
    /// If there is no C compiler.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, LIBRARY).expect("the folder can be written to");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .output()
            .expect("a C compiler is there as cc");
        assert!(built.status.success(), "{built:?}");
        let clock = Self {
            file: folder.join("clock"),
            library,
        };
        clock.is_right();
        clock
    }

    /// What a daemon needs in its environment to go by it.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("LD_PRELOAD", self.library.clone()),
            ("FOEDUS_CLOCK", self.file.clone()),
        ]
    }

    /// From now on it is right.
    pub fn is_right(&self) {
        self.set(0);
    }

    /// From now on it is ahead.
    ///
    /// # Panics
    ///
    /// If it is ahead by more than anybody has seen.
    pub fn is_ahead(&self, by: Duration) {
        self.set(i64::try_from(by.as_millis()).expect("less than all time"));
    }

    /// From now on it is behind.
    ///
    /// # Panics
    ///
    /// If it is behind by more than anybody has seen.
    pub fn is_behind(&self, by: Duration) {
        self.set(-i64::try_from(by.as_millis()).expect("less than all time"));
    }

    /// The file is replaced whole: a daemon never reads half a number.
    fn set(&self, millis: i64) {
        let next = self.file.with_extension("next");
        fs::write(&next, millis.to_string()).expect("the folder can be written to");
        fs::rename(&next, &self.file).expect("a file can be renamed");
    }
}
