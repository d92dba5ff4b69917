//! Refusals about partners: replies, invitations, offers.

use super::*;
use crate::action::Outcome;
use crate::bounds::INVITATION_MILLIS;
use crate::decide::link_key_allowed;
use crate::id::OrgId;

fn changed(action: Action, change: impl Fn(&mut Reply)) -> Action {
    match action {
        Action::RecordReply(mut reply) => {
            change(&mut reply);
            Action::RecordReply(reply)
        }
        other => other,
    }
}

impl Rows {
    /// Globex is a partner, Initech is not.
    fn one_key_is_one_organisations(&mut self, world: &World) {
        let allowed = |claimant, holders: &[OrgId]| {
            link_key_allowed(&world.state, claimant, holders.iter().copied())
        };
        for holder in [US, GLOBEX] {
            assert_eq!(allowed(INITECH, &[holder]), Err(Reason::LinkKeyTaken));
        }
        assert_eq!(allowed(GLOBEX, &[GLOBEX, US]), Err(Reason::LinkKeyTaken));
        self.0.insert(Reason::LinkKeyTaken);
        assert_eq!(allowed(GLOBEX, &[]), Ok(()));
        assert_eq!(allowed(GLOBEX, &[GLOBEX]), Ok(()));
        // Who is no partner can't keep a partner's key from it.
        assert_eq!(allowed(GLOBEX, &[INITECH]), Ok(()));
    }
}

pub(super) fn about_replies() -> Rows {
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
    late.now = late.now.plus_millis(INVITATION_MILLIS + 1);
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
    let outcome = bearer.must(bearer.other_eyes(), Action::InvitePartner { handle: None });
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
    rows.deny(
        &world,
        world.other_eyes(),
        confirm_with(None),
        Reason::WordsNeeded,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        confirm_with(Some("")),
        Reason::WordsDiffer,
    );
    rows.deny(
        &world,
        world.other_eyes(),
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
    rows.deny(
        &world,
        world.other_eyes(),
        confirm(INITECH),
        Reason::PartnerUnknown,
    );
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
    rows.deny(&world, OPERATOR, invite.clone(), Reason::MemberNeeded);
    rows.deny(&world, world.other_eyes(), invite, Reason::PartnerExists);
    let verify = |matches| Action::VerifyPartner {
        partner: GLOBEX,
        matches,
    };
    let eyes = world.other_eyes();
    rows.deny(&world, eyes, verify(true), Reason::PartnerNotApproved);
    rows.deny(&world, OPERATOR, verify(true), Reason::MemberNeeded);
    world.must(world.other_eyes(), confirm(GLOBEX));
    rows.deny(&world, eyes, verify(false), Reason::RootKeyDiffers);
    permit(&world, eyes, verify(true));
    rows.deny(
        &world,
        world.other_eyes(),
        confirm(GLOBEX),
        Reason::PartnerNotWaiting,
    );

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

pub(super) fn about_invitations() -> Rows {
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
    // The same once more, because the reply got lost, is the same request; another is not.
    let again = world.must(OPERATOR, take(&|_| {}));
    assert_eq!(again, Outcome::Requested { number });
    for change in [
        (|accepted| accepted.root = [0; 32]) as fn(&mut AcceptedInvitation),
        |accepted| accepted.invitation = crate::id::InvitationId([0; 32]),
        |accepted| accepted.words[0] = "zoo".to_owned(),
    ] {
        rows.deny(&world, OPERATOR, take(&change), Reason::PartnerExists);
    }
    let namesake = take(&|accepted| accepted.inviter = INITECH);
    rows.deny(&world, OPERATOR, namesake, Reason::HandleTaken);
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, None, Some("x")),
        Reason::WordsNeeded,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, Some("a b c d e f"), Some("x")),
        Reason::WordsDiffer,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, Some(WORDS), None),
        Reason::ChannelNameNeeded,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, Some(WORDS), Some("local")),
        Reason::NameTaken,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, Some(WORDS), Some("No")),
        Reason::NameInvalid,
    );
    rows.deny(
        &world,
        world.other_eyes(),
        confirm(GLOBEX),
        Reason::PartnerNotWaiting,
    );
    world.must(
        world.other_eyes(),
        approve(number, Some(WORDS), Some("theirs")),
    );
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

pub(super) fn about_offers() -> Rows {
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
    world.must(world.other_eyes(), decline(number, ""));
    rows.deny(&world, GLOBEX_KEY, theirs(50), Reason::OfferDeclined);
    let number = world.requested(GLOBEX_KEY, theirs(51));
    world.must(world.other_eyes(), approve(number, None, Some("theirs")));
    let channel = ChannelId([51; 32]);
    world.must(Actor::System, sealed(channel, GLOBEX, &[US, GLOBEX], None));
    // The revision in force once more, and a further one: both are heard, neither is agreed to
    // without an administrator.
    permit(&world, GLOBEX_KEY, theirs(51));
    let revision = put_before_us(GLOBEX, 52, offer(51, None));
    let number = world.requested(GLOBEX_KEY, revision);
    world.must(world.other_eyes(), approve(number, None, None));
    let further = sealed(channel, GLOBEX, &[US, GLOBEX, INITECH], None);
    rows.deny(
        &world,
        Actor::System,
        sealed(channel, INITECH, &[US, INITECH], None),
        Reason::TermsDiffer,
    );
    world.must(Actor::System, further);
    let withdraw = Action::EndChannel {
        channel,
        cause: EndCause::Withdrawal,
    };
    world.must(world.other_eyes(), withdraw);
    rows.deny(&world, GLOBEX_KEY, theirs(51), Reason::ChannelEnded);
    for number in 0..REQUESTS_PER_PARTNER_COUNT_MAX {
        let number = 100 + u8::try_from(number).expect("a small limit");
        world.requested(GLOBEX_KEY, theirs(number));
    }
    rows.deny(&world, GLOBEX_KEY, theirs(99), Reason::RequestsFull);
    permit(&world, GLOBEX_KEY, theirs(100));
    rows.one_key_is_one_organisations(&world);
    world.must(OPERATOR, Action::SuspendPartner { partner: GLOBEX });
    rows.one_key_is_one_organisations(&world);
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
        world.other_eyes(),
        approve(number, None, Some("x")),
        Reason::PartnerSuspended,
    );
    let more = share(local, "globex.example", None);
    rows.deny(&world, OPERATOR, more, Reason::PartnerSuspended);
    rows
}
