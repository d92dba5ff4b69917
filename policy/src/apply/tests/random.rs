//! Random acts by random actors: whatever happens, the state hangs together, what is said to
//! have changed is what changed, and a partner reaches no further than it may.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::action::{Action, Actor};
use crate::id::{ChannelId, MemberId, OrgId, ProjectId, RequestNumber, TokenId};
use crate::state::{
    Change, EndCause, InvitationId, InvitationState, PartnerMode, PartnerState, RequestKind,
    Scopes, Sharing, State,
};
use crate::testing::*;
use crate::vocabulary::Capability;

/// Raw numbers; what they mean depends on the state that they meet, so that most hit something.
type Raw = (u8, u8, u8, u8, u8);

const NAMES: [&str; 5] = ["anna", "bob", "launch", "team", "Bad Name"];
const HANDLES: [&str; 4] = [
    "globex.example",
    "initech.example",
    "acme.example",
    "hooli.example",
];

fn pick<T: Clone>(mut all: impl Iterator<Item = T>, index: u8, missing: T) -> T {
    all.nth(usize::from(index % 8)).unwrap_or(missing)
}

fn org(index: u8) -> OrgId {
    OrgId([1 + index % 4; 32])
}

fn actor(state: &State, index: u8, which: u8) -> Actor {
    let anyone = pick(state.members().keys().copied(), which, MemberId([0; 16]));
    match index % 8 {
        0..=2 => OPERATOR,
        3 => Actor::Operator {
            uid: 1,
            as_member: Some(anyone),
        },
        4 => Actor::Member {
            member: anyone,
            scopes: Scopes::ALL,
        },
        5 | 6 => Actor::Partner(org(which)),
        _ => Actor::System,
    }
}

/// The acts that partners and the daemon bring, and those on what they lead to.
fn foreign_action(world: &World, kind: u8, a: u8, b: u8) -> Action {
    let state = &world.state;
    let channel = pick(state.channels().keys().copied(), a, ChannelId([9; 32]));
    let handle = HANDLES[usize::from(b % 4)];
    let ends = if b.is_multiple_of(3) {
        None
    } else {
        world.soon()
    };
    let terms = || {
        let approved = state
            .channels()
            .values()
            .find_map(|known| match &known.sharing {
                Sharing::Joining { offer, .. } => Some(offer.clone()),
                _ => None,
            });
        match approved {
            Some(approved) if b.is_multiple_of(2) => approved,
            _ if b.is_multiple_of(5) => crate::state::Offer {
                channel,
                ..offer(9, ends)
            },
            _ => offer(b % 4, ends),
        }
    };
    match kind % 7 {
        0 => {
            let invitation = pick(
                state.invitations().keys().copied(),
                a,
                InvitationId([0; 32]),
            );
            reply(invitation, org(b), handle)
        }
        1 | 2 => put_before_us(org(a), b, terms()),
        3 => Action::AcceptInvitation(Box::new(accept(org(a), (!b.is_multiple_of(3)).then(terms)))),
        4 => {
            let sharing = state
                .channels()
                .get(&channel)
                .map(|channel| channel.sharing.clone());
            let (host, ends) = match sharing {
                Some(Sharing::Offering { offer, .. }) => (US, offer.ends),
                Some(Sharing::Joining { host, offer }) => (host, offer.ends),
                _ => (org(b), None),
            };
            sealed(channel, host, &[US, host, org(b)], ends)
        }
        5 => Action::ExpireDue,
        _ => confirm(org(a)),
    }
}

fn own_action(world: &World, kind: u8, a: u8, b: u8) -> Action {
    let state = &world.state;
    let name = || NAMES[usize::from(a % 5)].to_owned();
    let pattern = || HANDLES[usize::from(a % 4)].to_owned();
    let member = pick(state.members().keys().copied(), b, MemberId([0; 16]));
    let channel = pick(state.channels().keys().copied(), a, ChannelId([0; 32]));
    let number = RequestNumber(u32::from(a % 12) + 1);
    let partner = org(a);
    let causes = [
        EndCause::End,
        EndCause::Withdrawal,
        EndCause::Termination,
        EndCause::Disconnect,
    ];
    match kind % 26 {
        0 => add_member(&name(), b.is_multiple_of(2)),
        1 => Action::DeactivateMember { member },
        2 => create_token(
            member,
            Scopes {
                write: true,
                ..Scopes::default()
            },
        ),
        3 => {
            let token = pick(state.tokens().keys().copied(), a, TokenId([0; 16]));
            Action::RevokeToken { token }
        }
        4 | 5 => create_channel(&name(), b.is_multiple_of(2)),
        6 => Action::RenameChannel {
            channel,
            name: NAMES[usize::from(b % 5)].into(),
        },
        7 => Action::JoinChannel { channel },
        8 => Action::LeaveChannel { channel },
        9 => Action::AddChannelMember { channel, member },
        10 | 11 => share(channel, HANDLES[usize::from(b % 4)], world.soon()),
        12 => Action::InvitePartner {
            handle: (!b.is_multiple_of(4)).then(pattern),
        },
        13..=15 => approve(number, Some(WORDS), Some(NAMES[usize::from(b % 5)])),
        16 => Action::DeclineRequest {
            number,
            reason: String::new(),
        },
        17 => Action::WithdrawRequest { number },
        18 => {
            let invitation = pick(
                state.invitations().keys().copied(),
                a,
                InvitationId([0; 32]),
            );
            Action::RevokeInvitation { invitation }
        }
        19 if b.is_multiple_of(4) => Action::DenyPartner { pattern: pattern() },
        19 => Action::AllowPartner { pattern: pattern() },
        20 if b.is_multiple_of(4) => Action::SetPartnerMode {
            mode: PartnerMode::Listed,
        },
        20 => Action::SetPartnerMode {
            mode: PartnerMode::AnyoneAfterApproval,
        },
        21 => Action::EndChannel {
            channel,
            cause: causes[usize::from(b % 4)],
        },
        22 => {
            let project = pick(state.projects().keys().copied(), a, ProjectId([0; 16]));
            Action::EndProject { project }
        }
        23 => Action::SuspendPartner { partner },
        24 => Action::ResumePartner { partner },
        _ if b.is_multiple_of(3) => Action::DisconnectPartner { partner },
        _ => Action::Write {
            channel,
            capability: Capability::Post,
            charter: None,
        },
    }
}

/// Whatever one record says of another is so.
fn check_references(state: &State) {
    for ((channel, member), _) in state.memberships() {
        assert!(state.channels().contains_key(channel) && state.members().contains_key(member));
    }
    for token in state.tokens().values() {
        let member = &state.members()[&token.member];
        assert!(
            member.active || token.revoked,
            "a token outlived its member"
        );
    }
    for (id, channel) in state.channels() {
        assert!(
            channel
                .project
                .is_none_or(|project| state.projects().contains_key(&project))
        );
        match &channel.sharing {
            Sharing::Local => {}
            Sharing::Offering {
                partner,
                invitation,
                request,
                offer,
                ..
            } => {
                assert!(state.requests().contains_key(request) && offer.channel == *id);
                assert!(partner.is_some() || invitation.is_some());
                if let Some(invitation) = invitation {
                    let known = &state.invitations()[invitation];
                    let usable = matches!(
                        known.state,
                        InvitationState::Open | InvitationState::Used { .. }
                    );
                    assert!(usable, "offered by a dead invitation");
                }
                assert!(partner.is_none_or(|org| state.partners()[&org].verified));
            }
            Sharing::Joining { host, offer } => {
                assert!(offer.channel == *id && state.partners()[host].verified);
                assert_ne!(state.partners()[host].state, PartnerState::Disconnected);
            }
            Sharing::Shared {
                host, participants, ..
            } => {
                assert!(participants.contains_key(&US) && participants.contains_key(host));
            }
        }
    }
    for request in state
        .requests()
        .values()
        .filter(|request| request.is_waiting())
    {
        match &request.kind {
            RequestKind::Share { offer, .. } => {
                assert!(state.channels().contains_key(&offer.channel));
            }
            RequestKind::Peer {
                partner,
                invitation,
                ..
            } => {
                let partner = &state.partners()[partner];
                assert_eq!(partner.state, PartnerState::Accepted);
                assert_eq!(partner.invitation, *invitation);
            }
            RequestKind::Join { host, .. } => assert!(state.partners()[host].verified),
        }
    }
}

fn check_names(state: &State) {
    fn unique<T: Ord>(names: impl Iterator<Item = T>) {
        let mut seen = BTreeSet::new();
        for name in names {
            assert!(seen.insert(name), "two of one name");
        }
    }
    unique(state.members().values().map(|member| &member.name));
    unique(state.channels().values().map(|channel| &channel.name));
    unique(state.projects().values().map(|project| &project.name));
    let own = state.identity().map(|identity| &identity.handle);
    let partners = state.partners().values();
    let living = partners.filter(|partner| partner.state != PartnerState::Disconnected);
    unique(living.map(|partner| &partner.handle).chain(own));
    assert!(!state.partners().contains_key(&US));
    for (id, channel) in state.channels() {
        assert_eq!(state.channel_named(channel.name.as_str()), Some(*id));
    }
    let mut members = state.members().values();
    assert!(
        members.any(|member| member.active && member.administrator),
        "nobody is in charge"
    );
    for partner in state.partners().values() {
        let approved = matches!(
            partner.state,
            PartnerState::Active | PartnerState::Suspended
        );
        assert!(partner.verified || !approved, "a partner without six words");
    }
}

/// P4: a partner's act changes only that partner's own standing, the invitation that it answers
/// and the list of waiting requests.
fn check_reach(before: &State, after: &State, partner: OrgId, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Partner(changed) => assert_eq!(*changed, partner),
            Change::Invitation(id) => {
                assert_eq!(before.invitations()[id].state, InvitationState::Open);
                assert_eq!(
                    after.invitations()[id].state,
                    InvitationState::Used { by: partner }
                );
            }
            Change::Request(number) => {
                let request = &after.requests()[number];
                assert_eq!(request.by, crate::state::Person::Partner(partner));
            }
            other => panic!("a partner changed {other:?}"),
        }
    }
    if let Some(known) = after.partners().get(&partner) {
        let was = before.partners().get(&partner).map(|partner| partner.state);
        assert!(was == Some(known.state) || known.state == PartnerState::Replied);
    }
}

fn run(acts: &[Raw]) {
    let mut world = World::acme();
    for (kind, who, a, b, minutes) in acts.iter().copied() {
        world.now = world
            .now
            .plus_millis(u64::from(minutes) * u64::from(minutes) * 60_000);
        let action = if who.is_multiple_of(3) {
            own_action(&world, kind, a, b)
        } else {
            foreign_action(&world, kind, a, b)
        };
        // Half of the foreign acts come from whom they should, so that some get through.
        let by = match &action {
            Action::RecordReply(reply) if b < 128 => Actor::Partner(reply.partner),
            Action::OfferReceived { host, .. } if b < 200 => Actor::Partner(*host),
            Action::ChannelSealed { .. } | Action::ExpireDue if b < 200 => Actor::System,
            _ => actor(&world.state, who / 3, a),
        };
        let before = world.state.clone();
        match world.try_act(by, &action) {
            Err(_) => assert_eq!(world.state, before, "a refusal changed something"),
            Ok(applied) => {
                if let Actor::Partner(partner) = by {
                    check_reach(&before, &world.state, partner, &applied.changes);
                }
                // A store that writes just the named records holds the new state.
                let changed = |record: &crate::state::Record| {
                    applied
                        .changes
                        .iter()
                        .any(|change| before.record(change).as_ref() == Some(record))
                };
                let kept = before.records().filter(|record| !changed(record));
                let put = applied
                    .changes
                    .iter()
                    .filter_map(|change| world.state.record(change));
                let stored = State::restore(world.state.version(), kept.chain(put));
                assert_eq!(stored, world.state, "{action:?} changed more than it said");
            }
        }
        check_references(&world.state);
        check_names(&world.state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_hangs_together_whatever_is_asked(acts in prop::collection::vec(any::<Raw>(), 1..120)) {
        run(&acts);
    }
}
