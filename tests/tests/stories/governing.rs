//! Step 13: what administrators decide about what is shared. One side leaves alone, a host ends for all, a project is
//! extended by consent of both; and what comes before a channel: a project, a partner.

use super::doctor;
use super::projects::has_ended;
use foedus_tests::harness::command::Foedus;
use foedus_tests::harness::organisation::{Organisation, text, told};
use foedus_tests::harness::tail::Tail;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, SOON, eventually, is};
use serde_json::Value;

/// Two that have both written, and hold the same.
fn talking(ends: &str) -> Two {
    talked(Two::sharing(ends))
}

fn talked(two: Two) -> Two {
    two.acme.member().must(&["post", LAUNCH, "From Acme."]);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "From Globex."]);
    assert_eq!(two.agree().len(), 2);
    two
}

/// Nothing can be added, and all that was written can be read.
#[track_caller]
fn is_over(organisation: &Organisation, channel: &str, cause: &str) {
    has_ended(organisation, channel, cause);
    let texts = organisation.texts(channel);
    for said in ["From Acme.", "From Globex."] {
        assert!(texts.iter().any(|text| text == said), "{texts:?}");
    }
}

/// The record of the end that `of` signed, once it is at `organisation`.
#[track_caller]
fn record(organisation: &Organisation, of: &str) -> Value {
    let administrator = organisation.administrator();
    eventually("the disconnect record", LATER, || {
        let shown = told(administrator.try_json(&["project", "show", PROJECT]))?;
        let records = shown["channel_ends"][0]["records"].as_array().cloned();
        let mut records = records.into_iter().flatten();
        let record = records.find(|record| record["handle"] == of);
        record.ok_or_else(|| shown.to_string())
    })
}

/// Without `--yes` only what would end is said.
#[track_caller]
fn asks_first(administrator: &Foedus, arguments: &[&str], would: &str) {
    let answer = administrator.run(arguments);
    assert_ne!(answer.exit, Some(0), "{answer:#?}");
    let told = format!("nothing was done: {would}");
    assert!(answer.err.contains(&told), "{answer:#?}");
    assert!(answer.err.contains("--yes"), "{answer:#?}");
}

#[track_caller]
fn is_refused(who: &Foedus, arguments: &[&str], reason: &str) {
    let refusal = who.refused(arguments);
    assert_eq!(refusal.reason, reason, "{refusal:?}");
}

#[test]
fn one_side_withdraws_alone() {
    let two = talking("+1h");
    let gina = two.globex.administrator();
    let withdraw = ["channel", "withdraw", ACME_LAUNCH, "--yes"];
    let would = format!("this organisation would leave {ACME_LAUNCH}, which goes on with {ACME}");
    asks_first(&gina, &withdraw[..3], &would);
    is_refused(&two.globex.member(), &withdraw, "NOT_ADMINISTRATOR");
    is_refused(&two.globex.foedus(), &withdraw, "MEMBER_NEEDED");
    let terminate = ["channel", "terminate", ACME_LAUNCH, "--yes"];
    let withdraw_as_host = ["channel", "withdraw", LAUNCH, "--yes"];
    for (who, tried) in [
        (&gina, &terminate[..3]),
        (&two.globex.member(), &withdraw[..3]),
    ] {
        // Where to say yes would not help, nobody is asked to.
        let refusal = who.refused(tried);
        assert_ne!(refusal.exit, 64, "{refusal:?}");
    }
    let anna = two.acme.member();
    anna.must(&["channel", "create", "own"]);
    let refusal = two
        .acme
        .administrator()
        .refused(&["channel", "terminate", "own"]);
    assert_eq!(refusal.reason, "CHANNEL_NOT_SHARED", "{refusal:?}");
    assert!(refusal.fix.contains("channel archive own"), "{refusal:?}");
    for (who, tried, would_do) in [
        (&gina, terminate, withdraw),
        (
            &two.acme.administrator(),
            withdraw_as_host,
            ["channel", "terminate", LAUNCH, "--yes"],
        ),
    ] {
        let refusal = who.refused(&tried);
        assert_eq!(refusal.reason, "CAUSE_INVALID", "{refusal:?}");
        assert!(refusal.fix.contains(&would_do.join(" ")), "{refusal:?}");
    }

    let mut tail = Tail::start(&two.globex.member(), ACME_LAUNCH);
    let tail_at_acme = Tail::start(&two.acme.member(), LAUNCH);
    let shown = gina.json(&withdraw);
    assert_eq!(shown["state"], "ended", "{shown}");
    tail.ends();
    is_over(&two.globex, ACME_LAUNCH, "withdrawal");

    // The other side is told: who left, when, and what it held.
    assert_eq!(record(&two.acme, GLOBEX)["cause"], "withdrawal");
    let alice = two.acme.administrator();
    let shown = alice.json(&["channel", "show", LAUNCH]);
    let participants = shown["participants"].as_array().expect("a list");
    let left = |of: &str| {
        let one = participants.iter().find(|one| one["handle"] == of);
        one.expect("it is named")["withdrew_at"].is_string()
    };
    assert!(left(GLOBEX) && !left(ACME), "{shown}");
    let told = alice.text(&["channel", "show", LAUNCH]);
    assert!(told.contains("withdrew "), "{told}");
    is_told_to_be_alone(&two, tail_at_acme);
    two.acme.member().must(&["post", LAUNCH, "Alone."]);
    assert_eq!(two.acme.texts(LAUNCH).len(), 3);
    assert_eq!(two.globex.texts(ACME_LAUNCH).len(), 2);
    let audit = gina.json(&["audit", "list"]).to_string();
    assert!(
        audit.contains("channel.end") && audit.contains("withdrawal"),
        "{audit}"
    );
}

/// Whoever would go on writing hears that nobody reads it, wherever they look.
#[track_caller]
fn is_told_to_be_alone(two: &Two, tail: Tail) {
    let who = format!("{GLOBEX} withdrew");
    let problem = doctor::tells(&two.acme, "CHANNEL_ALONE", "warning", &[&who]);
    assert_eq!(problem["subject"], LAUNCH, "{problem}");
    let (alice, anna) = (two.acme.administrator(), two.acme.member());
    for told in [
        alice.text(&["status"]),
        anna.text(&["channel", "show", LAUNCH]),
    ] {
        assert!(told.contains("nobody else is in it any more"), "{told}");
    }
    let list = anna.text(&["channel", "list"]);
    assert!(list.contains(&format!("{GLOBEX} (withdrew)")), "{list}");
    let terminate = ["channel", "terminate", LAUNCH];
    let asked = alice.run(&terminate);
    assert!(asked.err.contains("nobody else is in launch"), "{asked:#?}");
    // Who follows hears of it at once, and who begins to follow at the beginning.
    let left = eventually("the tail to tell who left", SOON, || {
        let left = tail.departures();
        left.first().cloned().ok_or_else(|| format!("{left:?}"))
    });
    assert_eq!(left["handle"], GLOBEX, "{left}");
    assert_eq!(left["alone"], true, "{left}");
    assert_eq!(tail.departures().len(), 1, "it is told once");
    let read = anna.text(&["tail", LAUNCH, "--no-follow"]);
    assert!(read.contains(&format!("{who} from {LAUNCH} at ")), "{read}");
}

#[test]
fn its_host_terminates_a_channel_for_all() {
    let two = talking("+1h");
    let alice = two.acme.administrator();
    two.acme.member().must(&["channel", "create", "second"]);
    let declined = two.ask_to_share("second", &["--project", PROJECT, "--ends-with-project"]);
    alice.must(&["request", "decline", &declined, "--reason", "Not now."]);
    let terminate = ["channel", "terminate", LAUNCH, "--yes"];
    let would = format!("{LAUNCH} would end for all, here and at {GLOBEX}");
    asks_first(&alice, &terminate[..3], &would);
    is_refused(&two.acme.foedus(), &terminate, "MEMBER_NEEDED");
    alice.must(&terminate);
    is_over(&two.acme, LAUNCH, "termination");
    is_over(&two.globex, ACME_LAUNCH, "termination");
    for organisation in [&two.acme, &two.globex] {
        for of in [ACME, GLOBEX] {
            assert_eq!(record(organisation, of)["cause"], "termination");
        }
    }
    // The audit log has all of it by the partner's name, and nothing that it has no part in.
    let list = alice.json(&["audit", "list", "--partner", GLOBEX, "--limit", "100"]);
    let records = list["records"].as_array().expect("a list").iter();
    let actions: Vec<&str> = records.filter_map(|one| one["action"].as_str()).collect();
    for action in [
        "channel.share",
        "request.approve",
        "request.decline",
        "partner.reply",
        "partner.confirm",
        "channel.seal",
        "channel.end",
    ] {
        assert!(actions.contains(&action), "{action}: {list}");
    }
    assert!(!actions.contains(&"member.add"), "{list}");
    // Who did not end it is told who did.
    for (organisation, told) in [(&two.acme, false), (&two.globex, true)] {
        let found = organisation.administrator().run(&["doctor"]);
        let who = format!("{ACME} ended it for all");
        let tells = found.out.contains("CHANNEL_TERMINATED") && found.out.contains(&who);
        assert_eq!(tells, told, "{found:#?}");
    }
    // It has ended: once more changes nothing.
    alice.must(&terminate);
}

/// The request for a further revision that waits at Globex.
#[track_caller]
fn revision_offered(two: &Two) -> String {
    let gina = two.globex.administrator();
    eventually("the later end to be put before Globex", SOON, || {
        let list = told(gina.try_json(&["request", "list"]))?;
        let requests = list["requests"].as_array().cloned();
        let mut requests = requests.into_iter().flatten();
        let found = requests.find(|request| request["kind"] == "revise");
        found
            .map(|request| text(&request, "name"))
            .ok_or_else(|| list.to_string())
    })
}

#[track_caller]
fn ends_at(organisation: &Organisation, channel: &str) -> String {
    let administrator = organisation.administrator();
    let shown = administrator.json(&["channel", "show", channel]);
    let end = text(&shown, "ends_at");
    let project = administrator.json(&["project", "show", PROJECT]);
    assert_eq!(text(&project["project"], "ends_at"), end, "{project}");
    end
}

/// Waits until a time has passed by the clock of an organisation.
#[track_caller]
fn passes(organisation: &Organisation, end: &str) {
    let administrator = organisation.administrator();
    if let Err(answer) = administrator.try_json(&["project", "create", "Clock", "--ends", end]) {
        assert_eq!(answer.refusal().reason, "END_IN_PAST", "{answer:#?}");
        return;
    }
    eventually("the old end to pass", LATER, || {
        let shown = told(administrator.try_json(&["project", "show", "Clock"]))?;
        is(shown["project"]["state"].as_str(), Some("ended")).map_err(|_| shown.to_string())
    });
}

#[test]
fn a_project_is_extended_by_consent_of_both() {
    let two = talked(Two::sharing_for_a_while());
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    let old = ends_at(&two.acme, LAUNCH);
    let extend = ["project", "extend", PROJECT, "--until", "+1h"];
    is_refused(&two.acme.foedus(), &extend, "MEMBER_NEEDED");
    let refusal = gina.refused(&extend);
    assert_eq!(refusal.reason, "NOT_HOST");
    assert!(
        refusal.message.contains(ACME) && refusal.fix.contains(ACME),
        "{refusal:?}"
    );
    is_refused(
        &alice,
        &["project", "extend", PROJECT, "--until", &old],
        "END_NOT_LATER",
    );
    let past = [
        "project",
        "extend",
        PROJECT,
        "--until",
        "2020-01-01T00:00:00Z",
    ];
    is_refused(&alice, &past, "END_IN_PAST");

    let extended = alice.json(&extend);
    assert_eq!(
        text(&extended, "ends_at"),
        old,
        "the old end holds: {extended}"
    );
    assert_eq!(extended["extension_awaits"][0], GLOBEX, "{extended}");
    let request = revision_offered(&two);
    assert_eq!(ends_at(&two.acme, LAUNCH), old);
    assert_eq!(ends_at(&two.globex, ACME_LAUNCH), old);
    let shown = gina.json(&["request", "show", &request]);
    assert_eq!(shown["agreed_ends_at"], old.as_str(), "{shown}");
    assert_eq!(shown["ends_at"], extended["extended_to"], "{shown}");
    // A name for a channel that does not come with it was meant for another request.
    let named = ["request", "approve", &request, "--channel", "other"];
    let refusal = gina.refused(&named);
    assert_eq!(refusal.reason, "NAME_INVALID", "{refusal:?}");
    assert!(
        refusal.fix.contains(&format!("request show {request}")),
        "{refusal:?}"
    );
    let approved = gina.json(&["request", "approve", &request]);
    // No channel came with it: it was there.
    let none = Value::Array(Vec::new());
    assert_eq!(approved["channel_members"], none, "{approved}");

    let until = text(&extended, "extended_to");
    for (organisation, channel) in [(&two.acme, LAUNCH), (&two.globex, ACME_LAUNCH)] {
        let administrator = organisation.administrator();
        eventually("the later end to hold", SOON, || {
            let shown = told(administrator.try_json(&["channel", "show", channel]))?;
            let project = told(administrator.try_json(&["project", "show", PROJECT]))?;
            let holds = shown["ends_at"] == until.as_str() && shown["revision"] == 2;
            let follows = project["project"]["ends_at"] == until.as_str()
                && project["project"]["extended_to"].is_null();
            (holds && follows)
                .then_some(())
                .ok_or_else(|| format!("{shown} {project}"))
        });
    }
    for organisation in [&two.acme, &two.globex] {
        passes(organisation, &old);
    }
    two.acme.member().must(&["post", LAUNCH, "Still here."]);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "So are we."]);
    assert_eq!(two.agree().len(), 4);
    let shown = gina.json(&["request", "show", &request]);
    assert_eq!(shown["state"], "done", "{shown}");
    assert_eq!(shown["kind"], "revise", "as before: {shown}");
    let audit = alice.json(&["audit", "list"]).to_string();
    assert!(audit.contains("project.extend"), "{audit}");
    let audit = gina.json(&["audit", "list"]).to_string();
    assert!(
        audit.contains("channel.seal") && audit.contains("request.approve"),
        "{audit}"
    );
}

#[test]
fn without_consent_a_project_ends_when_it_was_agreed_to() {
    let two = talked(Two::sharing_for_a_while());
    let alice = two.acme.administrator();
    alice.must(&["project", "extend", PROJECT, "--until", "+1h"]);
    let request = revision_offered(&two);
    for (organisation, channel) in [(&two.acme, LAUNCH), (&two.globex, ACME_LAUNCH)] {
        let administrator = organisation.administrator();
        eventually("the old end to come", LATER, || {
            let shown = told(administrator.try_json(&["channel", "show", channel]))?;
            is(shown["state"].as_str(), Some("ended")).map_err(|_| shown.to_string())
        });
        is_over(organisation, channel, "end");
    }
    // Nobody is bothered any more with what can't be agreed to.
    let gina = two.globex.administrator();
    eventually("the request to go with the channel", LATER, || {
        let shown = told(gina.try_json(&["request", "show", &request]))?;
        is(shown["state"].as_str(), Some("withdrawn")).map_err(|_| shown.to_string())
    });
    let late = ["request", "approve", &request];
    is_refused(&gina, &late, "REQUEST_NOT_WAITING");
    let late = ["project", "extend", PROJECT, "--until", "+2h"];
    is_refused(&alice, &late, "PROJECT_ENDED");
    let shown = alice.json(&["project", "show", PROJECT]);
    assert_eq!(shown["project"]["state"], "ended", "{shown}");
    assert!(shown["project"]["extended_to"].is_null(), "{shown}");
}

#[test]
fn a_project_begins_before_its_first_channel() {
    let two = Two::begin();
    let alice = two.acme.administrator();
    let create = ["project", "create", PROJECT, "--ends", "30d"];
    is_refused(&two.acme.member(), &create, "NOT_ADMINISTRATOR");
    let created = alice.json(&create);
    assert_eq!(created["state"], "active", "{created}");
    is_refused(&alice, &create, "PROJECT_EXISTS");
    // Nothing is shared for it yet, so nobody else has to agree.
    let extended = alice.json(&["project", "extend", PROJECT, "--until", "60d"]);
    assert!(extended["extended_to"].is_null(), "{extended}");
    let end = text(&extended, "ends_at");
    assert_ne!(end, text(&created, "ends_at"));

    two.acme.member().must(&["channel", "create", LAUNCH]);
    let request = two.ask_to_share(LAUNCH, &["--project", PROJECT, "--ends-with-project"]);
    let invited = two.approve_sharing(&request);
    let accepted = two.accept(&invited.invitation);
    two.confirm(&two.words_at_acme());
    two.approve(&accepted, &accepted.words);
    two.settle();
    assert_eq!(ends_at(&two.acme, LAUNCH), end);
    assert_eq!(ends_at(&two.globex, ACME_LAUNCH), end);
}

#[test]
fn a_partner_is_invited_without_a_channel() {
    let two = Two::begin();
    let alice = two.acme.administrator();
    let invite = ["partner", "invite", GLOBEX];
    is_refused(&two.acme.foedus(), &invite, "MEMBER_NEEDED");
    is_refused(&two.acme.member(), &invite, "NOT_ADMINISTRATOR");
    let invited = alice.json(&invite);
    assert_eq!(
        invited["invitation"]["expected_handle"], GLOBEX,
        "{invited}"
    );
    is_refused(&alice, &invite, "INVITATION_OPEN");
    let accepted = two.accept(&text(&invited, "invitation_text"));
    two.confirm(&two.words_at_acme());
    let words = &accepted.words;
    let gina = two.globex.administrator();
    gina.must(&["request", "approve", &accepted.request, "--words", words]);
    two.acme.linked_with(GLOBEX);
    two.globex.linked_with(ACME);
    is_refused(&alice, &invite, "PARTNER_EXISTS");
    let channels = gina.json(&["channel", "list", "--all"]);
    assert!(
        channels["channels"].as_array().is_none_or(Vec::is_empty),
        "{channels}"
    );

    // A channel goes to a partner without another invitation.
    two.acme.member().must(&["channel", "create", LAUNCH]);
    let request = two.ask_to_share(LAUNCH, &["--project", PROJECT, "--ends", "30d"]);
    alice.must(&["request", "approve", &request]);
    let request = eventually("the channel to be put before Globex", SOON, || {
        let list = told(gina.try_json(&["request", "list"]))?;
        let name = list["requests"][0]["name"].as_str();
        name.map(str::to_owned).ok_or_else(|| list.to_string())
    });
    // Without a name the channel gets one, which is said.
    let approved = gina.text(&["request", "approve", &request]);
    let said = |what: &str| assert!(approved.contains(what), "{what}: {approved}");
    said("The channel is called acme-launch here");
    said("channel rename acme-launch NEW-NAME");
    said("gina@globex.example is in it");
    two.settle();
    two.acme.member().must(&["post", LAUNCH, "Welcome."]);
    assert_eq!(two.agree(), ["Welcome."]);
    let shown = gina.json(&["request", "show", &request]);
    assert_eq!(shown["kind"], "join", "{shown}");
    // Who asks with another end than the project's is told the option to give.
    two.acme.member().must(&["channel", "create", "second"]);
    let share = [
        "channel",
        "share",
        "second",
        "--with",
        GLOBEX,
        "--project",
        PROJECT,
    ];
    let refusal = alice.refused(&[&share[..], &["--ends", "60d"]].concat());
    assert_eq!(refusal.reason, "PROJECT_END_DIFFERS", "{refusal:?}");
    assert!(refusal.fix.contains("--ends-with-project"), "{refusal:?}");
    alice.must(&[&share[..], &["--ends-with-project"]].concat());
}
