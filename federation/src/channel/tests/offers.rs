//! Offers that their host takes back before they are in force.

use std::collections::BTreeMap;

use foedus_policy::action::Action;
use foedus_policy::id::ChannelId;
use foedus_policy::state::Sharing;
use foedus_policy::vocabulary::{Access, EndCause};

use crate::message::OrgInput;
use crate::testing::World;

/// Two partners, of whom the first offered the second a channel that nobody said yes to yet.
fn offered() -> (World, ChannelId) {
    let mut world = World::peered(2);
    let channel = world.open(0, "launch");
    world.offer(0, 1, channel);
    assert!(waits(&world), "the offer came");
    (world, channel)
}

/// Whether a request waits at the second.
fn waits(world: &World) -> bool {
    let mut requests = world.sides[1].snapshot.state.requests().values();
    requests.any(|request| request.is_waiting())
}

fn take_back(world: &mut World, channel: ChannelId) {
    let cause = EndCause::Termination;
    world.act(0, Action::EndChannel { channel, cause });
}

/// Nothing governs the host's channel, and it knows that it is its own alone.
fn check_local(world: &World, channel: ChannelId) {
    let governance = &world.sides[0].view(channel).governance;
    assert!(governance.newest().is_none() && governance.proposal().is_none());
    let known = &world.sides[0].snapshot.state.channels()[&channel];
    assert_eq!(known.sharing, Sharing::Local);
}

#[test]
fn a_yes_that_comes_after_the_offer_was_taken_back_seals_nothing() {
    let (mut world, channel) = offered();
    take_back(&mut world, channel);
    check_local(&world, channel);
    world.approve_all(1, "theirs");
    for _ in 0..20 {
        world.pass(1_000);
    }
    check_local(&world, channel);
    // Nor does a start anew find what was taken back.
    world.restart(0);
    world.pass(1_000);
    check_local(&world, channel);
    world.join(0, channel);
    world.post(0, channel, "for us alone");
}

#[test]
fn an_offer_that_is_made_again_finds_whoever_said_yes_to_the_same_terms() {
    let (mut world, channel) = offered();
    world.disconnect(0, 1);
    // Their yes does not get through.
    world.approve_all(1, "theirs");
    take_back(&mut world, channel);
    world.connect(0, 1);
    world.pass(1_000);
    check_local(&world, channel);
    world.offer(0, 1, channel);
    world.pass(10_000);
    let governance = &world.sides[0].view(channel).governance;
    // They said yes to exactly these terms, and say it again to this offer.
    assert!(governance.newest().is_some());
}

#[test]
fn an_offer_that_a_disconnection_ended_is_not_made_again_by_itself() {
    let (mut world, channel) = offered();
    let (one, other) = (world.id(0), world.id(1));
    world.act(0, Action::DisconnectPartner { partner: other });
    world.act(1, Action::DisconnectPartner { partner: one });
    world.disconnect(0, 1);
    assert!(!waits(&world));
    world.peer(0, 1);
    world.connect(0, 1);
    for _ in 0..20 {
        world.pass(1_000);
    }
    assert!(!waits(&world), "nobody offered anything since");
    check_local(&world, channel);
    // An offer that somebody makes is another matter.
    world.offer(0, 1, channel);
    assert!(waits(&world));
    world.approve_all(1, "theirs");
    world.join(0, channel);
    world.join(1, channel);
    let posted = world.post(0, channel, "for both");
    assert!(world.sides[1].view(channel).arrival > 0 && !posted.repeated);
}

/// The charter was sealed at the moment at which the host's administrator took the offer back.
#[test]
fn a_channel_that_was_sealed_too_late_ends() {
    let mut world = World::peered(2);
    let channel = world.open(0, "launch");
    let said = OrgInput::CharterInForce {
        channel,
        host: world.id(0),
        participants: BTreeMap::from([(world.id(0), Access::Full), (world.id(1), Access::Full)]),
        ends: None,
    };
    world.push_org(0, said);
    world.settle();
    let known = &world.sides[0].snapshot.state.channels()[&channel];
    let Sharing::Shared { ended, .. } = &known.sharing else {
        panic!("others were told that it is shared: {known:?}");
    };
    assert_eq!(ended.map(|ended| ended.cause), Some(EndCause::Termination));
}
