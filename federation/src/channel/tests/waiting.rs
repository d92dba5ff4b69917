//! Entries that are stored and acknowledged, and shown later.

use foedus_policy::id::{AuthorId, ChannelId, EntryRef};
use foedus_policy::vocabulary::AuthorKind;

use crate::batch::Reading;
use crate::bounds::{CLOCK_AHEAD_MILLIS_MAX, RELEASED_MAX, WAITING_PER_ORIGIN_MAX};
use crate::examples::GLOBEX;
use crate::frame::{Cursor, Frame};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::Body;
use crate::stored::{Annotation, Annotations, Arrival, Record};
use crate::testing::{Forger, World};
use crate::timeline::{ArrivalReader, Happening};

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
    let withheld = tell(&mut world, channel, &forger);
    let view = world.sides[0].view(channel);
    assert_eq!(view.waiting.len(), WAITING_PER_ORIGIN_MAX);
    assert_eq!(withheld, 300, "and its carrier hears it");
    // What becomes due at once comes out a little at a time.
    world.pass(3_600_000);
    assert_eq!(shown_late(&world, channel), RELEASED_MAX);
    world.pass(1_000);
    assert_eq!(shown_late(&world, channel), 2 * RELEASED_MAX);
}

/// Words of many that come long before it is known who they are count all the same, also those that
/// nobody can be told of once more.
#[test]
fn nothing_is_withheld_for_want_of_its_author() {
    let (mut world, channel) = World::shared(2);
    let (mut said, _) = said_and_joined(&world, channel, AuthorKind::Member);
    for _ in 0..WAITING_PER_ORIGIN_MAX {
        said.post("who am I?");
    }
    assert_eq!(tell(&mut world, channel, &said), 0);
    let view = world.sides[0].view(channel);
    assert_eq!(view.waiting.len(), WAITING_PER_ORIGIN_MAX);
    let last = view.logs[&said.log].size();
    assert_eq!(last, said.size());
}

/// Sends all of a log, and says how much of it was withheld.
fn tell(world: &mut World, channel: ChannelId, forger: &Forger) -> u32 {
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
    withheld
}

/// What a live stream is shown after a cursor, and where it goes on.
fn stream(world: &World, channel: ChannelId, cursor: Cursor) -> (Vec<EntryRef>, Cursor) {
    let view = world.sides[0].views[&channel].clone();
    let run = view.run;
    let mut reader = ArrivalReader::new(view, cursor, 0, 256).expect("a known cursor");
    let mut rows = Vec::new();
    loop {
        match reader.advance(rows).expect("nothing is damaged") {
            Reading::Read(reads) => {
                rows = reads.iter().map(|read| world.sides[0].read(read)).collect();
            }
            Reading::Ready(found) => {
                assert!(!found.more);
                let events = found.list.into_iter().flat_map(|arrived| arrived.events);
                let posts = events.filter(|event| matches!(event.what, Happening::Posted(_)));
                let arrival = found.after;
                let cursor = Cursor { run, arrival };
                return (posts.map(|event| event.entry).collect(), cursor);
            }
        }
    }
}

/// Who never joined has said something in one log, and in another is the word that he joined:
/// logs come in any order.
fn said_and_joined(world: &World, channel: ChannelId, kind: AuthorKind) -> (Forger, Forger) {
    let view = world.sides[0].view(channel);
    let revision = view.governance.newest().expect("sealed").hash();
    let now = Hlc::at(world.now.wall);
    let mut said = Forger::new(GLOBEX, channel, 0xf0, revision, now);
    let mut joined = Forger::new(GLOBEX, channel, 0xf1, revision, now);
    (said.author, joined.author) = (AuthorId([7; 16]), AuthorId([7; 16]));
    said.post("good morning");
    joined.append(&Body::Joined {
        author_kind: kind,
        address: "carol@globex.example".to_owned(),
        display_name: String::new(),
    });
    (said, joined)
}

/// A live stream never skips: whoever read on while the author was unknown is shown the message
/// once it is known who wrote it, and so is who reads everything from the beginning; both once.
#[test]
fn what_comes_before_its_author_is_shown_once_its_author_joined() {
    let (mut world, channel) = World::shared(2);
    let (said, joined) = said_and_joined(&world, channel, AuthorKind::Member);
    let message = said.log.entry(1);
    let beginning = world.sides[0].view(channel).cursor();
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, said.frame(subscription, 100, vec![said.whole()]));
    let (shown, cursor) = stream(&world, channel, beginning);
    assert_eq!(shown, [], "nobody is shown whom nobody vouched for");
    assert!(world.sides[0].view(channel).is_waiting(message));
    assert!(!world.sides[0].view(channel).may_show_more(), "time alone");
    world.restart(0);
    world.connect(0, 1);
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, joined.frame(subscription, 101, vec![joined.whole()]));
    assert!(world.sides[0].view(channel).may_show_more());
    world.pass(1_000);
    assert_eq!(stream(&world, channel, cursor).0, [message]);
    assert_eq!(stream(&world, channel, beginning).0, [message]);
    assert!(world.sides[0].view(channel).waiting.is_empty());
}

/// Somebody of a kind that the charter does not allow to write is shown no more than a stranger.
#[test]
fn who_joined_as_what_may_not_write_is_waited_for() {
    let (mut world, channel) = World::shared(2);
    let (said, joined) = said_and_joined(&world, channel, AuthorKind::Bridge);
    let subscription = world.subscription(0, 1, channel);
    let parts = vec![said.whole(), joined.whole()];
    world.send(1, 0, said.frame(subscription, 100, parts));
    world.pass(1_000);
    assert!(world.sides[0].view(channel).is_waiting(said.log.entry(1)));
}

/// P3. Of several edits, one of which waits for a few minutes and another for hours, each is the
/// text once it is due, whether they came one by one, together, or late.
#[test]
fn an_edit_is_the_text_once_it_is_due_however_it_came() {
    const MINUTE: u64 = 60_000;
    for order in ["one by one", "together", "late"] {
        let (mut world, channel) = World::shared(2);
        let (mut said, joined) = said_and_joined(&world, channel, AuthorKind::Member);
        let target = said.log.entry(1);
        let now = world.now.wall;
        for (text, ahead) in [("now", 0), ("soon", 10 * MINUTE), ("far", 100 * MINUTE)] {
            said.hlc = said.hlc.max(Hlc::at(now.plus_millis(ahead)));
            said.append(&Body::Edit {
                target,
                text: text.to_owned(),
            });
        }
        let send = |world: &mut World, number, forger: &Forger, first, end| {
            let subscription = world.subscription(0, 1, channel);
            let part = forger.part(first, end, forger.size());
            world.send(1, 0, forger.frame(subscription, number, vec![part]));
        };
        let text = |world: &World| {
            let key = ChannelKeys(channel).annotation_page(target, 0);
            let value = world.sides[0].store.get(&key).expect("it was edited");
            let rows = Annotations::from_value(&key, value).expect("it reads").rows;
            let shown = |row: &&Annotation| !world.sides[0].view(channel).is_waiting(row.entry());
            let last = rows.iter().filter(shown).max_by_key(|row| row.hlc);
            last.expect("one is shown").sequence
        };
        send(&mut world, 100, &joined, 0, joined.size());
        match order {
            "one by one" => {
                for sequence in 0..5 {
                    send(&mut world, 101 + sequence, &said, sequence, sequence + 1);
                }
            }
            "together" => send(&mut world, 101, &said, 0, 5),
            _ => send(&mut world, 101, &said, 0, 2),
        }
        if order != "late" {
            assert_eq!(text(&world), 2, "{order}");
            world.restart(0);
            assert_eq!(text(&world), 2, "{order}, after a restart");
        }
        world.pass(6 * MINUTE);
        if order == "late" {
            send(&mut world, 200, &said, 2, 5);
        }
        assert_eq!(text(&world), 3, "{order}");
        world.pass(95 * MINUTE);
        assert_eq!(text(&world), 4, "{order}");
    }
}
