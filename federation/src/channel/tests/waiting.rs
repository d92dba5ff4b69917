//! Entries that are stored and acknowledged, and shown later.

use foedus_policy::id::ChannelId;

use crate::bounds::{CLOCK_AHEAD_MILLIS_MAX, RELEASED_MAX, WAITING_PER_ORIGIN_MAX};
use crate::examples::GLOBEX;
use crate::frame::Frame;
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::stored::{Arrival, Record};
use crate::testing::{Forger, World};

/// A log of Globex whose clock is an hour ahead.
fn ahead(world: &World, channel: ChannelId, count: usize) -> Forger {
    let revision = world.sides[0]
        .view(channel)
        .governance
        .newest()
        .expect("sealed")
        .hash();
    let hour = Hlc::at(world.now.wall.plus_millis(3_600_000));
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, hour);
    for _ in 1..count {
        forger.post("from the future");
    }
    forger
}

fn shown_late(world: &World, channel: ChannelId) -> usize {
    let rows = world.sides[0].read(&ChannelKeys(channel).arrivals_after(0, usize::MAX));
    let arrivals = rows
        .iter()
        .map(|(key, value)| Arrival::from_value(key, value).expect("reads"));
    arrivals.filter(|arrival| arrival.shown_late == 1).count()
}

#[test]
fn what_is_ahead_of_our_clock_is_acknowledged_and_shown_once_when_due() {
    let (mut world, channel) = World::shared(2);
    let forger = ahead(&world, channel, 3);
    let subscription = world.subscription(0, 1, channel);
    world.sides[0].sent.clear();
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let acked = world.sides[0]
        .sent
        .iter()
        .any(|(_, frame)| matches!(frame, Frame::Ack(_)));
    assert!(acked);
    assert_eq!(world.sides[0].view(channel).waiting.len(), 3);
    assert!(world.sides[0].view(channel).is_waiting(forger.log.entry(1)));
    // A restart forgets nothing.
    world.restart(0);
    assert_eq!(world.sides[0].view(channel).waiting.len(), 3);
    world.pass(3_600_000 - CLOCK_AHEAD_MILLIS_MAX - 1_000);
    assert_eq!(shown_late(&world, channel), 0);
    world.pass(1_001);
    assert!(world.sides[0].view(channel).waiting.is_empty());
    assert_eq!(shown_late(&world, channel), 3);
    world.pass(60_000);
    assert_eq!(shown_late(&world, channel), 3, "once");
}

/// Whatever a partner's clock says, ours is moved by five minutes at most.
#[test]
fn nobody_moves_our_clock_far() {
    let (mut world, channel) = World::shared(2);
    let forger = ahead(&world, channel, 2);
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let posted = world.post(0, channel, "now");
    let latest = world.now.wall.plus_millis(CLOCK_AHEAD_MILLIS_MAX + 1);
    assert!(posted.hlc.wall() <= latest);
}

#[test]
fn nobody_makes_us_remember_without_end() {
    let (mut world, channel) = World::shared(2);
    let forger = ahead(&world, channel, WAITING_PER_ORIGIN_MAX + 300);
    let subscription = world.subscription(0, 1, channel);
    let (mut first, mut number, mut withheld) = (0, 100, 0);
    while first < forger.size() {
        let end = forger.size().min(first + 256);
        let part = forger.part(first, end, end);
        world.sides[0].sent.clear();
        world.send(1, 0, forger.frame(subscription, number, vec![part]));
        withheld += world.sides[0]
            .sent
            .iter()
            .map(|(_, frame)| match frame {
                Frame::Ack(ack) => ack.withheld,
                _ => 0,
            })
            .sum::<u32>();
        (first, number) = (end, number + 1);
    }
    let view = world.sides[0].view(channel);
    assert_eq!(view.waiting.len(), WAITING_PER_ORIGIN_MAX);
    assert_eq!(withheld, 300, "and its carrier hears it");
    // What becomes due at once comes out a little at a time.
    world.pass(3_600_000);
    assert_eq!(shown_late(&world, channel), RELEASED_MAX);
    world.pass(1_000);
    assert_eq!(shown_late(&world, channel), 2 * RELEASED_MAX);
}
