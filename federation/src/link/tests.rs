//! One session with one partner: credit, turns, its beginning and its end.

use foedus_policy::action::Action;
use foedus_policy::id::ChannelId;
use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::EndCause;

use super::*;
use crate::batch::{CommitOutcome, Reading};
use crate::bounds::{CREDIT_BYTES_MAX, CREDIT_FRAMES_MAX, NOTES_AGAIN_MILLIS_MIN, PAGE_BYTES_MAX};
use crate::channel::Log;
use crate::channel::{Text, Verb};
use crate::entry::LogId;
use crate::examples::GLOBEX;
use crate::frame::{Notes, Subscribe};
use crate::hlc::Hlc;
use crate::testing::{END, Forger, World};

fn big(count: usize) -> Verb {
    let text = Text {
        text: "x".repeat(16 * 1024),
        reply_to: None,
    };
    Verb::Post(vec![text; count])
}

fn entries(world: &World, from: usize) -> Vec<(ChannelId, usize)> {
    let frames = world.sides[from].sent.iter();
    frames
        .filter_map(|(_, frame)| match frame {
            Frame::Entries(entries) => {
                let parts = entries.parts.iter().flat_map(|part| &part.entries);
                let bytes = parts.map(|entry| {
                    entry.header.len() + entry.body.as_ref().map_or(0, |body| body.bytes.len() + 32)
                });
                Some((entries.channel, bytes.sum()))
            }
            _ => None,
        })
        .collect()
}

/// Several channels with much to say, and a partner that acknowledges nothing.
fn unacknowledged() -> (World, Vec<ChannelId>) {
    let (mut world, first) = World::shared(2);
    let mut channels = vec![first];
    for name in ["b", "c", "d"] {
        let channel = world.share(0, 1, name);
        world.join(0, channel);
        channels.push(channel);
    }
    world.hold(1, 0);
    world.sides[0].sent.clear();
    for _ in 0..4 {
        for channel in &channels {
            world.ask(0, *channel, big(15)).expect("it is stored");
        }
    }
    (world, channels)
}

#[test]
fn no_more_is_sent_than_credit_allows() {
    let (mut world, channels) = unacknowledged();
    let sent = entries(&world, 0);
    let bytes: usize = sent.iter().map(|(_, bytes)| bytes).sum();
    assert!(bytes <= CREDIT_BYTES_MAX, "{bytes}");
    assert!(bytes > CREDIT_BYTES_MAX - 2 * PAGE_BYTES_MAX, "{bytes}");
    assert!(sent.len() <= CREDIT_FRAMES_MAX);
    for channel in &channels {
        assert!(
            sent.iter().any(|(of, _)| of == channel),
            "no channel starves"
        );
    }
    world.deliver(1, 0);
    for channel in channels {
        let held = |at: usize| {
            world.sides[at]
                .view(channel)
                .logs
                .values()
                .map(Log::size)
                .max()
        };
        assert_eq!(held(0), held(1), "acknowledgements let all of it through");
    }
}

#[test]
fn what_is_under_way_counts_as_behind() {
    let (mut world, channel) = World::shared(2);
    let lag = |world: &World| world.sides[0].links[&world.sides[1].id].lag();
    assert_eq!(lag(&world), 0);
    world.hold(1, 0);
    world.sides[0].sent.clear();
    world.ask(0, channel, big(1)).expect("it is stored");
    assert_eq!(entries(&world, 0).len(), 1, "it was sent");
    assert_eq!(lag(&world), 1, "and is not acknowledged");
    world.deliver(1, 0);
    assert_eq!(lag(&world), 0);
}

/// Subscribing again and again is no way around acknowledging.
#[test]
fn who_subscribes_again_gets_no_more_than_who_acknowledges() {
    let (mut world, channels) = unacknowledged();
    let before: usize = entries(&world, 0).iter().map(|(_, bytes)| bytes).sum();
    for subscription in 100..200 {
        let subscribe = Subscribe {
            channel: channels[0],
            subscription,
            cursor: None,
            held: Vec::new(),
            relayed: Vec::new(),
            notes: foedus_policy::id::NoteHash([1; 32]),
        };
        world.held.remove(&(1, 0));
        world.send(1, 0, Frame::Subscribe(subscribe));
        world.hold(1, 0);
    }
    let after: usize = entries(&world, 0).iter().map(|(_, bytes)| bytes).sum();
    assert!(after - before <= CREDIT_BYTES_MAX, "{}", after - before);
}

/// Two channels, of which one is over for the partner before it has what it was sent of it; and what is then said in the
/// other one arrives.
fn a_channel_that_is_over_holds_back_no_other(end: impl FnOnce(&mut World, ChannelId)) {
    let (mut world, over) = World::shared(2);
    let other = world.open(0, "other");
    let later = END.plus_millis(DAY_MILLIS);
    world.offer_for("Later", later, 0, 1, other);
    world.approve_all(1, "other");
    world.join(0, other);
    world.hold(0, 1);
    world.sides[0].sent.clear();
    for _ in 0..10 {
        world.ask(0, over, big(15)).expect("it is stored");
    }
    let under_way: usize = entries(&world, 0).iter().map(|(_, bytes)| bytes).sum();
    assert!(under_way > CREDIT_BYTES_MAX - 2 * PAGE_BYTES_MAX);
    end(&mut world, over);
    world.deliver(0, 1);
    let said = world.post(0, other, "we go on here");
    world.pass(10_000);
    let held = |at: usize| {
        let logs = &world.sides[at].view(other).logs;
        let log = logs
            .iter()
            .find(|(log, _)| log.incarnation == said.first.incarnation);
        log.map(|(_, log)| log.size())
    };
    assert!(held(0).is_some());
    assert_eq!(held(0), held(1), "it arrived");
}

#[test]
fn who_withdrew_with_much_under_way_is_sent_what_is_of_other_channels() {
    a_channel_that_is_over_holds_back_no_other(|world, over| {
        let cause = EndCause::Withdrawal;
        let channel = over;
        world.act(1, Action::EndChannel { channel, cause });
    });
}

/// Its clock says a minute before ours that the channel is over.
#[test]
fn whose_clock_is_ahead_is_sent_what_is_of_other_channels() {
    a_channel_that_is_over_holds_back_no_other(|world, over| {
        world.sides[1].clock_off_millis = 60_000;
        world.pass(END.millis_since(world.now.wall) - 30_000);
        let (here, there) = (world.id(0), world.id(1));
        let governance = &world.sides[0].view(over).governance;
        assert!(governance.record(there).is_some(), "it says so");
        assert!(governance.record(here).is_none(), "and we do not yet");
    });
}

/// A few bytes that say to hold other notes are answered with all of them, but not each time.
#[test]
fn notes_are_not_sent_as_often_as_a_partner_likes() {
    let (mut world, channel) = World::shared(2);
    // What they had to say when they met is said.
    world.pass(NOTES_AGAIN_MILLIS_MIN);
    world.pass(NOTES_AGAIN_MILLIS_MIN);
    world.sides[0].sent.clear();
    let ask = |world: &mut World, subscription| {
        let subscribe = Subscribe {
            channel,
            subscription,
            cursor: None,
            held: Vec::new(),
            relayed: Vec::new(),
            notes: foedus_policy::id::NoteHash([1; 32]),
        };
        world.send(1, 0, Frame::Subscribe(subscribe));
    };
    let sent = |world: &World| {
        let frames = world.sides[0].sent.iter();
        frames
            .filter(|(_, frame)| matches!(frame, Frame::Notes(_)))
            .count()
    };
    for subscription in 100..200 {
        ask(&mut world, subscription);
    }
    let first = sent(&world);
    assert!((1..=2).contains(&first), "{first}");
    world.pass(NOTES_AGAIN_MILLIS_MIN);
    assert!(
        sent(&world) > first,
        "what was asked for comes, a little later"
    );
}

#[test]
fn nothing_passes_before_the_hello_and_none_is_said_twice() {
    let (mut world, channel) = World::shared(2);
    let (one, other) = (world.id(0), world.id(1));
    world.disconnect(0, 1);
    world.settle();
    let notes = Frame::Notes(Notes {
        channel,
        identities: Vec::new(),
        notes: Vec::new(),
    });
    let now = world.now;
    let link = world.sides[0]
        .links
        .get_mut(&other)
        .expect("they are partners");
    let mut out = Vec::new();
    link.handle(now, Input::Opened, &mut out);
    let checked = CheckedFrame::check(notes, &world.sides[0].snapshot).expect("well-formed");
    let link = world.sides[0]
        .links
        .get_mut(&other)
        .expect("they are partners");
    link.handle(now, Input::Frame(Box::new(checked)), &mut out);
    assert!(matches!(
        out[..],
        [Effect::Close(Closing::Broken(Breach::NoHelloFirst))]
    ));
    assert!(!link.is_up());

    world.connect(0, 1);
    let hello = hello(&world.sides[1].snapshot, one, RunId([9; 16]), now).expect("partners");
    world.send(1, 0, Frame::Hello(Box::new(hello)));
    assert_eq!(world.sides[0].closed, [(other, Goodbye::Protocol)]);
    assert!(!world.is_connected(0, 1));
}

#[test]
fn a_hello_that_does_not_come_ends_the_session() {
    let (mut world, _) = World::shared(2);
    let partner = world.id(1);
    world.disconnect(0, 1);
    world.push_link(0, partner, Input::Opened);
    world.settle();
    world.pass(HELLO_MILLIS_MAX);
    assert!(world.sides[0].closed.is_empty());
    world.pass(1);
    assert_eq!(world.sides[0].closed, [(partner, Goodbye::Protocol)]);
}

/// The same input that brings the suspension ends the session: what the partner sends before the
/// connection is gone reaches nobody, and it is sent nothing more.
#[test]
fn suspension_closes_at_once() {
    let (mut world, channel) = World::shared(2);
    let partner = world.id(1);
    world.act(0, Action::SuspendPartner { partner });
    assert_eq!(world.sides[0].closed, [(partner, Goodbye::Refused)]);
    let now = world.now;
    let revision = world.sides[0]
        .view(channel)
        .governance
        .newest()
        .expect("sealed")
        .hash();
    let forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(now.wall));
    let frame = forger.frame(1, 100, vec![forger.whole()]);
    let checked = CheckedFrame::check(frame, &world.sides[0].snapshot).expect("well-formed");
    let view = world.sides[0].views[&channel].clone();
    let link = world.sides[0].links.get_mut(&partner).expect("it is kept");
    let mut out = Vec::new();
    link.handle(now, Input::Frame(Box::new(checked)), &mut out);
    link.handle(now, Input::View(view), &mut out);
    link.handle(now, Input::Send(Frame::Goodbye(Goodbye::Restart)), &mut out);
    assert!(out.is_empty(), "{out:?}");
}

/// Who is told that nothing is shared says the same, and whoever carries the link hears of it.
#[test]
fn a_partner_that_shares_nothing_any_more_is_told_apart() {
    for (said, expected) in [
        (Goodbye::NothingShared, Goodbye::NothingShared),
        (Goodbye::Duplicate, Goodbye::Restart),
    ] {
        let (mut world, _) = World::shared(2);
        let partner = world.id(1);
        world.send(1, 0, Frame::Goodbye(said));
        world.settle();
        assert_eq!(world.sides[0].closed, [(partner, expected)]);
    }
}

/// About a channel that is not ours nothing is said or kept, however often it is named.
#[test]
fn unknown_channels_leave_no_trace() {
    let (mut world, _) = World::shared(2);
    let partner = world.id(1);
    world.sides[0].sent.clear();
    let before = world.sides[0].store.clone();
    for n in 0..100 {
        let channel = ChannelId([n; 32]);
        let revision = foedus_policy::id::NoteHash([n; 32]);
        let forger = Forger::new(GLOBEX, channel, 1, revision, Hlc::at(world.now.wall));
        let frames = [
            Frame::Subscribe(Subscribe {
                channel,
                subscription: 1,
                cursor: None,
                held: Vec::new(),
                relayed: Vec::new(),
                notes: revision,
            }),
            Frame::UnknownCursor(channel),
            forger.frame(1, 1, vec![forger.whole()]),
            Frame::Ack(Ack {
                channel,
                number: u64::MAX,
                void: 0,
                withheld: 0,
            }),
            Frame::Notes(Notes {
                channel,
                identities: Vec::new(),
                notes: Vec::new(),
            }),
        ];
        for frame in frames {
            world.send(1, 0, frame);
        }
    }
    assert!(world.sides[0].sent.is_empty());
    assert!(world.sides[0].store == before);
    assert!(world.sides[0].closed.is_empty());
    assert_eq!(
        world.sides[0].channels.len(),
        1,
        "no machine is made for it"
    );
    let session = world.sides[0].links[&partner]
        .session
        .as_ref()
        .expect("it is up");
    assert_eq!(session.subscriptions.len(), 1);
}

#[test]
fn a_channel_that_forgot_is_told_with_the_next_tick() {
    let (mut world, channel) = World::shared(2);
    let subscribed = |world: &World| {
        let frames = world.sides[0].sent.iter();
        let of_channel = |frame: &Frame| matches!(frame, Frame::Subscribe(_));
        frames.filter(|(_, frame)| of_channel(frame)).count()
    };
    let before = subscribed(&world);
    let partner = world.id(1);
    world.push_link(0, partner, Input::Forgotten(channel));
    world.push_link(0, partner, Input::Forgotten(channel));
    world.settle();
    assert_eq!(subscribed(&world), before, "what made it forget may last");
    world.tick();
    assert_eq!(subscribed(&world), before + 1);
}

#[test]
fn a_full_disk_delays_what_is_written_and_loses_nothing() {
    let (mut world, channel) = World::shared(2);
    world.sides[1].outcomes = [CommitOutcome::DiskFull; 3].into();
    let posted = world.post(0, channel, "while there is no room");
    for _ in 0..5 {
        world.pass(1_000);
    }
    let view = world.sides[1].view(channel);
    let held = view
        .logs
        .iter()
        .find(|(id, _)| id.origin == posted.first.origin);
    assert!(held.is_some_and(|(_, log)| log.size() > posted.first.sequence));
}

#[test]
fn what_was_lost_with_a_session_is_brought_by_the_next() {
    let mut world = World::peered(2);
    let channel = world.open(0, "launch");
    world.offer(0, 1, channel);
    world.hold(0, 1);
    world.approve_all(1, "acme-launch");
    assert!(newest(&world.sides[0], channel), "the host has sealed");
    world.disconnect(0, 1);
    world.settle();
    world.held.clear();
    assert!(!newest(&world.sides[1], channel), "the seal is lost");
    world.connect(0, 1);
    assert!(newest(&world.sides[1], channel));
    world.join(0, channel);
    world.post(0, channel, "and so are words");
    let sizes = |at: usize| {
        let logs = world.sides[at].view(channel).logs.iter();
        let sizes = logs.filter(|(id, log)| id.origin == world.id(0) && log.is_shared());
        sizes.map(|(_, log)| log.size()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(0), sizes(1));
}

fn newest(side: &crate::testing::Side, channel: ChannelId) -> bool {
    side.view(channel).governance.newest().is_some()
}

/// A channel tells of a feed and shows its view in two ways: the feed may be heard of first.
#[test]
fn a_feed_waits_for_the_view_that_shows_its_entries() {
    let (mut world, channel) = World::shared(2);
    let (us, partner, now) = (world.id(0), world.id(1), world.now);
    let view = world.sides[0].view(channel).clone();
    let shared = |(_, log): &(&LogId, &Log)| log.is_shared();
    let (log, size) = view
        .logs
        .iter()
        .filter(shared)
        .find(|(id, _)| id.origin == us)
        .map(|(id, log)| (*id, log.size()))
        .expect("a log of ours");
    let link = world.sides[0]
        .links
        .get_mut(&partner)
        .expect("they are partners");
    let feed = |link: &mut Link, to| {
        let mut out = Vec::new();
        let start = FeedStart {
            subscription: 100,
            origins: vec![us],
            missing: vec![(log, 0, to)],
            after: view.arrival,
        };
        link.handle(now, Input::Feed(channel, start), &mut out);
        out
    };
    let read = |effect: &Effect| matches!(effect, Effect::Read(..));
    assert!(!feed(link, size + 1).iter().any(read));
    assert!(feed(link, size).iter().any(read));
}

/// A channel may change while a page of it is read: what came meanwhile is read next, also when the page itself had
/// nothing in it.
#[test]
fn what_comes_while_an_empty_page_is_read_is_read_next() {
    let (mut world, channel) = World::shared(2);
    let (us, partner, now) = (world.id(0), world.id(1), world.now);
    let before = world.sides[0].view(channel).clone();
    world.hold(0, 1);
    world.ask(0, channel, big(1)).expect("it is stored");
    let after = Arc::new(world.sides[0].view(channel).clone());
    assert!(after.arrival > before.arrival);
    let link = world.sides[0]
        .links
        .get_mut(&partner)
        .expect("they are partners");
    let handle = |link: &mut Link, input| {
        let mut out = Vec::new();
        link.handle(now, input, &mut out);
        out.into_iter().find_map(|effect| match effect {
            Effect::Read(_, 100, mut reader) => match reader.advance(Vec::new()) {
                Ok(Reading::Read(reads)) => Some((reader, reads)),
                other => panic!("expected reads, found {other:?}"),
            },
            _ => None,
        })
    };
    let start = FeedStart {
        subscription: 100,
        origins: vec![us],
        missing: Vec::new(),
        after: before.arrival,
    };
    let behind = Arc::new(before.clone());
    assert!(handle(link, Input::View(behind)).is_none());
    let mut feed = Feed::of(start);
    feed.told = None;
    let session = link.session.as_mut().expect("there is a session");
    session.feeds.insert(channel, feed);
    session.turns.push_back(channel);
    let (mut reader, reads) = handle(link, Input::Tick).expect("it has not been told where it is");
    assert!(
        handle(link, Input::View(after)).is_none(),
        "one page at a time"
    );
    let rows = reads.iter().map(|_| Vec::new()).collect();
    let Ok(Reading::Ready(page)) = reader.advance(rows) else {
        panic!("expected an empty page");
    };
    assert!(handle(link, Input::Page(channel, 100, page)).is_some());
}
