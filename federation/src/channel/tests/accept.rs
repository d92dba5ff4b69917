//! Taking what partners bring.

use foedus_policy::id::IncarnationId;

use super::between::renewed;
use crate::channel::{Log, Reject};
use crate::checkpoint::Fork;
use crate::entry::LogId;
use crate::examples::{GLOBEX, key};
use crate::frame::Frame;
use crate::hlc::Hlc;
use crate::key::VerifyingKey;
use crate::kind::ClosedLog;
use crate::message::{Govern, OrgInput};
use crate::testing::{Forger, World};

/// A second incarnation of Globex's log, which no daemon writes.
fn forger(world: &World, channel: foedus_policy::id::ChannelId) -> Forger {
    let revision = world.sides[0].view(channel).governance.newest();
    let revision = revision.expect("a charter is in force").hash();
    Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall))
}

fn shared_logs(
    world: &World,
    at: usize,
    channel: foedus_policy::id::ChannelId,
) -> Vec<(u64, [u8; 32])> {
    let view = world.sides[at].view(channel);
    let logs = view.logs.iter().filter(|(_, log)| log.is_shared());
    logs.map(|(_, log)| (log.size(), log.frontier.root()))
        .collect()
}

#[test]
fn three_hold_the_same() {
    let (mut world, channel) = World::shared(3);
    for at in 0..3 {
        world.post(at, channel, "hello");
    }
    assert_eq!(shared_logs(&world, 0, channel).len(), 3);
    assert_eq!(
        shared_logs(&world, 0, channel),
        shared_logs(&world, 1, channel)
    );
    assert_eq!(
        shared_logs(&world, 0, channel),
        shared_logs(&world, 2, channel)
    );
}

#[test]
fn the_same_part_again_changes_nothing() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("one");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let before = world.sides[0].store.clone();
    let batches = world.sides[0].batches.len();
    let acks = world.sides[0].sent.len();
    world.send(1, 0, forger.frame(subscription, 101, vec![forger.whole()]));
    assert!(world.sides[0].store == before);
    assert_eq!(
        world.sides[0].batches.len(),
        batches,
        "no disk is needed for nothing"
    );
    assert!(matches!(world.sides[0].sent[acks..], [(_, Frame::Ack(_))]));
}

#[test]
fn an_overlap_adds_what_is_new() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("one");
    forger.post("two");
    let subscription = world.subscription(0, 1, channel);
    world.send(
        1,
        0,
        forger.frame(subscription, 100, vec![forger.part(0, 2, 2)]),
    );
    world.send(
        1,
        0,
        forger.frame(subscription, 101, vec![forger.part(1, 3, 3)]),
    );
    let log = &world.sides[0].view(channel).logs[&forger.log];
    assert_eq!((log.size(), log.signed), (3, 3));
    assert_eq!(log.frontier, *forger.frontier());
}

/// A gap is asked for anew; whatever else the partner sent for the old subscription is ignored,
/// and its position is not taken.
#[test]
fn a_gap_moves_no_position() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("one");
    forger.post("two");
    let subscription = world.subscription(0, 1, channel);
    world.hold(0, 1);
    let with_cursor = |number: u64, parts, arrival| {
        let mut frame = forger.frame(subscription, number, parts);
        if let Frame::Entries(entries) = &mut frame {
            let run = foedus_policy::id::RunId([world.sides[1].run; 16]);
            entries.cursor = Some(crate::frame::Cursor { run, arrival });
        }
        frame
    };
    let gap = with_cursor(100, vec![forger.part(2, 3, 3)], 1_000);
    let empty = with_cursor(101, Vec::new(), 1_001);
    world.send(1, 0, gap);
    world.send(1, 0, empty);
    let taken = crate::keys::ChannelKeys(channel).taken(world.id(1));
    assert_eq!(world.sides[0].store.get(&taken), None);
    let asks = |world: &World| {
        let frames = world.held[&(0, 1)].iter();
        frames
            .filter(|frame| matches!(frame, Frame::Subscribe(_)))
            .count()
    };
    assert_eq!(asks(&world), 0, "not as often as the partner likes");
    world.pass(1_000);
    assert_eq!(asks(&world), 1);
    let frames = world.held.remove(&(0, 1)).expect("they are held");
    let acks = frames.iter().filter(|frame| matches!(frame, Frame::Ack(_)));
    assert_eq!(acks.count(), 0);
    let asked = frames.iter().find_map(|frame| match frame {
        Frame::Subscribe(subscribe) => Some(subscribe),
        _ => None,
    });
    assert!(asked.expect("it subscribes again").cursor.is_none());
}

/// The position is in the batch of the entries that it covers.
#[test]
fn entries_and_position_are_one_commit() {
    let (mut world, channel) = World::shared(2);
    let before = world.sides[0].batches.len();
    world.post(1, channel, "hello");
    let keys = crate::keys::ChannelKeys(channel);
    let taken = keys.taken(world.id(1));
    let with_run = world.sides[0].batches[before..].iter().find(|batch| {
        batch
            .puts
            .iter()
            .any(|(key, _)| key[33..].starts_with(b"r"))
    });
    let batch = with_run.expect("the entry was stored");
    assert!(batch.puts.iter().any(|(key, _)| *key == taken));
}

#[test]
fn two_checkpoints_of_one_size_freeze_with_evidence() {
    let (mut world, channel) = World::shared(2);
    let mut one = forger(&world, channel);
    let mut other = one.clone();
    one.post("one");
    other.post("another");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, one.frame(subscription, 100, vec![one.whole()]));
    world.send(1, 0, other.frame(subscription, 101, vec![other.whole()]));
    check_frozen(&world, channel, &one);
}

#[test]
fn another_entry_at_one_place_freezes_with_evidence() {
    let (mut world, channel) = World::shared(2);
    let mut one = forger(&world, channel);
    let mut other = one.clone();
    one.post("one");
    other.post("another");
    other.post("and more");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, one.frame(subscription, 100, vec![one.whole()]));
    world.send(1, 0, other.frame(subscription, 101, vec![other.whole()]));
    check_frozen(&world, channel, &one);
    one.post("more");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, one.frame(subscription, 102, vec![one.whole()]));
    assert_eq!(
        world.sides[0].view(channel).logs[&one.log].size(),
        2,
        "nothing more is taken"
    );
}

/// To sign each history up to a size of its own, and to hand out less than that, hides nothing: two
/// honest holders of different words under one number have the evidence as soon as they meet.
#[test]
fn histories_signed_beyond_what_is_handed_out_freeze_with_evidence() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(0, 2);
    world.settle();
    let mut one = forger(&world, channel);
    one.post("to both");
    let mut other = one.clone();
    for (forger, text) in [(&mut one, "one"), (&mut other, "another")] {
        for _ in 0..9 {
            forger.post(text);
        }
    }
    for (at, forger, size) in [(0, &one, 8), (2, &other, 11)] {
        let subscription = world.subscription(at, 1, channel);
        let frame = forger.frame(subscription, 100, vec![forger.part(0, 5, size)]);
        world.send(1, at, frame);
        assert_eq!(world.sides[at].view(channel).logs[&one.log].size(), 5);
    }
    world.disconnect(1, 0);
    world.disconnect(1, 2);
    world.connect(0, 2);
    // Each states in its own log what it holds of the others.
    for _ in 0..3 {
        world.pass(61_000);
    }
    check_frozen(&world, channel, &one);
}

/// Who leaves right after it told two histories is found out all the same.
#[test]
fn to_leave_hides_no_second_history() {
    let (mut world, channel) = World::shared(3);
    let one = {
        let mut one = forger(&world, channel);
        let mut other = one.clone();
        one.post("one");
        other.post("another");
        world.disconnect(0, 2);
        for (at, forger) in [(0, &one), (2, &other)] {
            let subscription = world.subscription(at, 1, channel);
            world.send(1, at, forger.frame(subscription, 100, vec![forger.whole()]));
        }
        one
    };
    world.govern(1, channel, Govern::Leave);
    world.settle();
    world.connect(0, 2);
    for _ in 0..3 {
        world.pass(61_000);
    }
    let is_frozen = |at: &usize| world.sides[*at].view(channel).logs[&one.log].is_frozen();
    assert!([0, 2].iter().any(is_frozen), "one of them has the evidence");
}

/// What one holds of a log comes from there to whoever has not got it, also if its origin could give it and does not.
#[test]
fn what_another_holds_is_asked_for() {
    let (mut world, channel) = World::shared(3);
    let mut forger = forger(&world, channel);
    forger.post("not for everybody");
    let subscription = world.subscription(2, 1, channel);
    let frame = forger.frame(subscription, 100, vec![forger.whole()]);
    world.send(1, 2, frame);
    for _ in 0..4 {
        world.pass(61_000);
    }
    let held = |at: usize| {
        world.sides[at]
            .view(channel)
            .logs
            .get(&forger.log)
            .map(Log::size)
    };
    assert_eq!((held(0), held(2)), (Some(2), Some(2)));
}

/// Of two histories one may stop before the other is as long: what was stated of it is remembered until it can be
/// compared.
#[test]
fn a_history_that_stops_is_compared_all_the_same() {
    let (mut world, channel) = World::shared(3);
    let mut one = forger(&world, channel);
    for _ in 0..7 {
        one.post("to both");
    }
    let mut other = one.clone();
    one.post("one");
    one.post("and no more");
    other.post("another");
    for (at, forger) in [(0, &one), (2, &other)] {
        let subscription = world.subscription(at, 1, channel);
        let frame = forger.frame(subscription, 100, vec![forger.whole()]);
        world.send(1, at, frame);
    }
    world.pass(61_000);
    other.post("goes on");
    other.post("and on");
    let subscription = world.subscription(2, 1, channel);
    let size = other.size();
    world.send(
        1,
        2,
        other.frame(subscription, 101, vec![other.part(9, size, size)]),
    );
    for _ in 0..4 {
        world.pass(61_000);
    }
    let frozen = |at: usize| world.sides[at].view(channel).logs[&one.log].is_frozen();
    assert!(frozen(0) || frozen(2));
}

/// Who has a key that its owner dropped freezes nothing by it.
#[test]
fn a_dropped_key_freezes_nothing() {
    let (mut world, channel) = World::shared(2);
    let said = OrgInput::PartnerSaid {
        partner: world.id(1),
        identity: Box::new(renewed(GLOBEX, "globex.example")),
        endpoints: None,
        peering: None,
    };
    world.push_org(0, said);
    world.settle();
    let stolen = forger(&world, channel);
    let mut one = Forger::of(key(99), stolen.log, stolen.revision, stolen.hlc);
    one.post("under the key that counts");
    for (number, forger) in [(100, &one), (101, &stolen)] {
        let subscription = world.subscription(0, 1, channel);
        let frame = forger.frame(subscription, number, vec![forger.whole()]);
        world.send(1, 0, frame);
    }
    let log = &world.sides[0].view(channel).logs[&one.log];
    assert_eq!((log.is_frozen(), log.size()), (false, 2));
}

/// Lines under a checkpoint that nobody knows are nothing that we remember.
#[test]
fn a_padded_checkpoint_is_kept_without_its_padding() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("a word");
    let mut part = forger.whole();
    let plain = part.checkpoint.len();
    let padding = data_encoding::BASE64.encode(&[7; 3000]);
    part.checkpoint
        .extend(format!("\u{2014} padding {padding}\n").into_bytes());
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![part]));
    let log = &world.sides[0].view(channel).logs[&forger.log];
    assert_eq!((log.size(), log.checkpoint.len()), (2, plain));
}

/// A log is written under one key: to write one history under each of two keys is to write two.
#[test]
fn one_log_under_two_keys_freezes_with_evidence() {
    let (mut world, channel) = World::shared(2);
    let one = forger(&world, channel);
    let said = OrgInput::PartnerSaid {
        partner: world.id(1),
        identity: Box::new(renewed(GLOBEX, "globex.example")),
        endpoints: None,
        peering: None,
    };
    world.push_org(0, said);
    world.settle();
    let mut other = Forger::of(key(99), one.log, one.revision, one.hlc);
    other.post("under another key");
    for (number, forger) in [(100, &one), (101, &other)] {
        let subscription = world.subscription(0, 1, channel);
        let frame = forger.frame(subscription, number, vec![forger.whole()]);
        world.send(1, 0, frame);
    }
    check_frozen(&world, channel, &one);
}

fn check_frozen(world: &World, channel: foedus_policy::id::ChannelId, forger: &Forger) {
    let log = &world.sides[0].view(channel).logs[&forger.log];
    assert!(log.is_frozen());
    let key = VerifyingKey::from_bytes(&log.key).expect("a key");
    let evidence = Fork::decode(&log.fork).expect("the evidence reads");
    assert_eq!(
        *evidence.verify(&key).expect("it stands on its own").log(),
        forger.log
    );
}

/// Whoever carries another's log can't make it look forked: it can't sign.
#[test]
fn a_carrier_freezes_nobody_elses_log() {
    let (mut world, channel) = World::shared(3);
    for text in ["one", "two", "three"] {
        world.post(1, channel, text);
    }
    // Initech carries what Globex wrote, since there is no link to Globex.
    world.disconnect(0, 1);
    world.settle();
    world.post(1, channel, "four");
    let part = world.part_of(2, channel, 1);
    let id = crate::entry::LogId {
        channel,
        origin: part.origin,
        incarnation: part.incarnation,
    };
    for at in 1..part.entries.len() {
        let mut changed = part.clone();
        let mut header = changed.entries[at].header.clone();
        let last = header.len() - 1;
        header[last] ^= 1;
        changed.entries[at].header = header;
        changed.entries[at].body = None;
        let subscription = world.subscription(0, 2, channel);
        let frame = Frame::Entries(crate::frame::Entries {
            channel,
            subscription,
            number: 200 + at as u64,
            cursor: None,
            parts: vec![changed],
        });
        world.send(2, 0, frame);
        assert!(
            !world.sides[0].view(channel).logs[&id].is_frozen(),
            "entry {at} was changed"
        );
    }
    assert!(
        world.sides[0]
            .rejects
            .contains(&(world.id(2), Reject::NotReconciled(id)))
    );
    world.post(1, channel, "five");
    let held = world.sides[0].view(channel).logs[&id].size();
    assert_eq!(held, world.sides[1].view(channel).logs[&id].size());
}

/// A checkpoint that says something untrue of the log, signed by its origin all the same.
fn with_wrong_root(forger: &Forger) -> crate::frame::RawPart {
    let mut part = forger.whole();
    let untrue = crate::checkpoint::Checkpoint {
        log: forger.log,
        size: forger.size(),
        root: [5; 32],
    };
    part.checkpoint = untrue.sign(&forger.key).bytes().to_vec();
    part
}

fn sent_of(world: &World, from: usize) -> (usize, usize) {
    let sent = &world.sides[0].sent[from..];
    let acks = sent
        .iter()
        .filter(|(_, sent)| matches!(sent, Frame::Ack(_)));
    let asks = sent
        .iter()
        .filter(|(_, sent)| matches!(sent, Frame::Subscribe(_)));
    (acks.count(), asks.count())
}

/// Not acknowledged, no position, and asked for again with the next tick.
#[test]
fn a_wrong_root_is_not_acknowledged() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("one");
    let subscription = world.subscription(0, 1, channel);
    let sent = world.sides[0].sent.len();
    let mut frame = forger.frame(subscription, 100, vec![with_wrong_root(&forger)]);
    if let Frame::Entries(entries) = &mut frame {
        let run = foedus_policy::id::RunId([world.sides[1].run; 16]);
        entries.cursor = Some(crate::frame::Cursor { run, arrival: 1000 });
    }
    world.send(1, 0, frame);
    let rejected = (world.id(1), Reject::NotReconciled(forger.log));
    assert!(world.sides[0].rejects.contains(&rejected));
    let logs = &world.sides[0].view(channel).logs;
    assert!(!logs.contains_key(&forger.log), "nothing of it is kept");
    let taken = crate::keys::ChannelKeys(channel).taken(world.id(1));
    assert_eq!(world.sides[0].store.get(&taken), None);
    assert_eq!(sent_of(&world, sent), (0, 0));
    world.pass(1_000);
    assert_eq!(sent_of(&world, sent).1, 1, "it is asked for again");
    // The true one is taken then.
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 1, vec![forger.whole()]));
    assert_eq!(world.sides[0].view(channel).logs[&forger.log].size(), 2);
}

/// Somebody with an untrue log does not silence those who hand it on.
#[test]
fn a_wrong_root_of_anothers_log_holds_nothing_else_up() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(0, 1);
    world.settle();
    let mut forger = forger(&world, channel);
    forger.post("one");
    let subscription = world.subscription(0, 2, channel);
    let wrong = with_wrong_root(&forger);
    world.send(2, 0, forger.frame(subscription, 100, vec![wrong]));
    let rejected = (world.id(2), Reject::NotReconciled(forger.log));
    assert!(world.sides[0].rejects.contains(&rejected));
    world.post(2, channel, "hello");
    assert_eq!(
        shared_logs(&world, 0, channel),
        shared_logs(&world, 2, channel)
    );
}

/// P7. Who closes a log of its own states what it was: another history of it is doubted at once.
#[test]
fn what_closes_a_log_is_compared_with_it() {
    for is_true in [true, false] {
        let (mut world, channel) = World::shared(2);
        let mut before = forger(&world, channel);
        before.post("one");
        before.post("two");
        let closed = ClosedLog {
            incarnation: before.log.incarnation,
            size: 2,
            root: match is_true {
                true => before.checkpoint_root(2),
                false => [9; 32],
            },
        };
        let log = LogId {
            incarnation: IncarnationId([0xf1; 16]),
            ..before.log
        };
        let (key, hlc) = (before.key.clone(), before.hlc);
        let after = Forger::closing(key, log, before.revision, hlc, vec![closed]);
        let subscription = world.subscription(0, 1, channel);
        let parts = vec![before.whole(), after.whole()];
        world.send(1, 0, before.frame(subscription, 100, parts));
        assert_eq!(world.sides[0].view(channel).logs[&log].size(), 1);
        let rejected = (world.id(1), Reject::NotReconciled(before.log));
        assert_eq!(world.sides[0].rejects.contains(&rejected), !is_true);
    }
}
