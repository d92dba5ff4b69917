use foedus_policy::id::{MemberId, OrgId};
use foedus_policy::reason::Reason;
use foedus_policy::state::Scopes;

use super::*;

const WHEN: Timestamp = Timestamp(1_700_000_000_123);

fn event(details: Vec<(&'static str, String)>) -> AuditEvent {
    AuditEvent {
        actor: Actor::System,
        verb: "channel.end",
        object: "chan_x".to_owned(),
        outcome: AuditOutcome::Done,
        details,
    }
}

fn noted(event: &AuditEvent) -> StoredAudit {
    read_audit(&audit_value(event, WHEN)).expect("it was written so")
}

#[test]
fn an_event_reads_back_as_text() {
    let (member, org) = (MemberId([1; 16]), OrgId([2; 32]));
    let actors = [
        (Actor::System, "system".to_owned()),
        (Actor::Partner(org), org.to_string()),
        (
            Actor::Member {
                member,
                scopes: Scopes::ALL,
            },
            member.to_string(),
        ),
        (
            Actor::Operator {
                uid: 1000,
                as_member: None,
            },
            "operator 1000".to_owned(),
        ),
        (
            Actor::Operator {
                uid: u32::MAX,
                as_member: Some(member),
            },
            format!("operator 4294967295 as {member}"),
        ),
    ];
    let details = vec![
        ("cause", "end\n\u{202E}".to_owned()),
        ("ended", String::new()),
    ];
    for (actor, expected) in actors {
        assert!(expected.len() <= AUDIT_NAME_BYTES_MAX);
        let noted = noted(&AuditEvent {
            actor,
            ..event(details.clone())
        });
        let StoredAudit {
            at,
            actor,
            verb,
            object,
            outcome,
            details,
        } = noted;
        assert_eq!((at, actor), (WHEN, expected));
        assert_eq!((verb.as_str(), object.as_str()), ("channel.end", "chan_x"));
        assert_eq!(outcome, StoredOutcome::Done);
        let expected = [("cause", "end\n\u{202E}"), ("ended", "")];
        assert_eq!(
            details,
            expected.map(|(name, value)| (name.into(), value.into()))
        );
    }
}

#[test]
fn every_rule_is_noted_by_its_whole_name() {
    for reason in Reason::ALL {
        let denied = AuditEvent {
            outcome: AuditOutcome::Denied(*reason),
            ..event(Vec::new())
        };
        let expected = StoredOutcome::Denied {
            reason: reason.id().to_owned(),
        };
        assert_eq!(noted(&denied).outcome, expected);
    }
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    // Three bytes a letter, so that the limit falls within one.
    let long = "€".repeat(100_000);
    let event = AuditEvent {
        object: long.clone(),
        ..event(vec![("name", long); 50])
    };
    assert!(audit_value(&event, WHEN).len() <= AUDIT_BODY_BYTES_MAX);
    let noted = noted(&event);
    let near = |text: &str, bytes_max: usize| {
        assert!(text.ends_with("€…") && text.len() <= bytes_max && text.len() + 3 > bytes_max);
    };
    near(&noted.object, AUDIT_OBJECT_BYTES_MAX);
    assert_eq!(noted.details.len(), AUDIT_DETAILS_COUNT_MAX);
    let (last, kept) = noted.details.split_last().expect("there are some");
    assert_eq!(*last, ("omitted".to_owned(), "44".to_owned()));
    kept.iter()
        .for_each(|(_, value)| near(value, AUDIT_DETAIL_BYTES_MAX));
}

#[test]
fn what_is_just_within_the_limits_is_kept_whole() {
    let object = "o".repeat(AUDIT_OBJECT_BYTES_MAX);
    let value = "v".repeat(AUDIT_DETAIL_BYTES_MAX);
    let details = vec![("name", value.clone()); AUDIT_DETAILS_COUNT_MAX];
    let noted = noted(&AuditEvent {
        object: object.clone(),
        ..event(details)
    });
    assert_eq!(noted.object, object);
    assert_eq!(
        noted.details,
        vec![("name".to_owned(), value); AUDIT_DETAILS_COUNT_MAX]
    );
}

#[test]
fn only_what_was_written_is_read() {
    let body = audit_value(&event(vec![("cause", "end".to_owned())]), WHEN);
    for length in 0..body.len() {
        assert!(read_audit(&body[..length]).is_err(), "{length} bytes");
    }
    assert_eq!(read_audit(&[]), Err(InvalidAudit::Empty));
    let longer = [body.as_slice(), b"\0"].concat();
    assert!(matches!(read_audit(&longer), Err(InvalidAudit::Layout(_))));
    let huge = vec![VERSION; AUDIT_BODY_BYTES_MAX + 1];
    assert!(matches!(
        read_audit(&huge),
        Err(InvalidAudit::TooLong { .. })
    ));
    let mut newer = body.clone();
    newer[0] = 2;
    assert_eq!(read_audit(&newer), Err(InvalidAudit::Version { found: 2 }));
    let mut spoilt = body;
    *spoilt.last_mut().expect("not empty") = 0xFF;
    assert!(matches!(read_audit(&spoilt), Err(InvalidAudit::Field(_))));
}
