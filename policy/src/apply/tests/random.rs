//! Random acts by random actors: whatever happens, the state hangs together, what is said to
//! have changed is what changed, and a partner reaches no further than it may.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::action::{Action, Actor, Ends};
use crate::id::{ChannelId, MemberId, OrgId, ProjectId, RequestNumber, TokenId};
use crate::state::{
    Change, Invitation, InvitationId, InvitationState, Leap, Offer, PartnerMode, PartnerState,
    RequestKind, Scopes, Sharing, State,
};
use crate::testing::*;
use crate::vocabulary::{Capability, EndCause};

/// Raw numbers; what they mean depends on the state that they meet, so that most hit something.
type Raw = (u8, u8, u8, u8, u8);

const NAMES: [&str; 8] = [
    "anna", "bob", "launch", "team", "ops", "carl", "dora", "Bad Name",
];
const HANDLES: [&str; 4] = [
    "globex.example",
    "initech.example",
    "acme.example",
    "hooli.example",
];

/// Mostly one of `all`, now and then one that there is not.
fn pick<T>(all: impl Iterator<Item = T>, index: u8, missing: T) -> T {
    let mut all: Vec<T> = all.collect();
    if all.is_empty() || index.is_multiple_of(16) {
        return missing;
    }
    all.swap_remove(usize::from(index) % all.len())
}

fn org(index: u8) -> OrgId {
    OrgId([1 + index % 4; 32])
}

fn partner_in(state: &State, wanted: PartnerState, index: u8) -> OrgId {
    let partners = state
        .partners()
        .iter()
        .filter(|(_, known)| known.state == wanted);
    pick(partners.map(|(org, _)| *org), index, org(index))
}

fn actor(state: &State, index: u8, which: u8) -> Actor {
    let anyone = pick(state.members().keys().copied(), which, MemberId([0; 16]));
    match index % 8 {
        0..=3 => OPERATOR,
        4 => Actor::Operator {
            uid: 1,
            as_member: Some(anyone),
        },
        5 => Actor::Member {
            member: anyone,
            scopes: Scopes::ALL,
        },
        6 => Actor::Partner(org(which)),
        _ => Actor::System,
    }
}

/// What a partner puts before us: something new, what was approved, or a channel of ours.
fn terms(world: &World, a: u8, b: u8) -> Offer {
    let channels = world.state.channels();
    let approved = channels.values().filter_map(|known| match &known.sharing {
        Sharing::Joining { offer, .. } => Some(offer.clone()),
        Sharing::Local | Sharing::Offering { .. } | Sharing::Shared { .. } => None,
    });
    let ends = if b.is_multiple_of(3) {
        None
    } else {
        world.soon()
    };
    match b % 5 {
        0 | 1 => pick(approved, a, offer(b % 16, ends)),
        2 => {
            let channel = pick(channels.keys().copied(), a, ChannelId([9; 32]));
            Offer {
                channel,
                ..offer(9, ends)
            }
        }
        _ => offer(b % 16, ends),
    }
}

/// The acts that partners and the daemon bring, and those on what they lead to.
fn foreign_action(world: &World, kind: u8, a: u8, b: u8) -> Action {
    let state = &world.state;
    match kind % 8 {
        0 | 1 => {
            let usable =
                |known: &Invitation| known.state == InvitationState::Open || b.is_multiple_of(7);
            let invitations = state
                .invitations()
                .iter()
                .filter(|(_, known)| usable(known));
            let invitations = invitations.map(|(id, known)| (*id, known.expects.clone()));
            let (invitation, expects) = pick(invitations, a, (InvitationId([0; 32]), None));
            let expects = expects.filter(|_| !b.is_multiple_of(9));
            let handle = HANDLES[usize::from(b % 4)];
            reply(
                invitation,
                org(b),
                expects.as_ref().map_or(handle, |name| name.as_str()),
            )
        }
        2 | 3 => {
            let host = partner_in(state, PartnerState::Active, a);
            put_before_us(host, b % 6, terms(world, a, b))
        }
        4 => {
            let offer = (!b.is_multiple_of(3)).then(|| terms(world, a, b));
            Action::AcceptInvitation(Box::new(accept(org(a), offer)))
        }
        5 => {
            let pending = state
                .channels()
                .iter()
                .filter_map(|(id, known)| match &known.sharing {
                    Sharing::Offering { offer, .. } => Some((*id, US, offer.ends)),
                    Sharing::Joining { host, offer } => Some((*id, *host, offer.ends)),
                    Sharing::Local | Sharing::Shared { .. } => None,
                });
            let none = (ChannelId([9; 32]), org(b), None);
            let (channel, host, ends) = pick(pending, a, none);
            sealed(channel, host, &[US, host, org(b)], ends)
        }
        6 => match b % 8 {
            0 => Action::ClockLeapt(Leap {
                expected: world.now,
                found: world.now.plus_millis(DAY_MILLIS),
                at_start: a.is_multiple_of(2),
            }),
            1 => Action::ClockAgreed { partner: None },
            2 => Action::ConfirmClock { shown: world.now },
            _ => Action::ExpireDue,
        },
        _ => confirm(partner_in(state, PartnerState::Replied, a)),
    }
}

fn own_action(world: &World, kind: u8, a: u8, b: u8) -> Action {
    let state = &world.state;
    let channel = pick(state.channels().keys().copied(), a, ChannelId([0; 32]));
    let member = pick(state.members().keys().copied(), b, MemberId([0; 16]));
    let name = NAMES[usize::from(b % 8)];
    match kind % 16 {
        0 => add_member(name, a.is_multiple_of(2)),
        1 if b.is_multiple_of(3) => Action::DeactivateMember { member },
        1 => create_token(
            member,
            Scopes {
                write: true,
                ..Scopes::default()
            },
        ),
        2 => {
            let token = pick(state.tokens().keys().copied(), a, TokenId([0; 16]));
            Action::RevokeToken { token }
        }
        3 | 4 => create_channel(name, a.is_multiple_of(2)),
        5 => Action::RenameChannel {
            channel,
            name: name.into(),
        },
        6 => Action::JoinChannel { channel },
        7 if b.is_multiple_of(2) => Action::LeaveChannel { channel },
        7 => Action::AddChannelMember { channel, member },
        8 | 9 => {
            let ends = if b.is_multiple_of(4) {
                world.soon()
            } else {
                None
            };
            share(channel, HANDLES[usize::from(b % 4)], ends)
        }
        10 => {
            let end = [EndCause::End, EndCause::Withdrawal, EndCause::Termination];
            Action::EndChannel {
                channel,
                cause: end[usize::from(b % 3)],
            }
        }
        11 if b.is_multiple_of(7) => {
            let project = pick(state.projects().keys().copied(), a, ProjectId([0; 16]));
            let until = world.now.plus_millis(u64::from(b) * DAY_MILLIS);
            Action::ExtendProject { project, until }
        }
        11 if b % 7 == 1 => Action::CreateProject {
            name: name.into(),
            ends: Ends::Never,
        },
        11 if b.is_multiple_of(4) => {
            let project = pick(state.projects().keys().copied(), a, ProjectId([0; 16]));
            Action::EndProject { project }
        }
        11 => Action::Write {
            channel,
            capability: Capability::Post,
            charter: None,
        },
        _ => own_action_on_partners(world, kind / 16, a, b),
    }
}

fn own_action_on_partners(world: &World, kind: u8, a: u8, b: u8) -> Action {
    let state = &world.state;
    let waiting = state
        .requests()
        .iter()
        .filter(|(_, request)| request.is_waiting());
    let number = pick(waiting.map(|(number, _)| *number), a, RequestNumber(1));
    let partner = pick(state.partners().keys().copied(), a, org(a));
    let pattern = HANDLES[usize::from(a % 4)].to_owned();
    match kind % 16 {
        0..=4 => approve(number, Some(WORDS), Some(NAMES[usize::from(b % 8)])),
        5 if b.is_multiple_of(2) => Action::WithdrawRequest { number },
        5 => Action::DeclineRequest {
            number,
            reason: String::new(),
        },
        6 => Action::InvitePartner {
            handle: (!b.is_multiple_of(4)).then_some(pattern),
        },
        7 => {
            let invitation = pick(
                state.invitations().keys().copied(),
                a,
                InvitationId([0; 32]),
            );
            Action::RevokeInvitation { invitation }
        }
        8 if b.is_multiple_of(8) => Action::DenyPartner { pattern },
        8 => Action::AllowPartner { pattern },
        9 => Action::ForgetPattern { pattern },
        10 => {
            let nobody = PartnerMode::Nobody;
            let modes = [
                PartnerMode::Listed,
                PartnerMode::AnyoneAfterApproval,
                nobody,
            ];
            Action::SetPartnerMode {
                mode: modes[usize::from(b % 5).min(7) % 3],
            }
        }
        11 => Action::SuspendPartner { partner },
        12 | 13 => Action::ResumePartner { partner },
        14 => Action::DisconnectPartner { partner },
        _ => confirm(partner_in(state, PartnerState::Replied, a)),
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
        // Most acts follow each other within a minute; now and then days go by.
        let millis = if minutes < 250 {
            60_000
        } else {
            u64::from(minutes - 248) * DAY_MILLIS
        };
        world.now = world.now.plus_millis(millis);
        let action = if who % 5 < 3 {
            own_action(&world, kind, a, b)
        } else {
            foreign_action(&world, kind, a, b)
        };
        // Most of the foreign acts come from whom they should, so that some get through.
        let by = match &action {
            Action::RecordReply(reply) if b < 200 => Actor::Partner(reply.partner),
            Action::OfferReceived { host, .. } if b < 200 => Actor::Partner(*host),
            Action::ChannelSealed { .. }
            | Action::ExpireDue
            | Action::ClockLeapt(_)
            | Action::ClockAgreed { .. }
                if b < 200 =>
            {
                Actor::System
            }
            _ => actor(&world.state, who / 5, b / 8),
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
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_hangs_together_whatever_is_asked(acts in prop::collection::vec(any::<Raw>(), 1..200)) {
        run(&acts);
    }
}
