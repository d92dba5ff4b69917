//! Step 8: who may become a partner. Who is not on the allow-list, or holds an invitation that is good no more, is
//! refused; who holds one is told which, a stranger is told nothing, and the audit log shows it.

use foedus_tests::harness::organisation::{Organisation, text};
use foedus_tests::harness::two::{ACME, GLOBEX, INITECH, INITECH_PEOPLE, Two};
use serde_json::Value;

/// An invitation for whoever is on the allow-list.
#[track_caller]
pub fn invite_anybody(of: &Organisation) -> String {
    let invited = of.administrator().json(&["partner", "invite"]);
    text(&invited, "invitation_text")
}

/// The reason for which an inviter turned `who` away.
#[track_caller]
pub fn turned_away(who: &Organisation, invitation: &str) -> String {
    let refusal = who
        .administrator()
        .refused(&["partner", "accept", invitation]);
    assert!(
        refusal.fix.contains("another invitation"),
        "it says what to do: {refusal:?}"
    );
    refusal.reason
}

/// The rules by which partners were refused here.
pub fn denied(of: &Organisation) -> Vec<String> {
    let list = of.administrator().json(&["audit", "list", "--denied"]);
    let records = list["records"].as_array().cloned().unwrap_or_default();
    let rule = |record: &Value| record["rule"].as_str().map(str::to_owned);
    records.iter().filter_map(rule).collect()
}

#[track_caller]
pub fn partners(of: &Organisation) -> Value {
    of.administrator().json(&["partner", "list", "--all"])["partners"].clone()
}

#[test]
fn who_is_not_on_the_allow_list_is_refused_and_hears_no_rule() {
    let two = Two::begin();
    let invitation = invite_anybody(&two.acme);
    let (alice, gina) = (two.acme.administrator(), two.globex.administrator());
    assert_eq!(turned_away(&two.globex, &invitation), "INVITER_REFUSED");
    assert_eq!(denied(&two.acme), ["PARTNER_NOT_LISTED"]);
    assert_eq!(partners(&two.acme), serde_json::json!([]), "nobody waits");

    // Denied beats allowed, whichever was said first and however it was written.
    alice.must(&["partner", "allow", GLOBEX]);
    alice.must(&["partner", "deny", "*.example"]);
    assert_eq!(turned_away(&two.globex, &invitation), "INVITER_REFUSED");
    assert!(denied(&two.acme).contains(&"PARTNER_DENIED".to_owned()));
    let invite = ["partner", "invite", INITECH];
    assert_eq!(alice.refused(&invite).reason, "PARTNER_DENIED");
    alice.must(&["partner", "deny", "*.example", "--remove"]);

    // Nobody is nobody, also who is listed.
    let before = alice.json(&["partner", "mode"]);
    assert_eq!(before["mode"], "listed", "{before}");
    let untold = two.acme.member().run(&["partner", "mode"]);
    assert_eq!(untold.exit, Some(77), "{untold:#?}");
    alice.must(&["partner", "mode", "nobody"]);
    let shown = alice.text(&["partner", "mode"]);
    assert!(
        shown.starts_with("Nobody new becomes a partner."),
        "{shown}"
    );
    assert_eq!(turned_away(&two.globex, &invitation), "INVITER_REFUSED");
    assert!(denied(&two.acme).contains(&"PARTNERS_NOT_ALLOWED".to_owned()));
    assert_eq!(alice.refused(&invite).reason, "PARTNERS_NOT_ALLOWED");
    let member = two.acme.member().refused(&["partner", "mode", "listed"]);
    assert_eq!(member.reason, "NOT_ADMINISTRATOR");
    let shown = alice.json(&["partner", "mode", "listed"]);
    assert_eq!(shown["mode"], "listed", "{shown}");

    // None of this used the invitation up.
    let accepted = two.accept(&invitation);
    two.confirm(&two.words_at_acme());
    let words = &accepted.words;
    gina.must(&["request", "approve", &accepted.request, "--words", words]);
    two.acme.linked_with(GLOBEX);

    // Who is removed is no wider door for others than before.
    alice.must(&["partner", "disconnect", GLOBEX, "--yes"]);
    let list = alice.json(&["partner", "list"]);
    assert_eq!(list["mode"], "listed", "{list}");
    assert_eq!(list["rules"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["rules"][0]["pattern"], GLOBEX, "{list}");
}

#[test]
fn anyone_after_approval_is_anyone_and_still_waits_for_it() {
    let two = Two::begin();
    let alice = two.acme.administrator();
    alice.must(&["partner", "mode", "anyone-after-approval"]);
    let invitation = invite_anybody(&two.acme);
    alice.must(&["partner", "deny", GLOBEX]);
    assert_eq!(turned_away(&two.globex, &invitation), "INVITER_REFUSED");
    alice.must(&["partner", "deny", GLOBEX, "--remove"]);
    let accepted = two.accept(&invitation);
    assert_eq!(two.words_at_acme(), accepted.words);
    let shown = alice.json(&["partner", "show", GLOBEX]);
    assert_eq!(shown["state"], "waiting_for_us", "{shown}");
    let status = two.acme.foedus().json(&["status"]);
    assert_eq!(status["counts"]["links_up"], 0, "{status}");
}

#[test]
fn who_holds_an_invitation_that_is_good_no_more_is_told_why() {
    let two = Two::begin();
    let alice = two.acme.administrator();
    alice.must(&["partner", "mode", "anyone-after-approval"]);
    let initech = Organisation::begin(two.folder.path(), INITECH, INITECH_PEOPLE);
    let used = invite_anybody(&two.acme);
    drop(two.accept(&used));
    assert_eq!(turned_away(&initech, &used), "INVITATION_USED");

    let revoked = invite_anybody(&two.acme);
    let list = alice.json(&["invitation", "list"]);
    let open = list["invitations"].as_array().expect("a list").iter();
    let mut open = open.filter(|one| one["state"] == "open");
    let id = text(open.next().expect("it is open"), "invitation_id");
    alice.must(&["invitation", "revoke", &id]);
    assert_eq!(turned_away(&initech, &revoked), "INVITATION_REVOKED");
    for rule in ["INVITATION_USED", "INVITATION_REVOKED"] {
        assert!(denied(&two.acme).contains(&rule.to_owned()), "{rule}");
    }

    // The request that came to nothing does not wait for anybody.
    let waiting = initech.administrator().json(&["request", "list"]);
    assert_eq!(waiting["requests"], serde_json::json!([]), "{waiting}");
    assert_eq!(partners(&initech), serde_json::json!([]));
}

#[test]
fn a_partners_root_key_is_compared_and_another_is_refused() {
    let two = Two::sharing("+1h");
    let alice = two.acme.administrator();
    let theirs = two.globex.foedus().json(&["identity", "show"]);
    let key = text(&theirs, "root_key");
    let ours = two.acme.foedus().json(&["identity", "show"]);
    let other = text(&ours, "root_key");

    // Without a key the one that is known is shown, and nothing is done.
    let asked = alice.run(&["partner", "verify", GLOBEX]);
    assert_ne!(asked.exit, Some(0), "{asked:#?}");
    assert!(asked.err.contains(&key), "{asked:#?}");
    let verify = |key: &str| {
        vec![
            "partner".to_owned(),
            "verify".to_owned(),
            GLOBEX.to_owned(),
            "--root-key".to_owned(),
            key.to_owned(),
        ]
    };
    let refused = |who: &foedus_tests::harness::command::Foedus, key: &str| {
        let arguments = verify(key);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        who.refused(&arguments).reason
    };
    assert_eq!(refused(&alice, &other), "ROOT_KEY_DIFFERS");
    assert_eq!(refused(&alice, "key_nonsense"), "ROOT_KEY_INVALID");
    assert_eq!(refused(&two.acme.member(), &key), "NOT_ADMINISTRATOR");
    assert_eq!(refused(&two.acme.foedus(), &key), "MEMBER_NEEDED");
    assert!(denied(&two.acme).contains(&"ROOT_KEY_DIFFERS".to_owned()));
    let arguments = verify(&key);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let verified = alice.json(&arguments);
    assert_eq!(verified["trust"], "verified", "{verified}");
    let audit = alice.json(&["audit", "list"]).to_string();
    assert!(audit.contains("partner.verify"), "{audit}");
    assert_eq!(
        two.globex.administrator().json(&["partner", "show", ACME])["trust"],
        "verified"
    );
}

#[test]
fn whoever_is_not_listed_is_for_administrators_to_accept() {
    let two = Two::begin();
    let invited = two
        .acme
        .administrator()
        .json(&["partner", "invite", GLOBEX]);
    let invitation = text(&invited, "invitation_text");
    let accept = ["partner", "accept", invitation.as_str()];
    let refusal = two.globex.member().refused(&accept);
    assert_eq!(refusal.reason, "PARTNER_NOT_LISTED", "{refusal:?}");
    assert!(refusal.message.contains("allow-list"), "{refusal:?}");
    assert!(refusal.fix.contains("administrator"), "{refusal:?}");
    // The audit log names the same rule.
    assert_eq!(denied(&two.globex), ["PARTNER_NOT_LISTED"]);
    // On the list it is for any member to take up; the approval is not.
    two.globex
        .administrator()
        .must(&["partner", "allow", "acme.example"]);
    two.globex.member().must(&accept);
}

#[test]
fn who_denies_a_partner_is_told_what_becomes_of_its_link() {
    let two = Two::sharing("+1h");
    let alice = two.acme.administrator();
    let told = alice.text(&["partner", "deny", GLOBEX]);
    assert!(told.contains("its link is closed"), "{told}");
    two.acme.cut_off_from(GLOBEX);
    let shown = alice.json(&["partner", "show", GLOBEX]);
    assert_eq!(shown["channels"][0], "launch", "the channel stays: {shown}");
    let off = alice.text(&["partner", "deny", GLOBEX, "--remove"]);
    assert!(!off.contains("its link is closed"), "{off}");
    two.acme.linked_with(GLOBEX);
}
