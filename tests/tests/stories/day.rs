//! A day inside one organisation: people come into channels and leave them, one of them leaves for good, tokens come
//! and go.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::{Organisation, text};
use foedus_tests::harness::two::{ACME, ACME_PEOPLE};
use foedus_tests::harness::{SOON, eventually};
use serde_json::{Value, json};

/// Anna opened `launch` and wrote in it. Ben is there, too.
fn acme(folder: &Path) -> Organisation {
    let acme = Organisation::begin(folder, ACME, ACME_PEOPLE);
    let alice = acme.administrator();
    alice.must(&["member", "add", "ben", "--name", "Ben Brandt"]);
    acme.member().must(&["channel", "create", "launch"]);
    acme.member().must(&["post", "launch", "Good morning."]);
    acme
}

/// The fields of each object in a list, in an order of their own.
fn fields(list: &Value, field: &str) -> BTreeSet<String> {
    let objects = list.as_array().expect("a list").iter();
    objects.map(|object| text(object, field)).collect()
}

/// The addresses of who is in a channel.
#[track_caller]
fn members(foedus: &Foedus, channel: &str) -> BTreeSet<String> {
    let found = foedus.json(&["channel", "members", channel]);
    let members = found["members"].as_array().expect("a list").iter();
    let address = |member: &Value| {
        assert!(member["joined_at"].is_string(), "{member}");
        text(&member["author"], "address")
    };
    members.map(address).collect()
}

fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}

#[test]
fn who_joins_a_channel_writes_in_it_until_they_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let (anna, ben) = (acme.member(), acme.foedus().named("ben"));
    // There is nothing to end, so a yes would not help.
    let terminate = ["channel", "terminate", "launch"];
    let refusal = acme.administrator().refused(&terminate);
    assert_eq!(refusal.reason, "CHANNEL_NOT_SHARED", "{refusal:?}");
    assert!(
        refusal.fix.contains("channel archive launch"),
        "{refusal:?}"
    );
    let (only_anna, both) = (
        set(["anna@acme.example"]),
        set(["anna@acme.example", "ben@acme.example"]),
    );
    assert_eq!(members(&anna, "launch"), only_anna);
    for refused in [
        ["post", "launch", "Me too."].as_slice(),
        &["channel", "leave", "launch"],
    ] {
        let refusal = ben.refused(refused);
        assert_eq!(refusal.reason, "NOT_IN_CHANNEL", "{refused:?}: {refusal:?}");
    }

    let joined = ben.json(&["channel", "join", "launch"]);
    assert_eq!(
        (&joined["joined"], &joined["member_count"]),
        (&json!(true), &json!(2)),
        "{joined}"
    );
    assert_eq!(members(&anna, "launch"), both);
    ben.must(&["post", "launch", "Here I am."]);
    let told = anna.text(&["channel", "members", "launch"]);
    for said in [
        "Anna Ahrens <anna@acme.example>",
        "Ben Brandt <ben@acme.example>",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    // Once more changes nothing, and says nothing else.
    ben.must(&["channel", "join", "launch"]);
    assert_eq!(members(&anna, "launch"), both);

    let left = ben.json(&["channel", "leave", "launch"]);
    assert_eq!(
        (&left["joined"], &left["member_count"]),
        (&json!(false), &json!(1)),
        "{left}"
    );
    assert_eq!(members(&anna, "launch"), only_anna);
    let refusal = ben.refused(&["post", "launch", "One more thing."]);
    assert_eq!(refusal.reason, "NOT_IN_CHANNEL", "{refusal:?}");
    assert_eq!(acme.texts("launch"), ["Good morning.", "Here I am."]);

    // What is private is found by who is in it; nobody comes in by themselves.
    anna.must(&["channel", "create", "quiet", "--private"]);
    let refusal = ben.refused(&["channel", "join", "quiet"]);
    assert_eq!(refusal.reason, "CHANNEL_UNKNOWN", "{refusal:?}");
    anna.must(&["channel", "add", "quiet", "ben"]);
    assert_eq!(members(&ben, "quiet"), both);
}

#[test]
fn who_is_deactivated_is_gone_at_once_and_what_they_said_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acme = acme(folder.path());
    let (alice, anna, ben) = (
        acme.administrator(),
        acme.member(),
        acme.foedus().named("ben"),
    );
    ben.must(&["channel", "join", "launch"]);
    let created = alice.json(&["token", "create", "--for", "ben", "--label", "phone"]);
    let server = format!("http://{}", acme.daemon.place.api);
    let by_token = acme.foedus().by_token(&server, &text(&created, "secret"));
    by_token.must(&["post", "launch", "From the phone."]);
    let read = folder.path().join("read");
    let follow = |command: &mut Command| {
        command
            .stdout(File::create(&read).expect("ours"))
            .spawn()
            .expect("it can be started")
    };
    let mut tail =
        follow(&mut by_token.command(&["--output", "json", "tail", "launch", "--from", "start"]));
    eventually("the tail to read", SOON, || {
        let read = std::fs::read_to_string(&read).unwrap_or_default();
        read.contains("From the phone.").then_some(()).ok_or(read)
    });

    let deactivate = ["member", "deactivate", "ben", "--yes"];
    assert_eq!(anna.refused(&deactivate).reason, "NOT_ADMINISTRATOR");
    let asked = alice.run(&deactivate[..3]);
    let told = "nothing was done: ben@acme.example would be deactivated for good";
    assert!(
        asked.exit == Some(64) && asked.err.contains(told) && asked.err.contains("--yes"),
        "{asked:#?}"
    );
    by_token.must(&["post", "launch", "Still here."]);
    let gone = alice.json(&deactivate);
    assert_eq!(
        (&gone["address"], &gone["active"]),
        (&json!("ben@acme.example"), &json!(false))
    );

    // By no door anything more: no reading, no writing, and the stream that was open ends.
    for arguments in [
        ["post", "launch", "And me?"].as_slice(),
        &["history", "launch"],
        &["channel", "join", "launch"],
    ] {
        let refusal = by_token.refused(arguments);
        assert_eq!(
            refusal.reason, "TOKEN_REVOKED",
            "{arguments:?}: {refusal:?}"
        );
        let refusal = ben.refused(arguments);
        assert_eq!(
            refusal.reason, "MEMBER_INACTIVE",
            "{arguments:?}: {refusal:?}"
        );
    }
    let ended = eventually("the tail to end", SOON, || {
        let ended = tail.try_wait().expect("it is ours");
        ended.ok_or_else(|| "it goes on".to_owned())
    });
    assert!(!ended.success(), "{ended}");
    let refusal = anna.refused(&["channel", "add", "launch", "ben"]);
    assert_eq!(refusal.reason, "MEMBER_INACTIVE", "{refusal:?}");
    // Their name is nobody else's from now on: what they said would be that person's.
    let refusal = alice.refused(&["member", "add", "ben"]);
    assert_eq!(refusal.reason, "NAME_TAKEN", "{refusal:?}");
    let refusal = alice.refused(&["member", "deactivate", "alice", "--yes"]);
    assert_eq!(refusal.reason, "LAST_ADMINISTRATOR", "{refusal:?}");

    // Also after a restart; and what was said stays, with who said it.
    acme.daemon.kill();
    acme.daemon.start();
    let refusal = ben.refused(&["history", "launch"]);
    assert_eq!(refusal.reason, "MEMBER_INACTIVE", "{refusal:?}");
    assert_eq!(members(&anna, "launch"), set(["anna@acme.example"]));
    let listed = |more: &[&str]| {
        let list = alice.json(&[&["member", "list"], more].concat());
        fields(&list["members"], "name")
    };
    assert_eq!(listed(&[]), set(["alice", "anna"]));
    assert_eq!(listed(&["--all"]), set(["alice", "anna", "ben"]));
    assert_eq!(
        acme.texts("launch"),
        ["Good morning.", "From the phone.", "Still here."]
    );
    let messages = acme.messages("launch");
    let last = messages.iter().rfind(|one| one["text"] == "Still here.");
    let author = &last.expect("it is there")["author"];
    assert_eq!(author["address"], "ben@acme.example", "{author}");
    assert_eq!(author["display_name"], "Ben Brandt", "{author}");
}

#[test]
fn tokens_are_listed_without_their_secrets_until_they_are_revoked() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let (alice, anna) = (acme.administrator(), acme.member());
    let create = |member: &str, label: &str, scopes: &[&str]| {
        let create = ["token", "create", "--for", member, "--label", label];
        alice.json(&[&create, scopes].concat())
    };
    let laptop = create("anna", "laptop", &[]);
    let reader = create("anna", "reader", &["--scope", "read"]);
    let phone = create("ben", "phone", &[]);
    let id = |created: &Value| text(&created["token"], "token_id");

    let list = |more: &[&str]| alice.json(&[&["token", "list"], more].concat());
    let of = |more: &[&str]| fields(&list(more)["tokens"], "token_id");
    let all: BTreeSet<String> = [&laptop, &reader, &phone].map(id).into();
    let annas: BTreeSet<String> = [&laptop, &reader].map(id).into();
    assert_eq!(of(&[]), all);
    assert_eq!(of(&["--for", "anna"]), annas);
    let shown = list(&["--for", "anna"]);
    let tokens = shown["tokens"].as_array().expect("a list");
    let one = tokens.iter().find(|one| one["label"] == "reader");
    let one = one.expect("it is listed");
    assert_eq!(one["member"], "anna@acme.example", "{one}");
    assert_eq!(one["scopes"], json!(["read"]), "{one}");
    assert_eq!(one["revoked"], json!(false), "{one}");
    assert!(one["expires_at"].is_string(), "{one}");
    let people = alice.text(&["token", "list"]);
    for created in [&laptop, &reader, &phone] {
        let secret = text(created, "secret");
        assert!(
            !shown.to_string().contains(&secret) && !people.contains(&secret),
            "{people}"
        );
    }
    for label in ["laptop", "reader", "phone"] {
        assert!(people.contains(label), "{label}: {people}");
    }

    // A token for reading reads, and no more.
    let server = format!("http://{}", acme.daemon.place.api);
    let by = |created: &Value| acme.foedus().by_token(&server, &text(created, "secret"));
    by(&reader).must(&["history", "launch"]);
    let refusal = by(&reader).refused(&["post", "launch", "More than that."]);
    assert_eq!(refusal.reason, "SCOPE_MISSING", "{refusal:?}");

    let revoked = alice.json(&["token", "revoke", &id(&laptop)]);
    assert_eq!(revoked["revoked"], json!(true), "{revoked}");
    let refusal = by(&laptop).refused(&["history", "launch"]);
    assert_eq!(refusal.reason, "TOKEN_REVOKED", "{refusal:?}");
    assert_eq!(of(&["--for", "anna"]), [id(&reader)].into());
    assert_eq!(of(&["--for", "anna", "--all"]), annas);
    by(&phone).must(&["history", "launch"]);
    // Whose token is nobody's business but theirs and the administrators'.
    let theirs = fields(&anna.json(&["token", "list"])["tokens"], "token_id");
    assert_eq!(theirs, [id(&reader)].into());
    let refusal = anna.refused(&["token", "revoke", &id(&phone)]);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR", "{refusal:?}");
}

#[test]
fn projects_are_listed_with_what_hangs_on_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = acme(folder.path());
    let (alice, anna) = (acme.administrator(), acme.member());
    let none = alice.json(&["project", "list"]);
    assert_eq!(none["projects"], json!([]), "{none}");
    let ends = "2031-05-01T00:00:00Z";
    alice.must(&["project", "create", "Launch", "--ends", ends]);
    alice.must(&["project", "create", "Library", "--no-end"]);
    let share = [
        "channel",
        "share",
        "launch",
        "--with",
        "globex.example",
        "--project",
        "Launch",
        "--ends-with-project",
    ];
    let request = text(&anna.json(&share)["request"], "name");
    alice.must(&["request", "approve", &request]);

    let list = anna.json(&["project", "list"]);
    let named = |name: &str| {
        let mut projects = list["projects"].as_array().into_iter().flatten();
        let found = projects.find(|project| project["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {list}"))
            .clone()
    };
    let (launch, library) = (named("Launch"), named("Library"));
    assert_eq!(launch["state"], "active", "{launch}");
    assert_eq!(launch["ends_at"], ends, "{launch}");
    assert_eq!(launch["channels"], json!(["launch"]), "{launch}");
    assert_eq!(library["ends_at"], Value::Null, "{library}");
    assert_eq!(library["channels"], json!([]), "{library}");
    let told = anna.text(&["project", "list"]);
    let line = told.lines().find(|line| line.contains("Library"));
    assert!(
        line.is_some_and(|line| line.contains("active") && line.contains("never")),
        "{told}"
    );

    alice.must(&["project", "end", "Library", "--yes"]);
    let list = alice.json(&["project", "list"]);
    assert_eq!(fields(&list["projects"], "name"), set(["Launch"]));
    let list = alice.json(&["project", "list", "--all"]);
    assert_eq!(
        fields(&list["projects"], "name"),
        set(["Launch", "Library"])
    );
}
