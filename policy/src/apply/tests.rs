use crate::action::{Action, Actor, CharterFacts, Ends, Outcome};
use crate::bounds::{APPROVAL_MILLIS, INVITATION_MILLIS, TOKENS_PER_MEMBER_COUNT_MAX};
use crate::decide::{carrier_allowed, decide, origin_allowed};
use crate::id::{ChannelId, NoteHash};
use crate::reason::Reason;
use crate::secret::authenticate;
use crate::state::{InvitationState, Listing, PartnerState, RequestState, Scopes, Sharing, State};
use crate::testing::*;
use crate::vocabulary::{Access, Capability, EndCause};

mod random;

#[test]
fn the_host_shares_a_channel_until_it_ends() {
    let mut world = World::acme();
    let (channel, invitation) = world.offered("launch", "globex.example");
    let anna = world.anna();
    // An approved request is the administrator's yes to the handle.
    let handle = crate::name::Pattern::parse("globex.example").expect("a valid pattern");
    assert_eq!(world.state.patterns().get(&handle), Some(&Listing::Allow));
    assert_eq!(
        world.state.invitations()[&invitation].addresses,
        ["acme.example:7000"]
    );

    let answer = reply(invitation, GLOBEX, "globex.example");
    let outcome = world.must(Actor::Partner(GLOBEX), answer.clone());
    assert_eq!(outcome, Outcome::Replied { partner: GLOBEX });
    assert_eq!(
        carrier_allowed(&world.state, GLOBEX),
        Err(Reason::PartnerNotApproved)
    );
    // The same reply again changes nothing; somebody else's is refused.
    let version = world.state.version();
    assert_eq!(
        world.must(Actor::Partner(GLOBEX), answer),
        Outcome::Unchanged
    );
    assert_eq!(world.state.version(), version);
    let other = reply(invitation, INITECH, "globex.example");
    assert_eq!(
        world.decided(Actor::Partner(INITECH), &other),
        Err(Reason::InvitationUsed)
    );

    let wrong = Action::ConfirmPartner {
        partner: GLOBEX,
        words: Some("a b c d e f".into()),
    };
    assert_eq!(
        world.decided(world.other_eyes(), &wrong),
        Err(Reason::WordsDiffer)
    );
    let outcome = world.must(world.other_eyes(), confirm(GLOBEX));
    assert_eq!(
        outcome,
        Outcome::PartnerActive {
            partner: GLOBEX,
            offers: vec![channel]
        }
    );
    assert_eq!(carrier_allowed(&world.state, GLOBEX), Ok(()));

    let ends = world.soon();
    world.must(Actor::System, sealed(channel, US, &[US, GLOBEX], ends));
    let facts = CharterFacts {
        access: Access::Full,
        capabilities: capabilities(),
    };
    let write = Action::Write {
        channel,
        capability: Capability::Post,
        charter: Some(facts),
    };
    assert_eq!(world.decided(member(anna), &write), Ok(()));
    let permit = decide(&world.state, &member(anna), &write, world.now).into_result();
    let author = permit.expect("just permitted").author();
    assert_eq!(author, world.state.author(channel, anna));

    // At its end the channel is over by the clock, before anybody noted it.
    world.now = ends.expect("it has one");
    assert_eq!(
        world.decided(member(anna), &write),
        Err(Reason::ChannelEnded)
    );
    assert_eq!(
        world.decided(member(anna), &Action::Read { channel }),
        Ok(())
    );
    let project = world
        .state
        .project_named("Launch")
        .expect("sharing made it");
    let outcome = world.must(Actor::System, Action::EndProject { project });
    assert_eq!(
        outcome,
        Outcome::Ended {
            channels: vec![(channel, EndCause::End)]
        }
    );
    let again = Action::EndChannel {
        channel,
        cause: EndCause::End,
    };
    assert_eq!(world.must(Actor::System, again), Outcome::Unchanged);
}

#[test]
fn the_invited_side_joins_under_its_own_name_with_one_yes() {
    let mut world = World::acme();
    let terms = offer(9, world.soon());
    let number = world.accepted(GLOBEX, Some(terms.clone()));
    assert!(world.state.channels().is_empty());
    assert_eq!(
        carrier_allowed(&world.state, GLOBEX),
        Err(Reason::PartnerNotApproved)
    );
    let boss = Actor::Operator {
        uid: 0,
        as_member: Some(world.anna()),
    };
    let outcome = world.must(boss, approve(number, Some(WORDS), Some("globex-launch")));
    assert_eq!(
        outcome,
        Outcome::PartnerActive {
            partner: GLOBEX,
            offers: vec![]
        }
    );
    assert_eq!(
        world.state.channel_named("globex-launch"),
        Some(terms.channel)
    );
    assert!(world.state.author(terms.channel, world.anna()).is_some());

    // Exactly what was approved is consented to at once; anything else is asked about.
    let globex = Actor::Partner(GLOBEX);
    let charter = NoteHash([5; 32]);
    let consent = Outcome::ConsentNow {
        channel: terms.channel,
        charter,
    };
    assert_eq!(
        world.must(globex, put_before_us(GLOBEX, 5, terms.clone())),
        consent
    );
    let mut wider = terms.clone();
    wider.capabilities = wider.capabilities.with(Capability::File);
    let number = world.requested(globex, put_before_us(GLOBEX, 6, wider.clone()));
    assert_eq!(
        world.must(globex, put_before_us(GLOBEX, 6, wider.clone())),
        Outcome::Unchanged
    );
    // A newer offer takes the place of one that waits.
    wider.capabilities = wider.capabilities.with(Capability::Pin);
    let newer = world.requested(globex, put_before_us(GLOBEX, 7, wider.clone()));
    assert_eq!(
        world.state.requests()[&number].state,
        RequestState::Withdrawn
    );
    let outcome = world.must(world.other_eyes(), approve(newer, None, None));
    let charter = NoteHash([7; 32]);
    assert_eq!(
        outcome,
        Outcome::ConsentNow {
            channel: terms.channel,
            charter
        }
    );
    let seal = sealed(terms.channel, GLOBEX, &[US, GLOBEX], terms.ends);
    assert_eq!(world.must(Actor::System, seal), Outcome::Done);
    let project = world
        .state
        .project_named("Theirs")
        .expect("joining made it");
    assert!(world.state.projects()[&project].partners.contains(&GLOBEX));
}

/// Whoever takes a yes back before its charter is in force is out of the channel when it is, and nobody is asked again.
#[test]
fn a_yes_that_is_taken_back_ends_what_it_led_to() {
    let mut world = World::acme();
    let terms = offer(9, None);
    let number = world.accepted(GLOBEX, Some(terms.clone()));
    let yes = approve(number, Some(WORDS), Some("theirs"));
    world.must(world.other_eyes(), yes);
    let (channel, cause) = (terms.channel, EndCause::Withdrawal);
    let left = world.must(world.other_eyes(), Action::EndChannel { channel, cause });
    let channels = vec![(channel, cause)];
    assert_eq!(left, Outcome::Ended { channels });
    let known = &world.state.channels()[&channel];
    assert!(known.is_over() && known.is_shared(), "{known:?}");
    let seal = sealed(channel, GLOBEX, &[US, GLOBEX], terms.ends);
    let refused = world.try_act(Actor::System, &seal).expect_err("it is over");
    assert_eq!(refused, Reason::ChannelEnded);
    let again = put_before_us(GLOBEX, 5, terms);
    let refused = world.try_act(Actor::Partner(GLOBEX), &again);
    assert_eq!(refused.expect_err("it is over"), Reason::ChannelEnded);
}

/// Whoever said yes was told that it counts for so long. A host that waits longer has to ask again.
#[test]
fn a_yes_that_is_stale_is_asked_for_anew() {
    let mut world = World::acme();
    let terms = offer(9, None);
    let number = world.accepted(GLOBEX, Some(terms.clone()));
    let yes = approve(number, Some(WORDS), Some("theirs"));
    world.must(world.other_eyes(), yes);
    let seal = sealed(terms.channel, GLOBEX, &[US, GLOBEX], terms.ends);
    world.must(Actor::System, seal);
    let globex = Actor::Partner(GLOBEX);
    let mut wider = terms;
    wider.capabilities = wider.capabilities.with(Capability::File);
    let number = world.requested(globex, put_before_us(GLOBEX, 6, wider.clone()));
    world.must(world.other_eyes(), approve(number, None, None));
    world.now = world.now.plus_millis(APPROVAL_MILLIS - 1);
    let again = world.must(globex, put_before_us(GLOBEX, 6, wider.clone()));
    assert!(matches!(again, Outcome::ConsentNow { .. }), "{again:?}");
    world.now = world.now.plus_millis(1);
    let again = world.must(globex, put_before_us(GLOBEX, 6, wider));
    assert!(matches!(again, Outcome::Requested { .. }), "{again:?}");
}

#[test]
fn an_offer_beyond_what_an_invitation_says_is_always_asked_about() {
    let mut world = World::acme();
    let terms = offer(9, world.soon());
    let number = world.accepted(GLOBEX, Some(terms.clone()));
    world.must(
        world.other_eyes(),
        approve(number, Some(WORDS), Some("theirs")),
    );
    let beyond = Action::OfferReceived {
        host: GLOBEX,
        charter: NoteHash([5; 32]),
        offer: terms,
        beyond_offer: true,
    };
    let number = world.requested(Actor::Partner(GLOBEX), beyond.clone());
    let outcome = world.must(world.other_eyes(), approve(number, None, None));
    assert!(matches!(outcome, Outcome::ConsentNow { .. }));
    // Said yes to: when its answer was lost, it is given again.
    let outcome = world.must(Actor::Partner(GLOBEX), beyond);
    assert!(matches!(outcome, Outcome::ConsentNow { .. }));
}

#[test]
fn a_declined_candidate_is_no_partner() {
    let mut world = World::acme();
    let number = world.accepted(GLOBEX, Some(offer(9, None)));
    world.must(world.other_eyes(), decline(number, "not now"));
    assert!(world.state.partners().is_empty() && world.state.channels().is_empty());
    let number = world.accepted(GLOBEX, None);
    world.must(OPERATOR, Action::WithdrawRequest { number });
    assert!(world.state.partners().is_empty());
    let number = world.accepted(GLOBEX, None);
    world.now = world.now.plus_millis(31 * DAY_MILLIS);
    world.must(Actor::System, Action::ExpireDue);
    assert_eq!(world.state.requests()[&number].state, RequestState::Expired);
    assert!(world.state.partners().is_empty());
}

#[test]
fn a_taken_back_or_expired_invitation_leaves_the_channel_local() {
    let mut world = World::acme();
    let (channel, invitation) = world.offered("one", "globex.example");
    world.must(OPERATOR, Action::RevokeInvitation { invitation });
    assert_eq!(world.state.channels()[&channel].sharing, Sharing::Local);
    let (channel, invitation) = world.offered("two", "globex.example");
    world.now = world.now.plus_millis(INVITATION_MILLIS + 1);
    assert_eq!(world.must(Actor::System, Action::ExpireDue), Outcome::Done);
    assert_eq!(
        world.state.invitations()[&invitation].state,
        InvitationState::Expired
    );
    assert_eq!(world.state.channels()[&channel].sharing, Sharing::Local);
    assert_eq!(
        world.must(Actor::System, Action::ExpireDue),
        Outcome::Unchanged
    );
    let (channel, invitation) = world.offered("three", "globex.example");
    let end = Action::EndChannel {
        channel,
        cause: EndCause::Termination,
    };
    assert_eq!(
        world.must(world.other_eyes(), end),
        Outcome::Ended { channels: vec![] }
    );
    assert_eq!(
        world.state.invitations()[&invitation].state,
        InvitationState::Revoked
    );
}

#[test]
fn a_disconnected_partner_ends_what_needed_it_and_no_more() {
    let mut world = World::acme();
    let ends = world.soon();
    let shared = world.shared("launch", "globex.example", GLOBEX);
    let offered = world.channel(OPERATOR, "more", false);
    let number = world.requested(OPERATOR, share(offered, "globex.example", ends));
    let outcome = world.must(world.other_eyes(), approve(number, None, None));
    assert_eq!(
        outcome,
        Outcome::OfferChannel {
            channel: offered,
            partner: GLOBEX
        }
    );
    let waiting = world.requested(
        Actor::Partner(GLOBEX),
        put_before_us(GLOBEX, 1, offer(9, None)),
    );
    let joined = world.requested(
        Actor::Partner(GLOBEX),
        put_before_us(GLOBEX, 2, offer(8, None)),
    );
    world.must(world.other_eyes(), approve(joined, None, Some("joined")));
    let other = world.shared("other", "initech.example", INITECH);

    let outcome = world.must(OPERATOR, Action::DisconnectPartner { partner: GLOBEX });
    let expected = Outcome::PartnerDisconnected {
        partner: GLOBEX,
        ended: vec![shared],
    };
    assert_eq!(outcome, expected);
    assert_eq!(world.state.channels()[&offered].sharing, Sharing::Local);
    assert_eq!(world.state.channel_named("joined"), None);
    assert_eq!(
        world.state.requests()[&waiting].state,
        RequestState::Withdrawn
    );
    assert!(!world.state.channels()[&other].is_ended(world.now));
    assert_eq!(
        carrier_allowed(&world.state, GLOBEX),
        Err(Reason::PartnerDisconnected)
    );
    // A new invitation begins anew.
    world.active("again", "globex.example", GLOBEX);
    assert_eq!(world.state.partners()[&GLOBEX].state, PartnerState::Active);
}

#[test]
fn a_channel_of_three_outlives_one_peering() {
    let mut world = World::acme();
    let channel = world.active("launch", "globex.example", GLOBEX);
    let ends = world.soon();
    world.must(
        Actor::System,
        sealed(channel, US, &[US, GLOBEX, INITECH], ends),
    );
    world.must(OPERATOR, Action::DisconnectPartner { partner: GLOBEX });
    assert!(!world.state.channels()[&channel].is_ended(world.now));
}

#[test]
fn suspending_refuses_carrier_and_origin_and_resuming_takes_it_back() {
    let mut world = World::acme();
    let channel = world.shared("launch", "globex.example", GLOBEX);
    let outcome = world.must(OPERATOR, Action::SuspendPartner { partner: GLOBEX });
    assert_eq!(
        outcome,
        Outcome::PartnerSuspended {
            partner: GLOBEX,
            channels: vec![channel]
        }
    );
    assert_eq!(
        origin_allowed(&world.state, GLOBEX),
        Err(Reason::PartnerSuspended)
    );
    assert_eq!(
        carrier_allowed(&world.state, GLOBEX),
        Err(Reason::PartnerSuspended)
    );
    world.must(OPERATOR, Action::ResumePartner { partner: GLOBEX });
    assert_eq!(carrier_allowed(&world.state, GLOBEX), Ok(()));
    // Known only through a charter: an origin, never a carrier.
    assert_eq!(origin_allowed(&world.state, INITECH), Ok(()));
    assert_eq!(
        carrier_allowed(&world.state, INITECH),
        Err(Reason::PartnerUnknown)
    );
    world.must(
        OPERATOR,
        Action::DenyPartner {
            pattern: INITECH.to_string(),
        },
    );
    assert_eq!(
        origin_allowed(&world.state, INITECH),
        Err(Reason::PartnerDenied)
    );
}

#[test]
fn who_leaves_and_comes_back_is_the_same_author() {
    let mut world = World::acme();
    let anna = world.anna();
    let channel = world.channel(member(anna), "team", false);
    let before = world.state.author(channel, anna);
    world.must(member(anna), Action::LeaveChannel { channel });
    assert_eq!(world.state.author(channel, anna), None);
    world.must(member(anna), Action::JoinChannel { channel });
    assert!(before.is_some() && world.state.author(channel, anna) == before);
    assert_eq!(
        world.must(member(anna), Action::JoinChannel { channel }),
        Outcome::Unchanged
    );
}

#[test]
fn who_is_deactivated_is_gone_everywhere() {
    let mut world = World::acme();
    let bob = world.add("bob", false);
    let channel = world.channel(member(bob), "team", true);
    let author = world.state.author(channel, bob).expect("he opened it");
    let Outcome::TokenCreated { text, .. } =
        world.must(OPERATOR, create_token(bob, WITHOUT_ADMINISTER))
    else {
        panic!("a token comes of making one")
    };
    assert_eq!(
        authenticate(&world.state, text.reveal(), world.now),
        Ok(Actor::Member {
            member: bob,
            scopes: WITHOUT_ADMINISTER
        })
    );
    let outcome = world.must(OPERATOR, Action::DeactivateMember { member: bob });
    assert_eq!(
        outcome,
        Outcome::MemberDeactivated {
            left: vec![(channel, author)]
        }
    );
    assert_eq!(
        authenticate(&world.state, text.reveal(), world.now),
        Err(Reason::TokenRevoked)
    );
    assert_eq!(world.state.author(channel, bob), None);
}

#[test]
fn dead_tokens_make_room_for_new_ones() {
    let mut world = World::acme();
    let anna = world.anna();
    for _ in 0..TOKENS_PER_MEMBER_COUNT_MAX {
        world.must(OPERATOR, create_token(anna, Scopes::ALL));
    }
    let more = create_token(anna, Scopes::ALL);
    assert_eq!(world.decided(OPERATOR, &more), Err(Reason::LimitReached));
    let token = *world
        .state
        .tokens()
        .keys()
        .next()
        .expect("there are a hundred");
    world.must(OPERATOR, Action::RevokeToken { token });
    assert!(world.state.tokens().contains_key(&token));
    world.must(OPERATOR, more);
    assert!(!world.state.tokens().contains_key(&token));
    assert_eq!(world.state.tokens().len(), TOKENS_PER_MEMBER_COUNT_MAX);
}

#[test]
fn a_partners_project_does_not_join_one_of_ours_by_name() {
    let mut world = World::acme();
    world.shared("launch", "globex.example", GLOBEX);
    let project = world
        .state
        .project_named("Launch")
        .expect("sharing made it");
    let mut terms = offer(9, None);
    terms.project = label("Launch");
    let number = world.requested(
        Actor::Partner(GLOBEX),
        put_before_us(GLOBEX, 1, terms.clone()),
    );
    world.must(world.other_eyes(), approve(number, None, Some("theirs")));
    assert_eq!(world.state.channels()[&terms.channel].project, None);
    assert!(world.state.projects().contains_key(&project));
}

#[test]
#[should_panic(expected = "a permit holds for the version")]
fn a_permit_does_not_outlive_its_version() {
    let mut world = World::acme();
    let stale = decide(
        &world.state,
        &OPERATOR,
        &add_member("bob", false),
        world.now,
    );
    world.add("carl", false);
    let given = crate::action::Given {
        now: world.now,
        entropy: [0; 64],
        addresses: vec![],
    };
    let _applied = super::apply(
        &mut world.state,
        stale.into_result().expect("permitted"),
        &given,
    );
}

#[test]
fn a_version_is_one_more_per_act_and_a_clone_stays_as_it_was() {
    let mut world = World::acme();
    let before = world.state.clone();
    let version = before.version();
    world.add("bob", false);
    assert_eq!(world.state.version(), version + 1);
    assert_eq!(before.member_named("bob"), None);
    assert_eq!(
        State::restore(world.state.version(), world.state.records()),
        world.state
    );
}

#[test]
fn an_extension_holds_once_the_charter_does_and_the_project_follows() {
    let mut world = World::acme();
    let (one, _) = (
        world.shared("launch", "globex.example", GLOBEX),
        world.channel(OPERATOR, "local", false),
    );
    let project = world
        .state
        .project_named("Launch")
        .expect("sharing made it");
    let (before, until) = (world.soon(), START.plus_millis(60 * DAY_MILLIS));
    let extend = Action::ExtendProject { project, until };
    let proposed = Outcome::ExtendChannels {
        channels: vec![one],
        until,
    };
    assert_eq!(world.must(world.other_eyes(), extend.clone()), proposed);
    let now = |world: &World| {
        let project = world.state.projects()[&project].clone();
        (project.ends, project.extended_to)
    };
    assert_eq!(now(&world), (before, Some(until)), "the old end holds");
    assert!(world.state.channels()[&one].is_ended(before.expect("it has one")));
    // Said again, it is proposed again.
    assert_eq!(world.must(world.other_eyes(), extend), proposed);

    world.must(Actor::System, sealed(one, US, &[US, GLOBEX], Some(until)));
    assert_eq!(now(&world), (Some(until), None));
    assert!(!world.state.channels()[&one].is_ended(before.expect("it has one")));
}

#[test]
fn a_project_without_channels_is_extended_by_a_word() {
    let mut world = World::acme();
    let create = Action::CreateProject {
        name: "Library".into(),
        ends: Ends::At(START.plus_millis(DAY_MILLIS)),
    };
    let Outcome::ProjectCreated { project } = world.must(OPERATOR, create) else {
        panic!("a project is made")
    };
    let until = START.plus_millis(2 * DAY_MILLIS);
    let extend = Action::ExtendProject { project, until };
    let outcome = world.must(world.other_eyes(), extend);
    let none = Outcome::ExtendChannels {
        channels: vec![],
        until,
    };
    assert_eq!(outcome, none);
    assert_eq!(world.state.projects()[&project].ends, Some(until));
}

#[test]
fn what_is_asked_for_lapses_with_the_end_that_it_asks_for() {
    let mut world = World::acme();
    let day = Some(world.now.plus_millis(DAY_MILLIS));
    let first = world.active("first", "globex.example", GLOBEX);
    let theirs = put_before_us(GLOBEX, 60, offer(50, day));
    let joined = world.requested(Actor::Partner(GLOBEX), theirs);
    let anna = member(world.anna());
    let channel = world.channel(anna, "second", false);
    let mut asked = share(channel, "globex.example", day);
    if let Action::ShareChannel { project, .. } = &mut asked {
        *project = "Short".to_owned();
    }
    let shared = world.requested(anna, asked.clone());
    world.now = world.now.plus_millis(DAY_MILLIS);
    let late = approve(joined, None, Some("theirs"));
    assert_eq!(
        world.decided(world.other_eyes(), &late),
        Err(Reason::RequestExpired)
    );
    world.must(Actor::System, Action::ExpireDue);
    for number in [joined, shared] {
        assert_eq!(world.state.requests()[&number].state, RequestState::Expired);
    }
    assert_ne!(world.state.channels()[&first].sharing, Sharing::Local);
}

#[test]
fn an_offer_that_nobody_took_up_in_time_is_none() {
    let mut world = World::acme();
    let channel = world.active("launch", "globex.example", GLOBEX);
    world.now = world.soon().expect("it ends");
    world.must(Actor::System, Action::ExpireDue);
    assert_eq!(world.state.channels()[&channel].sharing, Sharing::Local);
}

#[test]
fn a_later_end_is_not_asked_for_once_the_channel_has_ended() {
    let mut world = World::acme();
    let channel = join(&mut world);
    let later = offer(50, Some(world.now.plus_millis(400 * DAY_MILLIS)));
    let revision = put_before_us(GLOBEX, 61, later);
    let number = world.requested(Actor::Partner(GLOBEX), revision);
    let project = world.state.channels()[&channel]
        .project
        .expect("one came with it");
    assert_eq!(world.state.projects()[&project].ended, None);
    let cause = EndCause::Termination;
    world.must(Actor::System, Action::EndChannel { channel, cause });
    assert_eq!(
        world.state.requests()[&number].state,
        RequestState::Withdrawn
    );
    // It came with a channel of theirs, which was its last.
    assert_eq!(world.state.projects()[&project].ended, Some(world.now));
}

/// Who approved it would be told that the project has ended, and it would wait for ever.
#[test]
fn what_is_asked_for_lapses_with_its_project() {
    let mut world = World::acme();
    world.shared("launch", "globex.example", GLOBEX);
    let anna = member(world.anna());
    let other = world.channel(anna, "other", false);
    let ends = world.launch_end();
    let asked = world.requested(anna, share(other, "globex.example", ends));
    let project = world.state.project_named("Launch").expect("made");
    world.must(world.other_eyes(), Action::EndProject { project });
    assert_eq!(
        world.state.requests()[&asked].state,
        RequestState::Withdrawn
    );
}

#[test]
fn a_project_of_ours_goes_on_without_a_channel() {
    let mut world = World::acme();
    let channel = world.shared("launch", "globex.example", GLOBEX);
    let project = world.state.channels()[&channel]
        .project
        .expect("it has one");
    let cause = EndCause::Termination;
    world.must(Actor::System, Action::EndChannel { channel, cause });
    assert_eq!(world.state.projects()[&project].ended, None);
}

#[test]
fn a_project_that_we_made_goes_on_when_the_channel_that_a_partner_brought_ends() {
    let mut world = World::acme();
    world.active("first", "globex.example", GLOBEX);
    let create = Action::CreateProject {
        name: "Theirs".to_owned(),
        ends: Ends::Never,
    };
    world.must(member(world.anna()), create);
    let theirs = offer(50, None);
    let channel = theirs.channel;
    let number = world.requested(Actor::Partner(GLOBEX), put_before_us(GLOBEX, 60, theirs));
    world.must(world.other_eyes(), approve(number, None, Some("theirs")));
    world.must(Actor::System, sealed(channel, GLOBEX, &[US, GLOBEX], None));
    let project = world.state.channels()[&channel].project;
    let project = project.expect("it stands for ours, which has its name and its end");
    let cause = EndCause::Termination;
    world.must(Actor::System, Action::EndChannel { channel, cause });
    assert_eq!(world.state.projects()[&project].ended, None);
}

/// A channel of Globex's that we are in.
fn join(world: &mut World) -> ChannelId {
    world.active("first", "globex.example", GLOBEX);
    let ends = world.soon();
    let theirs = offer(50, ends);
    let channel = theirs.channel;
    let number = world.requested(Actor::Partner(GLOBEX), put_before_us(GLOBEX, 60, theirs));
    world.must(world.other_eyes(), approve(number, None, Some("theirs")));
    world.must(Actor::System, sealed(channel, GLOBEX, &[US, GLOBEX], ends));
    channel
}
