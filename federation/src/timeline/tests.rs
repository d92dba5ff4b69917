//! Readers over a store that was written as the channel machine writes it, against the plain
//! answer; and over a channel that ran.

use std::sync::Arc;

use foedus_policy::id::{ChannelId, EntryRef, IncarnationId, OrgId, RunId};
use proptest::prelude::*;

use super::*;
use crate::frame::Cursor;

mod channel;
mod model;

use model::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_of_any_size_are_everything_sorted(seed: u64, limit in 1usize..40) {
        let mut draw = Draw(seed);
        let logs = drawn(&mut draw);
        let world = world(&logs, &mut draw);
        let expected = expected(&logs);
        let found = plain(&world.history(Order::OldestFirst, limit));
        let posts = |items: &[(Position, Option<String>, bool, usize)]| {
            items.iter().map(|item| item.0).collect::<Vec<_>>()
        };
        prop_assert_eq!(posts(&found), posts(&expected));
        let mut back = plain(&world.history(Order::NewestFirst, limit));
        back.reverse();
        prop_assert_eq!(&back, &found);
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!(found.3, expected.3, "reactions of {:?}", found.0);
            if expected.1.is_some() || expected.2 {
                prop_assert_eq!(&found.1, &expected.1, "text of {:?}", found.0);
            }
        }
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(seed: u64, other: u64) {
        let mut draw = Draw(seed);
        let logs = drawn(&mut draw);
        let one = world(&logs, &mut draw).history(Order::OldestFirst, 50);
        let two = world(&logs, &mut Draw(other)).history(Order::OldestFirst, 7);
        prop_assert_eq!(plain(&one), plain(&two));
    }

    #[test]
    fn what_arrives_is_told_once_whatever_the_lists(seed: u64, limit in 1usize..8) {
        let mut draw = Draw(seed);
        let logs = drawn(&mut draw);
        let world = world(&logs, &mut draw);
        let at_once = told(&world, 16);
        prop_assert_eq!(&told(&world, limit), &at_once);
        let mut posts: Vec<EntryRef> = at_once
            .iter()
            .filter(|event| matches!(event.what, Happening::Posted(_) | Happening::Joined))
            .map(|event| event.entry)
            .collect();
        posts.sort_unstable();
        let mut shown: Vec<EntryRef> =
            world.history(Order::OldestFirst, 50).iter().map(|item| item.entry).collect();
        shown.sort_unstable();
        prop_assert_eq!(posts, shown);
    }
}

fn told(world: &World, limit: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let mut arrival = 0;
    loop {
        let cursor = Cursor { run: RUN, arrival };
        let reader = ArrivalReader::new(world.view(), cursor, 0, limit).expect("a known cursor");
        let list = world.kept.arrivals(reader);
        events.extend(list.list.into_iter().flat_map(|arrived| arrived.events));
        if !list.more {
            assert_eq!(list.after, world.arrival);
            return events;
        }
        assert!(list.after > arrival);
        arrival = list.after;
    }
}

fn with_change(change: Body, by: u8, from: LogId) -> (World, EntryRef) {
    let mut world = World::new();
    let first = log(1, 1);
    world.arrive(&[opening(first), post(first, 1, 1, "mine")]);
    let changed = Written {
        body: change,
        ..post(from, 2, by, "")
    };
    if from != first {
        world.arrive(&[opening(from)]);
    }
    world.arrive(&[changed]);
    (world, first.entry(1))
}

fn text_after(change: Body, by: u8, from: LogId) -> Option<String> {
    let (world, _) = with_change(change, by, from);
    let items = world.history(Order::OldestFirst, 10);
    let What::Message(message) = &items[0].what else {
        panic!("the first is a message")
    };
    message.text.clone()
}

#[test]
fn only_the_author_changes_a_message() {
    let target = log(1, 1).entry(1);
    let edit = || Body::Edit {
        target,
        text: "other".to_owned(),
    };
    let mine = Some("mine".to_owned());
    assert_eq!(text_after(edit(), 1, log(1, 1)), Some("other".to_owned()));
    assert_eq!(text_after(edit(), 1, log(1, 2)), Some("other".to_owned()));
    assert_eq!(text_after(edit(), 2, log(1, 1)), mine, "a colleague");
    assert_eq!(
        text_after(edit(), 1, log(2, 1)),
        mine,
        "the same number elsewhere"
    );
    let retract = || Body::Retract { target };
    assert_eq!(text_after(retract(), 1, log(1, 1)), None);
    assert_eq!(text_after(retract(), 2, log(1, 1)), mine);
    assert_eq!(text_after(retract(), 1, log(2, 1)), mine);
    // Nor does the live stream tell of it.
    for (by, from, count) in [(1, log(1, 1), 2), (2, log(1, 1), 1), (1, log(2, 1), 1)] {
        let (world, _) = with_change(edit(), by, from);
        assert_eq!(told(&world, 16).len(), count, "{by} {from:?}");
    }
}

#[test]
fn a_retracted_text_is_in_no_event() {
    let target = log(1, 1).entry(1);
    let edit = Body::Edit {
        target,
        text: "secret".to_owned(),
    };
    let (mut world, _) = with_change(edit, 1, log(1, 1));
    world.arrive(&[Written {
        body: Body::Retract { target },
        ..post(log(1, 1), 3, 1, "")
    }]);
    for event in told(&world, 16) {
        match event.what {
            Happening::Posted(message) | Happening::Edited { message, .. } => {
                assert!(message.retracted && message.text.is_none());
            }
            other => assert_eq!(other, Happening::Retracted(target)),
        }
    }
}

#[test]
fn what_waited_arrives_when_it_is_shown() {
    let mut world = World::new();
    let id = log(2, 1);
    let early = Written {
        waits: true,
        ..post(id, 5, 1, "early")
    };
    world.arrive(&[
        opening(id),
        post(id, 1, 1, "one"),
        early,
        post(id, 6, 1, "two"),
    ]);
    let texts = |world: &World| -> Vec<u64> {
        told(world, 16)
            .iter()
            .map(|event| event.entry.sequence)
            .collect()
    };
    assert_eq!(texts(&world), [1, 3]);
    let seen = world.view().cursor();
    world.waiting.clear();
    world.arrival += 1;
    world.list(id, 2, 2, Vec::new(), true);
    let reader = ArrivalReader::new(world.view(), seen, 0, 16).expect("a known cursor");
    let list = world.kept.arrivals(reader);
    assert_eq!(list.list[0].events[0].entry, id.entry(2));
    assert_eq!(world.history(Order::OldestFirst, 10).len(), 3);
    // Whoever reads all of it only now is not shown it twice.
    assert_eq!(texts(&world), [1, 3, 2]);
}

#[test]
fn the_first_entries_of_an_arrival_can_be_left_out() {
    let mut world = World::new();
    let id = log(2, 1);
    world.arrive(&[opening(id), post(id, 1, 1, "one"), post(id, 2, 1, "two")]);
    let start = Cursor {
        run: RUN,
        arrival: 0,
    };
    let reader = ArrivalReader::new(world.view(), start, 2, 16).expect("a known cursor");
    let list = world.kept.arrivals(reader);
    let left: Vec<u16> = list.list[0]
        .events
        .iter()
        .map(|event| event.place)
        .collect();
    assert_eq!(left, [2]);
}

#[test]
fn a_thread_is_the_message_and_its_answers() {
    let mut world = World::new();
    let id = log(2, 1);
    let answer = Written {
        body: Body::Post {
            text: "yes".to_owned(),
            reply_to: Some(id.entry(2)),
        },
        ..post(id, 4, 1, "")
    };
    world.arrive(&[
        opening(id),
        post(id, 1, 1, "one"),
        post(id, 2, 1, "two?"),
        post(id, 3, 1, "three"),
        answer,
    ]);
    let thread = Some(id.entry(2));
    let reader = HistoryReader::new(world.view(), Order::OldestFirst, None, thread, 10);
    let page = world.kept.page(reader);
    let found: Vec<u64> = page.items.iter().map(|item| item.entry.sequence).collect();
    assert_eq!((found, page.next), (vec![2, 4], None));
}

#[test]
fn a_page_ends_where_a_message_of_the_api_would() {
    let mut world = World::new();
    let id = log(1, 1);
    let long = "x".repeat(16 * 1024);
    world.arrive(&[opening(id)]);
    for hlc in 1..=20 {
        world.arrive(&[post(id, hlc, 1, &long)]);
    }
    let reader = HistoryReader::new(world.view(), Order::NewestFirst, None, None, 200);
    let page = world.kept.page(reader);
    assert!((2..20).contains(&page.items.len()));
    assert_eq!(world.history(Order::NewestFirst, 200).len(), 20);
}

#[test]
fn positions_sort_as_their_bytes() {
    let mut draw = Draw(4);
    let mut position = || Position {
        hlc: Hlc(draw.below(3)),
        origin: OrgId([draw.below(3) as u8; 32]),
        incarnation: IncarnationId([draw.below(3) as u8; 16]),
        sequence: draw.below(3),
    };
    for _ in 0..500 {
        let (one, two) = (position(), position());
        assert_eq!(one.cmp(&two), one.to_bytes().cmp(&two.to_bytes()));
        assert_eq!(Position::from_bytes(&one.to_bytes()), Some(one));
    }
    assert_eq!(Position::from_bytes(&[0; 63]), None);
}

#[test]
fn a_cursor_of_another_store_is_told_apart() {
    let mut world = World::new();
    world.arrive(&[opening(log(1, 1))]);
    let view = world.view();
    let reader = |run: u8, arrival| {
        let run = RunId([run; 16]);
        ArrivalReader::new(view.clone(), Cursor { run, arrival }, 0, 16).map(drop)
    };
    assert_eq!(reader(1, 1), Ok(()));
    assert_eq!(reader(1, 2), Err(UnknownCursor), "more than there is");
    assert_eq!(reader(2, 1), Err(UnknownCursor), "another run");
    assert_eq!(reader(2, 0), Ok(()), "nothing was seen");
}
