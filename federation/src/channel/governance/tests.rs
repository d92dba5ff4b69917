//! What governs a channel, note by note.

use foedus_policy::id::{EntryRef, IncarnationId};
use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::Capability;

use super::*;
use crate::bounds::{
    CONSENTS_PER_ORG_MAX, GOVERNANCE_BYTES_MAX, LATE_CONSENTS_BYTES_MAX, PROPOSALS_HEARD_MAX,
    WITHDRAWALS_PER_ORG_MAX,
};
use crate::charter::Consent;
use crate::evidence::GovernanceNote;
use crate::examples::{ACME, AT, GLOBEX, INITECH, key, org, sign_seed};
use crate::examples::{charter as first_of_two, heads};
use crate::note::NoteType;
use crate::note::value::LogHeads;

fn us() -> OrgId {
    org(ACME)
}

fn signed<T: NoteType>(note: &T, root: u8) -> Verified<T> {
    note.sign(&key(sign_seed(root))).expect("a valid note")
}

fn charter_note(charter: &Charter) -> GovernanceNote {
    GovernanceNote::Charter(signed(charter, ACME))
}

fn consent(charter: &Charter, root: u8, good_until: Timestamp) -> Verified<Consent> {
    let consent = Consent {
        channel: charter.channel,
        charter: charter.hash(),
        predecessor: charter.predecessor,
        withdrawal: None,
        org: org(root),
        good_until,
    };
    signed(&consent, root)
}

fn seal(charter: &Charter, consents: &[&Verified<Consent>], at: Timestamp) -> GovernanceNote {
    let seal = Seal {
        channel: charter.channel,
        charter: charter.hash(),
        predecessor: charter.predecessor,
        host: charter.host,
        consents: consents.iter().map(|consent| consent.hash()).collect(),
        at,
    };
    GovernanceNote::Seal(signed(&seal, ACME))
}

fn withdrawal(charter: &Charter, root: u8) -> GovernanceNote {
    let withdrawal = Withdrawal {
        channel: charter.channel,
        org: org(root),
        revision: charter.hash(),
        heads: heads(&[root]),
        at: AT,
    };
    GovernanceNote::Withdrawal(signed(&withdrawal, root))
}

/// A first charter of all three.
fn first() -> Charter {
    let two = first_of_two();
    let mut participants = two.participants.clone();
    participants.insert(org(INITECH), Access::Full);
    Charter {
        participants,
        ..two
    }
}

fn next(before: &Charter, change: impl FnOnce(&mut Charter)) -> Charter {
    let mut next = Charter {
        number: before.number + 1,
        predecessor: Some(before.hash()),
        finals: LogHeads::new(),
        ..before.clone()
    };
    change(&mut next);
    next
}

fn adding(before: &Charter) -> Charter {
    next(before, |next| {
        next.capabilities = next.capabilities.with(Capability::File)
    })
}

fn taking(before: &Charter) -> Charter {
    next(before, |next| next.text_bytes -= 1)
}

impl Governance {
    fn told(&mut self, note: &GovernanceNote) -> Result<Learned, Breach> {
        self.learn(note, org(ACME))
    }

    fn must(&mut self, note: &GovernanceNote) {
        let learned = self.told(note);
        assert!(
            matches!(learned, Ok(Learned::Kept | Learned::InForce)),
            "{learned:?}"
        );
    }

    /// Charter, the consents of these, and its seal.
    fn put_in_force(&mut self, charter: &Charter, roots: &[u8]) {
        self.must(&charter_note(charter));
        let consents: Vec<_> = roots
            .iter()
            .map(|root| consent(charter, *root, AT.plus_millis(DAY_MILLIS)))
            .collect();
        for consent in &consents {
            self.must(&GovernanceNote::Consent(consent.clone()));
        }
        let cited: Vec<_> = consents.iter().collect();
        self.must(&seal(charter, &cited, AT));
    }
}

/// As seen by one of them, after the first charter.
fn governed(seen_by: u8) -> (Governance, Charter) {
    let mut governance = Governance::local(org(seen_by));
    let first = first();
    governance.put_in_force(&first, &[GLOBEX, INITECH]);
    (governance, first)
}

#[test]
fn a_first_charter_needs_everybodys_consent() {
    let mut governance = Governance::local(us());
    let first = first();
    governance.must(&charter_note(&first));
    assert!(!governance.is_open(AT));
    assert!(governance.is_shared() == (governance.host() != Some(us())));
    let globex = consent(&first, GLOBEX, AT.plus_millis(DAY_MILLIS));
    governance.must(&GovernanceNote::Consent(globex.clone()));
    assert_eq!(governance.seal_due(AT), None);
    assert_eq!(
        governance.told(&seal(&first, &[&globex], AT)),
        Err(Breach::Rule)
    );
    let initech = consent(&first, INITECH, AT.plus_millis(DAY_MILLIS));
    governance.must(&GovernanceNote::Consent(initech.clone()));
    let due = governance.seal_due(AT).expect("everybody said yes");
    assert_eq!(due.consents, [globex.hash(), initech.hash()].into());
    governance.must(&seal(&first, &[&globex, &initech], AT));
    assert!(governance.is_open(AT));
    assert_eq!(governance.agreed_number(us()), Some(1));
}

#[test]
fn a_consent_that_ran_out_seals_nothing() {
    let mut governance = Governance::local(us());
    let first = first();
    governance.must(&charter_note(&first));
    let late = AT.plus_millis(DAY_MILLIS + 1);
    let consents = [GLOBEX, INITECH].map(|root| consent(&first, root, AT.plus_millis(DAY_MILLIS)));
    for consent in &consents {
        governance.must(&GovernanceNote::Consent(consent.clone()));
    }
    assert_eq!(governance.seal_due(late), None);
    let [one, other] = &consents;
    assert_eq!(
        governance.told(&seal(&first, &[one, other], late)),
        Err(Breach::Rule)
    );
    assert!(governance.newest().is_none());
}

/// A seal that cites a yes which is not here may be completed; it puts nothing in force before.
#[test]
fn a_seal_waits_for_what_it_cites() {
    let mut governance = Governance::local(org(GLOBEX));
    let first = first();
    governance.must(&charter_note(&first));
    let consents = [GLOBEX, INITECH].map(|root| consent(&first, root, AT.plus_millis(DAY_MILLIS)));
    let seal = seal(&first, &[&consents[0], &consents[1]], AT);
    assert_eq!(governance.told(&seal), Err(Breach::OutOfPlace));
    for consent in consents {
        governance.must(&GovernanceNote::Consent(consent));
    }
    assert_eq!(governance.told(&seal), Ok(Learned::InForce));
    assert_eq!(governance.told(&seal), Ok(Learned::Nothing));
}

/// What comes late or early is of no use here; what breaks a rule is told, with the rule.
#[test]
fn a_charter_that_breaks_a_rule_is_told_apart_from_a_stale_one() {
    let (mut governance, first) = governed(GLOBEX);
    let stale = Charter {
        text_bytes: 5,
        ..first.clone()
    };
    assert_eq!(
        governance.told(&charter_note(&stale)),
        Err(Breach::OutOfPlace)
    );
    let usurped = next(&first, |next| {
        next.host = org(INITECH);
        next.participants.insert(next.host, Access::Full);
    });
    assert_eq!(
        governance.told(&GovernanceNote::Charter(signed(&usurped, INITECH))),
        Err(Breach::Charter(InvalidCharter::OtherHost))
    );
}

#[test]
fn two_seals_after_one_are_evidence_and_freeze() {
    let (mut governance, first) = governed(GLOBEX);
    let (one, other) = (taking(&first), next(&first, |next| next.text_bytes = 7));
    governance.put_in_force(&one, &[]);
    let before = governance.notes().count();
    assert_eq!(
        governance.told(&seal(&other, &[], AT)),
        Err(Breach::TwoSeals)
    );
    assert_eq!(
        governance.notes().count(),
        before + 1,
        "the evidence is kept"
    );
    assert!(governance.two_seals().is_some());
    assert!(!governance.is_open(AT));
    // One pair is enough: a host can't make us keep as many as it likes.
    let third = next(&first, |next| next.text_bytes = 6);
    assert_eq!(
        governance.told(&seal(&third, &[], AT)),
        Err(Breach::OutOfPlace)
    );
    assert_eq!(governance.notes().count(), before + 1);
}

/// A seal is signed by whom it names as host: anybody can make one for the same predecessor.
#[test]
fn a_strangers_seal_is_neither_evidence_nor_kept() {
    let (mut governance, first) = governed(ACME);
    let second = taking(&first);
    governance.put_in_force(&second, &[]);
    let before = governance.clone();
    for at in 0..3 {
        let forged = Seal {
            channel: first.channel,
            charter: NoteHash([9; 32]),
            predecessor: second.predecessor,
            host: org(INITECH),
            consents: [].into(),
            at: AT.plus_millis(at),
        };
        let forged = GovernanceNote::Seal(signed(&forged, INITECH));
        assert_eq!(governance.learn(&forged, org(INITECH)), Err(Breach::Rule));
    }
    assert_eq!(governance, before);
}

#[test]
fn the_host_says_by_which_text_it_stands() {
    let (mut governance, first) = governed(GLOBEX);
    let (one, other) = (adding(&first), next(&first, |next| next.end = None));
    governance.must(&charter_note(&one));
    governance.must(&GovernanceNote::Consent(consent(&one, INITECH, AT)));
    governance.must(&charter_note(&other));
    let stands = |governance: &Governance| governance.proposal().map(|p| p.charter().hash());
    assert_eq!(stands(&governance), Some(other.hash()));
    // Somebody else brings the old one back: nothing changes, and nobody is told anew.
    let before = governance.digest();
    assert_eq!(
        governance.learn(&charter_note(&one), org(INITECH)),
        Ok(Learned::Nothing)
    );
    assert_eq!(stands(&governance), Some(other.hash()));
    assert_eq!(governance.digest(), before);
    // The host does.
    governance.must(&charter_note(&one));
    assert_eq!(stands(&governance), Some(one.hash()));
    assert!(
        governance.has_agreed(org(INITECH), one.hash()),
        "a yes stays a yes to that text"
    );
}

/// A host is not made to seal what it gave up, whoever brings text and consents back.
#[test]
fn a_host_seals_only_what_it_stands_by() {
    let (mut governance, first) = governed(ACME);
    let (one, other) = (adding(&first), next(&first, |next| next.end = None));
    governance.must(&charter_note(&one));
    governance.must(&charter_note(&other));
    assert_eq!(
        governance.learn(&charter_note(&one), org(INITECH)),
        Ok(Learned::Nothing)
    );
    for root in [GLOBEX, INITECH] {
        let yes = GovernanceNote::Consent(consent(&one, root, AT.plus_millis(DAY_MILLIS)));
        governance
            .learn(&yes, org(INITECH))
            .expect("it is remembered");
    }
    assert_eq!(governance.seal_due(AT), None);
    // Nor what it does not remember, after an old store was put back.
    let (mut governance, _) = governed(ACME);
    assert_eq!(
        governance.learn(&charter_note(&one), org(INITECH)),
        Ok(Learned::Nothing)
    );
    for root in [GLOBEX, INITECH] {
        let yes = GovernanceNote::Consent(consent(&one, root, AT.plus_millis(DAY_MILLIS)));
        governance
            .learn(&yes, org(INITECH))
            .expect("it is remembered");
    }
    assert_eq!(governance.seal_due(AT), None);
    assert!(governance.proposal().is_none());
    // But what it sealed it takes back, so that it never seals another in its place.
    let consents = [GLOBEX, INITECH].map(|root| consent(&one, root, AT.plus_millis(DAY_MILLIS)));
    let sealed = seal(&one, &[&consents[0], &consents[1]], AT);
    assert_eq!(
        governance.learn(&sealed, org(INITECH)),
        Ok(Learned::InForce)
    );
    let held: Vec<_> = governance.notes().map(|(hash, _)| hash).collect();
    assert!(held.contains(&one.hash()) && held.contains(&consents[0].hash()));
}

/// Two partners that were told different texts by a host come to rest.
#[test]
fn rival_texts_are_not_traded_for_ever() {
    let (mut one, first) = governed(GLOBEX);
    let (mut other, _) = governed(INITECH);
    let texts: Vec<Charter> = (0..2 * PROPOSALS_HEARD_MAX as u32)
        .map(|n| next(&first, |next| next.text_bytes = 100 + n))
        .collect();
    for (n, text) in texts.iter().enumerate() {
        let side = if n % 2 == 0 { &mut one } else { &mut other };
        side.must(&charter_note(text));
    }
    let mut rounds = 0;
    loop {
        let from_one: Vec<_> = texts.iter().filter(|text| one.holds(text.hash())).collect();
        let from_other: Vec<_> = texts
            .iter()
            .filter(|text| other.holds(text.hash()))
            .collect();
        let kept = |to: &mut Governance, texts: &[&Charter], teller| {
            let learned = texts
                .iter()
                .map(|text| to.learn(&charter_note(text), org(teller)));
            learned
                .filter(|learned| *learned == Ok(Learned::Kept))
                .count()
        };
        if kept(&mut other, &from_one, GLOBEX) + kept(&mut one, &from_other, INITECH) == 0 {
            break;
        }
        rounds += 1;
        assert!(rounds < 20, "they trade for ever");
    }
}

fn by_host(before: &Charter) -> Charter {
    next(before, |next| {
        next.admission = crate::charter::Admission::Host
    })
}

#[test]
fn a_revision_that_only_takes_away_needs_nobody() {
    let (mut governance, first) = governed(GLOBEX);
    let second = taking(&first);
    governance.put_in_force(&second, &[]);
    for root in [ACME, GLOBEX, INITECH] {
        assert_eq!(governance.agreed_number(org(root)), Some(2));
    }
    let third = adding(&second);
    governance.must(&charter_note(&third));
    assert_eq!(governance.told(&seal(&third, &[], AT)), Err(Breach::Rule));
}

fn without_initech(before: &Charter) -> Charter {
    next(before, |next| {
        next.participants.remove(&org(INITECH));
        next.finals = heads(&[INITECH]);
    })
}

#[test]
fn a_removed_one_hears_nothing_of_later_revisions() {
    let (mut governance, first) = governed(ACME);
    let second = without_initech(&first);
    governance.put_in_force(&second, &[]);
    let third = adding(&second);
    governance.put_in_force(&third, &[GLOBEX]);
    let told: Vec<_> = governance
        .notes_for(org(INITECH))
        .map(|(hash, _)| hash)
        .collect();
    assert!(
        told.contains(&second.hash()),
        "it learns that it was removed"
    );
    assert!(!told.contains(&third.hash()));
    assert_eq!(
        governance.notes_for(org(GLOBEX)).count(),
        governance.notes().count()
    );
    assert!(!governance.takes_part(org(INITECH)));
    assert_eq!(governance.writing_revision(org(INITECH)), None);
    let head = heads(&[INITECH]);
    let ((origin, incarnation), head) = head.iter().next().expect("one log");
    let entry = |sequence, incarnation| EntryRef {
        origin: *origin,
        incarnation,
        sequence,
    };
    let beyond = |entry, number| governance.is_after_final_heads(entry, number);
    assert!(!beyond(entry(head.size - 1, *incarnation), 1));
    assert!(beyond(entry(head.size, *incarnation), 1));
    assert!(beyond(entry(0, IncarnationId([1; 16])), 1));
    assert!(
        !beyond(entry(head.size, *incarnation), 3),
        "what it writes once it is back"
    );
}

#[test]
fn bodies_go_to_those_who_may_read_when_and_now() {
    let (mut governance, first) = governed(ACME);
    let (globex, initech, hooli) = (org(GLOBEX), org(INITECH), org(40));
    assert!(governance.may_hand_body(us(), first.hash(), globex));
    assert!(
        !governance.may_hand_body(us(), NoteHash::LOCAL, globex),
        "nothing local"
    );
    assert!(!governance.may_hand_body(us(), first.hash(), hooli));
    let admits = next(&first, |next| {
        next.participants.insert(hooli, Access::Full);
    });
    governance.put_in_force(&admits, &[GLOBEX, INITECH, 40]);
    assert!(
        !governance.may_hand_body(us(), first.hash(), hooli),
        "from join on"
    );
    assert!(governance.may_hand_body(us(), admits.hash(), hooli));
    let opens = next(&admits, |next| {
        next.newcomers = Newcomers::All;
        next.admission = crate::charter::Admission::Host;
    });
    governance.put_in_force(&opens, &[GLOBEX, INITECH, 40]);
    assert!(
        governance.may_hand_body(globex, first.hash(), hooli),
        "its author's org opened it"
    );
    let removed = without_initech(&opens);
    governance.put_in_force(&removed, &[]);
    assert!(
        !governance.may_hand_body(us(), first.hash(), initech),
        "it may read no more"
    );
    assert!(
        governance.may_hand_body(initech, first.hash(), initech),
        "its own words"
    );
    let post_only = next(&removed, |next| {
        next.participants.insert(globex, Access::PostOnly);
    });
    governance.put_in_force(&post_only, &[]);
    assert!(!governance.may_hand_body(us(), first.hash(), globex));
}

/// A yes that was given before leaving does not open one's words to those who come after.
#[test]
fn who_left_agreed_to_nothing_later() {
    let (mut governance, first) = governed(ACME);
    let second = by_host(&first);
    governance.put_in_force(&second, &[GLOBEX, INITECH]);
    let opens = next(&second, |next| {
        next.newcomers = Newcomers::All;
        next.participants.insert(org(40), Access::Full);
    });
    governance.must(&charter_note(&opens));
    let globex = consent(&opens, GLOBEX, AT.plus_millis(DAY_MILLIS));
    let hooli = consent(&opens, 40, AT.plus_millis(DAY_MILLIS));
    for yes in [&globex, &hooli] {
        governance.must(&GovernanceNote::Consent(yes.clone()));
    }
    governance.must(&withdrawal(&second, GLOBEX));
    governance.must(&seal(&opens, &[&globex, &hooli], AT));
    assert!(
        !governance.takes_part(org(GLOBEX)),
        "leaving beats a yes that does not name it"
    );
    assert!(!governance.may_hand_body(org(GLOBEX), second.hash(), org(40)));
    assert!(governance.may_hand_body(us(), second.hash(), org(40)));
}

#[test]
fn the_digest_names_a_set() {
    let first = first();
    let consents = [GLOBEX, INITECH].map(|root| consent(&first, root, AT.plus_millis(DAY_MILLIS)));
    let charter = charter_note(&first);
    let mut one = Governance::local(us());
    let mut other = Governance::local(us());
    let empty = one.digest();
    one.must(&charter);
    assert_ne!(one.digest(), empty);
    other.must(&charter);
    for consent in &consents {
        one.must(&GovernanceNote::Consent(consent.clone()));
    }
    for consent in consents.iter().rev() {
        other.must(&GovernanceNote::Consent(consent.clone()));
    }
    assert_eq!(one.digest(), other.digest());
}

#[test]
fn a_host_alone_can_not_make_us_keep_without_end() {
    let (mut governance, first) = governed(GLOBEX);
    let long = "x".repeat(250);
    let mut before = Charter {
        project: Some(long.parse().expect("short")),
        ..first
    };
    let mut kept: usize = 0;
    // The bound itself is too far to reach here one revision after the other.
    for _ in 0..50 {
        before = taking(governance.newest().map_or(&before, Revision::charter));
        governance.put_in_force(&before, &[]);
        kept = governance.notes().map(|(_, bytes)| bytes.len()).sum();
    }
    assert!(kept < GOVERNANCE_BYTES_MAX);
    governance.notes.push((
        NoteHash([1; 32]),
        vec![0; GOVERNANCE_BYTES_MAX - kept].into(),
    ));
    let more = taking(governance.newest().expect("many").charter());
    assert_eq!(governance.told(&charter_note(&more)), Err(Breach::Full));
    assert_eq!(
        governance.learn(&withdrawal(&before, GLOBEX), us()),
        Ok(Learned::InForce)
    );
}

mod consents;
mod ending;
mod loading;
mod vectors;
