//! An inviter that nobody can dial: the reply is carried back by people, and the inviter dials out.

use foedus_tests::harness::organisation::{Organisation, text};
use foedus_tests::harness::two::{ACME_LAUNCH, Accepted, GLOBEX, LAUNCH, Two, words};
use serde_json::Value;

/// Who pasted a reply here, the last first, and the rule by which it was refused.
#[track_caller]
fn pasted(at: &Organisation) -> Vec<(String, String)> {
    let list = ["audit", "list", "--action", "partner.reply"];
    let list = at.administrator().json(&list);
    let records = list["records"].as_array().expect("a list");
    let record = |record: &Value| (text(record, "actor"), text(record, "rule"));
    records.iter().map(record).collect()
}

/// What [`pasted`] is to say.
fn by<const N: usize>(records: [(&str, &str); N]) -> Vec<(String, String)> {
    let own = |(actor, rule): (&str, &str)| (actor.to_owned(), rule.to_owned());
    records.map(own).into()
}

#[test]
fn an_inviter_that_cannot_be_dialled_gets_the_reply_pasted() {
    let mut two = Two::begin();
    two.acme.network.cut();
    let invited = two.invite("+1h");
    let answer = two
        .globex
        .administrator()
        .json(&["partner", "accept", &invited.invitation]);
    assert_eq!(answer["delivered"], false, "{answer}");
    let reply = text(&answer, "reply_text");
    let next = text(&answer["request"], "next_step");
    assert!(next.starts_with("send the reply to acme.example"), "{next}");
    assert!(reply.starts_with("foedus-reply-v1."), "{reply}");
    let accepted = Accepted {
        request: text(&answer["request"], "name"),
        words: words(&answer["request"]),
    };

    // Without the words the reply is only taken note of: Acme is shown who answered, and links with nobody.
    let alice = two.acme.administrator();
    // Only who may let a partner in brings the reply, and the audit log says who brought it, and who was refused.
    let paste = ["partner", "confirm", &reply];
    let refusal = two.acme.member().refused(&paste);
    assert_eq!(refusal.reason, "NOT_ADMINISTRATOR", "{refusal:?}");
    let refusal = two.globex.administrator().refused(&paste);
    assert_eq!(refusal.reason, "INVITATION_UNKNOWN", "{refusal:?}");
    assert_eq!(
        pasted(&two.globex),
        by([("gina@globex.example", "INVITATION_UNKNOWN")])
    );
    let waiting = alice.json(&paste);
    let brought = by([
        ("alice@acme.example", ""),
        ("anna@acme.example", "NOT_ADMINISTRATOR"),
    ]);
    assert_eq!(pasted(&two.acme), brought);
    assert_eq!(words(&waiting["partner"]), accepted.words, "{waiting}");
    assert_eq!(waiting["partner"]["state"], "waiting_for_us", "{waiting}");
    let said = alice.text(&["partner", "confirm", &reply]);
    assert!(said.contains("Nothing is confirmed"), "{said}");
    let line = format!("\n  foedus --as NAME partner confirm {GLOBEX} --words \"...\"\n");
    assert!(said.contains(&line), "{said}");
    // Whoever has both texts before them may take the wrong one.
    let refusal = alice.refused(&["partner", "confirm", &invited.invitation]);
    assert_eq!(refusal.reason, "REPLY_INVALID", "{refusal:?}");
    assert!(refusal.fix.contains("partner accept"), "{refusal:?}");
    let refusal = two
        .globex
        .administrator()
        .refused(&["partner", "accept", &reply]);
    assert_eq!(refusal.reason, "INVITATION_INVALID", "{refusal:?}");
    assert!(refusal.fix.contains("partner confirm"), "{refusal:?}");
    let refusal = alice.refused(&["partner", "confirm", &reply[..reply.len() - 4]]);
    assert_eq!(refusal.reason, "REPLY_INVALID", "{refusal:?}");
    two.approve(&accepted, &accepted.words);
    let status = two.globex.foedus().json(&["status"]);
    assert_eq!(status["counts"]["links_up"], 0, "{status}");

    alice.must(&["partner", "confirm", GLOBEX, "--words", &accepted.words]);
    two.settle();
    two.acme.member().must(&["post", LAUNCH, "From here."]);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "From there."]);
    let mut texts = two.agree();
    texts.sort();
    assert_eq!(texts, ["From here.", "From there."]);

    // It works on like that: whichever of the two was away, the inviter dials out again.
    let dialled = || two.globex.network.connections();
    let first = dialled();
    assert!(first > 0, "Acme dialled");
    two.globex.daemon.kill();
    two.acme.member().must(&["post", LAUNCH, "Are you there?"]);
    two.globex.daemon.start();
    two.acme.linked_with(GLOBEX);
    let second = dialled();
    assert!(second > first, "Acme dialled again");
    two.acme.daemon.kill();
    let gwen = two.globex.member();
    gwen.must(&["post", ACME_LAUNCH, "And you?"]);
    two.acme.daemon.start();
    two.acme.linked_with(GLOBEX);
    assert!(dialled() > second, "and after it was away itself");
    assert_eq!(two.agree().len(), 4);
}
