//! Refusals about channels: opening, joining, sharing, writing, ending.

use super::*;

pub(super) fn about_channels() -> Rows {
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
    about_exports(&mut rows, &world, (bob, open, closed));
    let end = |channel, cause| Action::EndChannel { channel, cause };
    rows.deny(
        &world,
        member(anna),
        end(open, EndCause::Termination),
        Reason::ChannelNotShared,
    );
    rows.deny(
        &world,
        OPERATOR,
        end(open, EndCause::Termination),
        Reason::MemberNeeded,
    );
    let project = ProjectId([0; 16]);
    rows.deny(
        &world,
        OPERATOR,
        Action::EndProject { project },
        Reason::ProjectUnknown,
    );

    let archive = |archived| Action::ArchiveChannel {
        channel: open,
        archived,
    };
    world.must(OPERATOR, archive(true));
    rows.deny(&world, OPERATOR, add(open, bob), Reason::ChannelArchived);
    let globex = "globex.example";
    rows.deny(
        &world,
        OPERATOR,
        share(open, globex, None),
        Reason::ChannelArchived,
    );
    world.must(OPERATOR, archive(false));
    permit(&world, OPERATOR, add(open, bob));

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

pub(super) fn about_writing() -> Rows {
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
    // Who is denied gets nothing either, also who is no partner and would have it from another.
    let joined = sealed(channel, US, &[US, GLOBEX, INITECH], world.launch_end());
    world.must(Actor::System, joined);
    permit(&world, member(anna), post.clone());
    let pattern = INITECH.to_string();
    let deny = Action::DenyPartner {
        pattern: pattern.clone(),
    };
    world.must(OPERATOR, deny);
    rows.deny(&world, member(anna), post.clone(), Reason::PartnerDenied);
    world.must(OPERATOR, Action::ForgetPattern { pattern });
    let end = |cause| Action::EndChannel { channel, cause };
    rows.deny(
        &world,
        member(anna),
        end(EndCause::Withdrawal),
        Reason::CauseInvalid,
    );
    rows.deny(
        &world,
        member(anna),
        end(EndCause::End),
        Reason::CauseInvalid,
    );
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
    world.must(member(anna), end(EndCause::Termination));
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

pub(super) fn about_sharing() -> Rows {
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
    rows.deny(
        &world,
        member(anna),
        share(channel, "globex.example", None),
        Reason::EndNeeded,
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
        world.other_eyes(),
        approve(RequestNumber(99), None, None),
        Reason::RequestUnknown,
    );
    // A yes or a no is somebody's.
    let nobodys = [
        approve(number, None, None),
        decline(number, "no"),
        confirm(GLOBEX),
    ];
    for action in nobodys {
        rows.deny(&world, OPERATOR, action, Reason::MemberNeeded);
    }
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
    rows.deny(
        &world,
        world.other_eyes(),
        decline(number, "\u{1b}[2J"),
        Reason::TextInvalid,
    );
    let mut late = world.clone();
    late.now = late.now.plus_millis(31 * DAY_MILLIS);
    rows.deny(
        &late,
        late.other_eyes(),
        approve(number, None, None),
        Reason::RequestExpired,
    );
    world.must(world.other_eyes(), approve(number, None, None));
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, None, None),
        Reason::RequestNotWaiting,
    );
    rows.deny(&world, member(anna), globex(&world), Reason::ChannelShared);
    let other = world.channel(member(anna), "other", false);
    let again = share(other, "globex.example", None);
    rows.deny(&world, member(anna), again, Reason::InvitationOpen);
    let end = world.now.plus_millis(DAY_MILLIS);
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

pub(super) fn about_projects() -> Rows {
    let mut rows = Rows::default();
    let mut world = World::acme();
    let (anna, bob) = (world.anna(), world.add("bob", false));
    let create = |name: &str, ends| Action::CreateProject {
        name: name.into(),
        ends,
    };
    let never = create("Library", Ends::Never);
    rows.deny(&world, member(bob), never.clone(), Reason::NotAdministrator);
    rows.deny(
        &world,
        OPERATOR,
        create("a\nb", Ends::Never),
        Reason::TextInvalid,
    );
    rows.deny(
        &world,
        OPERATOR,
        create("Library", Ends::WithProject),
        Reason::EndNeeded,
    );
    rows.deny(
        &world,
        OPERATOR,
        create("Library", Ends::At(world.now)),
        Reason::EndInPast,
    );
    world.must(OPERATOR, never.clone());
    rows.deny(&world, OPERATOR, never, Reason::ProjectExists);

    let channel = world.active("launch", "globex.example", GLOBEX);
    let named = |world: &World, name: &str| world.state.project_named(name).expect("it exists");
    let (launch, library) = (named(&world, "Launch"), named(&world, "Library"));
    let extend = |project, days| Action::ExtendProject {
        project,
        until: START.plus_millis(days * DAY_MILLIS),
    };
    let later = extend(launch, 60);
    rows.deny(&world, OPERATOR, later.clone(), Reason::MemberNeeded);
    rows.deny(&world, member(bob), later.clone(), Reason::NotAdministrator);
    rows.deny(
        &world,
        member(anna),
        extend(ProjectId([0; 16]), 60),
        Reason::ProjectUnknown,
    );
    rows.deny(
        &world,
        member(anna),
        later.clone(),
        Reason::ChannelNotSealed,
    );
    let terms = sealed(channel, US, &[US, GLOBEX], world.soon());
    world.must(Actor::System, terms);
    rows.deny(&world, member(anna), extend(launch, 0), Reason::EndInPast);
    for project in [launch, library] {
        rows.deny(
            &world,
            member(anna),
            extend(project, 30),
            Reason::EndNotLater,
        );
    }
    permit(&world, member(anna), later.clone());
    let mut late = world.clone();
    late.now = late.now.plus_millis(30 * DAY_MILLIS);
    rows.deny(&late, member(anna), later, Reason::ProjectEnded);

    // What a partner hosts, only the partner extends; and what has ended is not extended.
    let ends = world.soon();
    let number = world.requested(GLOBEX_KEY, put_before_us(GLOBEX, 1, offer(9, ends)));
    world.must(world.other_eyes(), approve(number, None, Some("theirs")));
    let channel = ChannelId([9; 32]);
    world.must(Actor::System, sealed(channel, GLOBEX, &[US, GLOBEX], ends));
    let theirs = named(&world, "Theirs");
    rows.deny(&world, member(anna), extend(theirs, 60), Reason::NotHost);
    let longer = offer(9, Some(START.plus_millis(60 * DAY_MILLIS)));
    let number = world.requested(GLOBEX_KEY, put_before_us(GLOBEX, 2, longer));
    world.now = world.now.plus_millis(30 * DAY_MILLIS);
    rows.deny(
        &world,
        world.other_eyes(),
        approve(number, None, None),
        Reason::RequestExpired,
    );
    rows
}

/// Bob is no administrator, and in no channel.
fn about_exports(
    rows: &mut Rows,
    world: &World,
    (bob, open, closed): (MemberId, ChannelId, ChannelId),
) {
    let export = |channel, all_bodies| Action::ExportChannel {
        channel,
        all_bodies,
    };
    permit(world, member(bob), export(open, false));
    rows.deny(
        world,
        member(bob),
        export(open, true),
        Reason::NotAdministrator,
    );
    rows.deny(
        world,
        member(bob),
        export(closed, false),
        Reason::NotInChannel,
    );
    for unreading in [
        with(bob, false, true, false),
        with(world.anna(), false, true, true),
    ] {
        rows.deny(world, unreading, export(open, false), Reason::ScopeMissing);
    }
    rows.deny(
        world,
        GLOBEX_KEY,
        export(open, false),
        Reason::NotForPartners,
    );
    for all_bodies in [false, true] {
        permit(world, OPERATOR, export(closed, all_bodies));
        let nowhere = export(ChannelId([0; 32]), all_bodies);
        rows.deny(world, OPERATOR, nowhere, Reason::ChannelUnknown);
    }
    permit(world, OPERATOR, Action::ExportAudit);
    rows.deny(
        world,
        member(bob),
        Action::ExportAudit,
        Reason::NotAdministrator,
    );
    rows.deny(
        world,
        GLOBEX_KEY,
        Action::ExportAudit,
        Reason::NotForPartners,
    );
}
