//! Whom is asked for what, and what is done when a store knows less than its partners.

use foedus_policy::id::{ChannelId, EntryRef, OrgId};
use foedus_policy::vocabulary::Access;

use crate::bounds::HEADS_EXAMINED_MAX;
use crate::channel::Reject;
use crate::examples::GLOBEX;
use crate::frame::{Cursor, Frame, Subscribe};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::{Body, Head};
use crate::note::NoteType;
use crate::stored::{Record, Run, Taken};
use crate::testing::{Forger, HANDLES, World, newest, remove, revise};

pub(super) fn asked(world: &World, at: usize, of: usize) -> Subscribe {
    let partner = world.id(of);
    let frames = world.sides[at].sent.iter().rev();
    let mut asked = frames.filter_map(|(to, frame)| match frame {
        Frame::Subscribe(subscribe) if *to == partner => Some(subscribe.clone()),
        _ => None,
    });
    asked.next().expect("it subscribed")
}

fn sizes(world: &World, at: usize, channel: ChannelId) -> Vec<(u64, [u8; 32])> {
    let logs = &world.sides[at].view(channel).logs;
    let shared = logs.iter().filter(|(_, log)| log.is_shared());
    shared
        .map(|(_, log)| (log.size(), log.frontier.root()))
        .collect()
}

fn check_same(world: &World, channel: ChannelId) {
    for at in 1..world.sides.len() {
        assert_eq!(
            sizes(world, 0, channel),
            sizes(world, at, channel),
            "0 and {at}"
        );
    }
}

/// Globex states a root that the log with `posted` never had.
fn false_statement(world: &World, channel: ChannelId, posted: EntryRef) -> Forger {
    let revision = newest(world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    forger.append(&Body::Heads(vec![Head {
        origin: posted.origin,
        incarnation: posted.incarnation,
        size: 1,
        root: [0xee; 32],
    }]));
    forger
}

#[test]
fn one_holder_is_asked_for_whom_there_is_no_link_with() {
    let (mut world, _) = World::shared(4);
    for other in 1..4 {
        let nobody: Vec<_> = Vec::new();
        assert_eq!(asked(&world, 0, other).relayed, nobody);
    }
    world.disconnect(3, 0);
    world.settle();
    // Org ids decide between those who are left; the host, if it is there, comes first.
    let of_third = |world: &World| -> Vec<usize> {
        (1..3)
            .filter(|other| asked(world, 0, *other).relayed.contains(&world.id(3)))
            .collect()
    };
    assert_eq!(of_third(&world).len(), 1);
    assert!(
        asked(&world, 3, 1).relayed.contains(&world.id(0))
            != asked(&world, 3, 2).relayed.contains(&world.id(0))
    );
    world.connect(3, 0);
    assert!(of_third(&world).is_empty());
}

#[test]
fn words_come_by_whoever_holds_them() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(0, 1);
    world.settle();
    world.post(1, channel, "by way of Initech");
    world.post(0, channel, "the same way back");
    check_same(&world, channel);
}

/// Who was left out by a revision, or was only proposed, is not chosen to relay.
#[test]
fn who_takes_no_part_is_not_asked() {
    let (mut world, channel) = World::shared(4);
    for removed in [1, 2] {
        remove(&mut world, channel, removed);
    }
    world.disconnect(0, 3);
    world.settle();
    world.tick();
    let third = world.id(3);
    for removed in [1, 2] {
        world.sides[0].sent.clear();
        world.tick();
        let to = world.id(removed);
        let asked = world.sides[0].sent.iter().any(|(org, frame)| {
            *org == to && matches!(frame, Frame::Subscribe(s) if s.relayed.contains(&third))
        });
        assert!(!asked);
    }
    assert!(
        world.sides[0]
            .rejects
            .iter()
            .all(|(_, reject)| *reject != Reject::NotACarrier)
    );
}

/// Headers alone would take the place of what their origin brings later, bodies and all.
#[test]
fn who_holds_no_bodies_is_not_asked_by_whoever_may_read() {
    let (mut world, channel) = World::shared(3);
    let second = world.id(1);
    revise(&mut world, channel, |next| {
        next.participants.insert(second, Access::PostOnly);
    });
    world.disconnect(0, 2);
    world.settle();
    let posted = world.post(0, channel, "for those who may read");
    world.pass(1_000);
    let held = |world: &World| {
        let logs = &world.sides[2].view(channel).logs;
        let log = logs
            .iter()
            .find(|(id, _)| id.incarnation == posted.first.incarnation);
        log.map_or(0, |(_, log)| log.size())
    };
    assert!(held(&world) <= posted.first.sequence);
    world.connect(0, 2);
    assert!(held(&world) > posted.first.sequence);
}

/// What somebody wrote before it was left out still comes, from whoever holds it.
#[test]
fn words_from_before_a_removal_arrive_after_it() {
    let (mut world, channel) = World::shared(3);
    // Initech has no link with Globex, and the host's is cut before it hears.
    world.disconnect(1, 2);
    world.settle();
    world.hold(0, 2);
    world.post(1, channel, "before I go");
    remove(&mut world, channel, 1);
    world.deliver(0, 2);
    world.disconnect(0, 2);
    world.settle();
    world.connect(0, 2);
    world.pass(5_000);
    assert_eq!(sizes(&world, 0, channel), sizes(&world, 2, channel));
    assert!(
        !newest(&world, channel)
            .expect("sealed")
            .participants
            .contains_key(&world.id(1))
    );
}

/// A cursor that another run of another store gave means nothing: what is held is said instead.
#[test]
fn a_cursor_that_means_nothing_is_answered_and_forgotten() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "one");
    let us = world.id(0);
    let key = ChannelKeys(channel).taken(us);
    let of_another = Taken {
        run: [0xee; 16],
        arrival: 7,
        relayed: crate::channel::relays::relayed_digest(&[]),
    };
    world.disconnect(0, 1);
    world.settle();
    world.sides[1].store.insert(key, of_another.to_value());
    world.restart(1);
    world.post(0, channel, "two");
    world.connect(0, 1);
    let unknown = |frame: &Frame| matches!(frame, Frame::UnknownCursor(_));
    assert!(world.sides[0].sent.iter().any(|(_, frame)| unknown(frame)));
    world.pass(1_000);
    check_same(&world, channel);
}

/// Cursors of several runs of one store stay good.
#[test]
fn positions_survive_restarts_of_who_gave_them() {
    let (mut world, channel) = World::shared(2);
    for run in 0..5 {
        world.post(0, channel, "hello");
        world.restart_as(0, 100 + run);
        world.sides[0].sent.clear();
        world.connect(0, 1);
        world.post(1, channel, "and back");
        let unknown = |frame: &Frame| matches!(frame, Frame::UnknownCursor(_));
        assert!(
            !world.sides[0].sent.iter().any(|(_, frame)| unknown(frame)),
            "run {run}"
        );
    }
    check_same(&world, channel);
    assert!(matches!(asked(&world, 1, 0).cursor, Some(Cursor { .. })));
}

/// An old copy of the store was put back: a partner holds words of ours that we lost, and gives
/// them back; we write on in another log.
#[test]
fn own_words_come_back_after_an_old_store_was_put_back() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "kept");
    let old = world.sides[0].store.clone();
    let lost = world.post(0, channel, "lost").first;
    world.sides[0].store = old;
    world.restart(0);
    let again = world.post(0, channel, "after").first;
    assert_ne!(
        again.incarnation, lost.incarnation,
        "nothing is written twice"
    );
    world.connect(0, 1);
    for _ in 0..3 {
        world.pass(1_000);
    }
    check_same(&world, channel);
    let log = crate::entry::LogId {
        channel,
        origin: lost.origin,
        incarnation: lost.incarnation,
    };
    let held = &world.sides[0].view(channel).logs[&log];
    assert!(held.size() > lost.sequence);
    assert!(!held.is_frozen());
}

/// A run that ends before all is given back: the partner follows what arrives here by now, and
/// does not say again what it holds.
#[test]
fn own_words_come_back_also_over_a_restart() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "kept");
    let old = world.sides[0].store.clone();
    world.post(0, channel, "lost");
    world.sides[0].store = old;
    world.restart(0);
    world.hold(1, 0);
    world.connect(0, 1);
    for _ in 0..10 {
        let frames = world.held.insert((1, 0), Vec::new()).unwrap_or_default();
        for frame in frames {
            if !matches!(frame, Frame::Entries(_)) {
                world.send(1, 0, frame);
            }
        }
        world.pass(1_000);
    }
    world.disconnect(0, 1);
    world.settle();
    world.held.clear();
    world.restart(0);
    world.connect(0, 1);
    for _ in 0..3 {
        world.pass(1_000);
    }
    check_same(&world, channel);
    assert!(
        !world.sides[0]
            .store
            .contains_key(&ChannelKeys(channel).lost(world.id(1)))
    );
}

fn has_body(world: &World, at: usize, channel: ChannelId, entry: EntryRef) -> bool {
    let rows = world.sides[at].read(&ChannelKeys(channel).run_of(entry));
    let run = rows.first().and_then(|(key, value)| {
        let run = Run::from_value(key, value).ok()?;
        let index = usize::try_from(entry.sequence.checked_sub(run.first)?).ok()?;
        run.entries.into_iter().nth(index)
    });
    run.is_some_and(|entry| entry.body.is_some())
}

fn held(world: &World, at: usize, channel: ChannelId, entry: EntryRef) -> bool {
    let logs = &world.sides[at].view(channel).logs;
    let log = logs
        .iter()
        .find(|(id, _)| id.incarnation == entry.incarnation);
    log.is_some_and(|(_, log)| log.size() > entry.sequence)
}

/// Who may only post holds headers of our words. It gives them back once those who hold the bodies
/// gave back what they have: before, it would take their place.
#[test]
fn own_words_come_back_with_their_bodies_if_anybody_holds_these() {
    let (mut world, channel) = World::shared(3);
    let second = world.id(1);
    revise(&mut world, channel, |next| {
        next.participants.insert(second, Access::PostOnly);
    });
    world.post(0, channel, "kept");
    let old = world.sides[0].store.clone();
    world.hold(0, 2);
    let read = world.post(0, channel, "read by the third").first;
    world.deliver(0, 2);
    world.disconnect(0, 2);
    world.disconnect(1, 2);
    world.settle();
    let unread = world.post(0, channel, "read by nobody").first;
    world.sides[0].store = old;
    world.restart(0);
    world.connect(0, 1);
    for _ in 0..3 {
        world.pass(1_000);
    }
    assert!(!held(&world, 0, channel, read));
    world.connect(0, 2);
    world.connect(1, 2);
    for _ in 0..5 {
        world.pass(1_000);
    }
    assert!(has_body(&world, 0, channel, read));
    assert!(
        held(&world, 0, channel, unread),
        "that it was said is known"
    );
    check_same(&world, channel);
    for other in 1..3 {
        let lost = ChannelKeys(channel).lost(world.id(other));
        assert!(!world.sides[0].store.contains_key(&lost));
    }
}

/// Who states another root than ours is asked for what it holds of that log. If it has no bodies,
/// what it brings is compared, and takes the place of nothing.
#[test]
fn headers_that_are_asked_for_in_doubt_are_not_taken() {
    let (mut world, channel) = World::shared(3);
    let second = world.id(1);
    revise(&mut world, channel, |next| {
        next.participants.insert(second, Access::PostOnly);
    });
    let posted = world.post(0, channel, "one").first;
    let forger = false_statement(&world, channel, posted);
    let subscription = world.subscription(2, 1, channel);
    world.send(1, 2, forger.frame(subscription, 100, vec![forger.whole()]));
    world.pass(1_000);
    assert!(asked(&world, 2, 1).relayed.contains(&world.id(0)));
    world.hold(0, 2);
    let posted = world.post(0, channel, "two").first;
    world.pass(1_000);
    assert!(held(&world, 1, channel, posted));
    assert!(!held(&world, 2, channel, posted));
    world.deliver(0, 2);
    assert!(has_body(&world, 2, channel, posted));
}

/// A statement that another relayed is looked into as well, once there is a link with who made it.
#[test]
fn a_doubt_waits_for_whom_it_is_about() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(1, 2);
    world.settle();
    let posted = world.post(0, channel, "one").first;
    let forger = false_statement(&world, channel, posted);
    let subscription = world.subscription(2, 0, channel);
    world.send(0, 2, forger.frame(subscription, 100, vec![forger.whole()]));
    world.pass(1_000);
    world.sides[2].sent.clear();
    world.connect(1, 2);
    let (host, second) = (world.id(0), world.id(1));
    let asks = |(to, frame): &(OrgId, Frame)| match frame {
        Frame::Subscribe(subscribe) => *to == second && subscribe.relayed.contains(&host),
        _ => false,
    };
    assert!(world.sides[2].sent.iter().any(asks));
}

/// Who states many heads at once does not hide one of them among the others.
#[test]
fn no_statement_is_hidden_among_others() {
    let (mut world, channel) = World::shared(4);
    // Rows are stated in the order of their origins: the last one is looked for.
    let (decoys, hidden) = match world.id(2) < world.id(3) {
        true => (2, 3),
        false => (3, 2),
    };
    let (seed, _) = HANDLES[decoys];
    let posted = world.post(hidden, channel, "one").first;
    let revision = newest(&world, channel).expect("sealed").hash();
    let begun = Hlc::at(world.now.wall);
    let mut rows = Vec::new();
    for number in 0..HEADS_EXAMINED_MAX {
        let incarnation = u8::try_from(number).expect("few");
        let mut decoy = Forger::new(seed, channel, incarnation, revision, begun);
        decoy.post("nobody looks at me");
        let subscription = world.subscription(0, decoys, channel);
        let frame = decoy.frame(subscription, 100 + number as u64, vec![decoy.whole()]);
        world.send(decoys, 0, frame);
        rows.push(Head {
            origin: decoy.log.origin,
            incarnation: decoy.log.incarnation,
            size: 1,
            root: decoy.checkpoint_root(1),
        });
    }
    rows.push(Head {
        origin: posted.origin,
        incarnation: posted.incarnation,
        size: 1,
        root: [0xee; 32],
    });
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, begun);
    forger.append(&Body::Heads(rows));
    let frame = forger.frame(world.subscription(0, 1, channel), 100, vec![forger.whole()]);
    world.send(1, 0, frame);
    for _ in 0..3 {
        world.pass(1_000);
    }
    assert!(asked(&world, 0, 1).relayed.contains(&world.id(hidden)));
}
