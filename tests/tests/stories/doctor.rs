//! What `foedus doctor` finds of real daemons, each thing caused.

mod clocks;
mod partners;
mod places;
mod quotas;

use std::time::{Duration, Instant};

use foedus_tests::harness::clock::YEAR;
use foedus_tests::harness::command::with_json;
use foedus_tests::harness::organisation::{Equipment, Organisation};
use foedus_tests::harness::two::{ACME, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, SOON, eventually};
use serde_json::Value;

/// More than others show before its time, and far less than a leap.
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// After so long without a link, a partner is said to be unreachable.
const MINUTE: Duration = Duration::from_secs(60);

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
    finds_within(LATER, organisation, expected, exit);
}

#[track_caller]
fn finds_within(within: Duration, organisation: &Organisation, expected: &[&str], exit: i32) {
    eventually(&format!("doctor to find {expected:?}"), within, || {
        let found = examined(organisation);
        let same = found.1 == expected && found.0 == Some(exit);
        same.then_some(()).ok_or(format!("{found:?}"))
    });
}

/// What is found, if there is an answer.
fn findings(organisation: &Organisation) -> Result<Vec<Value>, String> {
    let answer = organisation.administrator().run(&with_json(&["doctor"]));
    let said: Value = serde_json::from_str(&answer.out).map_err(|_| format!("{answer:?}"))?;
    Ok(said["findings"].as_array().cloned().unwrap_or_default())
}

/// Waits until this is found with these words in what is said of it, and people are told the same as programs: what is
/// wrong, and what to do.
#[track_caller]
pub fn tells(organisation: &Organisation, name: &str, severity: &str, words: &[&str]) -> Value {
    let finding = eventually(&format!("doctor to find {name}"), LATER, || {
        let findings = findings(organisation)?;
        let mut named = findings
            .iter()
            .filter(|one| one["problem"]["reason"] == name);
        let finding = named.next().ok_or(format!("{findings:?}"))?;
        let text = finding["problem"]["text"].as_str().unwrap_or_default();
        let said = finding["severity"] == severity && words.iter().all(|word| text.contains(word));
        let people = organisation.administrator().run(&["doctor"]);
        let told = ["reason", "text", "fix"].iter().all(|field| {
            let said = finding["problem"][field].as_str().unwrap_or_default();
            !said.is_empty() && people.out.contains(said)
        });
        // What is counted may have changed between the two answers.
        let both = said && told && people.exit == Some(1);
        both.then_some(finding.clone())
            .ok_or(format!("{finding}\n{people:#?}"))
    });
    finding["problem"].clone()
}

/// Waits until it is found no more.
#[track_caller]
pub fn is_over(organisation: &Organisation, name: &str) {
    eventually(&format!("doctor to find no {name}"), LATER, || {
        let findings = findings(organisation)?;
        let gone = findings.iter().all(|one| one["problem"]["reason"] != name);
        gone.then_some(()).ok_or(format!("{findings:?}"))
    });
}

#[test]
fn the_doctor_finds_what_is_wrong_and_nothing_else() {
    let mut two = Two::begin_with(Equipment::WITH_CLOCK).share("+2h");
    finds(&two.acme, &["END_NEAR"], 0);
    finds(&two.globex, &["END_NEAR"], 0);

    let anna = two.acme.member();
    anna.must(&["channel", "create", "second"]);
    let request = two.ask_to_share("second", &["--project", "Launch", "--ends-with-project"]);
    finds(&two.acme, &["APPROVAL_WAITS", "END_NEAR"], 1);
    let alice = two.acme.administrator();
    alice.must(&["request", "decline", &request, "--reason", "Not now."]);
    finds(&two.acme, &["END_NEAR"], 0);

    // By its clock ten minutes have passed since the link went down, and by what has really passed hardly any.
    let gone = Instant::now();
    two.globex.daemon.kill();
    two.acme.cut_off_from(GLOBEX);
    two.acme.clock().is_ahead(TEN_MINUTES);
    finds(&two.acme, &["END_NEAR"], 0);
    assert!(
        gone.elapsed() < MINUTE,
        "the machine was too slow to see it"
    );
    let unreachable = ["PARTNER_UNREACHABLE", "END_NEAR"];
    finds_within(MINUTE + SOON, &two.acme, &unreachable, 1);
    assert!(gone.elapsed() >= MINUTE, "it is not told too early");
    let problems = alice.json(&["status"])["problems"].to_string();
    assert!(problems.contains("PARTNER_UNREACHABLE"), "{problems}");
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
