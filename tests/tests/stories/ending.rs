//! Step 7: the end time passes while the other side is down. Each side stops by its own clock.

use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::{Organisation, told};
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, eventually, is};
use serde_json::Value;

/// From the request to the end: enough for both to meet and to write, on a machine that is busy with other tests.
const ENDS: &str = "+25s";

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
    let mut two = Two::sharing(ENDS);
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
    let two = Two::sharing("+20s");
    two.acme.member().must(&["post", LAUNCH, "Before the end."]);
    assert_eq!(two.agree(), ["Before the end."]);
    stops(&two.acme, LAUNCH);
    stops(&two.globex, ACME_LAUNCH);
    for organisation in [&two.acme, &two.globex] {
        assert_eq!(reconciled(organisation)["reconciliation"], "equal");
    }
}
