//! A backup as the handbook says: stop, copy the folder, start; and later the copy is put back.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use foedus_daemon::store::EngineKind;
use foedus_tests::harness::organisation::{Equipment, Organisation};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};
use serde_json::Value;

/// The incarnations in which an organisation's own messages of a channel were written, as the other one holds them.
fn incarnations(organisation: &Organisation, channel: &str, text: &str) -> BTreeSet<String> {
    let messages = organisation.messages(channel);
    let written = messages.iter().filter(|message| {
        message["text"]
            .as_str()
            .is_some_and(|found| found.starts_with(text))
    });
    let reference = |message: &Value| {
        let entry = message["entry_ref"].as_str().expect("a reference");
        let mut parts = entry.split('/');
        parts.nth(1).expect("three parts").to_owned()
    };
    written.map(reference).collect()
}

/// Nobody here knows of a log with two histories: neither who looks at the channel, nor what is exported of it.
#[track_caller]
fn holds_no_fork(two: &Two, organisation: &Organisation, channel: &str) {
    let shown = organisation
        .administrator()
        .json(&["channel", "show", channel]);
    assert_eq!(shown["problems"], Value::Array(Vec::new()), "{shown}");
    let file = two.folder.path().join(format!("{channel}.export"));
    let file = file.to_str().expect("a plain path");
    let member = organisation.member();
    member.must(&["log", "export", channel, "--to", file]);
    let report = member.json(&["log", "verify", file]);
    assert_eq!(report["genuine"], true, "{report}");
    assert_eq!(report["forks"], Value::Array(Vec::new()), "{report}");
    assert_eq!(report["two_seals"], false, "{report}");
}

#[test]
fn a_copy_that_is_put_back_goes_on_and_gets_back_what_was_said_since() {
    is_put_back(EngineKind::Sled);
}

#[test]
fn a_copy_of_the_other_engine_is_put_back_too() {
    is_put_back(EngineKind::Fjall);
}

fn is_put_back(engine: EngineKind) {
    let mut two = Two::begin_with(Equipment {
        engine: Some(engine),
        ..Equipment::default()
    })
    .share("+1h");
    two.acme
        .member()
        .must(&["post", LAUNCH, "acme: before the backup"]);
    two.agree();
    two.acme.daemon.stop();
    let data = two.acme.daemon.place.data();
    let backup = two.folder.path().join("backup");
    let copied = Command::new("cp").arg("-a").args([&data, &backup]).status();
    assert!(copied.expect("cp is there").success());
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    for number in 0..20 {
        let text = format!("acme: since the backup {number}");
        two.acme.member().must(&["post", LAUNCH, &text]);
        let text = format!("globex: since the backup {number}");
        two.globex.member().must(&["post", ACME_LAUNCH, &text]);
    }
    let before = two.agree();

    // The disk is lost at once, and the copy put back.
    two.acme.daemon.kill();
    fs::remove_dir_all(&data).expect("ours");
    fs::rename(&backup, &data).expect("ours");
    // It writes before it can hear of what it lost: what an origin must not do twice at one place.
    for organisation in [&two.acme, &two.globex] {
        organisation.network.cut();
    }
    two.acme.daemon.start();
    two.acme.member().must(&["post", LAUNCH, "acme: put back"]);
    for organisation in [&two.acme, &two.globex] {
        organisation.network.mend();
    }
    two.acme.linked_with(GLOBEX);
    let wanted: BTreeSet<&String> = before.iter().collect();
    eventually("everything that was said to be back", LATER, || {
        let found: BTreeSet<String> = two.acme.texts(LAUNCH).into_iter().collect();
        match wanted.iter().find(|text| !found.contains(**text)) {
            None => Ok(()),
            Some(text) => Err(format!("{text:?} is missing")),
        }
    });
    let after = two.agree();
    assert_eq!(after.len(), before.len() + 1, "{after:?}");

    // Each run of the daemon writes an incarnation of its own; none is written twice, so nothing forks.
    let written = incarnations(&two.globex, ACME_LAUNCH, "acme:");
    assert_eq!(written.len(), 3, "{written:?}");
    assert_eq!(incarnations(&two.acme, LAUNCH, "acme:"), written);
    for (organisation, partner, channel) in [
        (&two.acme, GLOBEX, LAUNCH),
        (&two.globex, ACME, ACME_LAUNCH),
    ] {
        holds_no_fork(&two, organisation, channel);
        organisation.linked_with(partner);
    }
}
