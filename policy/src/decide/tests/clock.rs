//! Refusals while our clock is in doubt, and who may say that it is right.

use super::*;
use crate::action::Outcome;
use crate::state::{Ended, Leap, RequestState, Sharing};

const YEAR: u64 = 365 * DAY_MILLIS;

fn leap(world: &World, at_start: bool) -> Action {
    Action::ClockLeapt(Leap {
        expected: world.now.minus_millis(YEAR),
        found: world.now,
        at_start,
    })
}

fn confirmed(world: &World) -> Action {
    Action::ConfirmClock { shown: world.now }
}

const AGREED: Action = Action::ClockAgreed {
    partner: Some(GLOBEX),
};

/// A channel under a charter with an end, and a clock that says that the end was long ago.
fn leapt(at_start: bool) -> (World, ChannelId) {
    let mut world = World::acme();
    let channel = world.shared("launch", "globex.example", GLOBEX);
    let Sharing::Shared {
        host, participants, ..
    } = world.state.channels()[&channel].sharing.clone()
    else {
        panic!("it is shared");
    };
    let ends = world.soon();
    let seal = Action::ChannelSealed {
        channel,
        host,
        participants,
        ends,
    };
    world.must(Actor::System, seal);
    world.now = world.now.plus_millis(YEAR);
    let leap = leap(&world, at_start);
    world.must(Actor::System, leap);
    (world, channel)
}

pub(super) fn about_the_clock() -> Rows {
    let mut rows = Rows::default();
    let (mut world, channel) = leapt(false);
    let (anna, bob) = (world.anna(), world.add("bob", false));
    let post = |channel, access| Action::Write {
        channel,
        capability: Capability::Post,
        charter: Some(CharterFacts {
            access,
            capabilities: capabilities(),
        }),
    };
    let shared = post(channel, Access::Full);
    rows.deny(&world, member(anna), shared.clone(), Reason::ClockPaused);
    let local = world.channel(member(anna), "local", false);
    permit(&world, member(anna), post(local, Access::Full));
    let end = |cause| Action::EndChannel { channel, cause };
    let by_clock = end(EndCause::End);
    rows.deny(&world, Actor::System, by_clock.clone(), Reason::ClockPaused);
    rows.deny(
        &world,
        Actor::System,
        Action::ExpireDue,
        Reason::ClockPaused,
    );
    let project = world.state.project_named("Launch").expect("it was made");
    let over = Action::EndProject { project };
    rows.deny(&world, Actor::System, over.clone(), Reason::ClockPaused);
    // A person ends what they like: that needs no clock.
    permit(&world, at_the_socket(anna), over);
    permit(&world, at_the_socket(anna), end(EndCause::Termination));

    let confirm = confirmed(&world);
    rows.deny(&world, OPERATOR, confirm.clone(), Reason::MemberNeeded);
    rows.deny(
        &world,
        member(bob),
        confirm.clone(),
        Reason::NotAdministrator,
    );
    rows.deny(&world, GLOBEX_KEY, confirm.clone(), Reason::NotForPartners);
    rows.deny(&world, Actor::System, confirm.clone(), Reason::PeopleOnly);
    let found = leap(&world, true);
    rows.deny(&world, at_the_socket(anna), found, Reason::DaemonOnly);
    rows.deny(&world, GLOBEX_KEY, AGREED, Reason::NotForPartners);
    world.must(at_the_socket(anna), confirm);
    rows.deny(&world, member(anna), shared, Reason::ChannelEnded);
    permit(&world, Actor::System, by_clock);
    rows
}

#[test]
fn a_partner_ends_the_doubt_about_a_leap_over_a_start_only() {
    for at_start in [false, true] {
        let (mut world, _) = leapt(at_start);
        let outcome = world.must(Actor::System, AGREED);
        let ended = world.state.leap().is_none();
        assert_eq!((outcome == Outcome::Done, ended), (at_start, at_start));
        // A new start finds it where it should be.
        world.must(Actor::System, Action::ClockAgreed { partner: None });
        assert_eq!(world.state.leap(), None);
    }
}

#[test]
fn nothing_lapses_while_the_clock_is_in_doubt() {
    let mut world = World::acme();
    let number = world.accepted(GLOBEX, None);
    world.now = world.now.plus_millis(YEAR);
    let leap = leap(&world, false);
    world.must(Actor::System, leap);
    let due = world.try_act(Actor::System, &Action::ExpireDue);
    assert_eq!(due.map(drop), Err(Reason::ClockPaused));
    let waits = |world: &World| world.state.requests()[&number].state == RequestState::Waiting;
    assert!(waits(&world));
    let anna = world.anna();
    let confirm = confirmed(&world);
    world.must(at_the_socket(anna), confirm);
    world.must(Actor::System, Action::ExpireDue);
    assert!(
        !waits(&world),
        "it lapses once somebody stands for the clock"
    );
}

#[test]
fn an_end_that_was_noted_stays_one() {
    let (mut world, channel) = leapt(false);
    let anna = world.anna();
    let mut known = world.state.channels()[&channel].clone();
    if let Sharing::Shared { ended, .. } = &mut known.sharing {
        *ended = Some(Ended {
            cause: EndCause::End,
            at: START,
        });
    }
    world.state.put(Record::Channel(channel, known));
    let write = Action::Write {
        channel,
        capability: Capability::Post,
        charter: None,
    };
    let denied = world.decided(member(anna), &write);
    assert_eq!(denied, Err(Reason::ChannelEnded));
}
