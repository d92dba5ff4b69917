//! An end that came by a clock which nobody has agreed with since the start.

use std::time::Duration;

use foedus_tests::harness::organisation::{Equipment, Organisation};
use foedus_tests::harness::two::{ACME, GLOBEX, INITECH, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually};

use super::{TEN_MINUTES, findings, finds, is_over, tells};

/// Beyond the end of the channel, and far less than a leap.
const AFTER_THE_END: Duration = Duration::from_secs(3 * 60 * 60);

/// Both were down when the end came, and Acme is back alone.
fn back_alone() -> Two {
    let mut two = Two::begin_with(Equipment::WITH_CLOCK).share("+2h");
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

/// Acme shares a channel with each of two, and all three have clocks that can be set wrong.
fn three() -> (Two, Organisation) {
    let two = Two::begin_with(Equipment::WITH_CLOCK).share("+2h");
    let initech = two.share_with_initech("second", Equipment::WITH_CLOCK);
    (two, initech)
}

#[test]
fn of_three_the_one_whose_clock_is_wrong_is_named() {
    let (mut two, mut initech) = three();
    finds(&two.acme, &["END_NEAR"], 0);
    initech.daemon.stop();
    initech.clock().is_ahead(TEN_MINUTES);
    initech.daemon.start();
    let theirs = tells(&two.acme, "CLOCK_THEIRS_OFF", "warning", &["ahead of ours"]);
    assert_eq!(theirs["subject"], INITECH, "{theirs}");
    let skew = "foedus_link_clock_skew_milliseconds";
    let skew = format!("{skew}{{partner=\"{}\"}}", initech.id());
    two.acme
        .counts(&skew, |ahead| (590_000..=610_000).contains(&ahead));
    // Initech knows of Acme alone, and of two nobody can tell.
    tells(
        &initech,
        "CLOCK_OURS_OFF",
        "warning",
        &["of two nobody can tell"],
    );
    tells(&initech, "CLOCK_THEIRS_OFF", "warning", &["behind ours"]);
    let clocks = |organisation: &Organisation| {
        let found = findings(organisation).expect("an answer");
        let names = found
            .iter()
            .filter_map(|one| one["problem"]["reason"].as_str());
        let clocks = names.filter(|name| name.starts_with("CLOCK_"));
        clocks.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        clocks(&two.acme),
        ["CLOCK_THEIRS_OFF"],
        "it is Initech's alone"
    );

    // The same the other way round: both differ from Acme in the same way.
    initech.daemon.stop();
    initech.clock().is_right();
    initech.daemon.start();
    is_over(&two.acme, "CLOCK_THEIRS_OFF");
    two.acme.daemon.stop();
    two.acme.clock().is_ahead(TEN_MINUTES);
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    two.acme.linked_with(INITECH);
    tells(
        &two.acme,
        "CLOCK_OURS_OFF",
        "warning",
        &["most partners", "behind ours"],
    );
    assert_eq!(clocks(&two.acme), ["CLOCK_OURS_OFF"], "it is Acme's alone");
    let theirs = tells(
        &two.globex,
        "CLOCK_THEIRS_OFF",
        "warning",
        &["ahead of ours"],
    );
    assert_eq!(theirs["subject"], ACME, "{theirs}");
}
