//! What keeps a daemon from starting, and what it says then.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use foedus_tests::harness::daemon::{Daemon, Place, fails_to_start, store_command};
use foedus_tests::powercut::check;

/// What the statuses mean is in `foedusd --help`.
const DATA: Option<i32> = Some(65);
const UNAVAILABLE: Option<i32> = Some(69);
const NOT_PERMITTED: Option<i32> = Some(77);
const CONFIGURATION: Option<i32> = Some(78);

fn place(folder: &Path) -> Place {
    Place::new(folder.join("acme"))
}

/// A daemon that runs and has an identity.
fn initialised(folder: &Path) -> Daemon {
    let mut daemon = Daemon::new(place(folder));
    daemon.start();
    let foedus = daemon.place.foedus();
    foedus.must(&["init", "acme.example", "--administrator", "alice"]);
    daemon
}

#[track_caller]
fn says(said: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(said.contains(text), "{text:?} is missing in: {said}");
    }
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = initialised(folder.path());
    // Elsewhere in everything but the folder of its data.
    let mut second = Place::new(folder.path().join("second"));
    let text = second.configuration_text().replace(
        &format!("{:?}", second.data()),
        &format!("{:?}", daemon.place.data()),
    );
    fs::write(second.configuration(), text).expect("written");
    let (status, said) = fails_to_start(second.command());
    assert_eq!(status, UNAVAILABLE, "{said}");
    says(
        &said,
        &[
            "in use by another daemon",
            "to do:  end the other daemon",
            &daemon.place.data().display().to_string(),
        ],
    );
    assert_eq!(daemon.place.foedus().json(&["status"])["initialised"], true);

    // Nor can the first be disturbed by one that differs in nothing.
    second.folder.clone_from(&daemon.place.folder);
    let (status, said) = fails_to_start(daemon.place.command());
    assert_eq!(status, UNAVAILABLE, "{said}");
    assert_eq!(daemon.place.foedus().json(&["status"])["initialised"], true);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    fs::write(place.configuration(), place.configuration_text()).expect("written");
    for (address, key) in [(place.link, "link.listen"), (place.api, "api.listen")] {
        let taken = TcpListener::bind(address).expect("it is free");
        let (status, said) = fails_to_start(place.command());
        assert_eq!(status, UNAVAILABLE, "{said}");
        says(
            &said,
            &[&address.to_string(), key, "in use", "to do:  end what"],
        );
        drop(taken);
    }
    let mut daemon = Daemon::new(place);
    daemon.start();
}

#[test]
fn keys_that_cannot_be_read_or_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = initialised(folder.path());
    let identity = daemon.place.foedus().json(&["identity", "show"]);
    daemon.stop();
    let keys = daemon.place.data().join("keys");
    let file = keys.join("sign.key");
    let kept = fs::read(&file).expect("it is there");

    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("ours");
    let (status, said) = fails_to_start(daemon.place.command());
    assert_eq!(status, NOT_PERMITTED, "{said}");
    says(&said, &["sign.key", "chmod 600"]);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");

    fs::write(&file, "no key").expect("ours");
    let (status, said) = fails_to_start(daemon.place.command());
    assert_eq!(status, DATA, "{said}");
    says(
        &said,
        &["sign.key", "expected one line", "to do:  put it back"],
    );

    // A key that is one, and not this organisation's.
    let other = fs::read_to_string(keys.join("link.key")).expect("it is there");
    fs::write(&file, other.replace("link", "sign")).expect("ours");
    let (status, said) = fails_to_start(daemon.place.command());
    assert_eq!(status, DATA, "{said}");
    says(&said, &["sign.key", "put the right one back"]);

    // What can't be read at all; a folder is that for everybody, whatever their rights.
    fs::remove_file(&file).expect("ours");
    fs::create_dir(&file).expect("ours");
    fs::set_permissions(&file, Permissions::from_mode(0o700)).expect("ours");
    let (status, said) = fails_to_start(daemon.place.command());
    assert_ne!(status, Some(0), "{said}");
    says(&said, &["sign.key", "to do:  "]);

    fs::remove_dir(&file).expect("ours");
    let (status, said) = fails_to_start(daemon.place.command());
    assert_eq!(status, DATA, "{said}");
    says(&said, &["sign.key", "missing", "backup"]);

    fs::write(&file, kept).expect("ours");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");
    daemon.start();
    assert_eq!(daemon.place.foedus().json(&["identity", "show"]), identity);
}

#[test]
fn all_faults_of_a_configuration_are_listed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    let text = "\
data = \"\"
colour = \"blue\"

[store]
engine = \"abacus\"
cache_bytes = 7

[link]
listen = \"everywhere\"
advertise = [\"no port\"]

[api]
listen = \"0.0.0.0:7434\"

[log]
level = 3
";
    fs::write(place.configuration(), text).expect("written");
    let mut check = place.command();
    check.arg("--check-config");
    for command in [place.command(), check] {
        let (status, said) = fails_to_start(command);
        assert_eq!(status, CONFIGURATION, "{said}");
        let faults = [
            "data",
            "colour",
            "store.engine",
            "store.cache_bytes",
            "link.listen",
            "link.advertise",
            "api.tls_certificate",
            "log.level",
        ];
        says(&said, &faults);
        assert!(!place.data().exists(), "nothing is made");
    }

    fs::write(place.configuration(), "data = ").expect("written");
    let (status, said) = fails_to_start(place.command());
    assert_eq!(status, CONFIGURATION, "{said}");
    says(&said, &["foedusd.toml", "TOML"]);
    fs::remove_file(place.configuration()).expect("ours");
    let (status, said) = fails_to_start(place.command());
    assert_eq!(status, CONFIGURATION, "{said}");
    says(&said, &["foedusd.toml", "cannot read"]);
}

#[test]
fn the_default_configuration_has_no_fault_and_names_every_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(folder.path());
    fs::write(place.configuration(), "").expect("written");
    let mut print = place.command();
    let output = print
        .arg("--print-default-config")
        .output()
        .expect("it can be started");
    let text = String::from_utf8(output.stdout).expect("text");
    for section in [
        "[store]",
        "[link]",
        "[api]",
        "[metrics]",
        "[log]",
        "[drain]",
    ] {
        assert!(text.contains(section), "{section}: {text}");
    }
    fs::write(place.configuration(), text).expect("written");
    let mut check = place.command();
    let checked = check
        .arg("--check-config")
        .status()
        .expect("it can be started");
    assert!(checked.success());
}

/// What a newer daemon wrote is left as it is.
#[test]
fn a_store_from_a_newer_version_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = initialised(folder.path());
    daemon.stop();
    let store = daemon.place.data().join("store");
    let format = store.join("FORMAT");
    let ours = fs::read_to_string(&format).expect("it is there");
    fs::write(&format, ours.replace(" 1 ", " 2 ")).expect("ours");
    let before = check::taken(&store);
    for _ in 0..2 {
        let (status, said) = fails_to_start(daemon.place.command());
        assert_eq!(status, DATA, "{said}");
        let wanted = ["format 2", "up to 1", "install a newer version"];
        says(&said, &wanted);
    }
    let copy = folder.path().join("copy");
    let copy_to = copy.display().to_string();
    let to_other = ["copy", "--to", &copy_to, "--engine", "fjall"];
    let commands = [
        ["check"].as_slice(),
        &["compact"],
        &["copy", "--to", &copy_to],
        &to_other,
    ];
    for words in commands {
        let (status, _, said) = store_command(&daemon.place, words);
        assert_eq!(status, DATA, "{said}");
        says(&said, &["format 2", "up to 1", "install a newer version"]);
    }
    assert!(!copy.exists(), "nothing was copied");
    assert!(check::taken(&store) == before, "nothing was changed");
    fs::write(&format, ours).expect("ours");
    daemon.start();
}
