//! Who said yes to what, when it counts, and how many of them are kept.

use super::*;

#[test]
fn yeses_of_one_organisation_are_few_and_none_takes_anothers_place() {
    let (mut governance, first) = governed(ACME);
    let second = adding(&first);
    governance.must(&charter_note(&second));
    let yes = |n: u64| consent(&second, GLOBEX, AT.plus_millis(n));
    for n in 0..CONSENTS_PER_ORG_MAX as u64 {
        governance.must(&GovernanceNote::Consent(yes(n)));
    }
    let before = governance.digest();
    let more = GovernanceNote::Consent(yes(99));
    assert_eq!(governance.told(&more), Err(Breach::OutOfPlace));
    assert_eq!(governance.digest(), before);
    // The host uses the one that is good for longest; a reader takes whichever it used.
    governance.must(&GovernanceNote::Consent(consent(
        &second,
        INITECH,
        AT.plus_millis(DAY_MILLIS),
    )));
    let due = governance.seal_due(AT).expect("everybody said yes");
    assert!(
        due.consents
            .contains(&yes(CONSENTS_PER_ORG_MAX as u64 - 1).hash())
    );
    let mut reader = governance.clone();
    let cited = [
        yes(0),
        consent(&second, INITECH, AT.plus_millis(DAY_MILLIS)),
    ];
    reader.must(&seal(&second, &[&cited[0], &cited[1]], AT));
}

/// Who says yes in other words to each does not keep any of them from following the host.
#[test]
fn a_yes_that_the_host_used_takes_the_place_of_one_that_it_did_not() {
    let (mut reader, first) = governed(GLOBEX);
    let second = adding(&first);
    reader.must(&charter_note(&second));
    let yes = |n: u64| consent(&second, INITECH, AT.plus_millis(n));
    let ours = consent(&second, GLOBEX, AT.plus_millis(DAY_MILLIS));
    reader.must(&GovernanceNote::Consent(ours.clone()));
    for n in 0..2 {
        reader.must(&GovernanceNote::Consent(yes(n)));
    }
    let seal = seal(&second, &[&ours, &yes(3)], AT);
    let brought = |n| GovernanceNote::Consent(yes(n));
    let in_force = |reader: &Governance| {
        assert_eq!(
            reader.newest().map(Revision::hash),
            Some(second.hash()),
            "the second revision is in force"
        );
        let known = [0, 1, 2, 3].map(|n| reader.holds(yes(n).hash()));
        assert_eq!(known, [false, false, false, true]);
        assert!(reader.holds(ours.hash()));
    };

    let mut yes_first = reader.clone();
    for n in [2, 3] {
        assert_eq!(yes_first.told(&brought(n)), Err(Breach::OutOfPlace));
    }
    assert_eq!(yes_first.told(&seal), Ok(Learned::InForce));
    in_force(&yes_first);

    let mut seal_first = reader;
    assert_eq!(seal_first.told(&seal), Err(Breach::OutOfPlace));
    assert_eq!(seal_first.seal_at_hand(), None);
    // Others that are said in between make no difference.
    for n in 10..20 {
        assert_eq!(seal_first.told(&brought(n)), Err(Breach::OutOfPlace));
    }
    assert_eq!(seal_first.told(&brought(3)), Ok(Learned::Kept));
    let at_hand = seal_first.seal_at_hand().expect("nothing is missing");
    assert_eq!(GovernanceNote::Seal(at_hand), seal);
    assert_eq!(seal_first.told(&seal), Ok(Learned::InForce));
    in_force(&seal_first);
    assert_eq!(seal_first.digest(), yes_first.digest());
}

#[test]
fn a_consent_is_to_one_text_and_predecessor_by_a_participant() {
    let (mut governance, first) = governed(ACME);
    let second = adding(&first);
    governance.must(&charter_note(&second));
    let wrong = Consent {
        predecessor: None,
        ..consent(&second, GLOBEX, AT).note().clone()
    };
    let wrong = GovernanceNote::Consent(signed(&wrong, GLOBEX));
    assert_eq!(governance.told(&wrong), Err(Breach::Rule));
    let stranger = GovernanceNote::Consent(consent(&second, 40, AT));
    assert_eq!(governance.told(&stranger), Err(Breach::Rule));
    let third = GovernanceNote::Consent(consent(&adding(&second), GLOBEX, AT));
    assert_eq!(governance.told(&third), Err(Breach::OutOfPlace));
}

/// Whose admission is by the host alone, a revision is in force before all agreed.
#[test]
fn a_late_yes_counts_from_then_on_and_for_what_only_takes_away() {
    let (mut governance, first) = governed(INITECH);
    let second = by_host(&first);
    governance.put_in_force(&second, &[GLOBEX, INITECH]);
    let third = adding(&second);
    governance.put_in_force(&third, &[]);
    let fourth = taking(&third);
    governance.put_in_force(&fourth, &[]);
    let number = |governance: &Governance, root| governance.agreed_number(org(root));
    assert_eq!(
        number(&governance, GLOBEX),
        Some(2),
        "it writes under what it agreed to"
    );
    assert_eq!(governance.unagreed(org(GLOBEX), fourth.hash()), Some(4));
    // One that ran out before the seal was made is no late yes, whoever brings it.
    let stale = GovernanceNote::Consent(consent(&third, GLOBEX, AT.minus_millis(1)));
    assert_eq!(governance.told(&stale), Err(Breach::OutOfPlace));
    let late = GovernanceNote::Consent(consent(&third, GLOBEX, AT.plus_millis(DAY_MILLIS)));
    assert_eq!(governance.told(&late), Ok(Learned::InForce));
    assert_eq!(
        number(&governance, GLOBEX),
        Some(4),
        "the fourth only takes away"
    );
}

/// Whether a yes comes before or after the seal that did not need it makes no difference.
#[test]
fn the_order_of_yes_and_seal_makes_no_difference() {
    let (mut governance, first) = governed(ACME);
    governance.put_in_force(&by_host(&first), &[GLOBEX, INITECH]);
    let third = adding(governance.newest().expect("the second").charter());
    governance.must(&charter_note(&third));
    let yes = GovernanceNote::Consent(consent(&third, GLOBEX, AT.plus_millis(DAY_MILLIS)));
    let (mut before, mut after) = (governance.clone(), governance);
    before.must(&yes);
    before.must(&seal(&third, &[], AT));
    after.must(&seal(&third, &[], AT));
    after.must(&yes);
    for governance in [&before, &after] {
        assert_eq!(governance.agreed_number(org(GLOBEX)), Some(3));
    }
    assert_eq!(before.digest(), after.digest());
}

/// A late yes says something new only if it names a withdrawal that there was.
#[test]
fn late_yeses_of_one_organisation_have_an_end() {
    let (mut governance, first) = governed(ACME);
    let yes = |named| {
        let consent = Consent {
            withdrawal: Some(named),
            ..consent(&first, GLOBEX, AT.plus_millis(DAY_MILLIS))
                .note()
                .clone()
        };
        GovernanceNote::Consent(signed(&consent, GLOBEX))
    };
    let before = governance.digest();
    for number in 0..20 {
        let made_up = yes(NoteHash([number; 32]));
        assert_eq!(governance.told(&made_up), Err(Breach::OutOfPlace));
    }
    assert_eq!(governance.digest(), before);
    let left = withdrawal(&first, GLOBEX);
    governance.must(&left);
    governance.must(&yes(left.hash()));
    assert!(governance.takes_part(org(GLOBEX)));
}

/// What a channel that is loaded again makes of the notes that are held.
fn loaded(governance: &Governance, notes: &[GovernanceNote]) -> Governance {
    let mut loaded = Governance::local(us());
    for (hash, _) in governance.notes() {
        let note = notes.iter().find(|note| note.hash() == hash);
        loaded.must(note.expect("it was told"));
    }
    loaded
}

/// P9. Whoever says again and again that it left, each time before all that it said, and comes back
/// each time, has us keep no more than the first of it, and the host's next charter fits.
#[test]
fn ever_earlier_withdrawals_and_yeses_to_come_back_have_an_end() {
    const ROUNDS: u64 = 1_000;
    let first = first();
    let agreed = [GLOBEX, INITECH].map(|root| consent(&first, root, AT.plus_millis(DAY_MILLIS)));
    let mut notes = vec![charter_note(&first)];
    notes.extend(agreed.clone().map(GovernanceNote::Consent));
    notes.push(seal(&first, &[&agreed[0], &agreed[1]], AT));
    let mut governance = Governance::local(us());
    notes.iter().for_each(|note| governance.must(note));
    let charter_notes = notes.len();
    for round in 0..ROUNDS {
        let left = Withdrawal {
            channel: first.channel,
            org: org(GLOBEX),
            revision: first.hash(),
            heads: LogHeads::new(),
            at: AT.minus_millis(round),
        };
        let left = GovernanceNote::Withdrawal(signed(&left, GLOBEX));
        let back = Consent {
            withdrawal: Some(left.hash()),
            ..consent(&first, GLOBEX, AT.plus_millis(DAY_MILLIS))
                .note()
                .clone()
        };
        let back = GovernanceNote::Consent(signed(&back, GLOBEX));
        for note in [left, back] {
            governance.must(&note);
            notes.push(note);
        }
        let kept = governance.notes().count();
        assert!(
            kept <= charter_notes + 2 * WITHDRAWALS_PER_ORG_MAX,
            "{kept}"
        );
    }
    assert!(governance.takes_part(org(GLOBEX)));
    assert_eq!(loaded(&governance, &notes), governance);
    let more = taking(&first);
    let more = [charter_note(&more), seal(&more, &[], AT)];
    for note in more {
        governance.must(&note);
        notes.push(note);
    }
    assert_eq!(loaded(&governance, &notes), governance);
}

/// Who agreed by nothing but a yes that names a forgotten withdrawal has agreed all the same, also
/// after the channel is loaded again.
#[test]
fn who_agreed_late_has_agreed_whatever_else_is_forgotten() {
    let (mut governance, first) = governed(ACME);
    governance.put_in_force(&by_host(&first), &[GLOBEX, INITECH]);
    let third = adding(governance.newest().expect("the second").charter());
    governance.put_in_force(&third, &[]);
    for round in 0..3 * WITHDRAWALS_PER_ORG_MAX as u64 {
        let left = Withdrawal {
            channel: third.channel,
            org: org(GLOBEX),
            revision: third.hash(),
            heads: LogHeads::new(),
            at: AT.minus_millis(round),
        };
        let left = GovernanceNote::Withdrawal(signed(&left, GLOBEX));
        governance.must(&left);
        let back = Consent {
            withdrawal: Some(left.hash()),
            ..consent(&third, GLOBEX, AT.plus_millis(DAY_MILLIS))
                .note()
                .clone()
        };
        governance.must(&GovernanceNote::Consent(signed(&back, GLOBEX)));
    }
    assert_eq!(governance.agreed_number(org(GLOBEX)), Some(3));
    let revision = governance.revision(third.hash()).expect("in force");
    assert!(revision.late.len() <= 1 + WITHDRAWALS_PER_ORG_MAX);
    let held = |yes: &Verified<Consent>| governance.holds(yes.hash());
    assert!(!revision.late.is_empty() && revision.late.iter().all(held));
}

/// Late yeses of one organisation have room of their own: they take neither the host's nor another's.
#[test]
fn late_yeses_take_nobodys_room() {
    let (mut governance, first) = governed(ACME);
    let left = withdrawal(&first, GLOBEX);
    governance.must(&left);
    let yes = |charter: &Charter, named| {
        let consent = Consent {
            withdrawal: named,
            ..consent(charter, GLOBEX, AT.plus_millis(DAY_MILLIS))
                .note()
                .clone()
        };
        GovernanceNote::Consent(signed(&consent, GLOBEX))
    };
    let mut newest = first;
    let mut taken = 0;
    let refused = loop {
        assert!(taken < LATE_CONSENTS_BYTES_MAX, "there is an end");
        let back = yes(&newest, Some(left.hash()));
        let learned = governance.told(&back);
        if learned != Ok(Learned::InForce) {
            break learned;
        }
        taken += back.bytes().len();
        newest = taking(&newest);
        governance.put_in_force(&newest, &[]);
    };
    assert_eq!(refused, Err(Breach::Full));
    let kept: usize = governance.notes().map(|(_, bytes)| bytes.len()).sum();
    // As if the host's own notes had all of the room but that for one more charter.
    governance.notes.push((
        NoteHash([1; 32]),
        vec![0; GOVERNANCE_BYTES_MAX - kept].into(),
    ));
    governance.put_in_force(&taking(&newest), &[]);
}
