//! Writing: runs, incarnations, checkpoints, and what participants are told of the time before.

use foedus_policy::id::{ChannelId, IncarnationId};
use foedus_policy::time::{DAY_MILLIS, Now};

use crate::batch::CommitOutcome;
use crate::bounds::{RUN_BYTES_MAX, RUN_ENTRIES_MAX};
use crate::channel::{Refused, Text, Verb};
use crate::checkpoint::Checkpoint;
use crate::entry::{Header, LogId};
use crate::keys::ChannelKeys;
use crate::kind::{Body, Class, Kind};
use crate::steploop::Failure;
use crate::stored::{Record, Run, StoredEntry};
use crate::testing::{World, post};

fn log(world: &World, at: usize, channel: ChannelId, incarnation: IncarnationId) -> LogId {
    LogId {
        channel,
        origin: world.id(at),
        incarnation,
    }
}

fn runs(world: &World, at: usize, log: LogId) -> Vec<Run> {
    let rows = world.sides[at].read(&ChannelKeys(log.channel).runs_from(log, 0, usize::MAX));
    rows.iter()
        .map(|(key, value)| Run::from_value(key, value).expect("it reads"))
        .collect()
}

fn entries(world: &World, at: usize, log: LogId) -> Vec<StoredEntry> {
    runs(world, at, log)
        .into_iter()
        .flat_map(|run| run.entries)
        .collect()
}

fn body(entry: &StoredEntry) -> Body {
    let header = Header::decode(&entry.header).expect("it reads");
    let kind = header.known_kind().expect("we wrote it");
    let body = entry.body.as_ref().expect("it is ours");
    Body::decode(kind, &header.class, &body.bytes).expect("it reads")
}

#[test]
fn one_run_goes_on_in_its_incarnation_and_another_begins_one_and_closes_it() {
    let (mut world, channel) = World::shared(2);
    let first = world.post(0, channel, "one").first;
    // The scope is forgotten and loaded again, within the same run.
    world.sides[0].outcomes.push_back(CommitOutcome::Conflict);
    let second = world.post(0, channel, "two").first;
    assert_eq!(
        (second.incarnation, second.sequence),
        (first.incarnation, first.sequence + 1)
    );
    let same_run = world.sides[0].run;
    world.restart_as(0, same_run);
    let third = world.post(0, channel, "three").first;
    assert_eq!(third.incarnation, first.incarnation);
    world.restart(0);
    let fourth = world.post(0, channel, "four").first;
    assert_ne!(fourth.incarnation, first.incarnation);
    let opened = &entries(&world, 0, log(&world, 0, channel, fourth.incarnation))[0];
    let Body::Opened(opened) = body(opened) else {
        panic!("the first entry opens")
    };
    let closed: Vec<_> = opened
        .closes
        .iter()
        .map(|row| (row.incarnation, row.size))
        .collect();
    assert_eq!(closed, [(first.incarnation, third.sequence + 1)]);
    let view = world.sides[0].view(channel);
    let old = &view.logs[&log(&world, 0, channel, first.incarnation)];
    assert_eq!(old.closed_at, Some(old.size()));
    assert_eq!(opened.closes[0].root, old.frontier.root());
}

/// Nobody knows whether it was stored: nothing is ever written at its place again.
#[test]
fn after_an_unknown_outcome_another_incarnation_begins() {
    let (mut world, channel) = World::shared(2);
    let before = world.post(0, channel, "one").first;
    world.sides[0].outcomes.push_back(CommitOutcome::Unknown);
    assert_eq!(
        world.try_post(0, channel, "two"),
        Err(Refused::Failed(Failure::Unknown))
    );
    let after = world.post(0, channel, "three").first;
    assert_ne!(after.incarnation, before.incarnation);
}

#[test]
fn a_full_disk_is_answered_and_costs_no_word() {
    let (mut world, channel) = World::shared(2);
    let before = world.post(0, channel, "one").first;
    world.sides[0].outcomes.push_back(CommitOutcome::DiskFull);
    assert_eq!(
        world.try_post(0, channel, "two"),
        Err(Refused::Failed(Failure::DiskFull))
    );
    let after = world.post(0, channel, "three").first;
    assert_eq!(
        (after.incarnation, after.sequence),
        (before.incarnation, before.sequence + 1)
    );
    assert_eq!(
        world.sides[1].view(channel).logs,
        world.sides[1].view(channel).logs
    );
}

#[test]
fn runs_are_short_and_each_tile_has_its_hash() {
    let (mut world, channel) = World::shared(2);
    let text = |bytes: usize| Text {
        text: "x".repeat(bytes),
        reply_to: None,
    };
    let mut first = None;
    for (count, bytes) in [
        (1, 10),
        (40, 10),
        (17, 600),
        (3, 9_000),
        (256, 1),
        (5, 4_000),
    ] {
        let posted = world.ask(0, channel, Verb::Post(vec![text(bytes); count]));
        first.get_or_insert(posted.expect("it is stored").first);
    }
    let id = log(&world, 0, channel, first.expect("posted").incarnation);
    let mut next = 0;
    for run in runs(&world, 0, id) {
        assert_eq!(run.first, next);
        assert!((1..=RUN_ENTRIES_MAX).contains(&run.entries.len()));
        let size: usize = run.to_value().len();
        assert!(
            run.entries.len() == 1 || size <= RUN_BYTES_MAX + 1024,
            "{size}"
        );
        next += run.entries.len() as u64;
    }
    let head = &world.sides[0].view(channel).logs[&id];
    assert_eq!(next, head.size());
    let (claimed, _) = Checkpoint::claimed(&head.checkpoint).expect("a checkpoint");
    assert_eq!(
        (claimed.size, claimed.root),
        (head.size(), head.frontier.root())
    );
    let tiles = world.sides[0].read(&ChannelKeys(channel).tiles(id, 0, u64::MAX));
    assert_eq!(tiles.len() as u64, head.size() / 256);
}

/// Sharing begins another incarnation that closes none, and says anew who is here.
#[test]
fn sharing_tells_nothing_of_the_time_before() {
    let mut world = World::peered(2);
    let channel = world.open(0, "ours");
    let local = world.post(0, channel, "among us").first;
    world.offer(0, 1, channel);
    let meanwhile = world.post(0, channel, "still among us").first;
    assert_eq!(meanwhile.incarnation, local.incarnation);
    world.approve_all(1, "theirs");
    let shared = world.post(0, channel, "to all").first;
    assert_ne!(shared.incarnation, local.incarnation);
    let entries = entries(&world, 0, log(&world, 0, channel, shared.incarnation));
    let Body::Opened(opened) = body(&entries[0]) else {
        panic!("the first entry opens")
    };
    assert!(opened.closes.is_empty());
    let joined = entries
        .iter()
        .filter(|entry| matches!(body(entry), Body::Joined { .. }));
    assert_eq!(joined.count(), 1);
    assert!(
        entries
            .iter()
            .any(|entry| matches!(body(entry), Body::Note(_))),
        "the seal is in the log"
    );
    assert_eq!(entries[0].verdict, 0);
    let class = Header::decode(&entries[0].header).expect("it reads");
    assert_eq!(
        (class.class, class.kind),
        (Class::Control, Kind::Opened.number())
    );
}

/// One request is one entry, however often it is asked for a day.
#[test]
fn an_idempotency_key_is_good_for_a_day() {
    let (mut world, channel) = World::shared(2);
    let ask = |world: &mut World, text| world.ask_once(0, channel, post(text), Some("key"));
    let first = ask(&mut world, "once").expect("it is stored");
    let again = ask(&mut world, "once").expect("it is answered");
    assert!(again.repeated && again.first == first.first);
    assert_eq!(ask(&mut world, "twice"), Err(Refused::KeyReused));
    world.pass(20 * 3_600_000);
    assert!(ask(&mut world, "once").expect("it is answered").repeated);
    for _ in 0..3 {
        world.pass(DAY_MILLIS);
    }
    assert!(!ask(&mut world, "once").expect("it is stored").repeated);
}

/// The clock leaps, either way, and is put right: a request from before that, or from while it was wrong, is
/// known after it. In a channel that is shared, the clock's pause refuses them.
#[test]
fn a_clock_that_leaps_and_is_put_right_repeats_nothing() {
    let (mut world, _) = World::shared(2);
    let channel = world.open(0, "kitchen");
    let ask = |world: &mut World, key| world.ask_once(0, channel, post("once"), Some(key));
    let right = world.now.wall;
    for (key, leapt) in [
        ("back", right.minus_millis(224 * DAY_MILLIS)),
        ("ahead", right.plus_millis(224 * DAY_MILLIS)),
    ] {
        let before = ask(&mut world, "before").expect("it is stored");
        world.now.wall = leapt;
        world.pass(1);
        let wrong = ask(&mut world, key).expect("it is stored");
        world.now.wall = right;
        world.pass(1);
        for (key, first) in [("before", before.first), (key, wrong.first)] {
            let again = ask(&mut world, key).expect("it is answered");
            assert!(again.repeated && again.first == first, "{key}");
        }
    }
}

/// A turn begins between the naming of reads and their answer.
#[test]
fn a_turn_of_answers_stops_nobody() {
    use crate::channel::{Input, Request};
    use crate::message::ReplyTo;
    use crate::steploop::{Answer, Ask};
    let (mut world, channel) = World::shared(2);
    let request = Request {
        verb: post("late"),
        idempotency: Some("key".to_owned()),
        entropy: [1; 32],
    };
    let input = Input::Request {
        reply: ReplyTo(1),
        actor: world.actor(0),
        request,
    };
    let now = Now {
        wall: world.now.wall.plus_millis(DAY_MILLIS),
        ..world.now
    };
    let side = &mut world.sides[0];
    let rows = |side: &crate::testing::Side, ask: Option<Ask>| match ask {
        Some(Ask::Read(reads)) => Answer::Rows(reads.iter().map(|read| side.read(read)).collect()),
        other => panic!("{other:?}"),
    };
    let mut steps = side.channels.remove(&channel).expect("it is loaded");
    // In one step: what the request reads is named before the tick begins a turn.
    steps.push(Input::Tick);
    steps.push(input);
    let mut out = Vec::new();
    let ask = steps.advance(now, None, &mut out);
    let answer = rows(side, ask);
    assert!(matches!(
        steps.advance(now, Some(answer), &mut out),
        Some(Ask::Commit(_))
    ));
}

#[test]
fn what_the_organisation_said_outlasts_what_makes_the_channel_be_read_again() {
    let (mut world, channel) = World::shared(2);
    for outcome in [CommitOutcome::DiskFull, CommitOutcome::Unknown] {
        for at in [0, 1] {
            world.sides[at].outcomes = [outcome].into();
            let failed = world.try_post(at, channel, "lost, perhaps");
            assert!(matches!(failed, Err(Refused::Failed(_))), "{failed:?}");
            // The member joined after the channel's loop was made.
            world.post(at, channel, "kept");
        }
    }
}
