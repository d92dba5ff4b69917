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

/// What the unit takes from a daemon that somebody broke into.
#[test]
fn the_unit_gives_the_daemon_its_data_and_little_else() {
    let unit = fs::read_to_string(deploy().join("foedusd.service")).expect("there is a unit");
    let lines: Vec<&str> = unit.lines().map(str::trim).collect();
    for directive in [
        "User=foedus",
        "StateDirectoryMode=0700",
        "UMask=0077",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectProc=invisible",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "LockPersonality=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictNamespaces=yes",
        "RestrictSUIDSGID=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SystemCallArchitectures=native",
    ] {
        assert!(lines.contains(&directive), "{directive}");
    }
    let calls = lines
        .iter()
        .filter(|line| line.starts_with("SystemCallFilter="));
    assert!(calls.count() > 0, "which system calls it may make");
}

/// cargo wants to see every member of the workspace, and the build has no use for what was built here.
#[test]
fn the_container_is_sent_what_it_builds_and_not_what_was_built() {
    let read = |file: &str| fs::read_to_string(deploy().join("..").join(file)).expect(file);
    let ignored = read(".dockerignore");
    let ignored: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(ignored.contains(&"target"), "{ignored:?}");
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find(|line| line.starts_with("members"));
    let members = members.expect("it is a workspace").split('"');
    let members: Vec<&str> = members.skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    for needed in members.into_iter().chain(["Cargo.toml", "Cargo.lock"]) {
        assert!(!ignored.contains(&needed), "{needed} is needed");
    }
    let recipe = read("deploy/Containerfile");
    let copied = recipe
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--"))
        .filter_map(|line| line.split_whitespace().next());
    let mut count = 0;
    for file in copied {
        assert!(deploy().join("..").join(file).exists(), "{file}");
        count += 1;
    }
    assert!(count >= 2, "{recipe}");
}
