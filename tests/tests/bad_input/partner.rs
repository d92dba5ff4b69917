//! What a partner with its own keys may send and should not: each is refused with its rule in the log, the link is
//! closed or what is wrong is left out, and nothing that was there changes.

pub mod impostor;

use foedus_federation::charter::Consent;
use foedus_federation::checkpoint::Checkpoint;
use foedus_federation::key::SigningKey;
use foedus_federation::note::{Claimed, KeyName, NoteType as _, SignedNote};
use foedus_proto::federation::v1 as proto;
use foedus_proto::federation::v1::GoodbyeReason;
use foedus_proto::federation::v1::frame::Kind;
use foedus_tests::harness::two::{ACME, LAUNCH};
use impostor::{Impostor, acknowledges};

/// Larger than any body may be, and than any note.
const OVERSIZED: usize = 64 * 1024;

/// An entry that is none because its bytes were changed.
fn changed(part: &proto::Part, change: impl FnOnce(&mut proto::Part)) -> proto::Part {
    let mut changed = part.clone();
    change(&mut changed);
    changed
}

fn body_of(part: &mut proto::Part, entry: usize) -> &mut Vec<u8> {
    let body = part.entries[entry].body.as_mut();
    &mut body.expect("it is whole").bytes
}

/// What is sent, and what the log says of it.
type Case<T> = (&'static str, T, &'static str);

/// Parts whose entries are no evidence, whoever holds what.
fn broken_entries(part: &proto::Part) -> Vec<Case<proto::Part>> {
    vec![
        (
            "entries in another order",
            changed(part, |part| part.entries.swap(1, 2)),
            "expected sequence 1, found 2",
        ),
        (
            "an entry twice",
            changed(part, |part| part.entries[2] = part.entries[1].clone()),
            "expected sequence 2, found 1",
        ),
        (
            "half a header",
            changed(part, |part| part.entries[1].header.truncate(40)),
            "the header cannot be read",
        ),
        (
            "a header with something after it",
            changed(part, |part| part.entries[1].header.push(0)),
            "the header cannot be read",
        ),
        (
            "other words than the header commits to",
            changed(part, |part| body_of(part, 1)[3] ^= 1),
            "salt and body are not what the header commits to",
        ),
        (
            "a body that is too large",
            changed(part, |part| *body_of(part, 1) = vec![b'x'; OVERSIZED]),
            "bytes in `bytes`, found 65536",
        ),
        (
            "no entries",
            changed(part, |part| part.entries.clear()),
            "expected `parts.entries`",
        ),
        (
            "too many entries",
            changed(part, |part| {
                part.entries = vec![part.entries[1].clone(); 257]
            }),
            "`parts.entries`, found 257",
        ),
    ]
}

/// Parts that are not proven to be of their log.
fn unproven_parts(part: &proto::Part) -> Vec<Case<proto::Part>> {
    let stranger = SigningKey::from_seed(&[9; 32]);
    let claimed = Checkpoint::claimed(&part.checkpoint).expect("it is one").0;
    vec![
        (
            "a checkpoint that was changed",
            changed(part, |part| {
                let root = part.checkpoint.iter().rposition(|byte| *byte == b'=');
                part.checkpoint[root.expect("base64") - 60] ^= 1;
            }),
            "the checkpoint does not verify",
        ),
        (
            "a checkpoint under another key",
            changed(part, |part| {
                part.checkpoint = claimed.sign(&stranger).bytes().to_vec()
            }),
            "the checkpoint of its own entries is not signed under a key",
        ),
        (
            "a checkpoint that covers less",
            changed(part, |part| part.entries.push(part.entries[1].clone())),
            "expected a checkpoint of size",
        ),
        (
            "a proof where none is needed",
            changed(part, |part| part.proof = vec![vec![0; 32]]),
            "expected no proof",
        ),
        (
            "a part that says to be of another log",
            changed(part, |part| part.incarnation = vec![7; 16]),
            "the checkpoint is of another log",
        ),
        (
            "an origin of 31 bytes",
            changed(part, |part| part.origin.truncate(31)),
            "expected 32 bytes in `origin`, found 31",
        ),
    ]
}

#[test]
fn entries_that_are_no_evidence_close_the_link_and_change_nothing() {
    let mut impostor = Impostor::of_globex();
    let part = impostor.new_part.clone();
    assert_eq!(part.first, 0);
    let broken = broken_entries(&part)
        .into_iter()
        .chain(unproven_parts(&part));
    for (what, broken, rule) in broken {
        let frame = impostor.entries(vec![broken]);
        impostor.is_closed(what, vec![frame], GoodbyeReason::Protocol, rule);
    }
    // Signed by whom it must be, and not true: the one thing that only its origin can do.
    let claimed = Checkpoint::claimed(&part.checkpoint).expect("it is one").0;
    let untrue = Checkpoint {
        root: [5; 32],
        ..claimed
    };
    let wrong_root = changed(&part, |part| {
        part.checkpoint = untrue.sign(&impostor.sign).bytes().to_vec()
    });

    // What has a gap before it, or is nobody's whom Acme knows, is not acknowledged either, and asked for again.
    let gap = changed(&part, |part| {
        part.entries.drain(..2);
        part.first = 2;
    });
    let strangers = changed(&part, |part| part.origin = vec![9; 32]);
    for (what, part) in [("a gap", gap), ("entries of a stranger", strangers)] {
        let frame = impostor.entries(vec![part]);
        let heard = impostor.is_asked_for_again(what, frame, "");
        assert!(!acknowledges(&heard, 1), "{what}: {heard:?}");
    }
    let frame = impostor.entries(vec![wrong_root]);
    let heard = impostor.is_asked_for_again("a wrong root", frame, "NotReconciled");
    assert!(!acknowledges(&heard, 1), "a wrong root: {heard:?}");
    // What is said to be of another channel is not; and what is Acme's own is not taken from others.
    let mut elsewhere = impostor.entries(vec![part.clone()]);
    if let Kind::Entries(entries) = &mut elsewhere {
        entries.channel = vec![3; 32];
    }
    let rule = "the checkpoint is of another log";
    impostor.is_closed(
        "another channel",
        vec![elsewhere],
        GoodbyeReason::Protocol,
        rule,
    );
    impostor.is_left_out(
        "Acme's own words",
        impostor.entries(vec![impostor.acmes_part.clone()]),
        "NotAsked",
    );
    impostor.nothing_changed();
    impostor.the_true_ones_arrive();
}

/// Notes that are left out.
fn broken_notes(impostor: &Impostor) -> Vec<Case<Vec<u8>>> {
    let consent = impostor.consent.clone();
    let claimed = Claimed::<Consent>::parse(&consent)
        .expect("a consent")
        .claims()
        .clone();
    let text = String::from_utf8(consent.clone()).expect("notes are text");
    let signed_text = |text: &str| {
        let name = KeyName::Sign(impostor.globex);
        SignedNote::sign(text, name, &impostor.sign).into_bytes()
    };
    let body = &text[..=text.find("\n\n").expect("a signed note")];
    let newer = signed_text(&body.replacen("/v1", "/v2", 1));
    let loose = signed_text(&format!("{body}more: than it may say\n"));
    let stranger = SigningKey::from_seed(&[9; 32]);
    let forged = claimed.sign(&stranger).expect("a text").bytes().to_vec();
    let elsewhere = Consent {
        channel: foedus_policy::id::ChannelId([3; 32]),
        ..claimed.clone()
    };
    let elsewhere = elsewhere
        .sign(&impostor.sign)
        .expect("a text")
        .bytes()
        .to_vec();
    vec![
        (
            "no note",
            b"hello".to_vec(),
            "not a note that governs a channel",
        ),
        (
            "a note of a version that nobody knows",
            newer,
            "not a note that governs a channel",
        ),
        (
            "a note that says more than it may",
            loose,
            "the note cannot be read",
        ),
        (
            "a note under another key",
            forged,
            "not signed by whom it must be",
        ),
        (
            "a note about another channel",
            elsewhere,
            "the note is about another channel",
        ),
    ]
}

#[test]
fn notes_that_do_not_hold_are_left_out_and_frames_that_are_none_close_the_link() {
    let mut impostor = Impostor::of_globex();
    for (what, note, rule) in broken_notes(&impostor) {
        let frame = impostor.notes(vec![note]);
        impostor.is_left_out(what, frame, rule);
    }
    // Only the host ends a channel: Globex's own signature does not help it.
    let termination = impostor.termination();
    let frame = impostor.notes(vec![termination]);
    impostor.is_left_out("an end by who is not the host", frame, "Note(");

    let too_large = impostor.notes(vec![vec![b'x'; OVERSIZED]]);
    let too_many = impostor.notes(vec![impostor.consent.clone(); 65]);
    let mut nobody = impostor.notes(Vec::new());
    if let Kind::Notes(notes) = &mut nobody {
        let notes_of_nobody = vec![b"foedus/identity/v1\n".to_vec()];
        notes.identities = vec![proto::IdentityChain {
            notes: notes_of_nobody,
        }];
    }
    for (what, frame, rule) in [
        (
            "a note that is too large",
            too_large,
            "bytes in `notes`, found 65536",
        ),
        (
            "too many notes",
            too_many,
            "expected at most 64 of `notes`, found 65",
        ),
        (
            "an identity that is none",
            nobody,
            "the identity of an organisation in the channel does not verify",
        ),
        (
            "a goodbye without a reason",
            Kind::Goodbye(proto::Goodbye::default()),
            "expected a reason in a goodbye",
        ),
        (
            "a second hello",
            Kind::Hello(impostor.hello.clone()),
            "expected no second hello",
        ),
    ] {
        impostor.is_closed(what, vec![frame], GoodbyeReason::Protocol, rule);
    }
    for (what, bytes, rule) in [
        (
            "no protocol buffer",
            vec![0xff; 64],
            "expected the protocol buffers of a frame",
        ),
        // Field 15 of a frame, which no version has.
        (
            "a frame of an unknown kind",
            vec![0x0a, 0x02, 0x7a, 0x00],
            "expected a frame of a known kind",
        ),
        ("a frame that is too large", vec![0; 2 * 1024 * 1024], ""),
    ] {
        impostor.bytes_are_closed(what, &bytes, rule);
    }
    impostor.nothing_changed();
    impostor.the_true_ones_arrive();
}

/// Whoever found the key that Globex wrote with before it made others says nothing in its name, not even on a link that
/// is Globex's.
#[test]
fn what_is_signed_by_a_key_that_was_replaced_is_refused() {
    let (mut impostor, dropped) = Impostor::of_globex_renewed();
    let part = impostor.new_part.clone();
    let claimed = Checkpoint::claimed(&part.checkpoint).expect("it is one").0;
    let by_dropped = changed(&part, |part| {
        part.checkpoint = claimed.sign(&dropped).bytes().to_vec()
    });
    let frame = impostor.entries(vec![by_dropped]);
    let rule = "the checkpoint of its own entries is not signed under a key";
    impostor.is_closed("entries", vec![frame], GoodbyeReason::Protocol, rule);
    let consent = Claimed::<Consent>::parse(&impostor.consent).expect("a consent");
    let consent = consent.claims().sign(&dropped).expect("a text");
    let frame = impostor.notes(vec![consent.bytes().to_vec()]);
    impostor.is_left_out("a consent", frame, "not signed by whom it must be");
    impostor.nothing_changed();
    impostor.the_true_ones_arrive();
}

#[test]
fn a_hello_that_does_not_hold_opens_no_link() {
    let impostor = Impostor::of_globex();
    let hello = &impostor.hello;
    let with = |change: &dyn Fn(&mut proto::Hello)| {
        let mut changed = hello.clone();
        change(&mut changed);
        Kind::Hello(changed)
    };
    for (what, hello, reason, rule) in [
        (
            "versions that nobody speaks",
            with(&|hello| (hello.version_min, hello.version_max) = (7, 9)),
            GoodbyeReason::Version,
            "no version in common",
        ),
        (
            "Acme's identity",
            with(&|hello| hello.identity.clone_from(&impostor.acme_hello.identity)),
            GoodbyeReason::Protocol,
            "not signed by the sender",
        ),
        (
            "all of what Acme says",
            Kind::Hello(impostor.acme_hello.clone()),
            GoodbyeReason::Protocol,
            "no peering note of the sender with us",
        ),
        (
            "no identity",
            with(&|hello| hello.identity.clear()),
            GoodbyeReason::Protocol,
            "the identity in the hello does not verify",
        ),
        (
            "a peering of others",
            with(&|hello| hello.peering.clone_from(&impostor.acme_hello.peering)),
            GoodbyeReason::Protocol,
            "no peering note of the sender with us",
        ),
        (
            "an identity that was changed",
            with(&|hello| hello.identity[0][30] ^= 1),
            GoodbyeReason::Protocol,
            "the identity in the hello does not verify",
        ),
    ] {
        impostor.hello_is_refused(what, hello, reason, rule);
    }
    assert_eq!(
        impostor.two.acme.texts(LAUNCH).len(),
        2,
        "{ACME} has what it had"
    );
}
