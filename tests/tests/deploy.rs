//! What `deploy/` gives to operators is what the daemon takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use foedus_tests::harness::programs::program;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

#[test]
fn each_configuration_has_no_fault() {
    let mut checked = 0;
    for entry in fs::read_dir(deploy()).expect("there is a folder deploy") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let mut command = Command::new(program("foedusd"));
        let check = command
            .arg("--config")
            .arg(&path)
            .arg("--check-config")
            .output()
            .expect("foedusd can be started");
        assert!(check.status.success(), "{}: {check:?}", path.display());
        checked += 1;
    }
    assert!(checked >= 2, "{checked}");
}

/// The unit starts what is installed where the handbook says, with the file that it says.
#[test]
fn the_unit_and_the_handbook_name_the_same_places() {
    let unit = fs::read_to_string(deploy().join("foedusd.service")).expect("there is a unit");
    let handbook = fs::read_to_string(deploy().join("../docs/OPERATING.md")).expect("there is one");
    for place in [
        "/usr/local/bin/",
        "/etc/foedus/foedusd.toml",
        "/var/lib/foedus",
    ] {
        assert!(unit.contains(place), "{place} in the unit");
        assert!(handbook.contains(place), "{place} in the handbook");
    }
    assert!(unit.contains("Type=notify"));
}
