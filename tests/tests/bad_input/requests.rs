//! What people and programs ask and should not: names that do not exist, nothing, too much, the wrong moment.

use std::io::Write as _;
use std::process::Stdio;

use foedus_tests::harness::command::{Foedus, with_json};
use foedus_tests::harness::organisation::Organisation;
use foedus_tests::harness::two::{ACME, ACME_PEOPLE};
use serde_json::Value;

/// An organisation with one local channel.
fn acme(folder: &std::path::Path) -> Organisation {
    let acme = Organisation::begin(folder, ACME, ACME_PEOPLE);
    acme.member().must(&["channel", "create", "launch"]);
    acme
}

#[test]
fn unknown_names_are_said_to_be_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let (anna, alice) = (acme.member(), acme.administrator());
    let somewhere = "org_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let entry = format!("{somewhere}/inc_aaaaaaaaaaaaaaaaaaaaaaaaaa/0");
    for (foedus, arguments, reason) in [
        (&anna, &["history", "lunch"][..], "CHANNEL_UNKNOWN"),
        (&anna, &["post", "lunch", "Hello."], "CHANNEL_UNKNOWN"),
        (&anna, &["tail", "lunch"], "CHANNEL_UNKNOWN"),
        (&anna, &["channel", "show", "lunch"], "CHANNEL_UNKNOWN"),
        (
            &alice,
            &["partner", "show", "nobody.example"],
            "PARTNER_UNKNOWN",
        ),
        (&alice, &["partner", "show", somewhere], "PARTNER_UNKNOWN"),
        (&alice, &["request", "show", "REQ-0099"], "REQUEST_UNKNOWN"),
        (
            &alice,
            &["request", "approve", "REQ-0099"],
            "REQUEST_UNKNOWN",
        ),
        (&alice, &["project", "show", "Lunch"], "PROJECT_UNKNOWN"),
        (
            &alice,
            &["member", "deactivate", "nobody"],
            "MEMBER_UNKNOWN",
        ),
        (
            &alice,
            &["channel", "add", "launch", "nobody"],
            "MEMBER_UNKNOWN",
        ),
    ] {
        let refusal = foedus.refused(arguments);
        assert_eq!(refusal.reason, reason, "{arguments:?}: {refusal:?}");
        assert_eq!(refusal.exit, 66, "{arguments:?}: {refusal:?}");
    }
    let refusal = anna.refused(&["edit", "launch", &entry, "Never."]);
    assert_eq!(refusal.exit, 66, "{refusal:?}");
    let refusal = acme
        .foedus()
        .named("nobody")
        .refused(&["history", "launch"]);
    assert_eq!(refusal.reason, "MEMBER_UNKNOWN", "{refusal:?}");
}

#[test]
fn empty_and_oversized_messages_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let anna = acme.member();
    let empty = anna.refused(&["post", "launch", ""]);
    assert_eq!(empty.exit, 65, "{empty:?}");
    for bytes in [16 * 1024 + 1, 64 * 1024, 300 * 1024] {
        let long = "x".repeat(bytes);
        let mut child = anna
            .command(&with_json(&["post", "launch", "-"]))
            .stdin(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(long.as_bytes()).expect("it reads");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        let said: Value = serde_json::from_slice(&output.stderr).expect("a refusal in JSON");
        assert_eq!(output.status.code(), Some(65), "{bytes} bytes: {said}");
        let fix = said["error"]["fix"].as_str().unwrap_or_default();
        assert!(!fix.is_empty(), "{bytes} bytes: {said}");
    }
    let just_right = "x".repeat(16 * 1024);
    anna.must(&["post", "launch", &just_right]);
    let texts = acme.texts("launch");
    assert_eq!(texts, [just_right], "only what was acknowledged is there");
}

#[test]
fn names_that_are_no_names_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let (anna, alice) = (acme.member(), acme.administrator());
    for name in [
        "",
        "Launch",
        "la unch",
        "../launch",
        "laünch",
        "\u{1b}[2J",
        "аcme",
    ] {
        let refusal = anna.refused(&["channel", "create", "--", name]);
        assert_eq!(refusal.reason, "NAME_INVALID", "{name:?}: {refusal:?}");
    }
    let taken = anna.refused(&["channel", "create", "launch"]);
    assert_eq!(taken.reason, "NAME_TAKEN");
    let taken = alice.refused(&["member", "add", "anna"]);
    assert_eq!(taken.reason, "NAME_TAKEN");
    for handle in ["Globex.example", "globex..example", "globex example", ""] {
        let share = [
            "channel",
            "share",
            "launch",
            "--project",
            "P",
            "--no-end",
            "--with",
            handle,
        ];
        let refusal = anna.refused(&share);
        assert!(
            ["HANDLE_INVALID", "FIELD_NEEDED"].contains(&refusal.reason.as_str()),
            "{handle:?}: {refusal:?}"
        );
    }
    let past = anna.refused(&[
        "channel",
        "share",
        "launch",
        "--with",
        "globex.example",
        "--project",
        "P",
        "--ends",
        "2020-01-01T00:00:00Z",
    ]);
    assert_eq!(past.reason, "END_IN_PAST");
}

#[test]
fn a_repeated_call_with_one_key_is_done_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acme = acme(folder.path());
    let anna = acme.member();
    let post = ["--idempotency-key", "only-once", "post", "launch", "Once."];
    let first = anna.json(&post);
    assert_eq!(anna.json(&post), first);
    // Also over a restart: the key is as durable as the message.
    acme.daemon.kill();
    acme.daemon.start();
    assert_eq!(anna.json(&post), first);
    assert_eq!(acme.texts("launch"), ["Once."]);
    let other = [
        "--idempotency-key",
        "only-once",
        "post",
        "launch",
        "Another.",
    ];
    let refusal = anna.refused(&other);
    assert!(refusal.reason.contains("IDEMPOTENCY"), "{refusal:?}");
}

/// What administrators create is remembered by its key as long as the daemon runs. Asked again after a restart it is
/// there already: that is said, and nothing is made twice.
#[test]
fn what_was_created_before_a_kill_is_not_created_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acme = acme(folder.path());
    let alice = acme.administrator();
    for (key, create, action, list) in [
        ("m", ["member", "add", "ben"], "member.add", "member"),
        (
            "c",
            ["channel", "create", "garden"],
            "channel.create",
            "channel",
        ),
        (
            "p",
            ["project", "create", "Garden"],
            "project.create",
            "project",
        ),
    ] {
        let mut create = [&["--idempotency-key", key][..], &create].concat();
        if list == "project" {
            create.push("--no-end");
        }
        let made = alice.json(&create);
        assert_eq!(alice.json(&create), made, "{action}");
        let before = (alice.json(&[list, "list"]), done(&alice, action));
        acme.daemon.kill();
        acme.daemon.start();
        let refusal = alice.refused(&create);
        let there = ["NAME_TAKEN", "PROJECT_EXISTS"].contains(&refusal.reason.as_str());
        assert!(there, "{action}: {refusal:?}");
        let after = (alice.json(&[list, "list"]), done(&alice, action));
        assert_eq!(after, before, "{action}: nothing is made twice");
    }
}

/// How often the audit log says that an action was done.
fn done(foedus: &Foedus, action: &str) -> usize {
    let listed = foedus.json(&["audit", "list", "--action", action, "--limit", "1000"]);
    let records = listed["records"].as_array().expect("a list");
    let done = records.iter().filter(|record| record["outcome"] == "done");
    done.count()
}
