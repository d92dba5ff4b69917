//! Invitations that are used twice, revoked, meant for somebody else, or no invitations.

use crate::stories::admission::turned_away;
use foedus_tests::harness::organisation::{Organisation, People, text};
use foedus_tests::harness::two::{GLOBEX, INITECH_PEOPLE, Two, words};

fn initech(two: &Two, handle: &str) -> Organisation {
    Organisation::begin(two.folder.path(), handle, INITECH_PEOPLE)
}

#[test]
fn an_invitation_serves_once() {
    let two = Two::begin();
    let invited = two.invite("+1h");
    let accepted = two.accept(&invited.invitation);
    // Again by the same organisation: what waits is waiting, and there is no second of it.
    let again = two.accept(&invited.invitation);
    assert_eq!(
        (&again.request, &again.words),
        (&accepted.request, &accepted.words)
    );
    let waiting = two.globex.administrator().json(&["request", "list"]);
    assert_eq!(waiting["requests"].as_array().map(Vec::len), Some(1));

    // By another that goes by the same handle and got hold of the text: who was first stays first.
    let thief_folder = tempfile::tempdir().expect("a folder");
    let people = People {
        administrator: "mallory",
        member: ("mat", "Mat"),
    };
    let thief = Organisation::begin(thief_folder.path(), GLOBEX, people);
    assert_eq!(turned_away(&thief, &invited.invitation), "INVITATION_USED");
    assert_eq!(two.words_at_acme(), accepted.words);
}

#[test]
fn a_revoked_invitation_is_worth_nothing() {
    let two = Two::begin();
    let invited = two.invite("+1h");
    let alice = two.acme.administrator();
    let open = alice.json(&["invitation", "list"]);
    let invitation = text(&open["invitations"][0], "invitation_id");
    alice.must(&["invitation", "revoke", &invitation]);
    let reason = turned_away(&two.globex, &invited.invitation);
    assert_eq!(reason, "INVITATION_REVOKED");
    let partners = alice.json(&["partner", "list", "--all"]);
    assert_eq!(partners["partners"], serde_json::json!([]));
    let again = alice.refused(&["invitation", "revoke", &invitation]);
    assert_eq!(again.reason, "INVITATION_REVOKED", "{again:?}");
    let nobodys = format!("inv_{}", "a".repeat(52));
    let unknown = alice.refused(&["invitation", "revoke", &nobodys]);
    assert_eq!(unknown.reason, "INVITATION_UNKNOWN", "{unknown:?}");
}

#[test]
fn an_invitation_is_for_whom_it_expects() {
    let two = Two::begin();
    let invited = two.invite("+1h");
    let other = initech(&two, "initech.example");
    let refusal = other
        .administrator()
        .refused(&["partner", "accept", &invited.invitation]);
    assert_eq!(refusal.reason, "INVITATION_FOR_ANOTHER", "{refusal:?}");
    let partners = two.acme.administrator().json(&["partner", "list", "--all"]);
    assert_eq!(partners["partners"], serde_json::json!([]), "nobody waits");
    // It is still good for the one that it expects.
    let accepted = two.accept(&invited.invitation);
    assert_eq!(two.words_at_acme(), accepted.words);
}

#[test]
fn what_is_no_invitation_is_refused_here() {
    let two = Two::begin();
    let invited = two.invite("+1h");
    let gina = two.globex.administrator();
    let half = &invited.invitation[..invited.invitation.len() / 2];
    let mut changed = invited.invitation.clone();
    let last = changed.pop().expect("it is long");
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let newer = invited.invitation.replacen("-v1.", "-v2.", 1);
    for nonsense in [
        half,
        changed.as_str(),
        newer.as_str(),
        "foedus-invitation-v1.",
        "hello",
        "foedus-reply-v1.AbCd",
    ] {
        let refusal = gina.refused(&["partner", "accept", nonsense]);
        assert_eq!(refusal.exit, 65, "{nonsense}: {refusal:?}");
    }
    // Its own: an organisation does not peer with itself.
    let own = two
        .acme
        .administrator()
        .refused(&["partner", "accept", &invited.invitation]);
    assert_eq!(own.reason, "INVITATION_OWN", "{own:?}");
    // Nothing of all this used it up.
    let accepted = two.accept(&invited.invitation);
    assert_eq!(words_of_request(&two, &accepted.request), accepted.words);
}

fn words_of_request(two: &Two, request: &str) -> String {
    words(
        &two.globex
            .administrator()
            .json(&["request", "show", request]),
    )
}

#[test]
fn an_inviter_that_cannot_be_reached_costs_no_invitation() {
    let mut two = Two::begin();
    let invited = two.invite("+1h");
    two.acme.daemon.stop();
    let gina = two.globex.administrator();
    let undelivered = gina.json(&["partner", "accept", &invited.invitation]);
    assert_eq!(undelivered["delivered"], false, "{undelivered}");
    let problem = text(&undelivered, "problem");
    assert!(problem.contains("could not be reached"), "{problem}");
    two.acme.daemon.start();
    // The same invitation again: the same request, and now the inviter has the reply.
    let accepted = two.accept(&invited.invitation);
    assert_eq!(accepted.request, text(&undelivered["request"], "name"));
    assert_eq!(two.words_at_acme(), accepted.words);
}
