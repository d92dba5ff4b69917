//! Steps 1 to 3: two organisations come into being, one asks, the other accepts, both administrators approve.

use foedus_tests::harness::organisation::{Organisation, text, told};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, ACME_PEOPLE, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{SOON, eventually, is};
use serde_json::Value;

use super::doctor::{is_over, tells};

/// Six words of the list that are hardly those of any pairing.
const OTHER_WORDS: &str = "zoo zoo zoo zoo zoo zoo";

#[test]
fn a_daemon_without_identity_serves_init_and_status_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = Organisation::without_identity(folder.path(), ACME, ACME_PEOPLE);
    let foedus = acme.foedus();
    assert_eq!(foedus.json(&["status"])["initialised"], false);
    for arguments in [
        &["channel", "create", "launch"][..],
        &["member", "add", "anna"],
        &["partner", "accept", "foedus-invitation-v1.AbCd"],
        &["identity", "show"],
        &["history", "launch"],
    ] {
        let refusal = foedus.refused(arguments);
        assert_eq!(refusal.reason, "NOT_INITIALISED", "{arguments:?}");
        assert!(refusal.fix.contains("foedus init"), "{refusal:?}");
    }

    let identity = foedus.json(&["init", ACME, "--administrator", "alice"]);
    assert_eq!(identity["handle"], ACME);
    assert_eq!(identity["administrator"], format!("alice@{ACME}"));
    assert!(text(&identity, "organisation_id").starts_with("org_"));
    let status = foedus.json(&["status"]);
    assert_eq!(status["initialised"], true);
    assert_eq!(
        status["identity"]["organisation_id"],
        identity["organisation_id"]
    );
    let again = foedus.refused(&["init", ACME]);
    assert_eq!(again.reason, "ALREADY_INITIALISED");
}

#[test]
fn a_restarted_daemon_is_the_same_organisation() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acme = Organisation::begin(folder.path(), ACME, ACME_PEOPLE);
    let before = acme.foedus().json(&["identity", "show"]);
    acme.daemon.stop();
    acme.daemon.start();
    assert_eq!(acme.foedus().json(&["identity", "show"]), before);
    acme.daemon.kill();
    acme.daemon.start();
    assert_eq!(acme.foedus().json(&["identity", "show"]), before);
}

#[test]
fn a_member_asks_an_administrator_approves_and_an_invitation_comes_out() {
    let two = Two::begin();
    let anna = two.acme.member();
    anna.must(&["channel", "create", LAUNCH]);
    let request = two.ask_to_share(LAUNCH, &["--project", PROJECT, "--ends", "+1h"]);
    let shown = anna.json(&["request", "show", &request]);
    assert_eq!(shown["state"], "waiting");
    assert_eq!(shown["kind"], "share");
    assert_eq!(shown["partner_handle"], GLOBEX);
    assert_eq!(shown["project"], PROJECT);
    assert!(text(&shown, "requester").starts_with("anna@"));

    // Who asked is no administrator and can't approve; asking alone invites nobody.
    let refusal = anna.refused(&["request", "approve", &request]);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR");
    let alice = two.acme.administrator();
    let none = alice.json(&["invitation", "list"]);
    assert_eq!(none["invitations"], Value::Array(Vec::new()));

    let invited = two.approve_sharing(&request);
    assert!(invited.invitation.starts_with("foedus-invitation-v1."));
    let open = alice.json(&["invitation", "list"]);
    assert_eq!(open["invitations"][0]["expected_handle"], GLOBEX);
    assert_eq!(open["invitations"][0]["state"], "open");
    // The channel stays Acme's own while nobody has accepted.
    let channel = anna.json(&["channel", "show", LAUNCH]);
    assert_eq!(channel["state"], "open", "{channel}");
    anna.must(&["post", LAUNCH, "Nobody else reads this yet."]);
}

/// Nothing of the channel exists or can be read at Globex, and no link is up at either side.
pub fn nothing_is_shared(two: &Two) {
    let gina = two.globex.administrator();
    let channels = gina.json(&["channel", "list", "--all"]);
    let mut channels = channels["channels"].as_array().expect("a list").iter();
    assert!(channels.all(|channel| channel["shared"] == false && channel["project"] == ""));
    assert_eq!(
        gina.refused(&["history", ACME_LAUNCH]).reason,
        "CHANNEL_UNKNOWN"
    );
    for organisation in [&two.acme, &two.globex] {
        let status = organisation.foedus().json(&["status"]);
        assert_eq!(status["counts"]["links_up"], 0, "{status}");
    }
}

fn denied_for_words(organisation: &Organisation) -> u64 {
    let denials = organisation
        .administrator()
        .json(&["audit", "list", "--denied"]);
    let records = denials["records"].as_array().expect("a list");
    let of_words = records
        .iter()
        .filter(|record| record["rule"] == "WORDS_DIFFER");
    of_words
        .map(|record| record["count"].as_u64().unwrap_or(0).max(1))
        .sum()
}

#[test]
fn nothing_is_shared_before_both_have_approved_by_the_same_six_words() {
    let mut two = Two::begin();
    let invited = two.invite("+1h");
    let secret = "The launch is on the fourth of May.";
    two.acme.member().must(&["post", LAUNCH, secret]);
    let (at_globex, _) = two.globex.network.bytes();
    let accepted = two.accept(&invited.invitation);
    let at_acme = two.words_at_acme();
    assert_eq!(accepted.words, at_acme, "both are shown the same words");
    assert_eq!(at_acme.split(' ').count(), 6);
    nothing_is_shared(&two);

    wrong_words_are_refused_and_audited(&two, &accepted.request);
    no_flag_skips_the_words(&two, &accepted.request);

    // One approval is not enough, whichever it is.
    two.approve(&accepted, &accepted.words);
    let status = two.globex.foedus().json(&["status"]);
    assert_eq!(status["counts"]["links_up"], 0, "{status}");
    let refusal = two
        .globex
        .administrator()
        .refused(&["post", ACME_LAUNCH, "Hello?"]);
    assert!(
        ["CHANNEL_NOT_SEALED", "MEMBER_NEEDED", "NOT_IN_CHANNEL"]
            .contains(&refusal.reason.as_str()),
        "{refusal:?}"
    );
    assert_eq!(
        two.globex.network.bytes().0,
        at_globex,
        "Acme has not dialled Globex"
    );
    two.globex.daemon.stop();
    let place = &two.globex.daemon.place;
    let found = foedus_tests::harness::disk::holding(&place.data(), &place.data(), secret);
    assert_eq!(
        found,
        Vec::<String>::new(),
        "nothing of the channel is here"
    );
    two.globex.daemon.start();

    let waits = tells(&two.acme, "APPROVAL_WAITS", "warning", &[]);
    assert_eq!(waits["subject"], GLOBEX, "{waits}");
    let confirm = ["partner", "confirm", GLOBEX, "--words", &at_acme];
    let confirmed = two.acme.administrator().text(&confirm);
    is_over(&two.acme, "APPROVAL_WAITS");
    let first = format!("{GLOBEX} is confirmed.\n");
    assert!(confirmed.starts_with(&first), "{confirmed}");
    assert!(confirmed.contains("\nNext: nothing to do"), "{confirmed}");
    let again = two.acme.administrator().refused(&confirm);
    assert_eq!(again.reason, "PARTNER_NOT_WAITING", "{again:?}");
    assert!(
        again.message.contains("was approved here already"),
        "{again:?}"
    );
    // Globex has agreed before: nothing is left to do for anybody.
    let confirmed = two.acme.administrator();
    let confirmed = confirmed.json(&["request", "show", "REQ-0001"]);
    let next = text(&confirmed, "next_step");
    assert!(
        next.is_empty() || next.starts_with("nothing to do"),
        "{confirmed}"
    );
    two.settle();
    two.acme.member().must(&["post", LAUNCH, "Welcome."]);
    eventually("the first message to arrive", SOON, || {
        let texts = two.globex.texts(ACME_LAUNCH);
        is(texts.last().map(String::as_str), Some("Welcome."))
    });
    // What was before is not shared, and Acme still has it.
    assert_eq!(two.globex.texts(ACME_LAUNCH), ["Welcome."]);
    assert_eq!(two.acme.texts(LAUNCH), [secret, "Welcome."]);
    done_on_both_sides(&two, &invited.request, &accepted.request);
}

fn wrong_words_are_refused_and_audited(two: &Two, request: &str) {
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    let approve = [
        "request",
        "approve",
        request,
        "--words",
        OTHER_WORDS,
        "--channel",
        ACME_LAUNCH,
    ];
    let confirm = ["partner", "confirm", GLOBEX, "--words", OTHER_WORDS];
    let decline = format!("`foedus --as NAME request decline {request}`");
    let disconnect = format!("`foedus --as NAME partner disconnect {GLOBEX} --yes`");
    for (foedus, arguments, ends_it) in [
        (&gina, &approve[..], &decline),
        (&alice, &confirm, &disconnect),
    ] {
        let refusal = foedus.refused(arguments);
        assert_eq!(refusal.reason, "WORDS_DIFFER", "{refusal:?}");
        assert_eq!(refusal.exit, 77);
        assert!(refusal.fix.contains(ends_it.as_str()), "{refusal:?}");
    }
    what_is_shown_is_what_is_typed(two, request);
    for organisation in [&two.acme, &two.globex] {
        assert_eq!(denied_for_words(organisation), 1, "{}", organisation.handle);
    }
    nothing_is_shared(two);
}

/// Wherever the words are shown, both lines to type stand below them.
fn what_is_shown_is_what_is_typed(two: &Two, request: &str) {
    let confirm = format!("\n  foedus --as NAME partner confirm {GLOBEX} --words \"...\"\n");
    let disconnect = format!("\n  foedus --as NAME partner disconnect {GLOBEX} --yes\n");
    let approve =
        format!("\n  foedus --as NAME request approve {request} --words \"...\" --channel NAME\n");
    let decline = format!("\n  foedus --as NAME request decline {request}\n");
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    for (foedus, shown, lines) in [
        (&alice, ["partner", "show", GLOBEX], [&confirm, &disconnect]),
        (
            &alice,
            ["request", "show", "REQ-0001"],
            [&confirm, &disconnect],
        ),
        (&gina, ["partner", "show", ACME], [&approve, &decline]),
        (&gina, ["request", "show", request], [&approve, &decline]),
    ] {
        let text = foedus.text(&shown);
        for line in lines {
            assert!(text.contains(line.as_str()), "{shown:?}: {text}");
        }
        assert_eq!(text.matches("Six words:").count(), 1, "{text}");
    }
    // They are for administrators.
    let member = two.acme.member().text(&["partner", "show", GLOBEX]);
    assert!(
        !member.contains("Six words") && !member.contains("confirm"),
        "{member}"
    );
}

fn no_flag_skips_the_words(two: &Two, request: &str) {
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    for (foedus, arguments) in [
        (
            &gina,
            &["request", "approve", request, "--channel", ACME_LAUNCH][..],
        ),
        (&alice, &["partner", "confirm", GLOBEX]),
    ] {
        let refusal = foedus.refused(arguments);
        assert_eq!(refusal.reason, "WORDS_NEEDED", "{refusal:?}");
        for flag in ["--yes", "--force", "--no-words", "-y", "-f"] {
            let mut with_flag = arguments.to_vec();
            with_flag.push(flag);
            assert_eq!(foedus.run(&with_flag).exit, Some(64), "{with_flag:?}");
        }
    }
    nothing_is_shared(two);
}

fn done_on_both_sides(two: &Two, share: &str, peer: &str) {
    for (organisation, request) in [(&two.acme, share), (&two.globex, peer)] {
        let administrator = organisation.administrator();
        eventually("the request to be done", SOON, || {
            let shown = told(administrator.try_json(&["request", "show", request]))?;
            is(shown["state"].as_str(), Some("done")).map_err(|_| shown.to_string())
        });
        let other = if organisation.handle == ACME {
            GLOBEX
        } else {
            ACME
        };
        let partner = administrator.json(&["partner", "show", other]);
        assert_eq!(partner["state"], "active");
        assert_eq!(partner["trust"], "verified");
    }
}

/// Somebody answered in Globex's place: Acme's administrator is told other words than hears, types what the error
/// names, and nothing is left of it that the right one could stumble over.
#[test]
fn what_the_error_names_ends_a_pairing_with_somebody_in_between() {
    let two = Two::begin();
    let invited = two.invite("+1h");
    let accepted = two.accept(&invited.invitation);
    drop(two.words_at_acme());
    let alice = two.acme.administrator();
    let confirm = ["partner", "confirm", GLOBEX, "--words", OTHER_WORDS];
    alice.must(&named(&alice.refused(&confirm).fix));
    let partner = alice.json(&["partner", "show", GLOBEX]);
    assert_eq!(partner["state"], "disconnected", "{partner}");
    let over = alice.refused(&["partner", "confirm", GLOBEX, "--words", &accepted.words]);
    assert_eq!(over.reason, "PARTNER_NOT_WAITING", "{over:?}");
    assert!(over.fix.contains("partner invite"), "{over:?}");
    // The invitation is used up, and the channel is Acme's own as before.
    let open = alice.json(&["invitation", "list"]);
    assert_eq!(open["invitations"], Value::Array(Vec::new()), "{open}");
    assert_eq!(alice.json(&["channel", "show", LAUNCH])["shared"], false);

    // Another invitation begins anew. Whoever waits at Globex is in its way there, and Globex is told what to type.
    let request = two.ask_to_share(LAUNCH, &["--project", PROJECT, "--ends-with-project"]);
    let invited = two.approve_sharing(&request);
    let gina = two.globex.administrator();
    let refusal = gina.refused(&["partner", "accept", &invited.invitation]);
    assert_eq!(refusal.reason, "PARTNER_EXISTS", "{refusal:?}");
    gina.must(&named(&refusal.fix));
    let accepted = two.accept(&invited.invitation);
    two.confirm(&two.words_at_acme());
    two.approve(&accepted, &accepted.words);
    two.settle();
}

/// The arguments of the command in a name that a text tells to type.
#[track_caller]
fn named(fix: &str) -> Vec<&str> {
    let command = fix.split("`foedus --as NAME ").nth(1);
    let command = command.and_then(|rest| rest.split('`').next());
    let command = command.unwrap_or_else(|| panic!("no command in {fix}"));
    command.split(' ').collect()
}

#[test]
fn an_invitation_without_a_request_names_no_request_and_a_second_peering_none_of_the_first() {
    let two = Two::begin();
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    // First Globex invites, so that Acme has a request about the peering.
    let invited = gina.json(&["partner", "invite", ACME]);
    let invitation = text(&invited, "invitation_text");
    let answer = alice.json(&["partner", "accept", &invitation]);
    let words = foedus_tests::harness::two::words(&answer["request"]);
    alice.must(&["request", "approve", "REQ-0001", "--words", &words]);
    // Accepted again before Globex has said yes, the reply goes out once more.
    let again = alice.text(&["partner", "accept", &invitation]);
    assert!(again.contains("is approved here already"), "{again}");
    gina.must(&["partner", "confirm", ACME, "--words", &words]);
    two.acme.linked_with(GLOBEX);
    eventually("both to know that both said yes", SOON, || {
        let shown = told(alice.try_json(&["partner", "show", GLOBEX]))?;
        is(shown["state"].as_str(), Some("active")).map_err(|_| shown.to_string())
    });
    let again = alice.text(&["partner", "accept", &invitation]);
    let first = format!("The peering with {GLOBEX} exists already, since ");
    assert!(again.starts_with(&first), "{again}");
    assert!(again.contains("from this very invitation"), "{again}");
    for (foedus, partner) in [(&alice, GLOBEX), (&gina, ACME)] {
        foedus.must(&["partner", "disconnect", partner, "--yes"]);
    }

    // Then Acme invites, without a request.
    let invited = alice.json(&["partner", "invite", GLOBEX]);
    let accepted = two.accept(&text(&invited, "invitation_text"));
    let words = two.words_at_acme();
    let shown = alice.text(&["partner", "show", GLOBEX]);
    assert!(!shown.contains("REQ-"), "{shown}");
    assert!(shown.contains("partner confirm"), "{shown}");
    let confirm = ["partner", "confirm", GLOBEX, "--words", &words];
    let confirmed = alice.text(&confirm);
    let first = format!("{GLOBEX} is confirmed.\nNext: ");
    assert!(confirmed.starts_with(&first), "{confirmed}");
    assert!(!confirmed.contains("REQ-"), "{confirmed}");
    // The yes to the first peering is none to the second.
    let partner = alice.json(&["partner", "show", GLOBEX]);
    assert_eq!(partner["state"], "waiting_for_them", "{partner}");
    let approve = ["request", "approve", &accepted.request, "--words", &words];
    gina.must(&approve);
    two.acme.linked_with(GLOBEX);
}

/// Globex has ended the peering, and Acme was not told: what there is to do is in the refusal, and it does it.
#[test]
fn what_one_side_ended_is_begun_anew_as_the_refusal_says() {
    let two = Two::sharing("+1h");
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    gina.must(&["partner", "disconnect", ACME, "--yes"]);
    let invited = gina.json(&["partner", "invite", ACME]);
    let invitation = text(&invited, "invitation_text");
    let invite = alice.refused(&["partner", "invite", GLOBEX]);
    let accept = alice.refused(&["partner", "accept", &invitation]);
    for refusal in [&invite, &accept] {
        assert_eq!(refusal.reason, "PARTNER_EXISTS", "{refusal:?}");
        assert!(refusal.message.contains(GLOBEX), "{refusal:?}");
        let disconnect = ["partner", "disconnect", GLOBEX, "--yes"];
        assert_eq!(named(&refusal.fix), disconnect, "{refusal:?}");
    }
    // An invitation for whoever comes says the same to who comes.
    alice.must(&["partner", "allow", GLOBEX]);
    let open = text(&alice.json(&["partner", "invite"]), "invitation_text");
    let refusal = gina.refused(&["partner", "accept", &open]);
    assert_eq!(refusal.reason, "INVITER_REFUSED", "{refusal:?}");
    assert!(refusal.fix.contains("partner disconnect"), "{refusal:?}");

    alice.must(&named(&accept.fix));
    let again = alice.json(&["partner", "accept", &invitation]);
    let words = foedus_tests::harness::two::words(&again["request"]);
    let request = text(&again["request"], "name");
    alice.must(&["request", "approve", &request, "--words", &words]);
    gina.must(&["partner", "confirm", ACME, "--words", &words]);
    two.acme.linked_with(GLOBEX);
    two.globex.linked_with(ACME);
}
