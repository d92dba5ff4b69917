//! One row per refusal: who asks, what, and by which rule it is refused. Every reason that there
//! is has at least one row.

use std::collections::BTreeSet;

use crate::action::{AcceptedInvitation, Action, Actor, CharterFacts, Reply};
use crate::bounds::{MEMBERS_COUNT_MAX, REQUESTS_PER_PARTNER_COUNT_MAX};
use crate::id::{ChannelId, MemberId, ProjectId, RequestNumber, TokenId};
use crate::name::MemberName;
use crate::reason::Reason;
use crate::secret::authenticate;
use crate::state::{
    Channel, EndCause, InvitationId, Member, PartnerMode, Record, Scopes, Visibility,
};
use crate::testing::*;
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capability};

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

fn about_people() -> Rows {
    let mut rows = Rows::default();
    let empty = World::empty();
    rows.deny(
        &empty,
        OPERATOR,
        add_member("bob", false),
        Reason::NotInitialised,
    );
    rows.deny(&empty, Actor::System, init(), Reason::NotOperator);
    let mut world = World::acme();
    rows.deny(&world, OPERATOR, init(), Reason::AlreadyInitialised);
    let (anna, bob) = (world.anna(), world.add("bob", false));
    rows.deny(
        &world,
        member(bob),
        add_member("carl", false),
        Reason::NotAdministrator,
    );
    rows.deny(
        &world,
        with(anna, true, true, false),
        add_member("carl", false),
        Reason::ScopeMissing,
    );
    permit(
        &world,
        with(anna, false, false, true),
        add_member("carl", false),
    );
    rows.deny(
        &world,
        GLOBEX_KEY,
        add_member("carl", false),
        Reason::NotForPartners,
    );
    rows.deny(
        &world,
        Actor::System,
        add_member("carl", false),
        Reason::PeopleOnly,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("bob", false),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("Bob", false),
        Reason::NameInvalid,
    );
    let reversed = Action::AddMember {
        name: "carl".into(),
        display_name: "\u{202E}lrac".into(),
        administrator: false,
    };
    rows.deny(&world, OPERATOR, reversed, Reason::TextInvalid);
    let nobody = MemberId([0; 16]);
    rows.deny(
        &world,
        member(nobody),
        create_channel("x", false),
        Reason::MemberUnknown,
    );
    rows.deny(
        &world,
        OPERATOR,
        Action::DeactivateMember { member: anna },
        Reason::LastAdministrator,
    );
    rows.deny(
        &world,
        OPERATOR,
        create_token(bob, Scopes::default()),
        Reason::ScopesNeeded,
    );
    rows.deny(
        &world,
        OPERATOR,
        create_token(bob, Scopes::ALL),
        Reason::ScopeTooWide,
    );
    rows.deny(
        &world,
        member(bob),
        create_token(bob, Scopes::ALL),
        Reason::NotAdministrator,
    );
    let past = Action::CreateToken {
        member: anna,
        name: "x".into(),
        scopes: Scopes::ALL,
        expires: Some(world.now),
    };
    rows.deny(&world, OPERATOR, past, Reason::EndInPast);
    let unknown = Action::RevokeToken {
        token: TokenId([0; 16]),
    };
    rows.deny(&world, OPERATOR, unknown.clone(), Reason::TokenUnknown);
    // Who may not revoke does not learn whether there is such a token.
    rows.deny(&world, member(bob), unknown, Reason::NotAdministrator);
    world.must(
        OPERATOR,
        create_token(bob, Scopes::ALL.without_administer()),
    );
    let token = *world.state.tokens().keys().next().expect("just made");
    permit(
        &world,
        with(bob, true, false, false),
        Action::RevokeToken { token },
    );
    world.must(OPERATOR, Action::DeactivateMember { member: bob });
    rows.deny(
        &world,
        member(bob),
        create_channel("x", false),
        Reason::MemberInactive,
    );
    rows.deny(
        &world,
        OPERATOR,
        add_member("bob", false),
        Reason::NameTaken,
    );

    let mut full = World::acme();
    for number in full.state.members().len()..MEMBERS_COUNT_MAX {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let name = MemberName::parse(&format!("m{number}")).expect("a valid name");
        let member = Member {
            name,
            display_name: label("M"),
            administrator: false,
            active: true,
        };
        full.state.put(Record::Member(MemberId(id), member));
    }
    rows.deny(
        &full,
        OPERATOR,
        add_member("one-more", false),
        Reason::LimitReached,
    );
    rows
}

fn about_tokens() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let anna = world.anna();
    let token = |world: &mut World, expires| {
        let action = Action::CreateToken {
            member: anna,
            name: "x".into(),
            scopes: Scopes::ALL,
            expires,
        };
        match world.must(OPERATOR, action) {
            crate::action::Outcome::TokenCreated { token, text } => (token, text),
            other => panic!("{other:?}"),
        }
    };
    let (id, good) = token(&mut world, Some(START.plus_millis(10)));
    let good = good.reveal().to_owned();
    assert_eq!(
        authenticate(&world.state, &good, world.now),
        Ok(member(anna))
    );
    let mut deny = |world: &World, text: &str, now: Timestamp, reason| {
        assert_eq!(authenticate(&world.state, text, now), Err(reason), "{text}");
        rows.0.insert(reason);
    };
    for index in 0..good.len() {
        let mut text = good.clone().into_bytes();
        text[index] = if text[index] == b'a' { b'b' } else { b'a' };
        let text = String::from_utf8(text).expect("still ASCII");
        deny(&world, &text, world.now, Reason::TokenInvalid);
    }
    for text in [
        "",
        "foedus_",
        &good[..good.len() - 1],
        &format!("{good}a"),
        &good.to_uppercase(),
    ] {
        deny(&world, text, world.now, Reason::TokenInvalid);
    }
    deny(
        &world,
        &good,
        world.now.plus_millis(10),
        Reason::TokenExpired,
    );
    deny(&World::acme(), &good, world.now, Reason::TokenUnknown);
    // The right id with another secret is as good as none.
    let forged = crate::secret::token_text(id, &[0; 32]);
    deny(&world, forged.reveal(), world.now, Reason::TokenUnknown);
    world.must(OPERATOR, Action::RevokeToken { token: id });
    deny(&world, &good, world.now, Reason::TokenRevoked);
    rows
}

fn about_channels() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let (anna, bob) = (world.anna(), world.add("bob", false));
    let open = world.channel(member(anna), "open", false);
    let closed = world.channel(member(anna), "closed", true);
    let nowhere = ChannelId([0; 32]);
    rows.deny(
        &world,
        member(bob),
        create_channel("open", false),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        member(bob),
        create_channel("Open", false),
        Reason::NameInvalid,
    );
    rows.deny(
        &world,
        with(bob, true, false, true),
        create_channel("x", false),
        Reason::ScopeMissing,
    );
    let topic = Action::CreateChannel {
        name: "x".into(),
        topic: "a\nb".into(),
        private: true,
    };
    rows.deny(&world, member(bob), topic, Reason::TextInvalid);
    let rename = |channel, name: &str| Action::RenameChannel {
        channel,
        name: name.into(),
    };
    rows.deny(
        &world,
        member(bob),
        rename(open, "mine"),
        Reason::NotInChannel,
    );
    rows.deny(
        &world,
        member(anna),
        rename(open, "closed"),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        member(anna),
        rename(nowhere, "x"),
        Reason::ChannelUnknown,
    );
    permit(&world, member(anna), rename(open, "open"));
    let join = |channel| Action::JoinChannel { channel };
    permit(&world, member(bob), join(open));
    rows.deny(&world, member(bob), join(closed), Reason::ChannelNotPublic);
    rows.deny(&world, OPERATOR, join(open), Reason::MemberNeeded);
    rows.deny(
        &world,
        member(bob),
        Action::LeaveChannel { channel: open },
        Reason::NotInChannel,
    );
    let add = |channel, member| Action::AddChannelMember { channel, member };
    rows.deny(&world, member(bob), add(closed, bob), Reason::NotInChannel);
    rows.deny(
        &world,
        member(anna),
        add(closed, MemberId([0; 16])),
        Reason::MemberUnknown,
    );
    permit(&world, OPERATOR, add(closed, bob));
    let read = |channel| Action::Read { channel };
    permit(&world, member(bob), read(open));
    permit(&world, OPERATOR, read(open));
    rows.deny(&world, member(bob), read(closed), Reason::NotInChannel);
    rows.deny(&world, OPERATOR, read(closed), Reason::NotInChannel);
    rows.deny(&world, GLOBEX_KEY, read(open), Reason::NotForPartners);
    rows.deny(
        &world,
        with(anna, false, true, true),
        read(open),
        Reason::ScopeMissing,
    );
    let end = |channel, cause| Action::EndChannel { channel, cause };
    rows.deny(
        &world,
        OPERATOR,
        end(open, EndCause::Termination),
        Reason::ChannelNotShared,
    );
    let project = ProjectId([0; 16]);
    rows.deny(
        &world,
        OPERATOR,
        Action::EndProject { project },
        Reason::ProjectUnknown,
    );

    let direct = Channel {
        visibility: Visibility::Direct,
        ..world.state.channels()[&open].clone()
    };
    world.state.put(Record::Channel(open, direct));
    rows.deny(&world, OPERATOR, add(open, bob), Reason::ChannelDirect);
    rows.deny(
        &world,
        OPERATOR,
        share(open, "globex.example", None),
        Reason::ChannelDirect,
    );
    rows
}

fn about_writing() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let (anna, bob) = (world.anna(), world.add("bob", false));
    let write = |channel, capability, charter| Action::Write {
        channel,
        capability,
        charter,
    };
    let local = world.channel(member(anna), "local", false);
    permit(&world, member(anna), write(local, Capability::File, None));
    rows.deny(
        &world,
        member(bob),
        write(local, Capability::Post, None),
        Reason::NotInChannel,
    );
    rows.deny(
        &world,
        OPERATOR,
        write(local, Capability::Post, None),
        Reason::MemberNeeded,
    );
    let custom = write(local, Capability::Custom, None);
    rows.deny(&world, member(anna), custom, Reason::CapabilityNotGranted);

    let channel = world.shared("launch", "globex.example", GLOBEX);
    let facts = |access| {
        Some(CharterFacts {
            access,
            capabilities: capabilities(),
        })
    };
    let post = write(channel, Capability::Post, facts(Access::Full));
    permit(&world, member(anna), post.clone());
    permit(
        &world,
        member(anna),
        write(channel, Capability::Post, facts(Access::PostOnly)),
    );
    let read_only = write(channel, Capability::Post, facts(Access::ReadOnly));
    rows.deny(&world, member(anna), read_only, Reason::AccessReadOnly);
    let react = write(channel, Capability::React, facts(Access::Full));
    rows.deny(&world, member(anna), react, Reason::CapabilityNotGranted);
    rows.deny(
        &world,
        member(anna),
        write(channel, Capability::Post, None),
        Reason::ChannelNotSealed,
    );
    rows.deny(&world, GLOBEX_KEY, post.clone(), Reason::NotForPartners);
    rows.deny(&world, Actor::System, post.clone(), Reason::PeopleOnly);
    rows.deny(&world, member(bob), post.clone(), Reason::NotInChannel);

    world.must(OPERATOR, Action::SuspendPartner { partner: GLOBEX });
    rows.deny(&world, member(anna), post.clone(), Reason::PartnerSuspended);
    world.must(OPERATOR, Action::ResumePartner { partner: GLOBEX });
    let end = |cause| Action::EndChannel { channel, cause };
    rows.deny(
        &world,
        OPERATOR,
        end(EndCause::Withdrawal),
        Reason::CauseInvalid,
    );
    rows.deny(&world, OPERATOR, end(EndCause::End), Reason::CauseInvalid);
    rows.deny(
        &world,
        Actor::System,
        end(EndCause::End),
        Reason::EndNotReached,
    );
    rows.deny(
        &world,
        member(bob),
        end(EndCause::Termination),
        Reason::NotAdministrator,
    );
    let project = world
        .state
        .project_named("Launch")
        .expect("sharing made it");
    rows.deny(
        &world,
        Actor::System,
        Action::EndProject { project },
        Reason::EndNotReached,
    );
    world.must(OPERATOR, end(EndCause::Termination));
    rows.deny(&world, member(anna), post, Reason::ChannelEnded);
    rows.deny(
        &world,
        member(bob),
        Action::JoinChannel { channel },
        Reason::ChannelEnded,
    );
    rows.deny(
        &world,
        member(anna),
        share(channel, "globex.example", None),
        Reason::ChannelShared,
    );
    rows
}

fn about_sharing() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let (anna, bob) = (world.anna(), world.add("bob", false));
    let channel = world.channel(member(anna), "launch", false);
    let globex = |world: &World| share(channel, "globex.example", world.soon());
    rows.deny(&world, member(bob), globex(&world), Reason::NotInChannel);
    rows.deny(
        &world,
        member(anna),
        share(channel, "Globex", None),
        Reason::HandleInvalid,
    );
    rows.deny(
        &world,
        member(anna),
        share(channel, "acme.example", None),
        Reason::HandleTaken,
    );
    rows.deny(
        &world,
        member(anna),
        share(channel, "globex.example", Some(world.now)),
        Reason::EndInPast,
    );
    let number = world.requested(member(anna), globex(&world));
    rows.deny(&world, member(anna), globex(&world), Reason::RequestExists);
    rows.deny(
        &world,
        member(bob),
        Action::WithdrawRequest { number },
        Reason::RequestNotYours,
    );
    rows.deny(
        &world,
        member(bob),
        approve(number, None, None),
        Reason::NotAdministrator,
    );
    rows.deny(
        &world,
        GLOBEX_KEY,
        approve(number, None, None),
        Reason::NotForPartners,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(RequestNumber(99), None, None),
        Reason::RequestUnknown,
    );
    // The only administrator may approve her own; with another one there, that one has to.
    permit(&world, member(anna), approve(number, None, None));
    let carl = world.add("carl", true);
    rows.deny(
        &world,
        member(anna),
        approve(number, None, None),
        Reason::RequestOwn,
    );
    permit(&world, member(carl), approve(number, None, None));
    let decline = |reason: &str| Action::DeclineRequest {
        number,
        reason: reason.into(),
    };
    rows.deny(&world, OPERATOR, decline("\u{1b}[2J"), Reason::TextInvalid);
    let mut late = world.clone();
    late.now = late.now.plus_millis(31 * DAY);
    rows.deny(
        &late,
        OPERATOR,
        approve(number, None, None),
        Reason::RequestExpired,
    );
    world.must(OPERATOR, approve(number, None, None));
    rows.deny(
        &world,
        OPERATOR,
        approve(number, None, None),
        Reason::RequestNotWaiting,
    );
    rows.deny(&world, member(anna), globex(&world), Reason::ChannelShared);
    let other = world.channel(member(anna), "other", false);
    let again = share(other, "globex.example", None);
    rows.deny(&world, member(anna), again, Reason::InvitationOpen);
    let end = world.now.plus_millis(DAY);
    let differs = share(other, "initech.example", Some(end));
    rows.deny(&world, member(anna), differs, Reason::ProjectEndDiffers);
    world.must(
        OPERATOR,
        Action::EndProject {
            project: world
                .state
                .project_named("Launch")
                .expect("the approval made it"),
        },
    );
    rows.deny(
        &world,
        member(anna),
        share(other, "initech.example", None),
        Reason::ProjectEnded,
    );
    world.must(
        OPERATOR,
        Action::SetPartnerMode {
            mode: PartnerMode::Nobody,
        },
    );
    let shut = share(other, "hooli.example", None);
    rows.deny(
        &world,
        member(anna),
        shut.clone(),
        Reason::PartnersNotAllowed,
    );
    world.must(
        OPERATOR,
        Action::DenyPartner {
            pattern: "*.example".into(),
        },
    );
    rows.deny(&world, member(anna), shut, Reason::PartnerDenied);
    rows.deny(
        &world,
        OPERATOR,
        Action::DenyPartner {
            pattern: "*".into(),
        },
        Reason::PatternInvalid,
    );
    rows.deny(
        &world,
        member(bob),
        Action::ForgetPattern {
            pattern: "x".into(),
        },
        Reason::NotAdministrator,
    );
    let mode = Action::SetPartnerMode {
        mode: PartnerMode::AnyoneAfterApproval,
    };
    rows.deny(&world, member(bob), mode, Reason::NotAdministrator);
    rows
}

fn changed(action: Action, change: impl Fn(&mut Reply)) -> Action {
    match action {
        Action::RecordReply(mut reply) => {
            change(&mut reply);
            Action::RecordReply(reply)
        }
        other => other,
    }
}

fn about_replies() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let bob = world.add("bob", false);
    let (channel, invitation) = world.offered("launch", "globex.example");
    let good = reply(invitation, GLOBEX, "globex.example");
    permit(&world, GLOBEX_KEY, good.clone());
    permit(&world, Actor::System, good.clone());
    permit(&world, OPERATOR, good.clone());
    rows.deny(&world, member(bob), good.clone(), Reason::NotAdministrator);
    rows.deny(
        &world,
        Actor::Partner(INITECH),
        good.clone(),
        Reason::CarrierDiffers,
    );
    let unproved = changed(good.clone(), |reply| reply.proof_holds = false);
    rows.deny(&world, GLOBEX_KEY, unproved, Reason::ProofWrong);
    let unknown = changed(good.clone(), |reply| {
        reply.invitation = InvitationId([0; 32])
    });
    rows.deny(&world, GLOBEX_KEY, unknown, Reason::InvitationUnknown);
    let misnamed = changed(good.clone(), |reply| reply.handle = "GLOBEX".into());
    rows.deny(&world, GLOBEX_KEY, misnamed, Reason::HandleInvalid);
    let other = reply(invitation, INITECH, "initech.example");
    rows.deny(
        &world,
        Actor::Partner(INITECH),
        other,
        Reason::InvitationForAnother,
    );
    let ours = changed(good.clone(), |reply| reply.handle = "acme.example".into());
    rows.deny(&world, GLOBEX_KEY, ours, Reason::HandleTaken);
    let mut late = world.clone();
    late.now = late.now.plus_millis(8 * DAY);
    rows.deny(&late, GLOBEX_KEY, good.clone(), Reason::InvitationExpired);
    late.must(Actor::System, Action::ExpireDue);
    rows.deny(
        &late,
        OPERATOR,
        Action::RevokeInvitation { invitation },
        Reason::InvitationExpired,
    );
    let mut revoked = world.clone();
    revoked.must(OPERATOR, Action::RevokeInvitation { invitation });
    rows.deny(
        &revoked,
        GLOBEX_KEY,
        good.clone(),
        Reason::InvitationRevoked,
    );
    rows.deny(
        &revoked,
        OPERATOR,
        Action::RevokeInvitation { invitation },
        Reason::InvitationRevoked,
    );
    let mut denied = world.clone();
    denied.must(
        OPERATOR,
        Action::DenyPartner {
            pattern: GLOBEX.to_string(),
        },
    );
    rows.deny(&denied, GLOBEX_KEY, good.clone(), Reason::PartnerDenied);

    // An invitation for whoever brings it still asks the lists.
    let mut bearer = world.clone();
    let outcome = bearer.must(OPERATOR, Action::InvitePartner { handle: None });
    let crate::action::Outcome::Invited {
        invitation: open, ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    let stranger = reply(open, INITECH, "initech.example");
    rows.deny(
        &bearer,
        Actor::Partner(INITECH),
        stranger.clone(),
        Reason::PartnerNotListed,
    );
    bearer.must(
        OPERATOR,
        Action::AllowPartner {
            pattern: "initech.example".into(),
        },
    );
    permit(&bearer, Actor::Partner(INITECH), stranger);

    world.must(GLOBEX_KEY, good.clone());
    permit(&world, GLOBEX_KEY, good);
    let second = reply(invitation, INITECH, "globex.example");
    rows.deny(
        &world,
        Actor::Partner(INITECH),
        second,
        Reason::InvitationUsed,
    );
    rows.deny(
        &world,
        OPERATOR,
        Action::RevokeInvitation { invitation },
        Reason::InvitationUsed,
    );
    let confirm_with = |words: Option<&str>| Action::ConfirmPartner {
        partner: GLOBEX,
        words: words.map(Into::into),
    };
    rows.deny(&world, OPERATOR, confirm_with(None), Reason::WordsNeeded);
    rows.deny(
        &world,
        OPERATOR,
        confirm_with(Some("")),
        Reason::WordsDiffer,
    );
    rows.deny(
        &world,
        OPERATOR,
        confirm_with(Some(&WORDS[1..])),
        Reason::WordsDiffer,
    );
    rows.deny(
        &world,
        member(bob),
        confirm_with(Some(WORDS)),
        Reason::NotAdministrator,
    );
    rows.deny(
        &world,
        GLOBEX_KEY,
        confirm_with(Some(WORDS)),
        Reason::NotForPartners,
    );
    rows.deny(
        &world,
        Actor::System,
        confirm_with(Some(WORDS)),
        Reason::PeopleOnly,
    );
    rows.deny(&world, OPERATOR, confirm(INITECH), Reason::PartnerUnknown);
    let suspend = Action::SuspendPartner { partner: GLOBEX };
    rows.deny(
        &world,
        OPERATOR,
        suspend.clone(),
        Reason::PartnerNotApproved,
    );
    let invite = Action::InvitePartner {
        handle: Some("globex.example".into()),
    };
    rows.deny(&world, OPERATOR, invite, Reason::PartnerExists);
    world.must(OPERATOR, confirm(GLOBEX));
    rows.deny(&world, OPERATOR, confirm(GLOBEX), Reason::PartnerNotWaiting);

    let wrong_end = sealed(channel, US, &[US, GLOBEX], None);
    rows.deny(&world, Actor::System, wrong_end, Reason::TermsDiffer);
    let without_us = sealed(channel, US, &[GLOBEX], world.soon());
    rows.deny(
        &world,
        Actor::System,
        without_us,
        Reason::ParticipantsInvalid,
    );
    let good = sealed(channel, US, &[US, GLOBEX], world.soon());
    rows.deny(&world, OPERATOR, good.clone(), Reason::DaemonOnly);
    rows.deny(&world, GLOBEX_KEY, good, Reason::NotForPartners);
    let local = world.channel(OPERATOR, "local", false);
    let unasked = sealed(local, GLOBEX, &[US, GLOBEX], None);
    rows.deny(&world, Actor::System, unasked, Reason::ChannelNotShared);
    world.must(OPERATOR, Action::DisconnectPartner { partner: GLOBEX });
    rows.deny(&world, OPERATOR, suspend, Reason::PartnerDisconnected);
    rows
}

fn about_invitations() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let bob = world.add("bob", false);
    let take = |change: &dyn Fn(&mut AcceptedInvitation)| {
        let mut accepted = accept(GLOBEX, Some(offer(9, None)));
        change(&mut accepted);
        Action::AcceptInvitation(Box::new(accepted))
    };
    permit(&world, OPERATOR, take(&|_| {}));
    // A member can bring one of somebody who is listed; a stranger's takes an administrator.
    rows.deny(&world, member(bob), take(&|_| {}), Reason::PartnerNotListed);
    rows.deny(&world, GLOBEX_KEY, take(&|_| {}), Reason::NotForPartners);
    let expired = take(&|accepted| accepted.expires = START);
    rows.deny(&world, OPERATOR, expired, Reason::InvitationExpired);
    let other = take(&|accepted| accepted.expects = Some("hooli.example".into()));
    rows.deny(&world, OPERATOR, other, Reason::InvitationForAnother);
    rows.deny(
        &world,
        OPERATOR,
        take(&|accepted| accepted.inviter = US),
        Reason::HandleTaken,
    );
    let invalid = take(&|accepted| accepted.handle = "a b".into());
    rows.deny(&world, OPERATOR, invalid, Reason::HandleInvalid);
    let over = take(&|accepted| accepted.offer = Some(offer(9, Some(START))));
    rows.deny(&world, OPERATOR, over, Reason::EndInPast);
    let local = world.channel(OPERATOR, "local", false);
    let taken = take(&|accepted| {
        accepted.offer = Some(crate::state::Offer {
            channel: local,
            ..offer(9, None)
        });
    });
    rows.deny(&world, OPERATOR, taken, Reason::ChannelIdTaken);

    let number = world.accepted(GLOBEX, Some(offer(9, None)));
    rows.deny(&world, OPERATOR, take(&|_| {}), Reason::PartnerExists);
    let namesake = take(&|accepted| accepted.inviter = INITECH);
    rows.deny(&world, OPERATOR, namesake, Reason::HandleTaken);
    rows.deny(
        &world,
        OPERATOR,
        approve(number, None, Some("x")),
        Reason::WordsNeeded,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(number, Some("a b c d e f"), Some("x")),
        Reason::WordsDiffer,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(number, Some(WORDS), None),
        Reason::ChannelNameNeeded,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(number, Some(WORDS), Some("local")),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(number, Some(WORDS), Some("No")),
        Reason::NameInvalid,
    );
    rows.deny(&world, OPERATOR, confirm(GLOBEX), Reason::PartnerNotWaiting);
    world.must(OPERATOR, approve(number, Some(WORDS), Some("theirs")));
    let channel = ChannelId([9; 32]);
    let write = Action::Write {
        channel,
        capability: Capability::Post,
        charter: None,
    };
    world.must(
        OPERATOR,
        Action::AddChannelMember {
            channel,
            member: bob,
        },
    );
    rows.deny(&world, member(bob), write, Reason::ChannelNotSealed);
    let elsewhere = sealed(channel, INITECH, &[US, INITECH], None);
    rows.deny(&world, Actor::System, elsewhere, Reason::TermsDiffer);
    rows
}

fn about_offers() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let theirs = |number: u8| put_before_us(GLOBEX, number, offer(number, None));
    rows.deny(&world, GLOBEX_KEY, theirs(50), Reason::PartnerUnknown);
    let shared = world.shared("launch", "globex.example", GLOBEX);
    let about = |channel: ChannelId| {
        put_before_us(
            GLOBEX,
            1,
            crate::state::Offer {
                channel,
                ..offer(1, None)
            },
        )
    };
    // A channel of ours is never theirs to offer, shared or not.
    rows.deny(&world, GLOBEX_KEY, about(shared), Reason::ChannelIdTaken);
    let local = world.channel(OPERATOR, "local", false);
    rows.deny(&world, GLOBEX_KEY, about(local), Reason::ChannelIdTaken);
    rows.deny(
        &world,
        Actor::Partner(INITECH),
        theirs(50),
        Reason::CarrierDiffers,
    );
    rows.deny(&world, OPERATOR, theirs(50), Reason::DaemonOnly);
    rows.deny(&world, Actor::System, theirs(50), Reason::PeopleOnly);
    let over = put_before_us(GLOBEX, 1, offer(1, Some(world.now)));
    rows.deny(&world, GLOBEX_KEY, over, Reason::ChannelEnded);

    let number = world.requested(GLOBEX_KEY, theirs(50));
    world.must(
        OPERATOR,
        Action::DeclineRequest {
            number,
            reason: String::new(),
        },
    );
    rows.deny(&world, GLOBEX_KEY, theirs(50), Reason::OfferDeclined);
    let number = world.requested(GLOBEX_KEY, theirs(51));
    world.must(OPERATOR, approve(number, None, Some("theirs")));
    let channel = ChannelId([51; 32]);
    world.must(Actor::System, sealed(channel, GLOBEX, &[US, GLOBEX], None));
    rows.deny(&world, GLOBEX_KEY, theirs(51), Reason::ChannelShared);
    let withdraw = Action::EndChannel {
        channel,
        cause: EndCause::Withdrawal,
    };
    world.must(OPERATOR, withdraw);
    rows.deny(&world, GLOBEX_KEY, theirs(51), Reason::ChannelEnded);
    for number in 0..REQUESTS_PER_PARTNER_COUNT_MAX {
        let number = 100 + u8::try_from(number).expect("a small limit");
        world.requested(GLOBEX_KEY, theirs(number));
    }
    rows.deny(&world, GLOBEX_KEY, theirs(99), Reason::RequestsFull);
    permit(&world, GLOBEX_KEY, theirs(100));
    world.must(OPERATOR, Action::SuspendPartner { partner: GLOBEX });
    rows.deny(&world, GLOBEX_KEY, theirs(52), Reason::PartnerSuspended);
    let number = RequestNumber(
        world
            .state
            .requests()
            .keys()
            .next_back()
            .expect("there are some")
            .0,
    );
    rows.deny(
        &world,
        OPERATOR,
        approve(number, None, Some("x")),
        Reason::PartnerSuspended,
    );
    let more = share(local, "globex.example", None);
    rows.deny(&world, OPERATOR, more, Reason::PartnerSuspended);
    rows
}

const SUBJECTS: [fn() -> Rows; 8] = [
    about_people,
    about_tokens,
    about_channels,
    about_writing,
    about_sharing,
    about_replies,
    about_invitations,
    about_offers,
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
