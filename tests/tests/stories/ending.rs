//! Step 7: the end time passes while the other side is down. Each side stops by its own clock.

use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::{Organisation, told};
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, eventually, is};
use serde_json::Value;

#[track_caller]
fn stops(organisation: &Organisation, channel: &str) {
    let administrator = organisation.administrator();
    eventually("the channel to end", LATER, || {
        let shown = told(administrator.try_json(&["channel", "show", channel]))?;
        is(shown["state"].as_str(), Some("ended")).map_err(|_| shown.to_string())
    });
}

/// What went before can be read, and nothing can be added.
#[track_caller]
fn is_over(member: &Foedus, channel: &str, reference: &str) {
    for arguments in [
        &["post", channel, "Too late."][..],
        &["edit", channel, reference, "Too late."],
        &["react", channel, reference, "👍"],
    ] {
        let refusal = member.refused(arguments);
        assert_eq!(refusal.reason, "CHANNEL_ENDED", "{refusal:?}");
        assert_eq!(refusal.exit, 77);
    }
    let page = member.json(&["history", channel]);
    let messages = page["messages"].as_array().expect("a list");
    assert!(messages.iter().any(|one| one["text"] == "Before the end."));
}

/// The end of the only channel of the project, once the records of both are here.
#[track_caller]
fn reconciled(organisation: &Organisation) -> Value {
    let administrator = organisation.administrator();
    eventually("both disconnect records", LATER, || {
        let shown = told(administrator.try_json(&["project", "show", PROJECT]))?;
        let end = &shown["channel_ends"][0];
        let both = end["records"].as_array().is_some_and(|all| all.len() == 2);
        if both && end["records_missing"] == Value::Array(Vec::new()) {
            Ok(end.clone())
        } else {
            Err(shown.to_string())
        }
    })
}

/// What a record says of the logs: the same at both sides, whoever tells it.
fn logs(end: &Value, of: &str) -> Value {
    let records = end["records"].as_array().expect("a list");
    let record = records.iter().find(|record| record["handle"] == of);
    record.expect("both records are here")["logs"].clone()
}

fn ends_while_the_other_is_down(host_is_down: bool) {
    let mut two = Two::sharing_for_a_while();
    let anna = two.acme.member();
    let posted = anna.json(&["post", LAUNCH, "Before the end."]);
    let reference = foedus_tests::harness::organisation::text(&posted, "entry_ref");
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "From Globex, before the end."]);
    assert_eq!(two.agree().len(), 2);
    let (up, channel) = if host_is_down {
        (&two.globex, ACME_LAUNCH)
    } else {
        (&two.acme, LAUNCH)
    };
    let mut tail = Tail::start(&up.member(), channel);
    if host_is_down {
        two.acme.daemon.kill();
    } else {
        two.globex.daemon.kill();
    }

    let (up, channel) = if host_is_down {
        (&two.globex, ACME_LAUNCH)
    } else {
        (&two.acme, LAUNCH)
    };
    stops(up, channel);
    tail.ends();
    is_over(&up.member(), channel, &reference);
    let shown = up.administrator().json(&["project", "show", PROJECT]);
    assert_eq!(
        shown["channel_ends"][0]["reconciliation"], "waiting",
        "{shown}"
    );

    if host_is_down {
        two.acme.daemon.start();
        stops(&two.acme, LAUNCH);
        is_over(&two.acme.member(), LAUNCH, &reference);
    } else {
        two.globex.daemon.start();
        stops(&two.globex, ACME_LAUNCH);
        is_over(&two.globex.member(), ACME_LAUNCH, &reference);
    }
    let (at_acme, at_globex) = (reconciled(&two.acme), reconciled(&two.globex));
    for end in [&at_acme, &at_globex] {
        assert_eq!(end["reconciliation"], "equal", "{end}");
        assert_eq!(end["differences"], Value::Array(Vec::new()));
        for record in end["records"].as_array().expect("a list") {
            assert_eq!(record["cause"], "end");
        }
        assert_eq!(logs(end, ACME), logs(end, GLOBEX), "all logs arrived whole");
    }
    assert_eq!(logs(&at_acme, ACME), logs(&at_globex, ACME));
    for organisation in [&two.acme, &two.globex] {
        let told = organisation
            .administrator()
            .text(&["project", "show", PROJECT]);
        assert!(
            told.contains("Difference: none. Everything arrived."),
            "{told}"
        );
    }
}

#[test]
fn the_end_passes_while_the_invited_side_is_down() {
    ends_while_the_other_is_down(false);
}

#[test]
fn the_end_passes_while_the_host_is_down() {
    ends_while_the_other_is_down(true);
}

#[test]
fn the_end_passes_while_both_are_up() {
    let two = Two::sharing_for_a_while();
    two.acme.member().must(&["post", LAUNCH, "Before the end."]);
    assert_eq!(two.agree(), ["Before the end."]);
    stops(&two.acme, LAUNCH);
    stops(&two.globex, ACME_LAUNCH);
    for organisation in [&two.acme, &two.globex] {
        assert_eq!(reconciled(organisation)["reconciliation"], "equal");
    }
}

/// What one side says did not arrive: of whose log, how much we hold, and how much the other.
fn differences(end: &Value) -> Vec<(String, u64, u64)> {
    let differences = end["differences"].as_array().expect("a list");
    let one = |difference: &Value| {
        let size = |field: &str| {
            let found = &difference[field];
            let text = found.as_str().and_then(|text| text.parse().ok());
            text.or(found.as_u64()).expect("a size")
        };
        let origin = difference["origin_handle"].as_str().expect("a handle");
        (origin.to_owned(), size("our_size"), size("their_size"))
    };
    let mut all: Vec<_> = differences.iter().map(one).collect();
    all.sort();
    all
}

#[test]
fn what_did_not_arrive_before_the_end_is_shown_to_both() {
    let two = Two::sharing_for_a_while();
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    anna.must(&["post", LAUNCH, "Before the end."]);
    assert_eq!(two.agree(), ["Before the end."]);
    for organisation in [&two.acme, &two.globex] {
        organisation.network.cut();
    }
    anna.must(&["post", LAUNCH, "Not in time."]);
    anna.must(&["post", LAUNCH, "Nor is this."]);
    gwen.must(&["post", ACME_LAUNCH, "Not in time either."]);
    stops(&two.acme, LAUNCH);
    stops(&two.globex, ACME_LAUNCH);
    for organisation in [&two.acme, &two.globex] {
        organisation.network.mend();
    }

    let (at_acme, at_globex) = (reconciled(&two.acme), reconciled(&two.globex));
    for end in [&at_acme, &at_globex] {
        assert_eq!(end["reconciliation"], "different", "{end}");
    }
    let [of_acme, of_globex] = &differences(&at_acme)[..] else {
        panic!("each log lacks something at the other side: {at_acme}");
    };
    assert_eq!(of_acme.0, ACME);
    assert!(
        of_acme.1 >= of_acme.2 + 2,
        "two messages of Acme's did not arrive"
    );
    assert_eq!(of_globex.0, GLOBEX);
    assert!(
        of_globex.1 < of_globex.2,
        "a message of Globex's did not arrive"
    );
    // The other side says the same, the other way round.
    let turned = |(origin, ours, theirs): &(String, u64, u64)| (origin.clone(), *theirs, *ours);
    let expected = vec![turned(of_acme), turned(of_globex)];
    assert_eq!(differences(&at_globex), expected);

    let (lost_of_acme, lost_of_globex) = (of_acme.1 - of_acme.2, of_globex.2 - of_globex.1);
    for (organisation, acmes, globexes) in [
        (&two.acme, "at globex.example", "here"),
        (&two.globex, "here", "at acme.example"),
    ] {
        let told = organisation
            .administrator()
            .text(&["project", "show", PROJECT]);
        assert!(told.contains("Difference:\n"), "{told}");
        for wanted in [
            format!("the last {lost_of_acme} did not arrive {acmes}"),
            format!("the last {lost_of_globex} did not arrive {globexes}"),
        ] {
            assert!(told.contains(&wanted), "{wanted:?}: {told}");
        }
    }
    // The end is the end: what did not arrive before does not arrive after it, and its authors still have it.
    let (before, not, nor) = ("Before the end.", "Not in time.", "Nor is this.");
    assert_eq!(two.acme.texts(LAUNCH), [before, not, nor]);
    assert_eq!(
        two.globex.texts(ACME_LAUNCH),
        [before, "Not in time either."]
    );
}
