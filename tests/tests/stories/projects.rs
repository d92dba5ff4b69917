//! A project is ended at once, by hand: what is hosted here ends for all, what is hosted elsewhere is left.

use foedus_tests::harness::organisation::{Organisation, text, told};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, SOON, eventually};
use serde_json::{Value, json};

/// What Globex hosts in the project, as both call it.
const GARDEN: &str = "garden";

/// Acme hosts `launch` and Globex hosts `garden`, both in one project, and something was said in each.
fn both_host() -> Two {
    let two = Two::sharing("+1h");
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    let gwen = two.globex.member();
    gwen.must(&["channel", "create", GARDEN]);
    let share = [
        "channel",
        "share",
        GARDEN,
        "--with",
        ACME,
        "--project",
        PROJECT,
        "--ends-with-project",
    ];
    let asked = gwen.json(&share);
    gina.must(&["request", "approve", &text(&asked["request"], "name")]);
    let offered = eventually("the channel to be put before Acme", SOON, || {
        let list = told(alice.try_json(&["request", "list"]))?;
        let requests = list["requests"].as_array().into_iter().flatten();
        let mut requests = requests.filter(|request| request["kind"] == "join");
        let request = requests.next().ok_or_else(|| list.to_string())?;
        Ok(text(request, "name"))
    });
    alice.must(&["request", "approve", &offered, "--channel", GARDEN]);
    two.acme.shares(GARDEN);
    two.globex.shares(GARDEN);
    alice.must(&["channel", "add", GARDEN, &two.acme.member]);
    two.acme
        .member()
        .must(&["post", LAUNCH, "In what Acme hosts."]);
    two.acme
        .member()
        .must(&["post", GARDEN, "In what Globex hosts."]);
    two.agree();
    eventually("Acme's word in what Globex hosts", LATER, || {
        let messages = told(two.globex.try_messages(GARDEN))?;
        let here = messages
            .iter()
            .any(|one| one["text"] == "In what Globex hosts.");
        here.then_some(()).ok_or_else(|| format!("{messages:?}"))
    });
    two
}

/// Waits until a channel has ended, for this cause.
#[track_caller]
pub fn has_ended(organisation: &Organisation, channel: &str, cause: &str) {
    let administrator = organisation.administrator();
    eventually(&format!("{channel} to end"), SOON, || {
        let shown = told(administrator.try_json(&["channel", "show", channel]))?;
        let ended = shown["state"] == "ended" && shown["end_cause"] == cause;
        ended.then_some(()).ok_or_else(|| shown.to_string())
    });
    let refusal = organisation
        .member()
        .refused(&["post", channel, "Too late."]);
    assert_eq!(refusal.reason, "CHANNEL_ENDED", "{refusal:?}");
}

/// Waits until an organisation has the records that these signed of the end of a channel; the cause that each states.
#[track_caller]
fn recorded(organisation: &Organisation, channel: &str, expected: &[(&str, &str)]) {
    let administrator = organisation.administrator();
    eventually(&format!("the records of {channel}"), LATER, || {
        let shown = told(administrator.try_json(&["project", "show", PROJECT]))?;
        let mut ends = shown["channel_ends"].as_array().into_iter().flatten();
        let end = ends.find(|end| end["channel_name"] == channel);
        let records = end.and_then(|end| end["records"].as_array());
        let records = records.into_iter().flatten();
        let mut found: Vec<(&str, &str)> = records
            .filter_map(|one| Some((one["handle"].as_str()?, one["cause"].as_str()?)))
            .collect();
        found.sort_unstable();
        (found == expected)
            .then_some(())
            .ok_or_else(|| shown.to_string())
    });
}

fn state(organisation: &Organisation) -> Value {
    organisation
        .administrator()
        .json(&["project", "show", PROJECT])["project"]["state"]
        .clone()
}

#[test]
fn a_project_that_is_ended_ends_what_is_hosted_here_and_leaves_what_is_hosted_elsewhere() {
    let two = both_host();
    let (alice, anna) = (two.acme.administrator(), two.acme.member());
    anna.must(&["channel", "create", "own"]);
    let end = ["project", "end", PROJECT, "--yes"];

    // Without `--yes` it says what would end, and by no means does it.
    let asked = alice.run(&end[..3]);
    assert_eq!(asked.exit, Some(64), "{asked:#?}");
    for said in ["nothing was done", LAUNCH, GARDEN, "--yes"] {
        assert!(asked.err.contains(said), "{said}: {asked:#?}");
    }
    assert_eq!(anna.refused(&end).reason, "NOT_ADMINISTRATOR");
    assert_eq!(state(&two.acme), "active");
    anna.must(&["post", LAUNCH, "Still open."]);
    two.agree();

    let ended = alice.json(&end);
    assert_eq!(ended["state"], "ended", "{ended}");
    assert_eq!(ended["channels"], json!([GARDEN, LAUNCH]), "{ended}");
    has_ended(&two.acme, LAUNCH, "termination");
    has_ended(&two.globex, ACME_LAUNCH, "termination");
    has_ended(&two.acme, GARDEN, "withdrawal");
    let both = [(ACME, "termination"), (GLOBEX, "termination")];
    recorded(&two.acme, LAUNCH, &both);
    recorded(&two.globex, ACME_LAUNCH, &both);
    recorded(&two.acme, GARDEN, &[(ACME, "withdrawal")]);
    recorded(&two.globex, GARDEN, &[(ACME, "withdrawal")]);

    // Globex goes on alone in what is its own, and nothing of it reaches Acme; there is no project of Acme's any more.
    let before = two.acme.texts(GARDEN);
    two.globex.member().must(&["post", GARDEN, "Alone."]);
    assert_eq!(state(&two.globex), "active");
    assert_eq!(state(&two.acme), "ended");
    assert_eq!(two.acme.texts(GARDEN), before);
    let listed = |more: &[&str]| {
        let list = alice.json(&[&["project", "list"], more].concat());
        list["projects"].as_array().map(Vec::len)
    };
    assert_eq!(listed(&[]), Some(0));
    assert_eq!(listed(&["--all"]), Some(1));
    // What is shared for nothing is not touched, and once more changes nothing.
    anna.must(&["post", "own", "Not part of it."]);
    let again = alice.json(&end);
    assert_eq!(again, ended, "it has ended");
    let audit = alice.json(&["audit", "list", "--action", "project.end"]);
    let record = &audit["records"][0];
    assert_eq!(record["actor"], "alice@acme.example", "{audit}");
    assert_eq!(record["outcome"], "done", "{audit}");
}
