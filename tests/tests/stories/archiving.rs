//! A local channel is put away and taken up again.

use foedus_tests::harness::two::{ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use serde_json::Value;

fn names(list: &Value) -> Vec<&str> {
    let channels = list["channels"].as_array().expect("a list").iter();
    channels.filter_map(|one| one["name"].as_str()).collect()
}

#[test]
fn an_archived_channel_can_be_read_and_takes_nothing() {
    let mut two = Two::begin();
    let anna = two.acme.member();
    anna.must(&["channel", "create", "old"]);
    let posted = anna.json(&["post", "old", "What was."]);
    let reference = posted["entry_ref"].as_str().expect("a reference");
    let archived = anna.json(&["channel", "archive", "old"]);
    assert_eq!(archived["state"], "archived", "{archived}");
    for arguments in [
        &["post", "old", "Too late."][..],
        &["edit", "old", reference, "Too late."],
        &["react", "old", reference, "👍"],
        &["channel", "add", "old", "alice"],
    ] {
        let refusal = anna.refused(arguments);
        assert_eq!(refusal.reason, "CHANNEL_ARCHIVED", "{refusal:?}");
        assert!(refusal.fix.contains("unarchive"), "{refusal:?}");
    }
    let share = [
        "channel",
        "share",
        "old",
        "--with",
        GLOBEX,
        "--project",
        "P",
        "--ends",
        "+1h",
    ];
    assert_eq!(anna.refused(&share).reason, "CHANNEL_ARCHIVED");
    assert_eq!(two.acme.texts("old"), ["What was."]);
    assert_eq!(names(&anna.json(&["channel", "list"])), [""; 0]);
    assert_eq!(names(&anna.json(&["channel", "list", "--all"])), ["old"]);

    // It stays so over a restart.
    two.acme.daemon.kill();
    two.acme.daemon.start();
    let anna = two.acme.member();
    assert_eq!(anna.json(&["channel", "show", "old"])["state"], "archived");
    let open = anna.json(&["channel", "unarchive", "old"]);
    assert_eq!(open["state"], "open", "{open}");
    anna.must(&["post", "old", "What is."]);
    assert_eq!(two.acme.texts("old"), ["What was.", "What is."]);
    let audit = two.acme.administrator().json(&["audit", "list"]);
    let audit = audit.to_string();
    assert!(
        audit.contains("channel.archive") && audit.contains("channel.unarchive"),
        "{audit}"
    );
}

#[test]
fn what_is_shared_ends_by_its_charter_and_is_not_archived() {
    let two = Two::sharing("+1h");
    for (organisation, channel) in [(&two.acme, LAUNCH), (&two.globex, ACME_LAUNCH)] {
        let archive = ["channel", "archive", channel];
        let refusal = organisation.administrator().refused(&archive);
        assert_eq!(refusal.reason, "CHANNEL_SHARED", "{refusal:?}");
        let ends = if channel == LAUNCH {
            "terminate"
        } else {
            "withdraw"
        };
        let command = format!("channel {ends} {channel} --yes");
        assert!(refusal.fix.contains(&command), "{refusal:?}");
    }
    two.acme.member().must(&["post", LAUNCH, "Still open."]);
    assert_eq!(two.agree(), ["Still open."]);

    // One that has ended is put away by that, and says so.
    let alice = two.acme.administrator();
    alice.must(&["channel", "terminate", LAUNCH, "--yes"]);
    let refusal = alice.refused(&["channel", "archive", LAUNCH]);
    assert!(refusal.message.contains("has ended"), "{refusal:?}");
    assert!(
        refusal.fix.starts_with("nothing is to be done"),
        "{refusal:?}"
    );
    assert_eq!(names(&alice.json(&["channel", "list"])), [""; 0]);
}
