//! What `foedus doctor` finds of real daemons, each thing caused.

use std::time::Duration;

use foedus_tests::harness::clock::YEAR;
use foedus_tests::harness::command::with_json;
use foedus_tests::harness::organisation::{Equipment, Organisation};
use foedus_tests::harness::two::{ACME, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};
use serde_json::Value;

/// The exit code, and the names of what was found.
fn examined(organisation: &Organisation) -> (Option<i32>, Vec<String>) {
    let answer = organisation.administrator().run(&with_json(&["doctor"]));
    let said: Value = serde_json::from_str(&answer.out).unwrap_or_default();
    let findings = said["findings"].as_array().into_iter().flatten();
    let names = findings.filter_map(|one| one["problem"]["reason"].as_str());
    (answer.exit, names.map(str::to_owned).collect())
}

/// Waits until just these are found, and that is told to scripts.
#[track_caller]
fn finds(organisation: &Organisation, expected: &[&str], exit: i32) {
    eventually(&format!("doctor to find {expected:?}"), LATER, || {
        let found = examined(organisation);
        let same = found.1 == expected && found.0 == Some(exit);
        same.then_some(()).ok_or(format!("{found:?}"))
    });
}

#[test]
fn the_doctor_finds_what_is_wrong_and_nothing_else() {
    let equipment = Equipment {
        clock: true,
        ..Equipment::default()
    };
    let mut two = Two::begin_with(equipment).share("+2h");
    finds(&two.acme, &["END_NEAR"], 0);
    finds(&two.globex, &["END_NEAR"], 0);

    let anna = two.acme.member();
    anna.must(&["channel", "create", "second"]);
    let request = two.ask_to_share("second", &["--project", "Launch", "--ends-with-project"]);
    finds(&two.acme, &["APPROVAL_WAITS", "END_NEAR"], 1);
    let alice = two.acme.administrator();
    alice.must(&["request", "decline", &request, "--reason", "Not now."]);
    finds(&two.acme, &["END_NEAR"], 0);

    // By its clock ten minutes have passed since the link went down.
    two.globex.daemon.kill();
    two.acme.cut_off_from(GLOBEX);
    two.acme.clock().is_ahead(Duration::from_secs(600));
    finds(&two.acme, &["PARTNER_UNREACHABLE", "END_NEAR"], 1);
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    two.globex.linked_with(ACME);
    let clocks = ["CLOCK_OURS_OFF", "CLOCK_THEIRS_OFF", "END_NEAR"];
    finds(&two.acme, &clocks, 1);
    anna.must(&["post", LAUNCH, "Ahead of its time."]);
    let held = [
        "CLOCK_OURS_OFF",
        "CLOCK_THEIRS_OFF",
        "ENTRIES_HELD",
        "END_NEAR",
    ];
    finds(&two.globex, &held, 1);

    two.acme.clock().is_ahead(YEAR);
    let leapt = [
        "CLOCK_PAUSED",
        "CLOCK_OURS_OFF",
        "CLOCK_THEIRS_OFF",
        "END_NEAR",
    ];
    finds(&two.acme, &leapt, 1);
    let refusal = two.acme.member().refused(&["doctor"]);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR", "{refusal:?}");
    let told = alice.run(&["doctor"]);
    let place = |what: &str| told.out.find(what);
    assert!(place("CLOCK_PAUSED") < place("END_NEAR"), "{told:#?}");
    assert!(told.out.contains("foedus clock confirm"), "{told:#?}");
    assert!(told.err.is_empty(), "a finding is no failure: {told:#?}");
}
