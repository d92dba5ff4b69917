//! A clock that leaps, in the machines of a whole organisation: what waits, what stops, and who says
//! that it is right again.

use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::id::{ChannelId, RunId};
use foedus_policy::reason::Reason;
use foedus_policy::state::{InvitationState, Sharing};
use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::EndCause;

use crate::batch::CommitOutcome;
use crate::channel::Refused;
use crate::frame::Frame;
use crate::link::hello;
use crate::testing::{END, World};

const YEAR_MILLIS: i64 = 365 * DAY_MILLIS.cast_signed();
const MINUTE_MILLIS: i64 = 60_000;

fn administrator(world: &World, at: usize) -> Actor {
    world.administrator(at)
}

fn confirm(world: &mut World, at: usize) {
    let shown = world.clocks(at).wall;
    let result = world.try_act(at, administrator(world, at), Action::ConfirmClock { shown });
    assert!(result.is_ok(), "{result:?}");
}

fn is_paused(world: &World, at: usize) -> bool {
    world.sides[at].snapshot.state.leap().is_some()
}

fn is_recorded(world: &World, at: usize, channel: ChannelId) -> bool {
    let governance = &world.sides[at].view(channel).governance;
    governance.record(world.id(at)).is_some()
}

fn is_noted_as_over(world: &World, at: usize, channel: ChannelId) -> bool {
    let sharing = &world.sides[at].snapshot.state.channels()[&channel].sharing;
    matches!(sharing, Sharing::Shared { ended: Some(_), .. })
}

fn sent_entries(world: &World, at: usize) -> usize {
    let sent = world.sides[at].sent.iter();
    let parts =
        |frame: &Frame| matches!(frame, Frame::Entries(entries) if !entries.parts.is_empty());
    sent.filter(|(_, frame)| parts(frame)).count()
}

fn arrived(world: &World, at: usize, channel: ChannelId) -> u64 {
    let logs = world.sides[at].view(channel).logs.values();
    let shared = logs.filter(|log| log.is_shared());
    shared.map(crate::channel::Log::size).sum()
}

/// A clock that goes a year ahead, past the end, or back: nothing is ended, nothing lapses, nothing
/// is posted; and after a word of an administrator everything goes on as if nothing had been.
fn check_leap(off_millis: i64) {
    let (mut world, channel) = World::shared(2);
    let handle = Some("initech.example".to_owned());
    let Outcome::Invited { invitation, .. } = world.act(0, Action::InvitePartner { handle }) else {
        panic!("it is handed over");
    };
    world.post(0, channel, "before");
    world.sides[0].clock_off_millis = off_millis;
    // The channel is asked first: nobody has told it anything.
    let denied = world.try_post(0, channel, "meanwhile");
    assert_eq!(denied, Err(Refused::Denied(Reason::ClockPaused)));
    world.pass(10_000);
    assert!(is_paused(&world, 0) && !is_paused(&world, 1));
    let sent = sent_entries(&world, 0);
    let denied = world.try_post(0, channel, "meanwhile");
    assert_eq!(denied, Err(Refused::Denied(Reason::ClockPaused)));
    world.post(1, channel, "the others go on");
    world.pass(120_000);
    assert!(!is_recorded(&world, 0, channel) && !is_noted_as_over(&world, 0, channel));
    let known = &world.sides[0].snapshot.state.invitations()[&invitation];
    assert_eq!(known.state, InvitationState::Open);
    assert_eq!(sent_entries(&world, 0), sent, "nothing of ours goes out");
    // A clock that is back is one that leaps.
    world.sides[0].clock_off_millis = 0;
    world.pass(10_000);
    let denied = world.try_post(0, channel, "still");
    assert_eq!(denied, Err(Refused::Denied(Reason::ClockPaused)));
    confirm(&mut world, 0);
    world.pass(10_000);
    world.post(0, channel, "after");
    world.pass(10_000);
    assert_eq!(arrived(&world, 0, channel), arrived(&world, 1, channel));
    let view = world.sides[1].view(channel);
    assert!(
        view.waiting.is_empty(),
        "no time of a wrong clock stays in a log"
    );
}

#[test]
fn nothing_ends_by_a_clock_that_leapt_ahead() {
    check_leap(YEAR_MILLIS);
}

#[test]
fn nothing_ends_by_a_clock_that_leapt_back() {
    check_leap(-YEAR_MILLIS);
}

#[test]
fn two_days_are_no_leap() {
    let (mut world, channel) = World::shared(2);
    world.sides[0].clock_off_millis = 2 * DAY_MILLIS.cast_signed() - MINUTE_MILLIS;
    world.pass(1_000);
    assert!(!is_paused(&world, 0));
    world.post(0, channel, "as always");
}

/// What is confirmed holds: the end that the clock says is one.
#[test]
fn a_leap_that_somebody_stands_for_ends_what_it_ends() {
    let (mut world, channel) = World::shared(2);
    world.sides[0].clock_off_millis = YEAR_MILLIS;
    world.pass(1_000);
    assert!(!is_recorded(&world, 0, channel));
    confirm(&mut world, 0);
    assert!(is_recorded(&world, 0, channel) && is_noted_as_over(&world, 0, channel));
}

/// To end something needs no clock: an administrator can do it meanwhile.
#[test]
fn a_person_ends_what_they_like_meanwhile() {
    let (mut world, channel) = World::shared(2);
    world.sides[1].clock_off_millis = YEAR_MILLIS;
    world.pass(1_000);
    let end = Action::EndChannel {
        channel,
        cause: EndCause::Withdrawal,
    };
    world.act(1, end);
    assert!(is_recorded(&world, 1, channel));
    let governance = &world.sides[1].view(channel).governance;
    let record = governance.record(world.id(1)).expect("it is recorded");
    assert_eq!(record.note().cause, EndCause::Withdrawal);
    assert!(
        record.note().at < END,
        "and the time of it is not the wrong one"
    );
}

/// Whatever ended by the time that we relied on does not begin again by a clock that goes back.
#[test]
fn a_clock_that_goes_back_opens_nothing() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "in time");
    world.pass(END.0 - world.now.wall.0 - 1_000);
    world.sides[0].clock_off_millis = -YEAR_MILLIS;
    world.pass(2_000);
    let before = arrived(&world, 0, channel);
    assert!(is_recorded(&world, 1, channel), "the other has ended");
    world.sides[1].clock_off_millis = -2 * 60 * MINUTE_MILLIS;
    let governance = &world.sides[0].view(channel).governance;
    let now = world.clocks(0);
    let reading = world.sides[0].snapshot.clock(now);
    assert!(governance.is_open(now.wall) && !governance.is_open(reading.perhaps));
    world.pass(10_000);
    assert_eq!(arrived(&world, 0, channel), before);
}

/// Over a restart the end's record waits until a partner's clock agrees, or somebody says so.
#[test]
fn after_a_start_the_end_waits_for_a_partner_or_a_person() {
    for (off_millis, agrees) in [
        (5 * MINUTE_MILLIS, true),
        (-5 * MINUTE_MILLIS, true),
        (5 * MINUTE_MILLIS + 1, false),
        (-5 * MINUTE_MILLIS - 1, false),
    ] {
        let (mut world, channel) = World::shared(2);
        world.pass(END.0 - world.now.wall.0 - 40_000);
        world.restart(0);
        world.pass(50_000);
        assert!(!is_recorded(&world, 0, channel) && !is_noted_as_over(&world, 0, channel));
        let refused = world.try_post(0, channel, "too late");
        assert!(matches!(refused, Err(Refused::Ended(_))), "it has stopped");
        world.sides[1].clock_off_millis = off_millis;
        world.connect(0, 1);
        assert_eq!(is_recorded(&world, 0, channel), agrees, "{off_millis}");
        confirm(&mut world, 0);
        assert!(is_recorded(&world, 0, channel) && is_noted_as_over(&world, 0, channel));
    }
}

/// Who was down for long is in doubt as well, until a partner agrees.
#[test]
fn a_leap_over_a_start_ends_with_a_partner_that_agrees() {
    for (off_millis, agrees) in [(MINUTE_MILLIS, true), (60 * MINUTE_MILLIS, false)] {
        let (mut world, channel) = World::shared(2);
        world.pass(1_000);
        world.now.wall = world.now.wall.plus_millis(3 * DAY_MILLIS);
        world.sides[1].clock_off_millis = off_millis;
        world.tick();
        // It did not stop, and its clock seemed to leap: somebody looked.
        confirm(&mut world, 1);
        world.restart(0);
        let denied = world.try_post(0, channel, "long away");
        assert_eq!(denied, Err(Refused::Denied(Reason::ClockPaused)));
        world.connect(0, 1);
        assert_eq!(is_paused(&world, 0), !agrees, "{off_millis}");
        assert_eq!(world.try_post(0, channel, "back").is_ok(), agrees);
    }
}

/// Nobody has us believe our clock by saying what we say.
#[test]
fn whose_clock_leapt_tells_nobody_what_it_says() {
    let (mut world, _) = World::shared(2);
    world.pass(1_000);
    let right = world.now.wall;
    world.sides[0].clock_off_millis = YEAR_MILLIS;
    world.restart(0);
    assert!(is_paused(&world, 0));
    let side = &world.sides[0];
    let hello = hello(&side.snapshot, world.id(1), RunId([9; 16]), world.clocks(0));
    let told = hello.expect("they are partners").wall;
    assert!(told.0.abs_diff(right.0) < DAY_MILLIS, "{told:?}");
}

/// While it runs no partner's word is enough: two clocks of one network may go wrong together.
#[test]
fn no_partner_ends_a_leap_that_was_seen() {
    let (mut world, _) = World::shared(2);
    for at in 0..2 {
        world.sides[at].clock_off_millis = YEAR_MILLIS;
    }
    world.pass(1_000);
    world.disconnect(0, 1);
    world.settle();
    world.connect(0, 1);
    assert!(is_paused(&world, 0) && is_paused(&world, 1));
}

/// A start that finds the clock where it was left needs nobody; one that finds it elsewhere does.
#[test]
fn a_start_looks_anew() {
    for (off_millis, paused) in [(0, false), (YEAR_MILLIS, true)] {
        let (mut world, channel) = World::shared(2);
        world.pass(1_000);
        world.sides[0].clock_off_millis = YEAR_MILLIS;
        world.pass(1_000);
        assert!(is_paused(&world, 0));
        world.sides[0].clock_off_millis = off_millis;
        world.restart(0);
        assert_eq!(is_paused(&world, 0), paused);
        assert_eq!(world.try_post(0, channel, "again").is_err(), paused);
    }
}

/// A run that has to read its state anew counts from where it was, however long it has run.
#[test]
fn what_is_read_again_is_counted_from_the_same_run() {
    let (mut world, channel) = World::shared(2);
    world.pass(10 * DAY_MILLIS);
    world.sides[0].outcomes = [CommitOutcome::Conflict].into();
    world.act(
        0,
        Action::CreateChannel {
            name: "kitchen".to_owned(),
            topic: String::new(),
            private: false,
        },
    );
    assert!(!is_paused(&world, 0));
    world.post(0, channel, "goes on");
    let reliance = world.sides[0].snapshot.reliance;
    assert!(!reliance.in_doubt, "it is the same run");
}

/// The time is written down once a minute, and not more often.
#[test]
fn the_time_is_kept_once_a_minute() {
    let mut world = World::of(1);
    world.pass(1_000);
    let commits = world.sides[0].batches.len();
    for _ in 0..120 {
        world.pass(1_000);
    }
    assert_eq!(world.sides[0].batches.len(), commits + 2);
}
