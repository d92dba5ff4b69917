//! P3, for what we write ourselves: others judge it by charter and logs, and it is never void
//! there while it counts here.

use std::collections::BTreeMap;
use std::sync::Arc;

use foedus_policy::action::Action;
use foedus_policy::id::{ChannelId, EntryRef};
use foedus_policy::vocabulary::{Access, AuthorKind, Capability};

use crate::channel::{Refused, Verdict, Void};
use crate::charter::{Admission, Charter};
use crate::entry::Header;
use crate::examples::{GLOBEX, INITECH, org};
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::message::Govern;
use crate::note::NoteType;
use crate::note::value::{LogHead, LogHeads};
use crate::stored::{Record, Run};
use crate::testing::{END, Forger, World, newest, revise};

const MINUTE_MILLIS: u64 = 60_000;

/// What `at` makes of each entry that it holds under a charter, and its time.
fn verdicts(world: &World, at: usize, channel: ChannelId) -> BTreeMap<EntryRef, (u8, Hlc)> {
    let mut verdicts = BTreeMap::new();
    for (id, log) in &world.sides[at].view(channel).logs {
        if !log.is_shared() {
            continue;
        }
        let runs = ChannelKeys(channel).runs_from(*id, 0, usize::MAX);
        for (key, value) in world.sides[at].read(&runs) {
            let run = Run::from_value(&key, &value).expect("it reads");
            for entry in run.entries {
                let header = Header::decode(&entry.header).expect("it is laid out as a header");
                verdicts.insert(header.reference(), (entry.verdict, header.hlc));
            }
        }
    }
    verdicts
}

/// Everybody comes to the same, and nothing that these wrote is void.
fn check_verdicts(world: &World, channel: ChannelId, writers: &[usize]) {
    let all: Vec<_> = (0..world.sides.len())
        .map(|at| verdicts(world, at, channel))
        .collect();
    let writers: Vec<_> = writers.iter().map(|at| world.id(*at)).collect();
    for (at, held) in all.iter().enumerate() {
        for (entry, (verdict, hlc)) in held {
            let written = writers.contains(&entry.origin);
            assert!(
                !(written && Verdict::is_void(*verdict)),
                "{entry:?} of {hlc:?} is void ({verdict}) at {at}, and was written"
            );
            for (other, known) in all.iter().enumerate() {
                let there = known.get(entry).map(|(verdict, _)| *verdict);
                assert!(
                    there.is_none_or(|there| there == *verdict),
                    "{entry:?} is {verdict} at {at} and {there:?} at {other}"
                );
            }
        }
    }
}

/// Whatever Acme writes next lies so far ahead of its clock: somebody else's clock is.
fn move_clock(world: &mut World, channel: ChannelId, millis: u64) {
    let revision = newest(world, channel).expect("sealed").hash();
    let ahead = Hlc::at(world.now.wall.plus_millis(millis));
    let forger = Forger::new(GLOBEX, channel, 0xf0, revision, ahead);
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
}

/// Every log, up to where the host holds it.
fn heads(world: &World, channel: ChannelId) -> LogHeads {
    let logs = &world.sides[0].view(channel).logs;
    let shared = logs.iter().filter(|(_, log)| log.is_shared());
    shared
        .map(|(id, log)| {
            let head = LogHead {
                size: log.size(),
                root: log.frontier.root(),
            };
            ((id.origin, id.incarnation), head)
        })
        .collect()
}

/// Heads, who left, and a new incarnation: what is written for no request is not written past the
/// end either.
#[test]
fn a_clock_that_is_moved_past_the_end_writes_no_more() {
    for restarted in [false, true] {
        let (mut world, channel) = World::shared(3);
        world.post(0, channel, "in time");
        world.pass(END.0 - world.now.wall.0 - 2 * MINUTE_MILLIS);
        move_clock(&mut world, channel, 4 * MINUTE_MILLIS);
        if restarted {
            world.restart(0);
            world.connect(0, 1);
            world.connect(0, 2);
        }
        match world.try_post(0, channel, "too late") {
            Err(Refused::Ended(_)) => {}
            other => panic!("{other:?}"),
        }
        let actor = world.actor(0);
        world
            .try_act(0, actor, Action::LeaveChannel { channel })
            .expect("who joined may leave");
        world.pass(MINUTE_MILLIS);
        check_verdicts(&world, channel, &[0, 2]);
        let us = world.id(0);
        let held = verdicts(&world, 0, channel);
        let mut own = held.iter().filter(|(entry, _)| entry.origin == us);
        assert!(own.all(|(_, (_, hlc))| hlc.wall() < END));
    }
}

/// The seal of a revision by which the channel ends before the time that its host has come to.
#[test]
fn a_seal_that_ends_the_channel_is_not_written_past_the_end() {
    let (mut world, channel) = World::shared(3);
    move_clock(&mut world, channel, 4 * MINUTE_MILLIS);
    let finals = heads(&world, channel);
    let end = world.now.wall.plus_millis(2 * MINUTE_MILLIS);
    revise(&mut world, channel, |next| {
        next.end = Some(end);
        next.finals = finals;
    });
    world.pass(MINUTE_MILLIS);
    for at in 0..3 {
        let governance = &world.sides[at].view(channel).governance;
        assert_eq!(governance.newest().expect("sealed").charter().number, 2);
    }
    check_verdicts(&world, channel, &[0, 2]);
}

/// The host went on without our yes, and then said up to where our earlier words count.
#[test]
fn whose_words_count_no_more_writes_none_until_it_agrees() {
    let mut world = World::peered(3);
    world.plan = Some(|charter: &mut Charter| {
        charter.participants.insert(org(INITECH), Access::Full);
        charter.admission = Admission::Host;
    });
    let channel = world.share(0, 1, "launch");
    world.approve_all(2, "launch");
    (0..3).for_each(|at| world.join(at, channel));
    world.post(1, channel, "counts");
    revise(&mut world, channel, |next| {
        next.capabilities = next.capabilities.with(Capability::Mention);
    });
    let second = newest(&world, channel).expect("sealed").clone();
    let (globex, finals) = (world.id(1), heads(&world, channel));
    revise(&mut world, channel, |next| {
        next.participants.insert(globex, Access::PostOnly);
        next.finals = finals;
    });
    match world.try_post(1, channel, "counts for nobody") {
        Err(Refused::NotCounted(Void::AfterFinalHeads)) => {}
        other => panic!("{other:?}"),
    }
    world.pass(2 * MINUTE_MILLIS);
    check_verdicts(&world, channel, &[0, 1, 2]);
    let charter = second.sign(&world.sides[0].keys.sign).expect("valid");
    let good_until = world.now.wall.plus_millis(MINUTE_MILLIS);
    let agree = Govern::Consent {
        charter: Arc::new(charter),
        good_until,
    };
    world.govern(1, channel, agree);
    let posted = world.post(1, channel, "counts again");
    assert_eq!(verdicts(&world, 0, channel)[&posted.first].0, 0);
    check_verdicts(&world, channel, &[0, 1, 2]);
}

/// A charter without a kind: whoever is of that kind does not join by our word either.
#[test]
fn members_do_not_join_where_the_charter_names_none() {
    let (mut world, channel) = World::shared(3);
    let finals = heads(&world, channel);
    revise(&mut world, channel, |next| {
        next.kinds = [AuthorKind::Bot].into_iter().collect();
        next.finals = finals;
    });
    let actor = world.actor(0);
    for action in [
        Action::LeaveChannel { channel },
        Action::JoinChannel { channel },
    ] {
        world.try_act(0, actor, action).expect("it is public");
    }
    check_verdicts(&world, channel, &[0, 1, 2]);
}
