//! Where the programs are that a test starts.

use std::env;
use std::path::PathBuf;

/// Names the folder of the programs, for tests of an installation instead of a build.
pub const PROGRAMS_VARIABLE: &str = "FOEDUS_PROGRAMS";

/// `foedusd` or `foedus`, as cargo built it beside this test, or as [`PROGRAMS_VARIABLE`] says.
///
/// # Panics
///
/// If it isn't there, with the command that builds it: cargo does not build the programs of other packages for a
/// test.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let folder = env::var_os(PROGRAMS_VARIABLE).map_or_else(beside_this_test, PathBuf::from);
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build -p foedus-daemon -p foedus-cli` first, or `cargo xtask test`, \
         which does; {PROGRAMS_VARIABLE} names another folder",
        path.display()
    );
    path
}

fn beside_this_test() -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let mut folder = test
        .parent()
        .expect("a program lies in a folder")
        .to_owned();
    // Tests lie in `deps/` of the folder in which programs are.
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}
