//! Words that others carried while we took nothing from whoever wrote them.

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, EntryRef};

use crate::channel::{Verb, Verdict, Withheld};
use crate::keys::ChannelKeys;
use crate::stored::{Annotations, Arrival, Record, Run};
use crate::testing::World;

/// What the host makes of each entry that Initech wrote, from a sequence number on.
fn verdicts(world: &World, channel: ChannelId, from: EntryRef) -> Vec<u8> {
    let keys = ChannelKeys(channel);
    let log = keys.log_id(from.origin, from.incarnation);
    let rows = world.sides[0].read(&keys.runs_from(log, from.sequence, usize::MAX));
    let runs = rows
        .iter()
        .map(|(key, value)| Run::from_value(key, value).expect("it reads"));
    let entries = runs.flat_map(|run| (run.first..).zip(run.entries));
    let entries = entries.filter(|(sequence, _)| *sequence >= from.sequence);
    entries.map(|(_, entry)| entry.verdict).collect()
}

/// With how many arrivals an entry is shown to whoever reads from before all of them.
fn times_shown(world: &World, channel: ChannelId, entry: EntryRef) -> usize {
    let rows = world.sides[0].read(&ChannelKeys(channel).arrivals_after(0, usize::MAX));
    let arrivals = rows
        .iter()
        .map(|(key, value)| Arrival::from_value(key, value).expect("it reads"));
    let shows = |arrival: &Arrival| {
        (arrival.origin, arrival.incarnation) == (entry.origin.0, entry.incarnation.0)
            && (arrival.first..=arrival.last).contains(&entry.sequence)
            && !arrival.held_back.contains(&entry.sequence)
    };
    arrivals.filter(shows).count()
}

fn reactions(world: &World, target: EntryRef, channel: ChannelId) -> usize {
    let key = ChannelKeys(channel).annotation_page(target, 0);
    let value = world.sides[0].store.get(&key);
    let rows = value.map(|value| Annotations::from_value(&key, value).expect("it reads"));
    rows.map_or(0, |rows| rows.rows.len())
}

/// The host took nothing from Initech while it posted twice and reacted to what the host had said, and
/// Globex carried that. Who Initech's member is was in it, too.
fn carried() -> (World, ChannelId, EntryRef, EntryRef) {
    let (mut world, channel) = World::agreed(3);
    world.join(0, channel);
    let target = world.post(0, channel, "what do you say?").first;
    let partner = world.id(2);
    world.act(0, Action::SuspendPartner { partner });
    world.disconnect(0, 2);
    world.join(2, channel);
    let first = world.post(2, channel, "who hears me?").first;
    world.post(2, channel, "anybody?");
    let react = Verb::React {
        target,
        emoji: "+1".to_owned(),
        on: true,
    };
    world.ask(2, channel, react).expect("it is stored");
    (world, channel, first, target)
}

const WITHHELD: u8 = Verdict::Withheld(Withheld::Origin).code();

#[test]
fn who_may_speak_again_is_heard_with_what_others_carried_meanwhile() {
    for restarts in [false, true] {
        let (mut world, channel, first, target) = carried();
        assert_eq!(verdicts(&world, channel, first), [WITHHELD; 3]);
        let partner = world.id(2);
        assert_eq!(reactions(&world, target, channel), 0);
        world.act(0, Action::ResumePartner { partner });
        if restarts {
            world.restart(0);
        }
        world.pass(10_000);
        assert_eq!(verdicts(&world, channel, first), [0; 3]);
        assert_eq!(reactions(&world, target, channel), 1);
        for sequence in [first.sequence, first.sequence + 1] {
            let entry = EntryRef { sequence, ..first };
            assert_eq!(times_shown(&world, channel, entry), 1, "{sequence}");
        }
        let view = world.sides[0].view(channel);
        assert!(view.waiting.is_empty(), "who wrote it is known");
        let log = ChannelKeys(channel).log_id(first.origin, first.incarnation);
        assert_eq!(view.logs[&log].withheld_from, None);
        // Nothing of it is looked at once more.
        let arrival = view.arrival;
        world.pass(10_000);
        assert_eq!(world.sides[0].view(channel).arrival, arrival);
    }
}

#[test]
fn what_came_before_a_suspension_stays_and_what_comes_after_it_is_withheld_again() {
    let (mut world, channel, first, _) = carried();
    let partner = world.id(2);
    world.act(0, Action::ResumePartner { partner });
    world.pass(10_000);
    world.act(0, Action::SuspendPartner { partner });
    world.pass(10_000);
    assert_eq!(verdicts(&world, channel, first), [0; 3]);
    world.post(2, channel, "once more?");
    assert_eq!(verdicts(&world, channel, first), [0, 0, 0, WITHHELD]);
}

#[test]
fn who_is_disconnected_after_a_suspension_is_not_heard_with_it() {
    let (mut world, channel, first, _) = carried();
    let partner = world.id(2);
    world.act(0, Action::DisconnectPartner { partner });
    world.pass(10_000);
    assert_eq!(verdicts(&world, channel, first), [WITHHELD; 3]);
    assert_eq!(times_shown(&world, channel, first), 0);
}

/// A pass that began while nothing was taken from somebody says nothing of what it withheld.
#[test]
fn who_is_suspended_once_more_while_it_is_heard_is_heard_in_the_end() {
    let (mut world, channel, first, _) = carried();
    let partner = world.id(2);
    for _ in 0..3 {
        world.act(0, Action::ResumePartner { partner });
        world.act(0, Action::SuspendPartner { partner });
    }
    world.act(0, Action::ResumePartner { partner });
    world.pass(10_000);
    assert_eq!(verdicts(&world, channel, first), [0; 3]);
}
