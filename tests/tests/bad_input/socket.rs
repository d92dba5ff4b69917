//! Who may use the administration socket: by what the kernel says of who connects, also where the permissions of the
//! file would let others in.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use foedus_tests::harness::command::{Answer, Foedus, with_json};
use foedus_tests::harness::daemon::{Daemon, Place};
use foedus_tests::harness::programs::program;
use serde_json::Value;

/// Two users of whom none is root. That they have no name does not matter.
const DAEMON: u32 = 61_001;
const STRANGER: u32 = 61_002;

/// Runs a command as another user. Its program lies where everybody may run it.
fn run(foedus: &Foedus, folder: &Path, uid: u32, arguments: &[&str]) -> Answer {
    let own = foedus.command(&with_json(arguments));
    let environment = own.get_envs();
    let output = Command::new(folder.join("foedus"))
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))))
        .args(own.get_args())
        .uid(uid)
        .gid(uid)
        .output()
        .expect("it can be started");
    Answer {
        command: format!("foedus {} as user {uid}", arguments.join(" ")),
        exit: output.status.code(),
        out: String::from_utf8(output.stdout).expect("foedus speaks UTF-8"),
        err: String::from_utf8(output.stderr).expect("foedus speaks UTF-8"),
    }
}

/// A daemon with an identity; that of another user, if the test may become one.
fn initialised(folder: &Path, is_root: bool) -> Daemon {
    let mut place = Place::new(folder.join("acme"));
    if is_root {
        place.uid = Some(DAEMON);
        chown(&place.folder, Some(DAEMON), Some(DAEMON)).expect("root may");
        fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("root may");
    }
    let mut daemon = Daemon::new(place);
    daemon.start();
    let foedus = daemon.place.foedus();
    foedus.must(&["init", "acme.example", "--administrator", "alice"]);
    daemon
}

/// The newest record of an action: who did it, and by which user.
fn audited(foedus: &Foedus, action: &str) -> (Value, Value) {
    let listed = foedus.json(&["audit", "list", "--action", action, "--limit", "1"]);
    let record = &listed["records"][0];
    (
        record["actor"].clone(),
        record["details"]["socket_uid"].clone(),
    )
}

#[test]
fn only_the_daemons_user_and_root_may_administer_and_the_audit_names_the_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let tester = rustix::process::getuid();
    let daemon = initialised(path, tester.is_root());
    let (foedus, alice) = (daemon.place.foedus(), daemon.place.foedus().named("alice"));
    let socket = format!("socket:{}", tester.as_raw());
    assert_eq!(audited(&foedus, "organisation.init").0, *socket);
    alice.must(&["member", "add", "anna"]);
    let found = audited(&foedus, "member.add");
    let expected = (
        "alice@acme.example".into(),
        tester.as_raw().to_string().into(),
    );
    assert_eq!(found, expected);
    if !tester.is_root() {
        // Only root can be somebody else.
        return;
    }

    fs::copy(program("foedus"), path.join("foedus")).expect("it can be copied");
    let by_daemon = run(&foedus, path, DAEMON, &["member", "add", "ben"]);
    assert_eq!(by_daemon.exit, Some(0), "{by_daemon:#?}");
    assert_eq!(audited(&foedus, "member.add").0, format!("socket:{DAEMON}"));

    // As an administrator might who wants others to be let in: the kernel still says who they are.
    let socket = daemon.place.socket();
    let closed = run(&foedus, path, STRANGER, &["status"]);
    assert_ne!(
        closed.exit,
        Some(0),
        "the file alone keeps others out: {closed:#?}"
    );
    fs::set_permissions(&daemon.place.folder, Permissions::from_mode(0o755)).expect("root may");
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("root may");
    let (members, records) = (&["member", "list"], &["audit", "list", "--limit", "1000"]);
    let before = (foedus.json(members), foedus.json(records));
    for arguments in [
        &["status"][..],
        &["member", "list"],
        &["member", "add", "eve"],
        &["channel", "create", "eve"],
        &["audit", "list"],
    ] {
        for asked in [&foedus, &alice] {
            let refusal = run(asked, path, STRANGER, arguments).refusal();
            assert_eq!(refusal.reason, "NOT_OPERATOR", "{arguments:?}: {refusal:?}");
            assert_eq!(refusal.exit, 77, "{arguments:?}: {refusal:?}");
            let named = refusal.message.contains(&format!("user {STRANGER}"));
            assert!(named, "{arguments:?}: {refusal:?}");
        }
    }
    assert_eq!((foedus.json(members), foedus.json(records)), before);
}
