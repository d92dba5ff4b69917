//! What is found of which facts, and what is not.

use super::*;

const MINUTE: u64 = 60 * 1000;

fn partner(handle: &str) -> PartnerFacts {
    PartnerFacts {
        handle: handle.to_owned(),
        up: true,
        skew_millis: Some(0),
        ..PartnerFacts::default()
    }
}

fn well() -> Facts {
    Facts {
        now: Timestamp(1_800_000_000_000),
        partners: vec![partner("globex.example")],
        store_bytes: Some(1 << 20),
        disk_free_bytes: Some(1 << 40),
        disk_reserve_bytes: 256 << 20,
        store_advised_bytes: 10 << 30,
        ..Facts::default()
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Facts), expected: &[&str]) {
    let mut facts = well();
    change(&mut facts);
    let found = examine(&facts);
    let names: Vec<&str> = found.iter().map(|finding| finding.name).collect();
    assert_eq!(names, expected, "{found:#?}");
    for finding in found {
        assert!(!finding.text.is_empty() && !finding.fix.is_empty());
    }
}

fn down(facts: &mut Facts, millis: u64, trouble: Option<Trouble>) {
    let partner = &mut facts.partners[0];
    partner.up = false;
    partner.since_millis = millis;
    partner.trouble = trouble;
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    check(|_| {}, &[]);
    check(|facts| down(facts, MINUTE - 1, None), &[]);
    check(
        |facts| {
            down(facts, MINUTE, None);
            facts.partners[0].resting = true;
        },
        &[],
    );
}

#[test]
fn what_is_wrong_with_a_link_is_told_apart() {
    check(|facts| down(facts, MINUTE, None), &["PARTNER_UNREACHABLE"]);
    let wrong = Some(Trouble::WrongKey);
    check(|facts| down(facts, 0, wrong), &["WRONG_KEY"]);
    let rests = Some(Trouble::Rests);
    let most = PARTNER_RESTS_MILLIS_MAX;
    check(|facts| down(facts, most - 1, rests), &[]);
    check(|facts| down(facts, most, rests), &["PARTNER_UNREACHABLE"]);
    let old = Some(Trouble::Version);
    check(|facts| down(facts, 0, old), &["VERSION_TOO_OLD"]);
    // Who is asked for the first time refuses until its administrator has said yes.
    let refused = Some(Trouble::Refused);
    check(|facts| down(facts, MINUTE - 1, refused), &[]);
    check(|facts| down(facts, MINUTE, refused), &["PARTNER_REFUSES"]);
    check(
        |facts| facts.partners[0].lag_entries = LAG_ENTRIES_MAX,
        &["PARTNER_LAGS"],
    );
    check(
        |facts| facts.partners[0].lag_entries = LAG_ENTRIES_MAX - 1,
        &[],
    );
}

#[test]
fn how_far_behind_who_is_gone_was_is_told() {
    let mut facts = well();
    down(&mut facts, MINUTE, None);
    let told = |facts: &Facts| examine(facts).remove(0).text;
    assert_eq!(told(&facts), "the link is down");
    facts.partners[0].lag_entries = 7;
    assert!(told(&facts).ends_with("it had not acknowledged 7 entries"));
}

#[test]
fn who_is_kept_out_here_is_worth_knowing() {
    let kept_out = |facts: &mut Facts, how| {
        facts.kept_out = vec![("globex.example".to_owned(), how)];
    };
    check(
        |facts| kept_out(facts, KeptOut::Suspended),
        &["PARTNER_SUSPENDED"],
    );
    check(
        |facts| kept_out(facts, KeptOut::Denied),
        &["PARTNER_DENIED"],
    );
}

#[test]
fn what_was_signed_in_two_ways_is_told() {
    let forks = |what| {
        move |facts: &mut Facts| {
            facts.forks = vec![Fork {
                channel: "launch".to_owned(),
                signer: "globex.example".to_owned(),
                what,
            }];
        }
    };
    check(forks(Forked::Log), &["LOG_FORKED"]);
    check(forks(Forked::Charter), &["CHARTER_FORKED"]);
}

#[test]
fn a_channel_without_others_is_told() {
    let now = well().now;
    let hours_ago = |hours: u64| now.minus_millis(hours * 60 * MINUTE);
    let left = |hosted, left: &[(&str, Timestamp)]| {
        let left = left.iter().map(|(who, at)| ((*who).to_owned(), *at));
        let facts = Facts {
            alone: vec![Alone {
                channel: "launch".to_owned(),
                hosted,
                left: left.collect(),
            }],
            ..well()
        };
        examine(&facts).remove(0)
    };
    let found = left(true, &[("globex.example", hours_ago(5))]);
    assert_eq!(
        (found.name, found.severity),
        ("CHANNEL_ALONE", Severity::Warning)
    );
    assert!(
        found.text.contains("globex.example withdrew 5 hours ago"),
        "{found:?}"
    );
    assert!(
        found.fix.contains("channel terminate launch --yes"),
        "{found:?}"
    );
    let found = left(false, &[]);
    assert!(found.text.contains("any more. What"), "{found:?}");
    assert!(
        found.fix.contains("channel withdraw launch --yes"),
        "{found:?}"
    );
}

#[test]
fn who_ended_a_channel_for_all_is_told_for_a_week() {
    let ended = |millis_ago: u64| {
        move |facts: &mut Facts| {
            facts.terminated = vec![Terminated {
                channel: "launch".to_owned(),
                host: "globex.example".to_owned(),
                at: facts.now.minus_millis(millis_ago),
            }];
        }
    };
    check(ended(0), &["CHANNEL_TERMINATED"]);
    check(ended(7 * DAY_MILLIS - 1), &["CHANNEL_TERMINATED"]);
    check(ended(7 * DAY_MILLIS), &[]);
}

#[test]
fn time_is_told_in_the_unit_that_people_would_use() {
    let minute = 60_000;
    let told = [
        1,
        minute,
        minute + 1,
        25 * minute,
        120 * minute,
        121 * minute,
        48 * 60 * minute,
        48 * 60 * minute + 1,
    ]
    .map(shown_time);
    let expected = [
        "a minute",
        "a minute",
        "2 minutes",
        "25 minutes",
        "120 minutes",
        "3 hours",
        "48 hours",
        "3 days",
    ];
    assert_eq!(told, expected);
}

#[test]
fn whose_clock_is_off_is_what_most_say() {
    let off = CLOCK_SKEW_MILLIS_MAX;
    let set = |skews: &[i64]| {
        let partners = skews.iter().map(|skew| PartnerFacts {
            skew_millis: Some(*skew),
            ..partner("globex.example")
        });
        partners.collect::<Vec<_>>()
    };
    let check = |skews: &[i64], expected: &[&str]| {
        check(|facts| facts.partners = set(skews), expected);
    };
    check(&[off - 1], &[]);
    check(&[off], &["CLOCK_OURS_OFF", "CLOCK_THEIRS_OFF"]);
    check(&[-off], &["CLOCK_OURS_OFF", "CLOCK_THEIRS_OFF"]);
    check(&[off, 0, 0], &["CLOCK_THEIRS_OFF"]);
    check(&[off, off, 0], &["CLOCK_OURS_OFF"]);
}

#[test]
fn most_are_more_than_one() {
    let told = |partners: usize| {
        let mut facts = well();
        let ahead = |handle: &str| PartnerFacts {
            skew_millis: Some(2 * CLOCK_SKEW_MILLIS_MAX),
            ..partner(handle)
        };
        facts.partners = ["globex.example", "initech.example"].map(ahead).to_vec();
        facts.partners.truncate(partners);
        let found = examine(&facts);
        let ours = found.into_iter().find(|one| one.name == "CLOCK_OURS_OFF");
        ours.expect("it is found").text
    };
    let of_one = "that of globex.example is 240 s ahead of ours";
    assert_eq!(
        told(1),
        format!("{of_one}, and of two nobody can tell which is wrong")
    );
    assert_eq!(
        told(2),
        format!("the clocks of most partners differ from ours: {of_one}")
    );
}

#[test]
fn of_each_quota_it_is_said_what_becomes_of_more() {
    let told = |quota: Quota| {
        let mut facts = well();
        facts.quotas = vec![("globex.example".to_owned(), quota)];
        let found = examine(&facts).remove(0);
        (found.text, found.fix)
    };
    let (text, fix) = told(Quota::Requests);
    assert!(text.contains("refused") && fix.contains("decide"), "{text}");
    let (text, _) = told(Quota::Pace);
    assert!(text.contains("nothing is refused"), "{text}");
    let channel = "launch".to_owned();
    let (text, fix) = told(Quota::Entries { channel });
    assert!(
        text.contains("launch") && text.contains("withheld"),
        "{text}"
    );
    assert!(
        !text.contains("refused") && !fix.contains("decide"),
        "{fix}"
    );
}

#[test]
fn a_clock_in_doubt_is_told() {
    check(|facts| facts.clock_paused = true, &["CLOCK_PAUSED"]);
    check(|facts| facts.end_unconfirmed = true, &["CLOCK_UNCONFIRMED"]);
    let held = Held {
        channel: "launch".to_owned(),
        count: 3,
        origins: "globex.example".to_owned(),
        until: Timestamp(1_800_000_001_000),
    };
    check(|facts| facts.held = vec![held], &["ENTRIES_HELD"]);
}

#[test]
fn room_runs_out_in_two_steps() {
    let free = |bytes| move |facts: &mut Facts| facts.disk_free_bytes = Some(bytes);
    check(free((256 << 20) * DISK_LOW_FACTOR), &[]);
    check(free((256 << 20) * DISK_LOW_FACTOR - 1), &["DISK_LOW"]);
    check(free((256 << 20) - 1), &["DISK_LOW"]);
    check(free(0), &["DISK_LOW"]);
    check(|facts| facts.store_lacks_room = true, &["DISK_LOW"]);
    check(|facts| facts.disk_free_bytes = None, &[]);
    let untold = |facts: &mut Facts| {
        facts.disk_free_bytes = None;
        facts.store_lacks_room = true;
    };
    check(untold, &["DISK_LOW"]);
    let no_reserve = |facts: &mut Facts| {
        facts.disk_reserve_bytes = 0;
        facts.disk_free_bytes = Some(0);
    };
    check(no_reserve, &["DISK_LOW"]);
    let large = 8 << 30;
    check(|facts| facts.store_bytes = Some(large), &["STORE_LARGE"]);
    check(|facts| facts.store_bytes = Some(large - 1), &[]);
    check(|facts| facts.store_bytes = None, &[]);
}

#[test]
fn who_waits_and_what_ends_is_told_and_the_worst_comes_first() {
    let ends = |millis| Timestamp(1_800_000_000_000 + millis);
    check(
        |facts| {
            facts.ends = vec![
                ("Launch".to_owned(), ends(END_NEAR_MILLIS)),
                ("Later".to_owned(), ends(END_NEAR_MILLIS + 1)),
                ("Over".to_owned(), ends(0)),
            ];
            facts.approvals = vec![("REQ-0001".to_owned(), "foedus request show".to_owned())];
            facts.quotas = vec![("globex.example".to_owned(), Quota::Requests)];
            facts.unreachable = vec!["acme.example:7433".to_owned()];
            down(facts, MINUTE, None);
        },
        &[
            "PARTNER_UNREACHABLE",
            "QUOTA_REACHED",
            "APPROVAL_WAITS",
            "PORT_UNREACHABLE",
            "END_NEAR",
        ],
    );
}
