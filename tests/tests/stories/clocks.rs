//! Clocks that are wrong: what is said ahead of its time waits and can be seen to, and nothing ends by a clock that
//! leaps.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::Duration;

use foedus_tests::harness::clock::YEAR;
use foedus_tests::harness::command::with_json;
use foedus_tests::harness::organisation::{Equipment, Organisation, text, told};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, INITECH, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, SOON, eventually, is};
use serde_json::{Value, json};

/// More than others show before its time, and far less than a leap.
const TEN_MINUTES: Duration = Duration::from_secs(600);

fn two() -> Two {
    Two::begin_with(Equipment::WITH_CLOCK).share("+2h")
}

/// The names of what an administrator should look at.
fn problems(organisation: &Organisation) -> Vec<String> {
    let status = organisation.administrator().json(&["status"]);
    let problems = status["problems"].as_array().into_iter().flatten();
    let names = problems.filter_map(|problem| problem["reason"].as_str());
    names.map(str::to_owned).collect()
}

#[track_caller]
fn says(organisation: &Organisation, problem: &str) {
    eventually(problem, SOON, || {
        let found = problems(organisation);
        let says = found.iter().any(|one| one == problem);
        says.then_some(()).ok_or(format!("{found:?}"))
    });
}

#[track_caller]
fn is_relied_on(organisation: &Organisation, relied_on: bool) {
    let administrator = organisation.administrator();
    eventually("the clock to be judged", LATER, || {
        let clock = told(administrator.try_json(&["clock", "show"]))?;
        is(clock["paused"].as_bool(), Some(!relied_on)).map_err(|_| clock.to_string())
    });
}

#[track_caller]
fn is_paused(organisation: &Organisation, channel: &str) {
    is_relied_on(organisation, false);
    let refusal = organisation
        .member()
        .refused(&["post", channel, "Meanwhile."]);
    assert_eq!(refusal.reason, "CLOCK_PAUSED", "{refusal:?}");
    assert!(refusal.fix.contains("foedus clock confirm"), "{refusal:?}");
}

/// The channel is as it was: open, without a record of an end.
#[track_caller]
fn has_not_ended(organisation: &Organisation, channel: &str) {
    let administrator = organisation.administrator();
    let shown = administrator.json(&["channel", "show", channel]);
    assert_eq!(shown["state"], "open", "{shown}");
    let project = administrator.json(&["project", "show", PROJECT]);
    let ends = project["channel_ends"].as_array().into_iter().flatten();
    let records = ends.filter_map(|end| end["records"].as_array()).flatten();
    assert_eq!(records.count(), 0, "{project}");
}

fn held(organisation: &Organisation) -> Value {
    organisation.administrator().json(&["status"])["counts"]["held_entries"].clone()
}

#[test]
fn what_a_clock_ten_minutes_ahead_says_waits_and_is_not_lost() {
    let mut two = two();
    two.globex.daemon.stop();
    two.globex.clock().is_ahead(TEN_MINUTES);
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "From ten minutes ahead."]);
    eventually("the entry to be held", LATER, || {
        let held = held(&two.acme);
        match held.as_u64() {
            Some(count) if count > 0 => Ok(()),
            _ => Err(held.to_string()),
        }
    });
    assert_eq!(two.acme.texts(LAUNCH), Vec::<String>::new());
    shows_what_is_held(&two.acme, LAUNCH, GLOBEX);
    says(&two.acme, "CLOCK_OURS_OFF");
    says(&two.globex, "CLOCK_OURS_OFF");
    // Neither is a leap: both go on.
    two.acme.member().must(&["post", LAUNCH, "From now."]);
    two.acme.clock().is_ahead(TEN_MINUTES);
    eventually("what waited to be shown", LATER, || {
        is(two.acme.texts(LAUNCH).len(), 2)
    });
    assert_eq!(two.agree().len(), 2);
    eventually("nothing to be held", LATER, || {
        is(held(&two.acme), Value::from(0))
    });
    let told = two.acme.member().text(&["history", LAUNCH]);
    assert!(!told.contains("-- held"), "{told}");
}

/// Whoever looks into the channel is told that something waits there, how much and until when; who follows it, also
/// whose. What organisations write by themselves waits, too, so that there may be more between two looks.
#[track_caller]
fn shows_what_is_held(organisation: &Organisation, channel: &str, whose: &str) {
    let member = organisation.member();
    let tail = ["tail", channel, "--from", "start", "--no-follow"];
    eventually("every look at the channel to tell the same", SOON, || {
        let count = held(organisation).as_u64().unwrap_or_default();
        let words = format!("-- held, because their time has not come: {count}");
        let mut looks = Vec::new();
        for look in [&["history", channel][..], &["channel", "show", channel]] {
            let shown = member.json(look);
            let until = shown["held_until"].is_string();
            looks.push((until && shown["held_entries"] == count, shown.to_string()));
        }
        let shown = member.text(&["history", channel]);
        looks.push((shown.contains(&words), shown));
        let shown = member.text(&["channel", "show", channel]);
        looks.push((shown.contains(&format!("{count}, the first until ")), shown));
        let shown = member.text(&tail);
        looks.push((shown.contains(&format!("{words} of {whose}, ")), shown));
        let shown = member.run(&with_json(&tail)).out;
        let items = shown.lines().map(serde_json::from_str::<Value>);
        let mut items = items.filter_map(Result::ok);
        let told = items.any(|item| {
            item["item"] == "held" && item["entries"] == count && item["origins"] == json!([whose])
        });
        looks.push((told, shown));
        let other = looks.into_iter().find(|(told, _)| !told || count == 0);
        other.map_or(Ok(()), |(_, shown)| Err(format!("{count} wait: {shown}")))
    });
}

#[test]
fn what_is_said_to_a_clock_ten_minutes_behind_waits_there_and_is_not_lost() {
    let mut two = two();
    two.globex.daemon.stop();
    two.globex.clock().is_behind(TEN_MINUTES);
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    // What it says itself is shown at once, there and here: it is not ahead of anybody.
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "From ten minutes ago."]);
    let behind = ["From ten minutes ago.".to_owned()];
    assert_eq!(two.globex.texts(ACME_LAUNCH), behind);
    eventually("it to be at Acme", LATER, || {
        is(two.acme.texts(LAUNCH), behind.to_vec())
    });
    assert_eq!(held(&two.acme), Value::from(0));
    // For it, what Acme says is far ahead.
    two.acme.member().must(&["post", LAUNCH, "From now."]);
    eventually("the entry to be held", LATER, || {
        let held = held(&two.globex);
        (held.as_u64() > Some(0))
            .then_some(())
            .ok_or(held.to_string())
    });
    shows_what_is_held(&two.globex, ACME_LAUNCH, ACME);
    assert_eq!(two.globex.texts(ACME_LAUNCH), behind);
    says(&two.acme, "CLOCK_OURS_OFF");
    says(&two.globex, "CLOCK_THEIRS_OFF");
    has_not_ended(&two.globex, ACME_LAUNCH);
    // Neither is a leap: set right, all of it is shown, and in one order.
    two.globex.clock().is_right();
    eventually("what waited to be shown", LATER, || {
        is(two.globex.texts(ACME_LAUNCH).len(), 2)
    });
    assert_eq!(two.agree(), ["From ten minutes ago.", "From now."]);
    is_relied_on(&two.globex, true);
}

#[test]
fn a_clock_that_leaps_a_year_ends_nothing() {
    let two = two();
    two.acme
        .member()
        .must(&["post", LAUNCH, "Before the leap."]);
    two.agree();
    let alice = two.acme.administrator();
    let invited = alice.json(&["partner", "invite", INITECH]);
    let invited = &invited["invitation"]["invitation_id"];
    two.acme.clock().is_ahead(YEAR);
    is_paused(&two.acme, LAUNCH);
    let open = alice.json(&["invitation", "list"]);
    let lapsed = open["invitations"].as_array().into_iter().flatten();
    assert_eq!(
        lapsed.map(|one| &one["invitation_id"]).collect::<Vec<_>>(),
        [invited],
        "{open}"
    );
    says(&two.acme, "CLOCK_PAUSED");
    has_not_ended(&two.acme, LAUNCH);
    // Who has a clock that is right goes on, and who only reads may.
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "While you were away."]);
    assert!(
        two.acme
            .texts(LAUNCH)
            .contains(&"Before the leap.".to_owned())
    );
    // A clock that is back has leapt, once that it leapt was written down: that is for somebody to look at.
    eventually("the leap to be in the audit log", LATER, || {
        let audit = alice.json(&["audit", "list"]).to_string();
        audit.contains("clock.leap").then_some(()).ok_or(audit)
    });
    two.acme.clock().is_right();
    is_paused(&two.acme, LAUNCH);
    has_not_ended(&two.acme, LAUNCH);
    let refusal = two.acme.member().refused(&["clock", "confirm"]);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR", "{refusal:?}");
    let confirmed = alice.json(&["clock", "confirm"]);
    assert_eq!(confirmed["paused"], false, "{confirmed}");
    two.acme.member().must(&["post", LAUNCH, "After the leap."]);
    assert_eq!(two.agree().len(), 3);
    has_not_ended(&two.acme, LAUNCH);
    has_not_ended(&two.globex, ACME_LAUNCH);
    assert_eq!(held(&two.globex), Value::from(0), "no time of it stays");
    let audit = alice.json(&["audit", "list"]).to_string();
    assert!(
        audit.contains("clock.leap") && audit.contains("clock.confirm"),
        "{audit}"
    );
}

#[test]
fn a_clock_that_is_wrong_at_a_start_ends_nothing_either() {
    let mut two = two();
    two.acme
        .member()
        .must(&["post", LAUNCH, "Before the leap."]);
    two.agree();
    for behind in [false, true] {
        two.acme.daemon.stop();
        match behind {
            true => two.acme.clock().is_behind(YEAR),
            false => two.acme.clock().is_ahead(YEAR),
        }
        two.acme.daemon.start();
        is_paused(&two.acme, LAUNCH);
        two.acme.linked_with(GLOBEX);
        two.globex.linked_with(ACME);
        is_paused(&two.acme, LAUNCH);
        has_not_ended(&two.acme, LAUNCH);
    }
    // A start that finds the clock where it was left needs nobody.
    two.acme.daemon.stop();
    two.acme.clock().is_right();
    two.acme.daemon.start();
    is_relied_on(&two.acme, true);
    two.acme
        .member()
        .must(&["post", LAUNCH, "As if nothing had been."]);
    assert_eq!(two.agree().len(), 2);
}

#[test]
fn a_token_that_has_perhaps_expired_writes_nothing_more_on_a_stream_either() {
    let two = two();
    two.acme.member().must(&["channel", "create", "notes"]);
    let create = ["token", "create", "--for", &two.acme.member, "--label", "x"];
    let created = two.acme.administrator().json(&create);
    let server = format!("http://{}", two.acme.daemon.place.api);
    let by_token = two.acme.foedus();
    let by_token = by_token.by_token(&server, &text(&created, "secret"));
    let mut command = by_token.command(&["post", "notes", "--lines"]);
    let mut posting = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut lines = posting.stdin.take().expect("it is ours");
    lines.write_all(b"before\n").expect("it reads");
    let mut said = BufReader::new(posting.stdout.take().expect("it is ours"));
    let mut posted = String::new();
    said.read_line(&mut posted).expect("it answers");
    assert!(posted.starts_with("Posted: "), "{posted}");

    // By one of its two clocks the token has expired, and which of them is wrong nobody has said.
    two.acme.clock().is_ahead(YEAR);
    is_relied_on(&two.acme, false);
    let refusal = by_token.refused(&["post", "notes", "Anew."]);
    assert_eq!(refusal.reason, "TOKEN_EXPIRED", "{refusal:?}");
    // What it is told has no need of more lines, so that it may be gone before it reads this.
    lines.write_all(b"after\n").ok();
    drop(lines);
    let ended = posting.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{told}");
    assert!(told.contains("after 1 messages"), "{told}");
    assert_eq!(two.acme.texts("notes"), ["before"]);
}
