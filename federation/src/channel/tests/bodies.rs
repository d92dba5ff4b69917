//! Bodies that somebody kept back, and somebody else has.

use foedus_policy::id::{ChannelId, EntryRef, OrgId};

use super::sessions::asked;
use crate::bounds::{ANNOTATED_PER_STEP_MAX, BODIES_AGAIN_MILLIS};
use crate::examples::GLOBEX;
use crate::frame::{Frame, RawPart};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::kind::Body;
use crate::note::NoteType;
use crate::stored::{Annotations, Arrival, Record, Run};
use crate::testing::{Forger, World, newest};

/// A log of Globex with posts, and more reactions than one step reads what was said before of.
fn forger(world: &World, channel: ChannelId) -> Forger {
    let revision = newest(world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    for number in 0..ANNOTATED_PER_STEP_MAX as u64 + 8 {
        // The first are so long that one stored value does not take them all.
        let long = if number < 6 { 14_000 } else { 0 };
        forger.post(&format!("number {number}{}", "!".repeat(long)));
        let target = forger.log.entry(forger.size() - 1);
        forger.append(&Body::React {
            target,
            emoji: "+1".to_owned(),
            on: true,
        });
    }
    forger
}

fn without_bodies(mut part: RawPart) -> RawPart {
    for entry in &mut part.entries {
        entry.body = None;
    }
    part
}

/// How many entries of the forged log are held, and how many of them with their bodies.
fn held(world: &World, at: usize, forger: &Forger) -> (u64, usize) {
    let keys = ChannelKeys(forger.log.channel);
    let rows = world.sides[at].read(&keys.runs_between(forger.log, 0, u64::MAX));
    let runs = rows
        .iter()
        .map(|(key, value)| Run::from_value(key, value).expect("it reads"));
    let entries: Vec<_> = runs.flat_map(|run| run.entries).collect();
    let with = entries.iter().filter(|entry| entry.body.is_some()).count();
    (entries.len() as u64, with)
}

fn reactions(world: &World, forger: &Forger, target: EntryRef) -> usize {
    let key = ChannelKeys(forger.log.channel).annotation_page(target, 0);
    let value = world.sides[2].store.get(&key);
    let rows = value.map(|value| Annotations::from_value(&key, value).expect("it reads"));
    rows.map_or(0, |rows| rows.rows.len())
}

/// Initech is linked with Hooli only, which hands on the words of Globex without their bodies. The
/// host has all of them.
fn kept_back() -> (World, ChannelId, Forger) {
    let (mut world, channel) = World::shared(4);
    for other in [0, 1] {
        world.disconnect(2, other);
    }
    world.settle();
    world.tick();
    let forger = forger(&world, channel);
    let frame = forger.frame(world.subscription(0, 1, channel), 100, vec![forger.whole()]);
    world.send(1, 0, frame);
    let size = forger.size();
    assert_eq!(held(&world, 0, &forger), (size, size as usize));
    let part = without_bodies(forger.whole());
    let frame = forger.frame(world.subscription(2, 3, channel), 100, vec![part]);
    world.send(3, 2, frame);
    assert_eq!(held(&world, 2, &forger), (size, 0));
    (world, channel, forger)
}

fn check_filled(world: &World, forger: &Forger) {
    let size = forger.size();
    assert_eq!(held(world, 2, forger), (size, size as usize));
    for post in (1..size).step_by(2) {
        let target = forger.log.entry(post);
        assert_eq!(reactions(world, forger, target), 1, "{post}");
    }
    let keys = ChannelKeys(forger.log.channel);
    let left = keys.bodiless(forger.log);
    assert_eq!(world.sides[2].store.get(&left), None, "nothing is lacking");
}

#[test]
fn bodies_that_a_reader_kept_back_come_from_another() {
    for restarts in [false, true] {
        let (mut world, _, forger) = kept_back();
        if restarts {
            world.restart(2);
        }
        world.connect(0, 2);
        world.pass(1_000);
        check_filled(&world, &forger);
    }
}

/// What waited for its body is shown once to whoever reads from before, and once more to who was
/// shown that there is something.
#[test]
fn what_comes_with_its_body_arrives_once_more() {
    let (mut world, channel, forger) = kept_back();
    world.connect(0, 2);
    world.pass(1_000);
    let store = &world.sides[2].store;
    let arrival = |number| {
        let key = ChannelKeys(channel).arrival(number);
        Arrival::from_value(&key, &store[&key]).expect("it reads")
    };
    let newest = world.sides[2].view(channel).arrival;
    let all: Vec<Arrival> = (1..=newest).map(arrival).collect();
    let of_forger = |arrival: &&Arrival| arrival.incarnation == forger.log.incarnation.0;
    for post in 1..forger.size() {
        let here = |arrival: &&Arrival| arrival.first <= post && post <= arrival.last;
        let places: Vec<&Arrival> = all.iter().filter(of_forger).filter(here).collect();
        let shown = |arrival: &&&Arrival| !arrival.held_back.contains(&post);
        assert_eq!(places.len(), 2, "{post}");
        assert_eq!(places.iter().filter(shown).count(), 1, "{post}");
        assert_eq!(places[1].shown_late, Arrival::WITH_BODIES);
    }
}

/// Whoever follows what arrives here, and has no body either, is sent it when it comes.
#[test]
fn bodies_that_came_late_are_handed_on() {
    let (mut world, channel, forger) = kept_back();
    let part = without_bodies(forger.whole());
    world.disconnect(3, 1);
    world.disconnect(3, 0);
    world.settle();
    world.tick();
    let size = forger.size();
    let frame = forger.frame(world.subscription(3, 2, channel), 100, vec![part]);
    world.send(2, 3, frame);
    assert_eq!(held(&world, 3, &forger), (size, 0));
    world.connect(0, 2);
    world.pass(1_000);
    check_filled(&world, &forger);
    assert_eq!(held(&world, 3, &forger), (size, size as usize));
}

fn relays(world: &World, of: usize) -> bool {
    asked(world, 2, of).relayed.contains(&world.id(1))
}

/// Who keeps bodies back is not the one that is asked, if somebody else is there.
#[test]
fn who_kept_bodies_back_is_not_asked_first() {
    let (mut world, channel) = World::shared(4);
    world.disconnect(1, 2);
    world.settle();
    world.tick();
    assert!(relays(&world, 0) && !relays(&world, 3), "the host is first");
    let forger = forger(&world, channel);
    let part = without_bodies(forger.whole());
    let frame = forger.frame(world.subscription(2, 0, channel), 100, vec![part]);
    world.send(0, 2, frame);
    world.pass(1_000);
    world.pass(1_000);
    assert!(!relays(&world, 0) && relays(&world, 3));
}

fn subscriptions(world: &World, to: OrgId) -> usize {
    let frames = world.sides[2].sent.iter();
    let asks = |(org, frame): &&(OrgId, Frame)| *org == to && matches!(frame, Frame::Subscribe(_));
    frames.filter(asks).count()
}

/// Of a part that takes several steps the first body is missing: that it is, is not forgotten with what follows.
#[test]
fn what_is_still_lacking_is_not_forgotten() {
    let (mut world, channel, forger) = kept_back();
    let mut part = forger.whole();
    part.entries[1].body = None;
    let frame = forger.frame(world.subscription(2, 3, channel), 200, vec![part]);
    world.send(3, 2, frame);
    let size = forger.size();
    assert_eq!(held(&world, 2, &forger), (size, size as usize - 1));
    world.connect(0, 2);
    world.pass(1_000);
    check_filled(&world, &forger);
}

/// Bodies that nobody has any more are not asked for without end.
#[test]
fn what_nobody_has_is_asked_for_once_a_day() {
    let (mut world, channel, forger) = kept_back();
    let entries = without_bodies(forger.whole());
    // Nobody has them: the host lost its store, say.
    let keys = ChannelKeys(channel);
    let rows = world.sides[0].read(&keys.runs_between(forger.log, 0, u64::MAX));
    for (key, value) in rows {
        let mut run = Run::from_value(&key, &value).expect("it reads");
        for entry in &mut run.entries {
            entry.body = None;
        }
        world.sides[0].store.insert(key, run.to_value());
    }
    world.connect(0, 2);
    for _ in 0..4 {
        world.pass(1_000);
    }
    let host = world.id(0);
    let before = subscriptions(&world, host);
    for _ in 0..60 {
        world.pass(60_000);
    }
    assert_eq!(subscriptions(&world, host), before);
    assert_eq!(held(&world, 2, &forger), (entries.entries.len() as u64, 0));
    world.pass(BODIES_AGAIN_MILLIS);
    world.pass(1_000);
    assert!(subscriptions(&world, host) > before);
}

/// A part that overlaps what is held, from an entry on that lacks its body, has more to read there than a step
/// takes; what is new in it comes after that.
#[test]
fn an_overlap_beyond_a_lacking_body_holds_up_nothing() {
    let (mut world, channel) = World::shared(3);
    let [first, second] = ["first", "second"].map(|text| world.post(0, channel, text).first);
    let revision = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    forger.post("without its body");
    let lacking = usize::try_from(forger.size() - 1).expect("few");
    let react = |forger: &mut Forger, target, emoji: String| {
        forger.append(&Body::React {
            target,
            emoji,
            on: true,
        });
    };
    for number in 0..ANNOTATED_PER_STEP_MAX {
        react(&mut forger, first, format!("e{number}"));
    }
    let held = forger.size();
    let subscription = world.subscription(2, 1, channel);
    let mut whole = forger.whole();
    whole.entries[lacking].body = None;
    let frame = forger.frame(subscription, 100, vec![whole]);
    world.send(1, 2, frame);
    assert_eq!(self::held(&world, 2, &forger).0, held);
    react(&mut forger, second, "+1".to_owned());
    let mut overlap = forger.part(lacking as u64, forger.size(), forger.size());
    overlap.entries[0].body = None;
    let frame = forger.frame(subscription, 101, vec![overlap]);
    world.send(1, 2, frame);
    assert_eq!(self::held(&world, 2, &forger).0, held + 1);
}
