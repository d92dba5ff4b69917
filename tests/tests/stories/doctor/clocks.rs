//! An end that came by a clock which nobody has agreed with since the start.

use std::time::Duration;

use foedus_tests::harness::organisation::Equipment;
use foedus_tests::harness::two::{GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};

use super::{is_over, tells};

/// Beyond the end of the channel, and far less than a leap.
const AFTER_THE_END: Duration = Duration::from_secs(3 * 60 * 60);

/// Both were down when the end came, and Acme is back alone.
fn back_alone() -> Two {
    let equipment = Equipment {
        clock: true,
        ..Equipment::default()
    };
    let mut two = Two::begin_with(equipment).share("+2h");
    two.globex.daemon.stop();
    two.acme.daemon.stop();
    two.acme.clock().is_ahead(AFTER_THE_END);
    two.acme.daemon.start();
    let told = tells(
        &two.acme,
        "CLOCK_UNCONFIRMED",
        "warning",
        &["the record of the end waits"],
    );
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("foedus clock confirm"), "{told}");
    let refusal = two.acme.member().refused(&["post", LAUNCH, "Too late."]);
    assert_eq!(refusal.reason, "CHANNEL_ENDED", "{refusal:?}");
    two
}

/// The channel has ended for good.
#[track_caller]
fn has_ended(two: &Two) {
    is_over(&two.acme, "CLOCK_UNCONFIRMED");
    eventually("the end to be noted", LATER, || {
        let shown = two.acme.administrator().json(&["channel", "show", LAUNCH]);
        let ended = shown["state"] == "ended";
        ended.then_some(()).ok_or(shown.to_string())
    });
}

#[test]
fn an_end_that_waits_for_a_partners_clock_is_told_until_it_agrees() {
    let mut two = back_alone();
    two.globex.clock().is_ahead(AFTER_THE_END);
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    has_ended(&two);
}

#[test]
fn an_end_that_waits_for_a_partners_clock_is_told_until_a_person_says_that_ours_is_right() {
    let two = back_alone();
    two.acme.administrator().must(&["clock", "confirm"]);
    has_ended(&two);
}
