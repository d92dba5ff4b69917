//! Whether there is anything to say between this organisation and a partner.
//!
//! Knows nothing of how the two speak with each other.

use crate::id::OrgId;
use crate::state::{Channel, Partner, Request, RequestKind, Sharing, State};
use crate::time::Timestamp;

/// Whether anything is shared with a partner, is about to be, or may be one day because nothing
/// ever was.
///
/// Not wanted is a partner with whom channels were shared and have all ended, while none is offered
/// or being joined and no request that concerns it waits. A channel whose time is up is wanted until
/// its end was noted: what the two say to each other about an end comes after that.
pub fn is_wanted(state: &State, partner: OrgId, now: Timestamp) -> bool {
    let Some(known) = state.partners().get(&partner) else {
        return false;
    };
    let mut shared_before = false;
    for channel in state.channels().values() {
        match kept_by(channel, partner, now) {
            Some(true) => return true,
            Some(false) => shared_before = true,
            None => {}
        }
    }
    let waits = |request: &Request| request.is_waiting() && !request.is_due(now);
    let mut requests = state.requests().values();
    !shared_before || requests.any(|request| waits(request) && concerns(request, partner, known))
}

/// Whether a channel is one that goes on with a partner (`true`), or one that did (`false`).
fn kept_by(channel: &Channel, partner: OrgId, now: Timestamp) -> Option<bool> {
    let holds = |ends: Option<Timestamp>| ends.is_none_or(|ends| now < ends);
    match &channel.sharing {
        Sharing::Offering {
            partner: to, offer, ..
        } if *to == Some(partner) && holds(offer.ends) => Some(true),
        Sharing::Joining { host, offer } if *host == partner && holds(offer.ends) => Some(true),
        Sharing::Shared {
            participants,
            ended,
            ..
        } if participants.contains_key(&partner) => Some(ended.is_none()),
        Sharing::Local
        | Sharing::Offering { .. }
        | Sharing::Joining { .. }
        | Sharing::Shared { .. } => None,
    }
}

fn concerns(request: &Request, partner: OrgId, known: &Partner) -> bool {
    match &request.kind {
        RequestKind::Share { partner: to, .. } => *to == known.handle,
        RequestKind::Peer { partner: with, .. } => *with == partner,
        RequestKind::Join { host, .. } => *host == partner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Action, Actor};
    use crate::id::ChannelId;
    use crate::testing::*;
    use crate::vocabulary::EndCause;

    fn check(world: &World, partner: OrgId, expected: bool) {
        assert_eq!(is_wanted(&world.state, partner, world.now), expected);
    }

    fn end(world: &mut World, channel: ChannelId) {
        let cause = EndCause::Termination;
        world.must(Actor::System, Action::EndChannel { channel, cause });
    }

    /// Globex, with whom one channel was shared and has ended.
    fn parted() -> World {
        let mut world = World::acme();
        let channel = world.shared("launch", "globex.example", GLOBEX);
        check(&world, GLOBEX, true);
        end(&mut world, channel);
        check(&world, GLOBEX, false);
        world
    }

    #[test]
    fn a_stranger_is_not_wanted() {
        check(&World::acme(), GLOBEX, false);
    }

    #[test]
    fn who_is_offered_a_first_channel_is_wanted_also_when_the_offer_lapses() {
        let mut world = World::acme();
        world.active("launch", "globex.example", GLOBEX);
        check(&world, GLOBEX, true);
        world.now = world.now.plus_millis(31 * DAY_MILLIS);
        check(&world, GLOBEX, true);
    }

    #[test]
    fn one_of_two_ends_and_then_the_other() {
        let mut world = World::acme();
        let first = world.shared("launch", "globex.example", GLOBEX);
        let anna = member(world.anna());
        let second = world.channel(anna, "second", false);
        let ends = world.soon();
        let number = world.requested(anna, share(second, "globex.example", ends));
        end(&mut world, first);
        // It waits for a yes of ours.
        check(&world, GLOBEX, true);
        world.must(world.other_eyes(), approve(number, None, None));
        // It waits for one of theirs.
        check(&world, GLOBEX, true);
        world.must(Actor::System, sealed(second, US, &[US, GLOBEX], ends));
        check(&world, GLOBEX, true);
        end(&mut world, second);
        check(&world, GLOBEX, false);
    }

    #[test]
    fn a_request_of_ours_that_is_declined_wants_nothing_more() {
        let mut world = parted();
        let anna = member(world.anna());
        let channel = world.channel(anna, "second", false);
        let ends = world.soon();
        let number = world.requested(anna, share(channel, "globex.example", ends));
        check(&world, GLOBEX, true);
        world.must(world.other_eyes(), decline(number, "no"));
        check(&world, GLOBEX, false);
    }

    #[test]
    fn an_offer_of_theirs_waits_is_joined_and_lapses() {
        let mut world = parted();
        let theirs = offer(50, world.soon());
        let number = world.requested(Actor::Partner(GLOBEX), put_before_us(GLOBEX, 60, theirs));
        check(&world, GLOBEX, true);
        let mut late = world.clone();
        late.now = late.now.plus_millis(31 * DAY_MILLIS);
        check(&late, GLOBEX, false);
        world.must(world.other_eyes(), approve(number, None, Some("theirs")));
        check(&world, GLOBEX, true);
        // Nobody sealed it in time.
        world.now = world.now.plus_millis(31 * DAY_MILLIS);
        check(&world, GLOBEX, false);
    }

    #[test]
    fn what_goes_on_with_others_keeps_nobody() {
        let mut world = parted();
        world.shared("other", "initech.example", INITECH);
        check(&world, INITECH, true);
        check(&world, GLOBEX, false);
    }

    #[test]
    fn a_channel_is_wanted_until_its_end_was_noted() {
        let mut world = World::acme();
        let channel = world.shared("launch", "globex.example", GLOBEX);
        world.now = world.now.plus_millis(31 * DAY_MILLIS);
        check(&world, GLOBEX, true);
        let cause = EndCause::End;
        world.must(Actor::System, Action::EndChannel { channel, cause });
        check(&world, GLOBEX, false);
    }
}
