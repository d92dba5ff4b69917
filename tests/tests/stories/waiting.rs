//! Step 3 in both orders: until both administrators have said yes, only Globex's reply has travelled.

use foedus_tests::harness::disk;
use foedus_tests::harness::organisation::Organisation;
use foedus_tests::harness::two::{ACME_LAUNCH, LAUNCH, Two};
use foedus_tests::harness::{SOON, eventually, is};

use super::meeting::nothing_is_shared;

/// What a reply may take with its TLS handshake: identity and endpoints of the invitee, and the proof.
const PAIRING_BYTES_MAX: u64 = 16 * 1024;

/// What Acme's people said before, and what only they know.
const ACMES: &[&str] = &[
    "The launch is on the fourth of May.",
    "What we launch",
    "Anna Ahrens",
];

/// The same at Globex: words, the name of a member, and names of channels.
const GLOBEXES: &[&str] = &["The cherries are sour.", "Gwen Gray", "gwen", "kirschkern"];

/// Nothing of `words` is at `organisation`, whose daemon has ended.
#[track_caller]
fn knows_nothing_of(organisation: &Organisation, words: &[&str]) {
    let place = &organisation.daemon.place;
    for word in words {
        let found = disk::holding(&place.folder, &place.data(), word);
        assert_eq!(
            found,
            Vec::<String>::new(),
            "{word:?} is at {}",
            organisation.handle
        );
    }
}

/// The search can find them: where they belong they are.
#[track_caller]
fn knows(organisation: &Organisation, words: &[&str]) {
    let place = &organisation.daemon.place;
    for word in words {
        let found = disk::holding(&place.folder, &place.data(), word);
        assert!(
            !found.is_empty(),
            "{word:?} is not at {}",
            organisation.handle
        );
    }
}

fn only_the_reply_travels_until_both_said_yes(acme_first: bool) {
    let mut two = Two::begin();
    let gwen = two.globex.member();
    gwen.must(&["channel", "create", GLOBEXES[3]]);
    gwen.must(&["post", GLOBEXES[3], GLOBEXES[0]]);
    let invited = two.invite("+1h");
    two.acme.member().must(&["post", LAUNCH, ACMES[0]]);

    let accepted = two.accept(&invited.invitation);
    let words = two.words_at_acme();
    assert_eq!(words, accepted.words);
    let (to_acme, from_acme) = two.acme.network.bytes();
    assert!(
        to_acme + from_acme < PAIRING_BYTES_MAX,
        "more than a reply passed: {to_acme} bytes to Acme, {from_acme} from it"
    );
    assert_eq!(
        two.acme.network.connections(),
        1,
        "one call brought the reply"
    );
    assert_eq!(two.globex.network.connections(), 0, "nobody dialled Globex");
    nothing_is_shared(&two);

    // The first yes changes nothing of that.
    if acme_first {
        two.confirm(&words);
        nothing_is_shared(&two);
    } else {
        two.approve(&accepted, &words);
    }
    for organisation in [&two.acme, &two.globex] {
        let status = organisation.foedus().json(&["status"]);
        assert_eq!(status["counts"]["links_up"], 0, "{status}");
    }
    // Whoever has said yes sees a channel that is empty, whoever has not sees none.
    let gina = two.globex.administrator();
    let history = ["history", ACME_LAUNCH];
    if acme_first {
        assert_eq!(gina.refused(&history).reason, "CHANNEL_UNKNOWN");
    } else {
        assert_eq!(gina.json(&history)["messages"], serde_json::json!([]));
    }
    assert_eq!(two.acme.texts(LAUNCH), [ACMES[0]]);

    two.acme.daemon.stop();
    two.globex.daemon.stop();
    knows(&two.acme, ACMES);
    knows(&two.globex, GLOBEXES);
    knows_nothing_of(&two.acme, GLOBEXES);
    knows_nothing_of(&two.acme, &[ACME_LAUNCH]);
    knows_nothing_of(&two.globex, ACMES);

    // Nor does a restart change it; the second yes does.
    two.acme.daemon.start();
    two.globex.daemon.start();
    if acme_first {
        nothing_is_shared(&two);
        two.approve(&accepted, &words);
    } else {
        two.confirm(&words);
    }
    two.settle();
    two.acme.member().must(&["post", LAUNCH, "Welcome."]);
    eventually("the first message to arrive", SOON, || {
        is(two.globex.texts(ACME_LAUNCH), vec!["Welcome.".to_owned()])
    });
    assert_eq!(two.acme.texts(LAUNCH), [ACMES[0], "Welcome."]);
}

#[test]
fn only_the_reply_has_travelled_while_globex_alone_said_yes() {
    only_the_reply_travels_until_both_said_yes(false);
}

#[test]
fn only_the_reply_has_travelled_while_acme_alone_said_yes() {
    only_the_reply_travels_until_both_said_yes(true);
}
