//! A partner that sends faster than its quota: it is not refused anything, it waits; and nobody else waits for it.

use std::io::Write as _;
use std::process::Stdio;

use foedus_tests::harness::organisation::Equipment;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, INITECH, LAUNCH, Two};
use foedus_tests::harness::{LATER, SOON, eventually, is};

use crate::stories::doctor::{is_over, tells};

/// The least that a partner may be allowed in a second.
const BYTES_PER_SECOND: u64 = 512 * 1024;

/// How many long messages Globex sends: what it may in three quarters of a minute.
const LONG_MESSAGES: usize = 6_000;

/// Bytes of one of them.
const LONG: usize = 4_000;

/// Globex posts all of it at once, at its own daemon.
#[track_caller]
fn pour(two: &Two) -> Vec<String> {
    let filler = "x".repeat(LONG);
    let texts = (0..LONG_MESSAGES).map(|number| format!("{number} {filler}"));
    let texts: Vec<String> = texts.collect();
    let mut command = two
        .globex
        .member()
        .command(&["post", ACME_LAUNCH, "--lines"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut posting = command.spawn().expect("it starts");
    let mut input = posting.stdin.take().expect("it is ours");
    let lines = texts.join("\n");
    input.write_all(lines.as_bytes()).expect("it reads");
    drop(input);
    let ended = posting.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{ended:?}");
    texts
}

#[test]
fn a_partner_that_sends_faster_than_its_quota_waits_and_nobody_else_does() {
    let mut two = Two::sharing("+1h");
    let initech = two.share_with_initech("quiet", Equipment::default());
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.bytes_per_second_max = Some(BYTES_PER_SECOND));
    two.acme.linked_with(GLOBEX);
    two.acme.linked_with(INITECH);
    let texts = pour(&two);
    let words = ["in a second", "nothing is refused"];
    let told = tells(&two.acme, "QUOTA_REACHED", "warning", &words);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    // The one who waits sees it, too.
    let told = tells(
        &two.globex,
        "PARTNER_LAGS",
        "warning",
        &["not acknowledged"],
    );
    assert_eq!(told["subject"], ACME, "{told}");

    // Others are heard meanwhile, and so are we.
    initech.member().must(&["post", "quiet", "In between."]);
    eventually("what another partner says", SOON, || {
        is(two.acme.texts("quiet"), vec!["In between.".to_owned()])
    });
    two.acme.member().must(&["post", LAUNCH, "Do you hear us?"]);
    eventually("what we say to the one that waits", SOON, || {
        let found = two.globex.texts(ACME_LAUNCH);
        let heard = found.iter().any(|text| text == "Do you hear us?");
        heard.then_some(()).ok_or(format!("{} texts", found.len()))
    });
    let arrived = two.acme.texts(LAUNCH).len();
    assert!(arrived < LONG_MESSAGES, "all of it is there already");
    let told = two.acme.administrator().json(&["partner", "show", GLOBEX]);
    assert_eq!(told["link_state"], "up", "{told}");

    // Nothing of it is lost.
    let acme = &mut two.acme.daemon;
    acme.restart_with(|place| place.bytes_per_second_max = None);
    eventually("all of it to arrive", LATER, || {
        let mut found = two.acme.texts(LAUNCH);
        found.retain(|text| text != "Do you hear us?");
        (found == texts)
            .then_some(())
            .ok_or(format!("{} texts", found.len()))
    });
    is_over(&two.acme, "QUOTA_REACHED");
    is_over(&two.globex, "PARTNER_LAGS");
}
