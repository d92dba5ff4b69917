//! As much of one partner waits as is kept.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::Equipment;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, SOON, eventually};

use super::{is_over, tells};

/// Requests of one partner that are kept while they wait.
const REQUESTS_MAX: usize = 20;

/// Entries of one partner that are kept in one channel while they wait.
const ENTRIES_MAX: usize = 16_384;

/// How many more are sent.
const BEYOND: usize = 100;

/// More than others show before its time, and far less than a leap.
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// The requests that wait at Globex.
fn waiting(two: &Two) -> Vec<String> {
    let list = two.globex.administrator().json(&["request", "list"]);
    let requests = list["requests"].as_array().into_iter().flatten();
    let names = requests.filter_map(|one| one["name"].as_str());
    names.map(str::to_owned).collect()
}

#[test]
fn a_partner_whose_requests_fill_what_is_kept_is_told() {
    let two = Two::sharing("+1h");
    let alice = two.acme.administrator();
    let member = two.acme.member();
    for number in 0..=REQUESTS_MAX {
        let name = format!("offered-{number}");
        member.must(&["channel", "create", &name]);
        let request = two.ask_to_share(&name, &["--project", PROJECT, "--ends-with-project"]);
        alice.must(&["request", "approve", &request]);
    }
    let words = ["requests", "further ones are refused"];
    let told = tells(&two.globex, "QUOTA_REACHED", "warning", &words);
    assert_eq!(told["subject"], ACME, "{told}");
    let requests = waiting(&two);
    assert_eq!(requests.len(), REQUESTS_MAX, "{requests:?}");
    eventually("the refusal to be noted", SOON, || {
        let gina = two.globex.administrator();
        let denied = gina.json(&["audit", "list", "--denied"]).to_string();
        let noted = denied.contains("REQUESTS_FULL");
        noted.then_some(()).ok_or(denied)
    });

    let decline = |request: &str| {
        let gina = two.globex.administrator();
        gina.must(&["request", "decline", request, "--reason", "Too many."]);
    };
    decline(&requests[0]);
    decline(&requests[1]);
    is_over(&two.globex, "QUOTA_REACHED");
}

/// Posts all of them in one go.
#[track_caller]
fn post_all(foedus: &Foedus, texts: &[String]) {
    let mut command = foedus.command(&["post", ACME_LAUNCH, "--lines"]);
    command.stdout(Stdio::null());
    let mut posting = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut input = posting.stdin.take().expect("it is ours");
    let lines = texts.join("\n");
    input.write_all(lines.as_bytes()).expect("it reads");
    drop(input);
    let ended = posting.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn a_partner_whose_entries_fill_what_is_kept_is_told() {
    let two = Two::begin_with(Equipment::WITH_CLOCK).share("+2h");
    two.globex.clock().is_ahead(TEN_MINUTES);
    let gwen = two.globex.member();
    let texts: Vec<String> = (0..ENTRIES_MAX + BEYOND)
        .map(|number| number.to_string())
        .collect();
    post_all(&gwen, &texts);
    let words = ["entries", LAUNCH, "withheld"];
    let told = tells(&two.acme, "QUOTA_REACHED", "warning", &words);
    assert_eq!(told["subject"], GLOBEX, "{told}");
    let fix = told["fix"].as_str().unwrap_or_default();
    assert!(fix.contains("clock"), "{told}");
    // Nobody else is kept waiting by it.
    two.acme.member().must(&["post", LAUNCH, "Meanwhile."]);
    assert_eq!(two.acme.texts(LAUNCH), ["Meanwhile."]);

    two.acme.clock().is_ahead(TEN_MINUTES);
    is_over(&two.acme, "QUOTA_REACHED");
    // What was kept is shown from its beginning, in its order.
    let found = eventually("what waited to be shown", LATER, || {
        let found = two.acme.texts(LAUNCH);
        let more = found.len() > BEYOND;
        more.then_some(found.clone())
            .ok_or(format!("{} texts", found.len()))
    });
    assert_eq!(found[0], "Meanwhile.");
    assert!(texts.starts_with(&found[1..]), "{} texts", found.len());
}
