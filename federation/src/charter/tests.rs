use std::cmp::Ordering;

use foedus_policy::id::IncarnationId;

use super::*;
use crate::examples::{
    ACME, AT, GLOBEX, INITECH, charter, consent, heads, key, org, seal, second_charter, sign_seed,
};
use crate::key::SigningKey;
use crate::note::Verified;

fn successor(previous: &Charter, change: impl FnOnce(&mut Charter)) -> Charter {
    let mut next = previous.clone();
    next.number += 1;
    next.predecessor = Some(previous.hash());
    next.finals = LogHeads::new();
    change(&mut next);
    next
}

/// `change` adds or takes away exactly `aspect`, and undoing it the other way round.
fn check_change(aspect: Aspect, order: Ordering, change: impl FnOnce(&mut Charter)) {
    let before = charter();
    let after = successor(&before, change);
    let only = |order| {
        let mut expected = Change::default();
        match order {
            Ordering::Greater => expected.adds.insert(aspect.clone()),
            _ => expected.takes_away.insert(aspect.clone()),
        };
        expected
    };
    assert_eq!(Charter::compare(&before, &after), only(order), "{aspect:?}");
    assert_eq!(
        Charter::compare(&after, &before),
        only(order.reverse()),
        "{aspect:?} undone"
    );
}

#[test]
fn every_aspect_is_added_or_taken_away() {
    use Ordering::{Greater, Less};
    let globex = org(GLOBEX);
    check_change(Aspect::Participant(org(INITECH)), Greater, |next| {
        next.participants.insert(org(INITECH), Access::ReadOnly);
    });
    check_change(Aspect::Participant(globex), Less, |next| {
        next.participants.remove(&globex);
    });
    check_change(Aspect::Posting(globex), Less, |next| {
        next.participants.insert(globex, Access::ReadOnly);
    });
    check_change(Aspect::Reading(globex), Less, |next| {
        next.participants.insert(globex, Access::PostOnly);
    });
    check_change(Aspect::Capability(Capability::File), Greater, |next| {
        next.capabilities = next.capabilities.with(Capability::File);
    });
    check_change(Aspect::Kind(AuthorKind::Bot), Less, |next| {
        next.kinds = next.kinds.without(AuthorKind::Bot);
    });
    check_change(Aspect::End, Greater, |next| next.end = None);
    check_change(Aspect::End, Less, |next| next.end = Some(AT));
    check_change(Aspect::AtEnd, Less, |next| next.at_end = AtEnd::Erase);
    check_change(Aspect::DirectAtEnd, Greater, |next| {
        next.direct_at_end = DirectAtEnd::Keep
    });
    check_change(Aspect::Newcomers, Greater, |next| {
        next.newcomers = Newcomers::All
    });
    check_change(Aspect::TextBytes, Greater, |next| next.text_bytes += 1);
    check_change(Aspect::Format, Greater, |next| next.format += 1);
}

#[test]
fn who_decides_and_what_for_is_an_addition_either_way() {
    for aspect in [Aspect::Admission, Aspect::Project] {
        let before = charter();
        let after = successor(&before, |next| match aspect {
            Aspect::Admission => next.admission = Admission::Host,
            _ => next.project = None,
        });
        for (from, to) in [(&before, &after), (&after, &before)] {
            let change = Charter::compare(from, to);
            assert_eq!(change.adds, [aspect.clone()].into());
            assert!(change.takes_away.is_empty() && change.is_adding());
        }
    }
}

#[test]
fn one_revision_may_add_and_take_away() {
    let change = Charter::compare(&charter(), &second_charter());
    let custom = |name: &str| Aspect::Custom(name.parse().expect("a name"));
    let adds = [
        Aspect::Participant(org(INITECH)),
        Aspect::Capability(Capability::Custom),
        custom("build.done"),
        custom("build.started"),
    ];
    assert_eq!(change.adds, adds.into());
    assert_eq!(change.takes_away, [Aspect::Posting(org(GLOBEX))].into());
    assert!(change.is_adding());
    assert!(!Charter::compare(&charter(), &charter()).is_adding());
}

#[test]
fn consents_are_needed_by_the_rule_in_force() {
    let first = charter();
    assert_eq!(consents_needed(None, &first), [org(GLOBEX)].into());
    // Under `all`, everybody of the next revision, newcomers too; the host seals.
    let everybody = [org(GLOBEX), org(INITECH)].into();
    assert_eq!(consents_needed(Some(&first), &second_charter()), everybody);
    let host_alone = successor(&first, |next| next.admission = Admission::Host);
    assert_eq!(
        consents_needed(Some(&first), &host_alone),
        [org(GLOBEX)].into()
    );
    let narrower = successor(&first, |next| next.end = Some(AT));
    assert!(consents_needed(Some(&first), &narrower).is_empty());
    // Under `host`, only who is new.
    let joined = successor(&host_alone, |next| {
        next.participants.insert(org(INITECH), Access::Full);
        next.end = None;
    });
    assert_eq!(
        consents_needed(Some(&host_alone), &joined),
        [org(INITECH)].into()
    );
    let longer = successor(&host_alone, |next| next.end = None);
    assert!(consents_needed(Some(&host_alone), &longer).is_empty());
}

#[test]
fn a_first_revision_proves_the_id_of_its_channel() {
    assert_eq!(charter().validate_first(), Ok(()));
    let check = |expected: InvalidCharter, change: fn(&mut Charter)| {
        let mut other = charter();
        change(&mut other);
        assert_eq!(other.validate_first(), Err(expected));
    };
    check(InvalidCharter::ChannelId, |first| first.nonce[0] ^= 1);
    check(InvalidCharter::ChannelId, |first| first.channel.0[0] ^= 1);
    check(InvalidCharter::ChannelId, |first| {
        // Globex offers a channel that is Acme's.
        first.host = org(GLOBEX);
    });
    check(InvalidCharter::Numbering, |first| first.number = 0);
    check(InvalidCharter::Numbering, |first| first.number = 2);
    check(InvalidCharter::Numbering, |first| {
        first.predecessor = Some(NoteHash([1; 32]))
    });
    check(InvalidCharter::FinalsInFirst, |first| {
        first.finals = heads(&[GLOBEX])
    });
    let expected = InvalidCharter::Number {
        expected: 1,
        found: 2,
    };
    assert_eq!(second_charter().validate_first(), Err(expected));
}

#[test]
fn a_revision_must_be_sound_by_itself() {
    let check = |expected: InvalidCharter, change: fn(&mut Charter)| {
        let mut other = charter();
        change(&mut other);
        assert_eq!(Charter::parse(&other.to_text()), Err(expected));
        assert_eq!(other.sign(&key(sign_seed(ACME))), Err(expected));
    };
    check(InvalidCharter::Format { found: 2 }, |first| {
        first.format = 2
    });
    check(InvalidCharter::Host, |first| {
        first.participants.remove(&org(ACME));
    });
    check(InvalidCharter::Host, |first| {
        first.participants.insert(org(ACME), Access::ReadOnly);
    });
    check(InvalidCharter::Custom, |first| {
        first.custom.insert("build".parse().expect("a name"));
    });
    check(InvalidCharter::Custom, |first| {
        first.capabilities = first.capabilities.with(Capability::Custom);
    });
    check(InvalidCharter::TextBytes { found_bytes: 0 }, |first| {
        first.text_bytes = 0
    });
    let found_bytes = TEXT_BYTES_MAX + 1;
    check(InvalidCharter::TextBytes { found_bytes }, |first| {
        first.text_bytes = TEXT_BYTES_MAX + 1;
    });
}

#[test]
fn participants_are_bounded() {
    let mut full = charter();
    for number in 0..PARTICIPANTS_MAX - 2 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        full.participants.insert(OrgId(id), Access::PostOnly);
    }
    assert_eq!(full.participants.len(), PARTICIPANTS_MAX);
    assert_eq!(Charter::parse(&full.to_text()), Ok(full.clone()));
    full.participants.insert(OrgId([0xee; 32]), Access::Full);
    let expected = InvalidText::TooMany {
        name: "participant",
        count_max: PARTICIPANTS_MAX,
    };
    assert_eq!(Charter::parse(&full.to_text()), Err(expected.into()));
    assert_eq!(full.validate_first(), Err(expected.into()));
}

#[test]
fn the_largest_charter_fits_into_a_note() {
    let mut largest = second_charter();
    for number in 0..PARTICIPANTS_MAX - 3 {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        largest.participants.insert(OrgId(id), Access::PostOnly);
    }
    largest.custom = (0..CUSTOM_NAMES_MAX)
        .map(|number| format!("c{number:063}").parse().expect("a name"))
        .collect();
    largest.project = Some(FreeText::new(&"\u{202e}".repeat(85)).expect("255 bytes"));
    largest.finals = (0..128u8)
        .map(|number| {
            let log = (org(GLOBEX), IncarnationId([number; 16]));
            (
                log,
                crate::note::value::LogHead {
                    size: u64::MAX,
                    root: [0xff; 32],
                },
            )
        })
        .collect();
    assert!(largest.sign(&key(sign_seed(ACME))).is_ok());
}

#[test]
fn a_revision_follows_exactly_the_one_before() {
    let first = charter();
    assert_eq!(second_charter().validate_successor(&first), Ok(()));
    let check = |expected: InvalidCharter, change: fn(&mut Charter)| {
        let mut other = second_charter();
        change(&mut other);
        assert_eq!(other.validate_successor(&charter()), Err(expected));
    };
    check(InvalidCharter::OtherChannel, |next| next.channel.0[0] ^= 1);
    check(InvalidCharter::OtherChannel, |next| next.nonce[0] ^= 1);
    check(
        InvalidCharter::Number {
            expected: 2,
            found: 3,
        },
        |next| next.number = 3,
    );
    check(
        InvalidCharter::Predecessor {
            expected: charter().hash(),
        },
        |next| {
            next.predecessor = Some(NoteHash([1; 32]));
        },
    );
    check(InvalidCharter::OtherHost, |next| {
        next.host = org(GLOBEX);
        next.participants.insert(org(GLOBEX), Access::Full);
    });
    check(InvalidCharter::Finals { org: org(INITECH) }, |next| {
        next.finals = heads(&[GLOBEX, INITECH]);
    });
}

#[test]
fn custom_names_are_plain() {
    let long = format!("a{}", "b".repeat(64));
    for bad in ["", "1a", "-a", ".a", "A", "a_b", "a b", "ä", &long] {
        assert!(bad.parse::<CustomName>().is_err(), "{bad}");
    }
    assert!(
        long[1..].parse::<CustomName>().is_ok() && "build.done-2".parse::<CustomName>().is_ok()
    );
}

fn signed<T: NoteType>(note: &T, root: u8) -> Verified<T> {
    let sign: SigningKey = key(sign_seed(root));
    match note.sign(&sign) {
        Ok(verified) => verified,
        Err(invalid) => panic!("an example is valid: {invalid}"),
    }
}

fn seal_with(consents: &[Verified<Consent>], seal: &Seal) -> Result<SealedCharter, InvalidSeal> {
    SealedCharter::verify(
        None,
        signed(&charter(), ACME),
        consents.to_vec(),
        signed(seal, ACME),
    )
}

#[test]
fn a_seal_holds_with_the_consents_that_it_cites() {
    let sealed = seal_with(&[signed(&consent(), GLOBEX)], &seal()).expect("valid");
    assert_eq!(sealed.agreed(), [org(ACME), org(GLOBEX)].into());
    assert_eq!(sealed.charter().hash(), sealed.seal().note().charter);
}

#[test]
fn a_seal_does_not_hold_otherwise() {
    let good = signed(&consent(), GLOBEX);
    let one = std::slice::from_ref(&good);
    assert_eq!(seal_with(&[], &seal()), Err(InvalidSeal::Consents));
    let without = Seal {
        consents: [].into(),
        ..seal()
    };
    assert_eq!(seal_with(one, &without), Err(InvalidSeal::Consents));
    assert_eq!(
        seal_with(&[], &without),
        Err(InvalidSeal::Missing { org: org(GLOBEX) })
    );
    let other = Seal {
        charter: NoteHash([1; 32]),
        ..seal()
    };
    assert_eq!(seal_with(one, &other), Err(InvalidSeal::OtherRevision));
    let other = Seal {
        predecessor: Some(NoteHash([1; 32])),
        ..seal()
    };
    assert_eq!(seal_with(one, &other), Err(InvalidSeal::OtherRevision));
    let globex = Seal {
        host: org(GLOBEX),
        ..seal()
    };
    let by_globex = SealedCharter::verify(
        None,
        signed(&charter(), ACME),
        one.to_vec(),
        signed(&globex, GLOBEX),
    );
    assert_eq!(by_globex, Err(InvalidSeal::OtherRevision));

    let check_consent = |expected: InvalidSeal, consent: Consent, by: u8| {
        let consent = signed(&consent, by);
        let seal = Seal {
            consents: [consent.hash()].into(),
            ..seal()
        };
        assert_eq!(seal_with(&[consent], &seal), Err(expected));
    };
    let late = Consent {
        good_until: AT.minus_millis(1),
        ..consent()
    };
    check_consent(InvalidSeal::Late { org: org(GLOBEX) }, late, GLOBEX);
    let stranger = Consent {
        org: org(INITECH),
        ..consent()
    };
    check_consent(
        InvalidSeal::OtherConsent { org: org(INITECH) },
        stranger,
        INITECH,
    );
    let another = Consent {
        charter: NoteHash([1; 32]),
        ..consent()
    };
    check_consent(
        InvalidSeal::OtherConsent { org: org(GLOBEX) },
        another,
        GLOBEX,
    );
}

#[test]
fn taking_away_is_sealed_by_the_host_alone() {
    let first = charter();
    let next = successor(&first, |next| next.end = Some(AT));
    let seal = Seal {
        charter: next.hash(),
        predecessor: next.predecessor,
        consents: [].into(),
        ..seal()
    };
    let sealed = SealedCharter::verify(
        Some(&first),
        signed(&next, ACME),
        vec![],
        signed(&seal, ACME),
    );
    assert_eq!(sealed.expect("valid").agreed(), [org(ACME)].into());
}
