//! An exported audit log: whole or in part it proves itself, and every change is found.

use foedus_policy::action::Action;
use foedus_policy::state::PartnerMode;

use super::*;
use crate::examples::AT;
use crate::export::{Fault, Wrong};
use crate::key::SigningKey;
use crate::keys;
use crate::kind::Body;
use crate::org::{audit_stand_read, read_audit_raw, read_audit_stand};
use crate::org_store::{StoredOutcome, read_audit};
use crate::steploop::Rows;
use crate::testing::World;

/// The lines of an organisation's audit log, those left out of which it is said.
fn exported(world: &World, left_out: impl Fn(u64) -> bool) -> Vec<AuditLine> {
    let side = &world.sides[0];
    let stand = read_audit_stand(&side.read(&audit_stand_read()));
    let stand = stand.expect("readable").expect("it has begun");
    let rows: Rows = (1..=stand.entries)
        .flat_map(|number| side.read(&crate::batch::Read::Get(keys::audit_run(number))))
        .collect();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("notes are text");
    let notes = side.keys.identity.notes().iter();
    let mut lines = vec![AuditLine::Head {
        org: side.id,
        identity: notes.map(|note| text(note.bytes())).collect(),
        entries: stand.entries,
        checkpoint: text(&stand.checkpoint),
    }];
    for (key, value) in rows {
        let (number, mut raw) = read_audit_raw(&key, &value).expect("readable");
        let entry = crate::entry::Entry::read(raw.clone()).expect("ours");
        let mut shown = match &entry.body {
            Some(Body::Custom { bytes, .. }) => Some(shown_of(bytes)),
            _ => None,
        };
        if shown.is_some() && left_out(number) {
            (shown, raw.body) = (None, None);
        }
        lines.push(AuditLine::Entry {
            sequence: number - 1,
            shown,
            raw,
        });
    }
    lines
}

fn shown_of(body: &[u8]) -> AuditShown {
    let said = read_audit(body).expect("readable");
    AuditShown {
        at: said.at,
        actor: said.actor,
        action: said.verb,
        subject: said.object,
        rule: match said.outcome {
            StoredOutcome::Done => String::new(),
            StoredOutcome::Denied { reason } => reason,
        },
        partner: String::new(),
        details: said.details,
        count: 1,
    }
}

fn stated(world: &World, mut lines: Vec<AuditLine>) -> Vec<(String, Option<AuditLine>)> {
    let mut digest = AuditDigest::default();
    lines.retain(|line| !matches!(line, AuditLine::Statement(_)));
    lines
        .iter()
        .for_each(|line| digest.update(line.write().as_bytes()));
    let statement = digest.statement(AT, &world.sides[0].keys);
    let note: String = statement
        .trim_end()
        .strip_prefix("{\"statement\":\"")
        .and_then(|rest| rest.strip_suffix("\"}"))
        .map(|note| note.replace("\\n", "\n").replace("\\u2014", "—"))
        .expect("a statement");
    lines.push(AuditLine::Statement(note));
    lines
        .into_iter()
        .map(|line| (line.write(), Some(line)))
        .collect()
}

fn verified(lines: &[(String, Option<AuditLine>)]) -> AuditReport {
    let mut verifier = AuditVerifier::default();
    for (bytes, line) in lines {
        verifier.line(bytes.as_bytes(), line.clone(), bytes.len() as u64);
    }
    verifier.finish()
}

#[track_caller]
fn genuine(lines: &[(String, Option<AuditLine>)]) -> AuditReport {
    let report = verified(lines);
    let faults: Vec<String> = report.faults.iter().map(Fault::to_string).collect();
    assert!(report.is_genuine(), "{faults:#?}");
    report
}

/// Acts of two runs of the daemon, one of them denied.
fn world() -> World {
    let mut world = World::peered(2);
    world.restart(0);
    let mode = PartnerMode::Nobody;
    world.act(0, Action::SetPartnerMode { mode });
    let stranger = Action::ResumePartner {
        partner: world.id(0),
    };
    let actor = world.administrator(0);
    world
        .try_act(0, actor, stranger)
        .expect_err("nobody's partner");
    world
}

#[test]
fn all_of_it_is_proven_by_one_signature() {
    let world = world();
    let report = genuine(&stated(&world, exported(&world, |_| false)));
    assert_eq!(report.org, Some(world.id(0)));
    assert_eq!((report.incarnations, report.absent), (2, 0));
    assert_eq!(report.shown + report.incarnations, report.entries);
}

#[test]
fn what_is_left_out_is_proven_to_be_there() {
    let world = world();
    let lines = stated(&world, exported(&world, |number| number % 2 == 0));
    let report = genuine(&lines);
    assert!(report.absent > 0 && report.shown > 0);
    let whole = genuine(&stated(&world, exported(&world, |_| false)));
    assert_eq!(report.entries, whole.entries);
}

/// A log begins with the act that made the organisation. Of an export without any entry nothing would be proven.
#[test]
fn an_export_without_entries_is_not_genuine() {
    let world = world();
    let mut lines = exported(&world, |_| false);
    lines.retain(|line| !matches!(line, AuditLine::Entry { .. }));
    for line in &mut lines {
        if let AuditLine::Head { entries, .. } = line {
            *entries = 0;
        }
    }
    let report = verified(&stated(&world, lines));
    assert!(!report.is_genuine());
    assert_eq!(report.faults[0].wrong.id(), "LOG_NOT_OPENED");
}

/// The organisation itself changes what was signed, and signs the export: each change is found.
#[test]
fn what_was_signed_can_not_be_changed_afterwards() {
    let world = world();
    let lines = exported(&world, |_| false);
    let mut changed = 0;
    for index in 1..lines.len() {
        let AuditLine::Entry { shown, raw, .. } = &lines[index] else {
            panic!("all but the first are entries")
        };
        let with = |line: AuditLine, what: &str| {
            let mut lines = lines.clone();
            lines[index] = line;
            let report = verified(&stated(&world, lines));
            assert!(!report.is_genuine(), "{what} of line {}", index + 1);
        };
        let made = |shown: Option<AuditShown>, raw: RawEntry| AuditLine::Entry {
            sequence: index as u64 - 1,
            shown,
            raw,
        };
        for at in (0..raw.header.len()).step_by(3) {
            let mut raw = raw.clone();
            raw.header[at] ^= 1;
            with(made(shown.clone(), raw), "a byte of the header");
        }
        let body = raw.body.as_ref().expect("all are there");
        for at in (0..body.bytes.len()).step_by(3) {
            let mut raw = raw.clone();
            raw.body.as_mut().expect("as before").bytes[at] ^= 1;
            with(made(shown.clone(), raw), "a byte of the body");
        }
        let Some(shown) = shown else { continue };
        let mut other = shown.clone();
        other.action.push('x');
        with(made(Some(other), raw.clone()), "the action");
        let mut other = shown.clone();
        other.rule.push('X');
        with(made(Some(other), raw.clone()), "the rule");
        with(made(None, raw.clone()), "what it says, left out,");
        let mut without = lines.clone();
        without.remove(index);
        let report = verified(&stated(&world, without));
        assert!(!report.is_genuine(), "line {} was taken out", index + 1);
        changed += 1;
    }
    assert!(changed > 3);
}

/// Whoever else has the export changes a name in it.
#[test]
fn every_byte_is_the_exporters() {
    let world = world();
    let lines = stated(&world, exported(&world, |_| false));
    genuine(&lines);
    let mut other = lines.clone();
    let Some(AuditLine::Entry {
        shown: Some(shown), ..
    }) = &mut other[2].1
    else {
        panic!("an act")
    };
    shown.actor = "mallory@acme.example".to_owned();
    other[2].0 = other[2].1.as_ref().map(AuditLine::write).expect("there");
    let faults = verified(&other).faults;
    assert!(matches!(
        faults[..],
        [Fault {
            wrong: Wrong::Digest { .. },
            ..
        }]
    ));
    // Signed again, by a key that is not the organisation's.
    let forged = SigningKey::from_seed(&[99; 32]);
    let keys = OurKeys {
        sign: forged,
        ..(*world.sides[0].keys).clone()
    };
    let mut digest = AuditDigest::default();
    for (line, _) in &other[..other.len() - 1] {
        digest.update(line.as_bytes());
    }
    let mut verifier = AuditVerifier::default();
    for (bytes, line) in &other[..other.len() - 1] {
        verifier.line(bytes.as_bytes(), line.clone(), bytes.len() as u64);
    }
    let statement = digest.statement(AT, &keys);
    verifier.line(statement.as_bytes(), None, statement.len() as u64);
    assert!(!verifier.finish().is_genuine());
    // Lines that are cut off, doubled or moved.
    for at in 0..lines.len() {
        assert!(!verified(&lines[..at]).is_genuine(), "cut off at {at}");
        let doubled = [&lines[..=at], &lines[at..]].concat();
        assert!(!verified(&doubled).is_genuine(), "line {} doubled", at + 1);
        let mut moved = lines.clone();
        moved.swap(at, (at + 1) % lines.len());
        assert!(!verified(&moved).is_genuine(), "line {} moved", at + 1);
    }
}

#[test]
fn a_line_is_plain_ascii_whatever_it_says() {
    let line = AuditLine::Entry {
        sequence: 7,
        shown: Some(AuditShown {
            at: AT,
            actor: "\u{1b}[2J\"\\".to_owned(),
            action: "member.add".to_owned(),
            subject: "Zoë 👍\n".to_owned(),
            rule: String::new(),
            partner: String::new(),
            details: vec![("a".to_owned(), "\u{202e}".to_owned())],
            count: 1,
        }),
        raw: RawEntry {
            header: vec![1, 2, 3],
            body: None,
        },
    };
    assert_eq!(
        line.write(),
        "{\"sequence\":7,\"at\":\"2026-11-22T09:30:00.000Z\",\"actor\":\"\\u001b[2J\\\"\\\\\",\
         \"action\":\"member.add\",\"subject\":\"Zo\\u00eb \\ud83d\\udc4d\\n\",\
         \"outcome\":\"done\",\"rule\":\"\",\"partner\":\"\",\"details\":{\"a\":\"\\u202e\"},\
         \"count\":1,\"header\":\"AQID\"}\n"
    );
}
