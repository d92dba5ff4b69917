//! How a channel ends: by which note, for whom, and which of several counts.

use super::*;

fn record(charter: &Charter, root: u8, cause: EndCause) -> GovernanceNote {
    let record = DisconnectRecord {
        channel: charter.channel,
        org: org(root),
        revision: charter.hash(),
        cause,
        at: AT,
        logs: heads(&[ACME]),
    };
    GovernanceNote::DisconnectRecord(signed(&record, root))
}

#[test]
fn it_ends_by_each_cause_and_only_for_whom_it_should() {
    let (governance, first) = governed(ACME);
    let cause = |governance: &Governance, at| governance.ended(at).map(|ended| ended.cause);
    let end = first.end.expect("it ends");
    assert_eq!(cause(&governance, end.minus_millis(1)), None);
    assert_eq!(cause(&governance, end), Some(EndCause::End));

    let mut left = governance.clone();
    left.must(&withdrawal(&first, GLOBEX));
    assert_eq!(cause(&left, AT), None, "others leave");
    assert!(!left.takes_part(org(GLOBEX)));
    assert_eq!(
        left.told(&withdrawal(&taking(&first), GLOBEX)),
        Err(Breach::OutOfPlace)
    );

    let (mut leaves, _) = governed(GLOBEX);
    leaves.must(&withdrawal(&first, GLOBEX));
    assert_eq!(cause(&leaves, AT), Some(EndCause::Withdrawal));

    let termination = Termination {
        channel: first.channel,
        host: org(INITECH),
        revision: first.hash(),
        heads: heads(&[ACME]),
        at: AT,
    };
    let mut ended = governance.clone();
    let forged = GovernanceNote::Termination(signed(&termination, INITECH));
    assert_eq!(
        ended.told(&forged),
        Err(Breach::Rule),
        "only the host ends it for all"
    );
    assert_eq!(cause(&ended, AT), None);
    let by_host = Termination {
        host: us(),
        ..termination
    };
    ended.must(&GovernanceNote::Termination(signed(&by_host, ACME)));
    assert_eq!(cause(&ended, AT), Some(EndCause::Termination));

    let mut recorded = governance.clone();
    recorded.must(&record(&first, GLOBEX, EndCause::End));
    assert_eq!(cause(&recorded, AT), None, "their record ends nothing here");
    recorded.must(&record(&first, ACME, EndCause::Disconnect));
    assert_eq!(
        cause(&recorded, AT),
        Some(EndCause::Disconnect),
        "our own says it for ever"
    );

    let mut disconnected = governance;
    disconnected.disconnect(AT);
    assert_eq!(cause(&disconnected, AT), Some(EndCause::Disconnect));
}

/// What came too late changes nothing about an end.
#[test]
fn an_ended_channel_is_not_opened_by_a_later_seal() {
    let (mut governance, first) = governed(GLOBEX);
    let longer = next(&first, |next| next.end = None);
    governance.must(&record(&first, GLOBEX, EndCause::End));
    let after = first.end.expect("it ends").plus_millis(1);
    governance.put_in_force(&longer, &[GLOBEX, INITECH]);
    assert!(governance.ended(after).is_some());
    assert!(!governance.is_open(AT));
}

/// Whoever signs many withdrawals with other heads in each comes to the same everywhere: the first
/// count, in whatever order they are heard of.
#[test]
fn of_many_withdrawals_the_first_count_for_all() {
    let (governance, first) = governed(ACME);
    let withdrawals: Vec<_> = (0..WITHDRAWALS_PER_ORG_MAX as u64 + 3)
        .map(|number| {
            let mut heads = heads(&[GLOBEX]);
            for head in heads.values_mut() {
                head.size = 100 - number;
            }
            let note = Withdrawal {
                channel: first.channel,
                org: org(GLOBEX),
                revision: first.hash(),
                heads,
                at: AT.plus_millis(number),
            };
            GovernanceNote::Withdrawal(signed(&note, GLOBEX))
        })
        .collect();
    let (mut forwards, mut backwards) = (governance.clone(), governance);
    for note in &withdrawals {
        forwards.told(note).ok();
    }
    for note in withdrawals.iter().rev() {
        backwards.must(note);
    }
    assert_eq!(forwards.digest(), backwards.digest());
    let ((_, incarnation), _) = heads(&[GLOBEX]).pop_first().expect("one");
    let size = |governance: &Governance| governance.final_size(org(GLOBEX), incarnation);
    assert_eq!(size(&forwards), size(&backwards));
    assert_eq!(
        size(&forwards),
        101 - WITHDRAWALS_PER_ORG_MAX as u64,
        "what was signed after those is not held"
    );
    // Words that the others voided have to be looked at again.
    assert_eq!(backwards.least_head(org(GLOBEX), incarnation), 0);
}

/// Whoever got an old copy of its data back may end a channel twice: everybody keeps the first
/// end, in whatever order the two are heard of.
#[test]
fn of_two_ends_the_first_counts_for_all() {
    let (governance, first) = governed(ACME);
    let termination = |at| {
        let note = Termination {
            channel: first.channel,
            host: us(),
            revision: first.hash(),
            heads: heads(&[ACME]),
            at,
        };
        GovernanceNote::Termination(signed(&note, ACME))
    };
    let later = AT.plus_millis(DAY_MILLIS);
    let (early, late) = (termination(AT), termination(later));
    let mut forwards = governance.clone();
    forwards.must(&early);
    assert_eq!(forwards.told(&late), Err(Breach::OutOfPlace));
    let mut backwards = governance.clone();
    backwards.must(&late);
    backwards.must(&early);
    assert!(!backwards.holds(late.hash()));
    assert_eq!(forwards.digest(), backwards.digest());
    assert_eq!(forwards.ended(later), backwards.ended(later));
}

/// Each record is true of its time; nobody makes us keep them without end.
#[test]
fn few_records_of_one_organisation_are_kept() {
    let (mut governance, first) = governed(ACME);
    let at = |number: u64| {
        let note = DisconnectRecord {
            channel: first.channel,
            org: org(GLOBEX),
            revision: first.hash(),
            cause: EndCause::End,
            at: AT.plus_millis(number),
            logs: heads(&[ACME]),
        };
        GovernanceNote::DisconnectRecord(signed(&note, GLOBEX))
    };
    for number in (0..RECORDS_PER_ORG_MAX as u64).rev() {
        governance.must(&at(number));
    }
    assert_eq!(governance.told(&at(99)), Err(Breach::Rule));
    let latest = governance.record(org(GLOBEX)).expect("it is held");
    assert_eq!(latest.hash(), at(RECORDS_PER_ORG_MAX as u64 - 1).hash());
}
