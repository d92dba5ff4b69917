use super::*;
use crate::bounds::IDENTITY_NOTE_BYTES_MAX;
use crate::note::{InvalidSignature, RefusedNote, Verified};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// An identity note of the organisation whose first root key has seed 1.
fn identity(serial: u64, root: u8, sign: u8) -> Identity {
    Identity {
        org: org_id(key(1).verifying_key()),
        handle: "acme.example".parse().expect("a handle"),
        serial,
        root: *key(root).verifying_key(),
        link: *key(2).verifying_key(),
        sign: *key(sign).verifying_key(),
    }
}

fn signed(identity: &Identity, root: u8) -> Vec<u8> {
    identity
        .sign(&key(root))
        .expect("a valid note")
        .bytes()
        .to_vec()
}

fn handed_over(identity: &Identity, root: u8, previous: u8) -> Vec<u8> {
    identity
        .sign_new_root(&key(root), &key(previous))
        .expect("a valid note")
        .into_bytes()
}

fn chain(notes: &[Vec<u8>]) -> Result<IdentityChain, InvalidChain> {
    IdentityChain::verify(notes.iter().map(Vec::as_slice))
}

#[test]
fn handles_are_domain_names_in_lower_case() {
    for good in ["acme.example", "a", "x-1.example", "localhost"] {
        assert_eq!(good.parse::<Handle>().expect(good).as_str(), good);
    }
    let long = format!("{}.example", "a".repeat(64));
    let longer = ["a"; 128].join(".");
    for bad in [
        "",
        ".",
        "a.",
        ".a",
        "A.example",
        "-a",
        "a-",
        "a b",
        "a\nb",
        "ä.example",
        "a..b",
        &long,
        &longer,
    ] {
        assert_eq!(bad.parse::<Handle>(), Err(InvalidHandle), "{bad:?}");
    }
}

#[test]
fn a_chain_of_one_is_proved_by_the_id() {
    let chain = chain(&[signed(&identity(1, 1, 3), 1)]).expect("valid");
    assert_eq!(chain.org(), org_id(key(1).verifying_key()));
    assert_eq!(chain.current().serial, 1);
    assert_eq!(chain.sign_keys(), [*key(3).verifying_key()]);
}

#[test]
fn the_first_root_key_must_be_the_one_of_the_id() {
    let refused = chain(&[signed(&identity(1, 9, 3), 9)]);
    assert!(matches!(refused, Err(InvalidChain::FirstRoot { .. })));
}

#[test]
fn a_note_must_be_signed_by_its_own_root() {
    let refused = chain(&[signed(&identity(1, 1, 3), 9)]);
    assert!(matches!(
        refused,
        Err(InvalidChain::Note(RefusedNote::Signature(
            InvalidSignature::Missing { .. }
        )))
    ));
}

#[test]
fn a_new_root_is_signed_by_the_one_before() {
    let first = signed(&identity(1, 1, 3), 1);
    let second = handed_over(&identity(2, 8, 4), 8, 1);
    let held = chain(&[first.clone(), second]).expect("valid");
    assert_eq!(held.current().root, *key(8).verifying_key());
    assert_eq!(
        held.sign_keys(),
        [*key(4).verifying_key(), *key(3).verifying_key()]
    );

    let alone = signed(&identity(2, 8, 4), 8);
    assert!(matches!(
        chain(&[first.clone(), alone]),
        Err(InvalidChain::NotChained(_))
    ));
    let only_before = signed(&identity(2, 8, 4), 1);
    assert!(matches!(
        chain(&[first, only_before]),
        Err(InvalidChain::Note(_))
    ));
}

#[test]
fn the_old_root_says_nothing_more_after_a_new_one() {
    let held = chain(&[
        signed(&identity(1, 1, 3), 1),
        handed_over(&identity(2, 8, 4), 8, 1),
    ])
    .expect("valid");
    let late = signed(&identity(3, 1, 5), 1);
    assert!(matches!(
        held.extend(&late),
        Err(InvalidChain::NotChained(_))
    ));
}

#[test]
fn a_newer_serial_extends_and_an_older_changes_nothing() {
    let held = chain(&[signed(&identity(3, 1, 3), 1)]).expect("valid");
    let Ok(Extension::Newer(newer)) = held.extend(&signed(&identity(7, 1, 4), 1)) else {
        panic!("a newer serial by the same root extends");
    };
    assert_eq!(newer.current().serial, 7);
    assert_eq!(
        held.extend(&signed(&identity(2, 1, 3), 1)),
        Ok(Extension::Nothing)
    );
    assert_eq!(
        held.extend(&signed(&identity(3, 1, 3), 1)),
        Ok(Extension::Nothing)
    );
    assert_eq!(held.merge(&newer), Ok(Extension::Newer(newer.clone())));
    assert_eq!(newer.merge(&held), Ok(Extension::Nothing));
}

#[test]
fn one_serial_with_two_texts_is_evidence() {
    let one = signed(&identity(3, 1, 3), 1);
    let other = signed(&identity(3, 1, 4), 1);
    let held = chain(std::slice::from_ref(&one)).expect("valid");
    let Ok(Extension::Conflict(conflict)) = held.extend(&other) else {
        panic!("two texts of one serial are a conflict");
    };
    assert_eq!(conflict.org(), held.org());
    assert_eq!(
        IdentityConflict::verify([&one, &other], conflict.root()),
        Ok(*conflict)
    );

    // Also where the second statement brings a root key of its own.
    let stolen = handed_over(&identity(3, 8, 4), 8, 1);
    assert!(matches!(held.extend(&stolen), Ok(Extension::Conflict(_))));
    // Where a root key changes, both sign, and the newer says most.
    let next = |sign| handed_over(&identity(4, 8, sign), 8, 1);
    let held = chain(&[one.clone(), next(5)]).expect("valid");
    let Ok(Extension::Conflict(conflict)) = held.extend(&next(6)) else {
        panic!("two texts of one serial are a conflict");
    };
    assert_eq!(conflict.root(), key(8).verifying_key());
    let held = chain(std::slice::from_ref(&one)).expect("valid");
    // A stranger's words are no evidence.
    assert!(matches!(
        held.extend(&signed(&identity(3, 9, 4), 9)),
        Err(InvalidChain::NotChained(_))
    ));
    assert_eq!(
        IdentityConflict::verify([&one, &one], key(1).verifying_key()),
        Err(InvalidConflict::NoConflict)
    );
}

#[test]
fn a_chain_grows_in_serial_and_is_bounded() {
    let notes: Vec<_> = (1..=9)
        .map(|serial| signed(&identity(serial, 1, 3), 1))
        .collect();
    assert_eq!(chain(&notes), Err(InvalidChain::TooLong));
    assert_eq!(chain(&[]), Err(InvalidChain::Empty));
    let swapped = [notes[1].clone(), notes[0].clone()];
    assert_eq!(
        chain(&swapped),
        Err(InvalidChain::Serial { above: 2, found: 1 })
    );

    let full = chain(&notes[..8]).expect("eight are allowed");
    let Ok(Extension::Newer(pruned)) = full.extend(&notes[8]) else {
        panic!("a full chain lets go of what proves nothing");
    };
    let serials: Vec<_> = pruned
        .notes()
        .iter()
        .map(|note| note.note().serial)
        .collect();
    assert_eq!(serials, [1, 3, 4, 5, 6, 7, 8, 9]);
    let again = IdentityChain::verify(pruned.notes().iter().map(Verified::bytes));
    assert_eq!(again, Ok(pruned));
}

#[test]
fn a_note_of_another_organisation_is_refused() {
    let held = chain(&[signed(&identity(1, 1, 3), 1)]).expect("valid");
    let mut other = identity(2, 5, 3);
    other.org = org_id(key(5).verifying_key());
    assert!(matches!(
        held.extend(&signed(&other, 5)),
        Err(InvalidChain::OtherOrg { .. })
    ));
}

/// Others send chains on: nobody makes theirs long by what is no signature.
#[test]
fn an_identity_note_is_short() {
    let good = signed(&identity(1, 1, 3), 1);
    let junk = "A".repeat(4 * IDENTITY_NOTE_BYTES_MAX.div_ceil(4));
    let padded = [&good[..], format!("\u{2014} junk {junk}\n").as_bytes()].concat();
    chain(std::slice::from_ref(&good)).expect("a chain");
    let found_bytes = padded.len();
    assert_eq!(
        chain(&[padded]),
        Err(InvalidChain::NoteTooLong { found_bytes })
    );
}
