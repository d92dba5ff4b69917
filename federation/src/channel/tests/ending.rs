//! How a channel ends, for whom, and what may still pass.

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, IncarnationId};
use foedus_policy::state::Sharing;
use foedus_policy::time::{DAY_MILLIS, Timestamp};
use foedus_policy::vocabulary::{Access, EndCause};

use crate::batch::CommitOutcome;
use crate::bounds::{CREDIT_BYTES_MAX, NOTE_LOG_HEADS_MAX};
use crate::channel::Refused;
use crate::entry::LogId;
use crate::examples::{GLOBEX, INITECH, key, org, sign_seed};
use crate::frame::{Frame, Goodbye};
use crate::hlc::Hlc;
use crate::message::Govern;
use crate::note::NoteType;
use crate::testing::{END, Forger, World};

fn check_over(world: &mut World, at: usize, channel: ChannelId, cause: EndCause) {
    let us = world.id(at);
    let governance = world.sides[at].view(channel).governance.clone();
    let record = governance.record(us).expect("it signed what it held");
    assert_eq!(record.note().cause, cause);
    match world.try_post(at, channel, "too late") {
        Err(Refused::Ended(ended)) => assert_eq!(ended.cause, cause),
        other => panic!("{other:?}"),
    }
    let known = &world.sides[at].snapshot.state.channels()[&channel].sharing;
    let ended = matches!(known, Sharing::Shared { ended: Some(_), .. });
    assert!(ended, "the organisation knows: {known:?}");
}

fn sizes(world: &World, at: usize, channel: ChannelId) -> Vec<(LogId, u64)> {
    let logs = &world.sides[at].view(channel).logs;
    let shared = logs.iter().filter(|(_, log)| log.is_shared());
    shared.map(|(id, log)| (*id, log.size())).collect()
}

/// After the end no entry comes in from a partner that goes on, and none goes out; notes do.
fn check_quiet(world: &mut World, channel: ChannelId) {
    let (before, sent) = (sizes(world, 0, channel), world.sides[0].sent.len());
    let revision = world.sides[0]
        .view(channel)
        .governance
        .newest()
        .expect("sealed")
        .hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf1, revision, Hlc::at(world.now.wall));
    forger.post("after the end");
    for subscription in 0..5 {
        let frame = forger.frame(
            subscription,
            900 + u64::from(subscription),
            vec![forger.whole()],
        );
        world.send(1, 0, frame);
    }
    world.pass(60_000);
    assert_eq!(sizes(world, 0, channel), before);
    let sent = &world.sides[0].sent[sent..];
    let entries = |frame: &Frame| matches!(frame, Frame::Entries(_) | Frame::Ack(_));
    assert!(!sent.iter().any(|(_, frame)| entries(frame)));
}

#[test]
fn by_the_clock() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "in time");
    world.pass(END.0 - world.now.wall.0 - 1);
    world.post(1, channel, "just in time");
    world.pass(1);
    for at in 0..2 {
        check_over(&mut world, at, channel, EndCause::End);
        let governance = world.sides[at].view(channel).governance.clone();
        let records: Vec<_> = governance
            .records()
            .map(|record| record.note().logs.clone())
            .collect();
        assert_eq!(records.len(), 2, "the other's record came, too");
        assert_eq!(records[0], records[1], "nothing was missing at the end");
    }
    check_quiet(&mut world, channel);
}

#[test]
fn by_withdrawal_only_for_who_withdrew() {
    let (mut world, channel) = World::shared(3);
    world.act(
        1,
        Action::EndChannel {
            channel,
            cause: EndCause::Withdrawal,
        },
    );
    check_over(&mut world, 1, channel, EndCause::Withdrawal);
    world.post(0, channel, "we go on");
    assert_eq!(sizes(&world, 0, channel), sizes(&world, 2, channel));
    let held = sizes(&world, 1, channel);
    assert!(
        held.iter().map(|(_, n)| n).sum::<u64>()
            < sizes(&world, 0, channel).iter().map(|(_, n)| n).sum()
    );
}

/// What the organisation says to a channel finds no room in its queue where a partner keeps that full: its own state is
/// enough.
#[test]
fn by_withdrawal_also_where_the_channel_is_not_told() {
    let (mut world, channel) = World::shared(2);
    world.sides[1].channels_full = true;
    let cause = EndCause::Withdrawal;
    world.act(1, Action::EndChannel { channel, cause });
    check_over(&mut world, 1, channel, EndCause::Withdrawal);
    let withdrawn = world.id(1);
    let there = &world.sides[0].view(channel).governance;
    assert!(!there.participants().any(|org| org == withdrawn));
}

/// Our yes is on its way, or used already, when we take it back: whoever used it hears that we left.
#[test]
fn by_withdrawal_before_the_seal_is_here() {
    let mut world = World::peered(2);
    let channel = world.open(0, "launch");
    world.offer(0, 1, channel);
    world.hold(0, 1);
    world.approve_all(1, "launch");
    let withdrawn = world.id(1);
    let there = &world.sides[0].view(channel).governance;
    assert!(there.takes_part(withdrawn), "its host used the yes");
    let cause = EndCause::Withdrawal;
    world.act(1, Action::EndChannel { channel, cause });
    assert!(world.sides[1].view(channel).governance.newest().is_none());
    let sent = world.sides[1].sent.len();
    world.deliver(0, 1);
    check_over(&mut world, 1, channel, EndCause::Withdrawal);
    let mut sent = world.sides[1].sent[sent..].iter();
    assert!(sent.all(|(_, frame)| matches!(frame, Frame::Notes(_))));
    let there = &world.sides[0].view(channel).governance;
    assert!(!there.takes_part(withdrawn), "and knows that it left");
    assert!(there.record(withdrawn).is_some());
}

/// A yes that had not left is never sent.
#[test]
fn by_withdrawal_before_the_yes_has_left() {
    let mut world = World::peered(2);
    let channel = world.open(0, "launch");
    world.offer(0, 1, channel);
    world.disconnect(0, 1);
    world.approve_all(1, "launch");
    let cause = EndCause::Withdrawal;
    world.act(1, Action::EndChannel { channel, cause });
    world.restart(1);
    world.connect(0, 1);
    world.pass(2 * DAY_MILLIS);
    let there = &world.sides[0].view(channel).governance;
    assert!(there.newest().is_none(), "nothing was sealed");
    let yes = there.proposal().expect("it is offered still").consents();
    assert_eq!(yes.count(), 0, "and nobody said yes to it");
    let requests = world.sides[1].snapshot.state.requests();
    assert!(
        !requests.values().any(|request| request.is_waiting()),
        "and nobody is asked again"
    );
}

/// Two of three said yes to a third's channel, and one of them parts with it before the seal is here: it asks for nothing of
/// it any more, and what the other sends it in another channel arrives.
#[test]
fn by_disconnection_from_the_host_before_the_seal_is_here() {
    let mut world = World::peered(3);
    let other = world.share(1, 2, "other");
    world.join(1, other);
    world.plan = Some(|charter| {
        charter.participants.insert(org(INITECH), Access::Full);
    });
    let channel = world.open(0, "launch");
    world.offer(0, 1, channel);
    world.hold(0, 2);
    world.hold(1, 2);
    world.approve_all(2, "launch");
    world.approve_all(1, "launch");
    world.join(1, channel);
    let host = world.id(0);
    world.act(2, Action::DisconnectPartner { partner: host });
    let us = world.id(2);
    assert!(world.sides[1].view(channel).governance.takes_part(us));
    world.deliver(1, 2);
    // The session in which it had asked for it is over, and the next one is without it.
    assert_eq!(
        world.sides[2].closed.last(),
        Some(&(world.id(1), Goodbye::Restart))
    );
    world.connect(1, 2);
    let text = "x".repeat(16 * 1024);
    for _ in 0..CREDIT_BYTES_MAX / text.len() + 10 {
        world.post(1, channel, &text);
    }
    world.pass(60_000);
    world.post(1, other, "to you alone");
    world.pass(10_000);
    assert_eq!(sizes(&world, 1, other), sizes(&world, 2, other));
}

#[test]
fn by_termination_for_all() {
    let (mut world, channel) = World::shared(3);
    world.act(
        0,
        Action::EndChannel {
            channel,
            cause: EndCause::Termination,
        },
    );
    for at in 0..3 {
        check_over(&mut world, at, channel, EndCause::Termination);
    }
    check_quiet(&mut world, channel);
}

#[test]
fn by_disconnection_when_nobody_is_left() {
    let (mut world, channel) = World::shared(2);
    let partner = world.id(1);
    world.act(0, Action::DisconnectPartner { partner });
    check_over(&mut world, 0, channel, EndCause::Disconnect);
    assert!(!world.is_connected(0, 1));
}

#[test]
fn the_record_is_signed_once_and_survives_a_restart() {
    let (mut world, channel) = World::shared(2);
    world.pass(31 * DAY_MILLIS);
    let us = world.id(0);
    let record = |world: &World| {
        let governance = &world.sides[0].view(channel).governance;
        governance.record(us).expect("it ended").bytes().to_vec()
    };
    let first = record(&world);
    world.pass(60_000);
    world.restart(0);
    world.connect(0, 1);
    world.pass(60_000);
    assert_eq!(record(&world), first);
    check_quiet(&mut world, channel);
}

/// A clock that was wrong is no way back: the record says that it ended.
#[test]
fn a_clock_that_goes_back_opens_nothing() {
    let (mut world, channel) = World::shared(2);
    world.pass(31 * DAY_MILLIS);
    world.now.wall = world.now.wall.minus_millis(20 * DAY_MILLIS);
    world.tick();
    check_over(&mut world, 0, channel, EndCause::End);
    check_quiet(&mut world, channel);
}

#[test]
fn nobody_begins_so_many_logs_that_we_can_not_leave() {
    let (mut world, channel) = World::shared(2);
    let revision = world.sides[0]
        .view(channel)
        .governance
        .newest()
        .expect("sealed")
        .hash();
    let subscription = world.subscription(0, 1, channel);
    for n in 0..NOTE_LOG_HEADS_MAX + 10 {
        let log = LogId {
            channel,
            origin: world.id(1),
            incarnation: IncarnationId(core::array::from_fn(|at| (n >> (8 * (at % 2))) as u8)),
        };
        let hlc = Hlc::at(world.now.wall);
        let whole = Forger::of(key(sign_seed(GLOBEX)), log, revision, hlc);
        world.send(
            1,
            0,
            whole.frame(subscription, 100 + n as u64, vec![whole.whole()]),
        );
    }
    assert!(world.sides[0].view(channel).logs.len() > NOTE_LOG_HEADS_MAX);
    world.govern(0, channel, Govern::Leave);
    let governance = world.sides[0].view(channel).governance.clone();
    assert!(governance.ended(world.now.wall).is_some());
    let us = world.id(0);
    let record = governance.record(us).expect("it is signed");
    assert!(
        record.note().logs.keys().any(|(origin, _)| *origin == us),
        "what goes on is named first"
    );
}

/// Logs without number, in the far future, take no other log's place among those that are named at the end.
#[test]
fn nobody_takes_the_place_of_anothers_log_in_the_record() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "ours");
    world.post(1, channel, "theirs");
    let revision = crate::testing::newest(&world, channel)
        .expect("sealed")
        .hash();
    let subscription = world.subscription(0, 1, channel);
    for n in 0..NOTE_LOG_HEADS_MAX + 10 {
        let log = LogId {
            channel,
            origin: world.id(1),
            incarnation: IncarnationId(core::array::from_fn(|at| (n >> (8 * (at % 2))) as u8)),
        };
        let hlc = Hlc::at(world.now.wall.plus_millis(1_000_000_000 + n as u64));
        let whole = Forger::of(key(sign_seed(GLOBEX)), log, revision, hlc);
        let frame = whole.frame(subscription, 100 + n as u64, vec![whole.whole()]);
        world.send(1, 0, frame);
    }
    world.govern(0, channel, Govern::Leave);
    let governance = world.sides[0].view(channel).governance.clone();
    let record = governance.record(world.id(0)).expect("it is signed");
    let ours = world.id(0);
    let named = record.note().logs.keys();
    assert!(
        named.clone().any(|(origin, _)| *origin == ours),
        "{}",
        named.count()
    );
}

/// What a partner sent and a full disk refused is asked for again, in the same session, also
/// after the end.
#[test]
fn a_record_that_was_lost_with_a_commit_is_heard_of_again() {
    let (mut world, channel) = World::shared(2);
    world.hold(0, 1);
    world.pass(END.millis_since(world.now.wall));
    let known = |world: &World, of: usize| {
        let governance = &world.sides[1].view(channel).governance;
        governance.record(world.id(of)).is_some()
    };
    assert!(known(&world, 1), "it ended by its own clock");
    world.sides[1].outcomes = [CommitOutcome::DiskFull; 2].into();
    world.deliver(0, 1);
    assert!(!known(&world, 0));
    for _ in 0..10 {
        world.pass(1_000);
    }
    assert!(known(&world, 0));
}

/// An old copy of the data was put back after the end, and people wrote before anybody told them:
/// the record that a partner gives back does not name what they wrote, so another one does.
#[test]
fn what_was_written_on_an_old_copy_after_the_end_is_recorded() {
    let (mut world, channel) = World::shared(2);
    world.post(1, channel, "kept");
    let old = world.sides[1].store.clone();
    world.act(
        0,
        Action::EndChannel {
            channel,
            cause: EndCause::Termination,
        },
    );
    world.pass(1_000);
    check_over(&mut world, 1, channel, EndCause::Termination);
    world.disconnect(0, 1);
    world.settle();
    world.sides[1].store = old;
    world.restart(1);
    let written = world.post(1, channel, "nobody told us").first;
    world.connect(0, 1);
    for _ in 0..3 {
        world.pass(1_000);
    }
    let log = LogId {
        channel,
        origin: written.origin,
        incarnation: written.incarnation,
    };
    let them = world.id(1);
    for at in 0..2 {
        let governance = &world.sides[at].view(channel).governance;
        assert!(
            governance.recorded_size(them, log) > written.sequence,
            "{at}"
        );
    }
    assert_eq!(
        world.sides[0]
            .view(channel)
            .governance
            .recorded_size(world.id(0), log),
        0
    );
    check_over(&mut world, 1, channel, EndCause::Termination);
}

/// Has Acme propose that its project ends a day later.
fn extended(world: &mut World) -> Timestamp {
    let until = END.plus_millis(DAY_MILLIS);
    let state = &world.sides[0].snapshot.state;
    let project = state.project_named("Launch").expect("sharing made it");
    world.act(0, Action::ExtendProject { project, until });
    until
}

fn ends(world: &World, at: usize, channel: ChannelId) -> Option<Timestamp> {
    match &world.sides[at].snapshot.state.channels()[&channel].sharing {
        Sharing::Shared { ends, .. } => *ends,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_later_end_holds_once_all_agreed() {
    let (mut world, channel) = World::shared(2);
    let until = extended(&mut world);
    for at in 0..2 {
        assert_eq!(ends(&world, at, channel), Some(END), "nobody agreed yet");
    }
    // Said again, also after a restart, it proposes nothing else.
    let proposed = |world: &World| {
        let proposal = world.sides[0].view(channel).governance.proposal();
        proposal.expect("it waits").charter().hash()
    };
    let before = proposed(&world);
    world.restart(0);
    world.connect(0, 1);
    world.settle();
    extended(&mut world);
    assert_eq!(proposed(&world), before);
    world.approve_all(1, "launch");
    world.pass(10_000);
    for at in 0..2 {
        assert_eq!(ends(&world, at, channel), Some(until));
    }
    world.pass(END.0 - world.now.wall.0 + 1);
    world.post(0, channel, "after the old end");
    world.post(1, channel, "so do we");
    world.pass(DAY_MILLIS);
    for at in 0..2 {
        check_over(&mut world, at, channel, EndCause::End);
    }
}

/// What has ended does not begin again, not even if the host gets a yes that was given in time.
#[test]
fn a_yes_that_comes_after_the_end_is_too_late() {
    let (mut world, channel) = World::shared(2);
    extended(&mut world);
    world.hold(1, 0);
    world.approve_all(1, "launch");
    world.pass(END.0 - world.now.wall.0);
    world.deliver(1, 0);
    world.pass(10_000);
    for at in 0..2 {
        check_over(&mut world, at, channel, EndCause::End);
        assert_eq!(ends(&world, at, channel), Some(END));
    }
}

/// Without its host a channel of three is over for whoever disconnects it, at once.
#[test]
fn who_disconnects_the_host_leaves_at_once() {
    let (mut world, channel) = World::shared(3);
    let partner = world.id(0);
    world.act(1, Action::DisconnectPartner { partner });
    let refused = world.try_post(1, channel, "to whom?");
    assert!(refused.is_err(), "{refused:?}");
    let (us, now) = (world.id(1), world.now.wall);
    assert!(world.sides[1].view(channel).governance.record(us).is_some());
    let there = &world.sides[2].view(channel).governance;
    assert!(
        there.is_open(now) && !there.takes_part(us),
        "the others go on"
    );
}
