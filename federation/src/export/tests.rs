//! Exports of a small world: what honest daemons export is genuine, and whatever is done to it
//! afterwards is found, in its place, whoever did it.

use foedus_policy::id::{ChannelId, EntryRef, OrgId};

use super::line::FIRST;
use super::*;
use crate::batch::Reading;
use crate::channel::Verb;
use crate::checkpoint::Checkpoint;
use crate::entry::Header;
use crate::examples::{ACME, AT, GLOBEX, key, sign_seed};
use crate::frame::{RawBody, RawEntry};
use crate::kind::{Body, Kind};
use crate::testing::{END, Forger, World};
use crate::tree::Frontier;

fn exported(world: &World, at: usize, channel: ChannelId, bodies: Bodies) -> Vec<u8> {
    let side = &world.sides[at];
    let view = std::sync::Arc::new(side.view(channel).clone());
    let mut export = ChannelExport::new(view, side.snapshot.clone(), bodies);
    let (mut bytes, mut rows) = (Vec::new(), Vec::new());
    loop {
        match export
            .advance(std::mem::take(&mut rows))
            .expect("undamaged")
        {
            Reading::Read(reads) => rows = reads.iter().map(|read| side.read(read)).collect(),
            Reading::Ready(Some(lines)) => bytes.extend(lines),
            Reading::Ready(None) => break,
        }
    }
    bytes.extend(export.statement(AT, &side.keys));
    bytes
}

fn verified(bytes: &[u8]) -> Report {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let mut claims = Claims::default();
    lines().for_each(|line| claims.line(line));
    let mut verifier = Verifier::new(claims);
    lines().for_each(|line| verifier.line(line, line.len() as u64));
    verifier.finish()
}

#[track_caller]
fn genuine(bytes: &[u8]) -> Report {
    let report = verified(bytes);
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    assert!(report.is_genuine(), "{faults:#?}");
    report
}

/// Posts, an answer, an edit, reactions, something taken back, and the end.
fn conversation() -> (World, ChannelId) {
    let (mut world, channel) = World::shared(2);
    let first = world.post(0, channel, "hello").first;
    let answer = Verb::Post(vec![crate::channel::Text {
        text: "good morning".to_owned(),
        reply_to: Some(first),
    }]);
    let answer = world.ask(1, channel, answer).expect("answered").first;
    let edit = |target: EntryRef, text: &str| Verb::Edit {
        target,
        text: text.to_owned(),
    };
    let react = |target: EntryRef, on: bool| Verb::React {
        target,
        emoji: "👍".to_owned(),
        on,
    };
    world.ask(0, channel, edit(first, "hello!")).expect("own");
    world.ask(1, channel, react(first, true)).expect("given");
    world.ask(0, channel, react(answer, true)).expect("given");
    world.ask(0, channel, react(answer, false)).expect("given");
    let wrong = world.post(1, channel, "the password is 1234").first;
    world
        .ask(1, channel, edit(wrong, "the password is 4321"))
        .expect("own");
    let retract = Verb::Retract { target: wrong };
    world.ask(1, channel, retract).expect("own");
    world.pass(61_000);
    world.pass(61_000);
    (world, channel)
}

fn ended() -> (World, ChannelId) {
    let (mut world, channel) = conversation();
    world.pass(END.0 - world.now.wall.0);
    world.pass(61_000);
    (world, channel)
}

/// As small as an export can be that has a charter and two logs.
fn small() -> Vec<u8> {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "hello");
    exported(&world, 1, channel, Bodies::Shown)
}

fn lines_of(bytes: &[u8]) -> Vec<Line> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').skip(1);
    lines
        .map(|line| Line::read(line).0.expect("a line"))
        .collect()
}

/// What the exporter itself would have written, had it exported these lines.
fn stated(lines: &[Line], channel: ChannelId, exporter: u8) -> Vec<u8> {
    let mut text = format!("{FIRST}\n");
    let all = lines
        .iter()
        .filter(|line| !matches!(line, Line::Statement(_)));
    text.extend(all.map(Line::write));
    let export = Export {
        org: crate::examples::org(exporter),
        channel: Some(channel),
        at: AT,
        digest: sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&text))
            .into(),
    };
    let note = export.sign(&key(sign_seed(exporter))).expect("signed");
    text.push_str(&Line::Statement(note.bytes().to_vec()).write());
    text.into_bytes()
}

#[test]
fn both_sides_of_a_whole_conversation_are_genuine() {
    let (world, channel) = ended();
    for at in 0..2 {
        let report = genuine(&exported(&world, at, channel, Bodies::Shown));
        assert_eq!(report.channel, Some(channel));
        assert_eq!(report.exporter, Some(world.id(at)));
        assert_eq!((report.revisions, report.missing.len()), (1, 0));
        let [acme, globex] = [0, 1].map(|at| &report.organisations[&world.id(at)]);
        assert_eq!(
            (acme.handle.as_str(), globex.handle.as_str()),
            ("acme.example", "globex.example")
        );
        // What was taken back, and the other text that it had.
        assert_eq!((acme.absent, globex.absent), (0, 2));
        assert_eq!((acme.void, globex.void), (0, 0));
        assert!(
            acme.entries > 5 && globex.entries > 5,
            "{acme:?} {globex:?}"
        );
        assert!(acme.first.is_some_and(|first| Some(first) < acme.last));
    }
}

#[test]
fn what_was_taken_back_goes_out_only_where_all_is_asked_for() {
    let (world, channel) = ended();
    let texts = |bodies| {
        let lines = lines_of(&exported(&world, 0, channel, bodies));
        let bodies = lines.into_iter().filter_map(|line| match line {
            Line::Entry(entry) => entry.body,
            _ => None,
        });
        let bodies: Vec<u8> = bodies.flat_map(|body| body.bytes).collect();
        String::from_utf8_lossy(&bodies).into_owned()
    };
    let shown = texts(Bodies::Shown);
    assert!(shown.contains("good morning") && !shown.contains("password"));
    assert!(texts(Bodies::Held).contains("password is 1234"));
    assert!(texts(Bodies::Held).contains("password is 4321"));
    let report = genuine(&exported(&world, 0, channel, Bodies::Held));
    assert!(
        report
            .organisations
            .values()
            .all(|contents| contents.absent == 0)
    );
}

#[test]
fn nothing_of_our_own_is_in_an_export() {
    let (world, channel) = ended();
    let bytes = exported(&world, 0, channel, Bodies::Held);
    let lines = lines_of(&bytes);
    let mut plain = Vec::new();
    for line in lines {
        match line {
            Line::Identity(bytes) | Line::Note(bytes) | Line::Checkpoint(bytes) => {
                plain.extend(bytes);
            }
            Line::Entry(entry) => plain.extend(entry.body.into_iter().flat_map(|body| body.bytes)),
            _ => {}
        }
    }
    let plain = String::from_utf8_lossy(&plain).to_lowercase();
    let name = world.sides[0].snapshot.state.channels()[&channel]
        .name
        .to_string();
    // The project is called "Launch" in the charter; the channel's name stands nowhere else.
    assert_eq!(name, "launch");
    assert_eq!(
        plain.matches("launch").count(),
        plain.matches("project: \"launch\"").count()
    );
    assert!(plain.contains("anna@acme.example") && !plain.contains("mem_"));
}

/// What another implementation reads, or writes from the same parts.
#[test]
fn the_small_export_is_as_in_its_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../tests/vectors/exports/channel.foedus");
    if std::env::var("FOEDUS_WRITE_VECTORS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, small()).expect("the vectors can be written");
    }
    let file = std::fs::read(&path).expect("the vector is there");
    assert_eq!(file, small(), "it differs from what is written today");
    genuine(&file);
}

#[test]
fn every_changed_byte_is_found_in_its_line() {
    let bytes = small();
    genuine(&bytes);
    let mut line = 1;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let report = verified(&changed);
        let found = report.faults.first();
        let found = found.unwrap_or_else(|| panic!("byte {at} in line {line} was not missed"));
        assert_eq!(found.line, line, "byte {at}: {found}");
        line += u64::from(bytes[at] == b'\n');
    }
}

/// Whoever has an export can write it anew, checks and all, but for the exporter's signature.
#[test]
fn checks_that_are_made_anew_do_not_hide_a_change() {
    let bytes = small();
    let lines = lines_of(&bytes);
    for index in 0..lines.len() - 1 {
        for changed in changes(&lines[index]) {
            let mut lines = lines.clone();
            lines[index] = changed;
            let text: String = lines.iter().map(Line::write).collect();
            let report = verified(format!("{FIRST}\n{text}").as_bytes());
            // Without its identity the exporter's word counts for nothing.
            let told = |fault: &Fault| {
                matches!(fault.wrong, Wrong::Digest { .. } | Wrong::NoIdentity { .. })
            };
            assert!(report.faults.iter().any(told), "line {}", index + 2);
        }
    }
}

/// The line with a byte of what it holds changed: each in turn, or every few where there are many.
fn changes(line: &Line) -> Vec<Line> {
    let each = |bytes: &[u8], made: &dyn Fn(Vec<u8>) -> Line| -> Vec<Line> {
        let step = if bytes.len() > 200 { 11 } else { 1 };
        let flipped = (0..bytes.len()).step_by(step).map(|at| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            made(bytes)
        });
        flipped.collect()
    };
    match line {
        Line::Channel(channel) => each(channel.as_bytes(), &|bytes| {
            Line::Channel(ChannelId(bytes.try_into().expect("as long")))
        }),
        Line::Identity(bytes) => each(bytes, &Line::Identity),
        Line::Note(bytes) => each(bytes, &Line::Note),
        Line::Checkpoint(bytes) => each(bytes, &Line::Checkpoint),
        Line::Log {
            origin,
            incarnation,
            entries,
        } => {
            let other = |origin: OrgId, incarnation, entries| Line::Log {
                origin,
                incarnation,
                entries,
            };
            let mut mine = origin.0;
            mine[31] ^= 1;
            let mut others = *incarnation;
            others.0[15] ^= 1;
            vec![
                other(OrgId(mine), *incarnation, *entries),
                other(*origin, others, *entries),
                other(*origin, *incarnation, entries - 1),
                other(*origin, *incarnation, entries + 1),
            ]
        }
        Line::Entry(RawEntry { header, body }) => {
            let with = |header: Vec<u8>| {
                let body = body.clone();
                Line::Entry(RawEntry { header, body })
            };
            let mut all = each(header, &with);
            if let Some(RawBody { salt, bytes }) = body {
                let whole = [salt, bytes.as_slice()].concat();
                all.extend(each(&whole, &|whole| {
                    let (salt, bytes) = whole.split_first_chunk().expect("a salt");
                    Line::Entry(RawEntry {
                        header: header.clone(),
                        body: Some(RawBody {
                            salt: *salt,
                            bytes: bytes.to_vec(),
                        }),
                    })
                }));
            }
            all
        }
        Line::Proof(_) | Line::Fork(_) | Line::Statement(_) => Vec::new(),
    }
}

/// The exporter itself signs what it changed: its word is no proof of what others said.
#[test]
fn an_exporter_that_changes_what_was_signed_is_found() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "hello");
    let lines = lines_of(&exported(&world, 1, channel, Bodies::Shown));
    genuine(&stated(&lines, channel, GLOBEX));
    for index in 0..lines.len() - 1 {
        for (number, changed) in changes(&lines[index]).into_iter().enumerate() {
            let mut lines = lines.clone();
            lines[index] = changed;
            let report = verified(&stated(&lines, channel, GLOBEX));
            assert!(
                !report.is_genuine(),
                "change {number} of line {}",
                index + 2
            );
        }
    }
}

#[test]
fn cut_moved_doubled_and_added_lines_are_found() {
    let (world, channel) = ended();
    let bytes = exported(&world, 0, channel, Bodies::Shown);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let broken = |lines: Vec<&[u8]>, what: &str, line: usize| {
        let report = verified(&lines.concat());
        assert!(!report.is_genuine(), "line {} was {what}", line + 1);
    };
    for at in 0..lines.len() {
        broken(lines[..at].to_vec(), "cut off, and all after it", at);
        let without = [&lines[..at], &lines[at + 1..]].concat();
        broken(without, "taken out", at);
        let doubled = [&lines[..=at], &lines[at..]].concat();
        broken(doubled, "doubled", at);
        let added = [&lines[..at], &[lines[1]], &lines[at..]].concat();
        broken(added, "added before", at);
        for other in at + 1..lines.len() {
            let mut moved = lines.clone();
            moved.swap(at, other);
            broken(moved, "moved", at);
        }
    }
    for at in (0..bytes.len()).step_by(97) {
        assert!(
            !verified(&bytes[..at]).is_genuine(),
            "cut off after {at} bytes"
        );
    }
    assert_eq!(verified(&bytes[..0]).faults.len(), 1, "nothing at all");
}

/// The exporter leaves a whole log out, and signs that: nothing that is there is forged, and what is
/// not there is told from what others stated.
#[test]
fn what_is_left_out_is_told() {
    let (world, channel) = ended();
    let lines = lines_of(&exported(&world, 0, channel, Bodies::Shown));
    let globex = world.id(1);
    let mut of_globex = false;
    let kept = lines.into_iter().filter(|line| {
        match line {
            Line::Log { origin, .. } => of_globex = *origin == globex,
            Line::Statement(_) => of_globex = false,
            _ => {}
        }
        !of_globex
    });
    let kept: Vec<Line> = kept.collect();
    let report = genuine(&stated(&kept, channel, ACME));
    let [missing] = report.missing.as_slice() else {
        panic!("{:?}", report.missing)
    };
    assert_eq!((missing.origin, missing.from), (globex, 0));
    let whole = genuine(&exported(&world, 1, channel, Bodies::Shown));
    assert_eq!(missing.to, whole.organisations[&globex].entries);
}

/// The lines with other texts in all posts of an organisation, which signs its logs anew.
fn written_anew(lines: Vec<Line>, origin: OrgId) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let (mut checkpoint, mut frontier) = (None, Frontier::EMPTY);
    for line in lines {
        if let Line::Log { origin: of, .. } = line {
            checkpoint = (of == origin).then_some(out.len() + 1);
            frontier = Frontier::EMPTY;
        }
        let (Line::Entry(mut entry), Some(at)) = (line.clone(), checkpoint) else {
            out.push(line);
            continue;
        };
        let mut header = Header::decode(&entry.header).expect("a header");
        if header.kind == Kind::Post.number() {
            let said = Body::Post {
                text: "I never said that".to_owned(),
                reply_to: None,
            };
            let (salt, bytes) = ([9; 32], said.encode().expect("short"));
            header.commitment = crate::entry::commitment(&salt, &bytes);
            entry.header = header.encode();
            entry.body = Some(RawBody { salt, bytes });
        }
        frontier.append_header(&entry.header);
        let signed = Checkpoint {
            log: header.log,
            size: frontier.size(),
            root: frontier.root(),
        };
        let signed = signed.sign(&key(sign_seed(ACME)));
        out[at] = Line::Checkpoint(signed.bytes().to_vec());
        out.push(Line::Entry(entry));
    }
    out
}

/// The exporter writes its own log anew, under its own key: who saw the other history said so.
#[test]
fn a_history_that_its_own_origin_wrote_anew_is_contradicted() {
    let (world, channel) = conversation();
    let (acme, globex) = (world.id(0), world.id(1));
    let lines = lines_of(&exported(&world, 0, channel, Bodies::Shown));
    let anew = written_anew(lines, acme);
    let report = verified(&stated(&anew, channel, ACME));
    assert!(!report.faults.is_empty());
    for fault in &report.faults {
        let by_globex = matches!(fault.wrong, Wrong::Contradicted { by, .. } if by == globex);
        assert!(by_globex, "{fault}");
        assert!(
            matches!(fault.place, Place::Log(origin, _) if origin == acme),
            "{fault}"
        );
    }
}

fn forger(world: &World, channel: ChannelId) -> Forger {
    let governance = &world.sides[0].view(channel).governance;
    let revision = governance.newest().expect("shared").hash();
    let hlc = crate::hlc::Hlc::at(world.now.wall);
    Forger::new(GLOBEX, channel, 0xee, revision, hlc)
}

#[test]
fn evidence_of_two_histories_is_exported_and_holds() {
    let (mut world, channel) = World::shared(2);
    let mut one = forger(&world, channel);
    let mut other = one.clone();
    one.post("one");
    other.post("another");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, one.frame(subscription, 100, vec![one.whole()]));
    world.send(1, 0, other.frame(subscription, 101, vec![other.whole()]));
    let bytes = exported(&world, 0, channel, Bodies::Shown);
    assert_eq!(genuine(&bytes).forks, [one.log]);
    // Evidence against somebody is signed by them: nobody makes it up.
    let mut lines = lines_of(&bytes);
    let fork = lines.iter_mut().find_map(|line| match line {
        Line::Fork(bytes) => Some(bytes),
        _ => None,
    });
    *fork.expect("there is one").last_mut().expect("not empty") ^= 1;
    let report = verified(&stated(&lines, channel, ACME));
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].wrong.id(), "FORK_INVALID");
    assert_eq!(report.forks, []);
}

/// Void entries are counted by the rules by which each daemon came to the same.
#[test]
fn what_counts_for_nobody_is_counted() {
    let (mut world, channel) = World::shared(2);
    let target = world.post(0, channel, "mine").first;
    let mut forger = forger(&world, channel);
    forger.append(&Body::Edit {
        target,
        text: "theirs".to_owned(),
    });
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    for (bodies, void, absent) in [(Bodies::Held, 1, 0), (Bodies::Shown, 0, 1)] {
        let report = genuine(&exported(&world, 0, channel, bodies));
        let globex = &report.organisations[&world.id(1)];
        assert_eq!((globex.void, globex.absent), (void, absent));
        assert_eq!(
            globex.not_judged, absent,
            "without its body it may be void or not"
        );
    }
}

#[test]
fn a_local_channel_proves_itself_too() {
    let (mut world, _) = World::shared(2);
    let channel = world.open(0, "kitchen");
    world.join(0, channel);
    world.post(0, channel, "tea?");
    let report = genuine(&exported(&world, 0, channel, Bodies::Shown));
    assert_eq!((report.revisions, report.notes), (0, 0));
    assert_eq!(report.organisations.len(), 1);
    // Once it is shared, what was said before goes nowhere.
    world.offer(0, 1, channel);
    world.approve_all(1, "kitchen");
    world.post(0, channel, "for both");
    let shared = exported(&world, 0, channel, Bodies::Held);
    genuine(&shared);
    let said = lines_of(&shared).into_iter().filter_map(|line| match line {
        Line::Entry(entry) => entry.body.map(|body| body.bytes),
        _ => None,
    });
    let said: Vec<u8> = said.flatten().collect();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("for both") && !said.contains("tea?"));
}

#[test]
fn many_entries_come_in_pieces_of_their_order() {
    let (mut world, channel) = World::shared(2);
    for number in 0..600 {
        world.post(
            number % 2,
            channel,
            &format!("{number} {}", "x".repeat(300)),
        );
    }
    let report = genuine(&exported(&world, 1, channel, Bodies::Shown));
    let entries = report
        .organisations
        .values()
        .map(|contents| contents.entries);
    assert!(entries.sum::<u64>() > 600);
}
