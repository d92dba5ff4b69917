//! Step 5: members of both write, edit, take back and react; both see the same.

use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::{text, texts_of, told};
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{SOON, eventually};
use serde_json::Value;

fn post(foedus: &Foedus, channel: &str, words: &str) -> String {
    text(&foedus.json(&["post", channel, words]), "entry_ref")
}

/// The message with this reference, as soon as it is there and `wanted`.
fn message(
    foedus: &Foedus,
    channel: &str,
    reference: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    eventually("a message", SOON, || {
        let page = told(foedus.try_json(&["history", channel]))?;
        let messages = page["messages"].as_array().expect("a list");
        let found = messages.iter().find(|one| one["entry_ref"] == reference);
        match found {
            Some(found) if wanted(found) => Ok(found.clone()),
            other => Err(format!("{other:?}")),
        }
    })
}

#[test]
fn both_sides_show_one_timeline_with_each_authors_organisation() {
    let two = Two::sharing("+1h");
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    let date = post(&anna, LAUNCH, "The date is the third.");
    message(&gwen, ACME_LAUNCH, &date, |_| true);
    let question = post(&gwen, ACME_LAUNCH, "Who brings the cake?");
    message(&anna, LAUNCH, &question, |_| true);
    let slip = post(&gwen, ACME_LAUNCH, "Wrong window, sorry.");
    let answer = anna.json(&["post", LAUNCH, "I do.", "--reply-to", &question]);
    let answer = text(&answer, "entry_ref");

    anna.must(&["edit", LAUNCH, &date, "The date is the fourth."]);
    gwen.must(&["retract", ACME_LAUNCH, &slip]);
    gwen.must(&["react", ACME_LAUNCH, &date, "👍"]);
    anna.must(&["react", LAUNCH, &question, "🎂"]);
    anna.must(&["react", LAUNCH, &question, "👀"]);
    anna.must(&["react", LAUNCH, &question, "👀", "--remove"]);

    let texts = two.agree();
    for (foedus, channel) in [(&anna, LAUNCH), (&gwen, ACME_LAUNCH)] {
        let edited = message(foedus, channel, &date, |one| one["edited"] == true);
        assert_eq!(edited["text"], "The date is the fourth.");
        assert_eq!(edited["author"]["organisation_handle"], ACME);
        assert_eq!(edited["author"]["address"], "anna@acme.example");
        assert_eq!(edited["author"]["display_name"], "Anna Ahrens");
        assert_eq!(edited["author"]["external"], channel == ACME_LAUNCH);
        let asked = message(foedus, channel, &question, |one| {
            one["reactions"]
                .as_array()
                .is_some_and(|all| all.len() == 1)
        });
        assert_eq!(asked["author"]["organisation_handle"], GLOBEX);
        assert_eq!(asked["reactions"][0]["emoji"], "🎂");
        assert_eq!(
            asked["reactions"][0]["authors"][0]["address"],
            "anna@acme.example"
        );
        let gone = message(foedus, channel, &slip, |one| one["retracted"] == true);
        assert_eq!(gone["text"], "", "what was taken back is not told");
        let said = message(foedus, channel, &answer, |_| true);
        assert_eq!(said["reply_to"], question);
    }
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts.iter().any(|text| text == "The date is the fourth."));
    shown_to_people(&two);
}

/// What people see names the organisation of each author, first and always.
fn shown_to_people(two: &Two) {
    let at_acme = two.acme.member().text(&["history", LAUNCH]);
    let at_globex = two.globex.member().text(&["history", ACME_LAUNCH]);
    assert!(
        at_acme.contains("[acme.example] Anna Ahrens <anna@acme.example>"),
        "{at_acme}"
    );
    assert!(
        at_acme.contains("[globex.example, external] Gwen Gray <gwen@globex.example>"),
        "{at_acme}"
    );
    assert!(
        at_globex.contains("[acme.example, external] Anna Ahrens <anna@acme.example>"),
        "{at_globex}"
    );
    assert!(
        at_globex.contains("[globex.example] Gwen Gray <gwen@globex.example>"),
        "{at_globex}"
    );
}

#[test]
fn only_an_author_changes_a_message() {
    let two = Two::sharing("+1h");
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    let date = post(&anna, LAUNCH, "The date is the third.");
    message(&gwen, ACME_LAUNCH, &date, |_| true);
    for arguments in [
        &["edit", ACME_LAUNCH, &date, "Never."][..],
        &["retract", ACME_LAUNCH, &date],
    ] {
        let refusal = gwen.refused(arguments);
        assert_eq!(refusal.exit, 77, "{refusal:?}");
    }
    assert_eq!(two.agree(), ["The date is the third."]);
}

#[test]
fn a_restarted_tail_continues_where_it_was() {
    let mut two = Two::sharing("+1h");
    let anna = two.acme.member();
    let mut tail = Tail::start(&two.globex.member(), ACME_LAUNCH);
    for number in 0..5 {
        post(&anna, LAUNCH, &format!("before {number}"));
    }
    tail.reads("before 4");
    tail.kill();
    for number in 0..5 {
        post(&anna, LAUNCH, &format!("between {number}"));
    }
    tail.go_on();
    tail.reads("between 4");
    // A tail that runs lives through a restart of its daemon.
    two.globex.daemon.stop();
    post(&anna, LAUNCH, "while Globex is down");
    two.globex.daemon.start();
    tail.reads("while Globex is down");
    tail.kill();
    let texts = tail.texts();
    assert_eq!(
        texts,
        two.agree(),
        "nothing is missing, nothing twice, in order"
    );
    assert_eq!(texts.len(), 11);
}

#[test]
fn a_tail_with_a_state_file_continues_where_it_was() {
    let two = Two::sharing("+1h");
    let (anna, gwen) = (two.acme.member(), two.globex.member());
    let state = two.folder.path().join("tail.state");
    let state = state.to_str().expect("a path in UTF-8");
    let read = |count: &str| {
        let arguments = [
            "--output",
            "json",
            "tail",
            ACME_LAUNCH,
            "--from",
            "start",
            "--state",
            state,
            "--count",
            count,
        ];
        let answer = gwen.run(&arguments);
        assert_eq!(answer.exit, Some(0), "{answer:#?}");
        let lines = answer
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("one object a line"));
        let events: Vec<Value> = lines.filter(|item| item["item"] == "event").collect();
        events
    };
    for number in 0..6 {
        post(&anna, LAUNCH, &format!("number {number}"));
    }
    let mut events = Vec::new();
    while texts_of(&events).len() < 6 {
        events.extend(read("1"));
    }
    let expected: Vec<String> = (0..6).map(|number| format!("number {number}")).collect();
    assert_eq!(texts_of(&events), expected);
}

#[test]
fn members_write_by_token_over_tcp() {
    let two = Two::sharing("+1h");
    let alice = two.acme.administrator();
    let created = alice.json(&["token", "create", "--for", "anna", "--label", "laptop"]);
    let server = format!("http://{}", two.acme.daemon.place.api);
    let by_token = two
        .acme
        .foedus()
        .by_token(&server, &text(&created, "secret"));
    post(&by_token, LAUNCH, "From the laptop.");
    assert_eq!(two.agree(), ["From the laptop."]);
    let token = text(&created["token"], "token_id");
    alice.must(&["token", "revoke", &token]);
    let refusal = by_token.refused(&["post", LAUNCH, "Too late."]);
    assert_eq!(refusal.reason, "TOKEN_REVOKED");
    let stranger = two.acme.foedus().by_token(&server, "foedus_nonsense");
    let refusal = stranger.refused(&["history", LAUNCH]);
    assert_eq!(refusal.reason, "TOKEN_INVALID");
}
