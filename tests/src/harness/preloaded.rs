//! C libraries that are preloaded into a real daemon, which knows nothing of them.

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
    let (text, library) = (
        folder.join(format!("{name}.c")),
        folder.join(format!("{name}.so")),
    );
    fs::write(&text, source).expect("the source can be written");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .args([&library, &text])
        .output()
        .expect("a C compiler is there as cc");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    library
}
