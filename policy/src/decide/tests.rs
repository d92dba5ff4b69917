//! One row per refusal: who asks, what, and by which rule it is refused. Every reason that there
//! is has at least one row.

mod channels;
mod clock;
mod partners;
mod people;

use std::collections::BTreeSet;

use crate::action::{AcceptedInvitation, Action, Actor, CharterFacts, Ends, Reply};
use crate::bounds::{MEMBERS_COUNT_MAX, REQUESTS_PER_PARTNER_COUNT_MAX};
use crate::id::{ChannelId, MemberId, ProjectId, RequestNumber, TokenId};
use crate::name::MemberName;
use crate::reason::Reason;
use crate::secret::authenticate;
use crate::state::{Channel, InvitationId, Member, PartnerMode, Record, Scopes, Visibility};
use crate::testing::*;
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capability, EndCause};

const GLOBEX_KEY: Actor = Actor::Partner(GLOBEX);

#[derive(Default)]
struct Rows(BTreeSet<Reason>);

impl Rows {
    #[track_caller]
    fn deny(&mut self, world: &World, actor: Actor, action: Action, reason: Reason) {
        assert_eq!(
            world.decided(actor, &action),
            Err(reason),
            "{action:?} by {actor:?}"
        );
        self.0.insert(reason);
    }
}

fn permit(world: &World, actor: Actor, action: Action) {
    assert_eq!(
        world.decided(actor, &action),
        Ok(()),
        "{action:?} by {actor:?}"
    );
}

fn with(member: MemberId, read: bool, write: bool, administer: bool) -> Actor {
    Actor::Member {
        member,
        scopes: Scopes {
            read,
            write,
            administer,
        },
    }
}

const SUBJECTS: [fn() -> Rows; 10] = [
    people::about_people,
    people::about_tokens,
    channels::about_channels,
    channels::about_writing,
    channels::about_sharing,
    channels::about_projects,
    partners::about_replies,
    partners::about_invitations,
    partners::about_offers,
    clock::about_the_clock,
];

#[test]
fn every_reason_has_a_row() {
    let seen: BTreeSet<Reason> = SUBJECTS.iter().flat_map(|rows| rows().0).collect();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| !seen.contains(reason))
        .collect();
    assert!(missing.is_empty(), "no row shows {missing:?}");
}

#[test]
fn every_reason_says_what_would_change_the_answer() {
    let mut ids = BTreeSet::new();
    for reason in Reason::ALL {
        let plain = |c: char| c.is_ascii_uppercase() || c == '_';
        assert!(
            reason.id().chars().all(plain) && ids.insert(reason.id()),
            "{}",
            reason.id()
        );
        let sentence = reason.remedy();
        assert!(
            sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
            "{sentence}"
        );
        assert!(sentence.len() <= 256, "{sentence}");
        // What holds, and then what to do: interfaces show them apart.
        assert!(
            sentence.contains(": ") || sentence.contains("; "),
            "{sentence}"
        );
    }
}

/// P5: whatever a partner or the daemon brings, nobody becomes active and nothing is joined
/// without a person.
#[test]
fn only_people_approve() {
    let mut world = World::acme();
    let number = world.accepted(GLOBEX, Some(offer(9, None)));
    let yes = [approve(number, Some(WORDS), Some("x")), confirm(GLOBEX)];
    for actor in [
        GLOBEX_KEY,
        Actor::Partner(INITECH),
        Actor::Partner(US),
        Actor::System,
    ] {
        for action in &yes {
            assert!(
                world.decided(actor, action).is_err(),
                "{action:?} by {actor:?}"
            );
        }
    }
}

#[test]
fn in_a_members_name_an_operator_may_what_that_member_may() {
    let mut world = World::acme();
    let bob = world.add("bob", false);
    let as_bob = Actor::Operator {
        uid: 0,
        as_member: Some(bob),
    };
    let denied = world.decided(as_bob, &add_member("carl", false));
    assert_eq!(denied, Err(Reason::NotAdministrator));
    assert_eq!(
        world.decided(as_bob, &create_channel("team", false)),
        Ok(())
    );
}

#[test]
fn a_handle_is_denied_under_every_rule_that_matches() {
    let mut world = World::acme();
    world.active("launch", "globex.example", GLOBEX);
    let allowed = |world: &World| super::carrier_allowed(&world.state, GLOBEX);
    assert_eq!(allowed(&world), Ok(()));
    // Deny beats the allow that the approval left.
    world.must(
        OPERATOR,
        Action::DenyPartner {
            pattern: "*.example".into(),
        },
    );
    assert_eq!(allowed(&world), Err(Reason::PartnerDenied));
    world.must(
        OPERATOR,
        Action::ForgetPattern {
            pattern: "*.example".into(),
        },
    );
    assert_eq!(allowed(&world), Ok(()));
}
