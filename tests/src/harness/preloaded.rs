//! C libraries that are preloaded into a real daemon, which knows nothing of them; and small programs in C to see that
//! they do what they are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a library from its source, in `folder`.
///
/// # Panics
///
/// If there is no C compiler, or it does not take the source.
#[must_use]
#[track_caller]
pub fn library(folder: &Path, name: &str, source: &str) -> PathBuf {
    build(folder, name, source, "so", &["-shared", "-fPIC"])
}

/// Builds a program in the same way.
///
/// # Panics
///
/// As [`library`].
#[must_use]
#[track_caller]
pub fn program(folder: &Path, name: &str, source: &str) -> PathBuf {
    build(folder, name, source, "out", &[])
}

#[track_caller]
fn build(folder: &Path, name: &str, source: &str, ending: &str, more: &[&str]) -> PathBuf {
    let (text, built) = (
        folder.join(format!("{name}.c")),
        folder.join(format!("{name}.{ending}")),
    );
    fs::write(&text, source).expect("the source can be written");
    let output = Command::new("cc")
        .args(more)
        .args(["-O2", "-o"])
        .args([&built, &text])
        .output()
        .expect("a C compiler is there as cc");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    built
}
