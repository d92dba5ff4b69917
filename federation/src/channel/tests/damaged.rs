//! What is stored and can't be read: it is told, whoever waits gets an answer, and nothing is
//! decided as if it were not there.

use foedus_policy::id::ChannelId;

use crate::batch::{Key, Value};
use crate::channel::{Examine, Input, Refused, Verb, Verdict, Void};
use crate::charter::Withdrawal;
use crate::examples::GLOBEX;
use crate::frame::{Frame, Notes};
use crate::hlc::Hlc;
use crate::keys::{ChannelKey, ChannelKeys};
use crate::kind::{Body, Head};
use crate::note::NoteType;
use crate::note::value::LogHead;
use crate::steploop::Failure;
use crate::stored::{Record, Run};
use crate::testing::{Forger, World, newest, post};

/// Cuts a stored value short, and says what it was. From here on damage is expected.
fn damage(world: &mut World, at: usize, key: &Key) -> Value {
    let side = &mut world.sides[at];
    side.damage.get_or_insert_default();
    let value = side.store.get_mut(key).expect("it is stored");
    let before = value.clone();
    value.pop();
    before
}

/// Takes what could not be read since this was last asked; all of it must be this one value.
fn check_told(world: &mut World, at: usize, key: &Key) {
    let found = world.sides[at].damage.replace(Vec::new());
    let found = found.expect("damage is expected");
    assert!(!found.is_empty(), "nobody was told");
    assert!(found.iter().all(|found| found.key == *key), "{found:?}");
}

fn repair(world: &mut World, at: usize, key: Key, value: Value) {
    let side = &mut world.sides[at];
    side.store.insert(key, value);
}

fn forger(world: &World, channel: ChannelId) -> Forger {
    let revision = newest(world, channel).expect("sealed").hash();
    Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall))
}

/// P3. A withdrawal makes an entry void that is here already, and takes back what it said. What
/// can't be read on the way is not passed over: the same comes out as soon as it can be.
#[test]
fn looking_again_does_not_pass_over_what_cannot_be_read() {
    for of_the_run in [true, false] {
        let (mut world, channel) = World::shared(3);
        let keys = ChannelKeys(channel);
        let mut forger = forger(&world, channel);
        forger.post("within");
        let target = forger.log.entry(1);
        forger.append(&Body::Edit {
            target,
            text: "beyond".to_owned(),
        });
        world.disconnect(0, 1);
        world.settle();
        world.tick();
        let subscription = world.subscription(0, 2, channel);
        world.send(2, 0, forger.frame(subscription, 100, vec![forger.whole()]));
        let key = match of_the_run {
            true => keys.run(forger.log, 2),
            false => keys.annotation_page(target, 0),
        };
        let value = damage(&mut world, 0, &key);
        let head = LogHead {
            size: 2,
            root: forger.checkpoint_root(2),
        };
        let withdrawal = Withdrawal {
            channel,
            org: world.id(1),
            revision: newest(&world, channel).expect("sealed").hash(),
            heads: [((world.id(1), forger.log.incarnation), head)].into(),
            at: world.now.wall,
        };
        let signed = withdrawal.sign(&world.sides[1].keys.sign).expect("valid");
        let notes = Frame::Notes(Notes {
            channel,
            identities: Vec::new(),
            notes: vec![signed.bytes().to_vec()],
        });
        world.send(2, 0, notes);
        check_told(&mut world, 0, &key);
        world.pass(10_000);
        check_told(&mut world, 0, &key);
        let position = keys.judging(world.id(1));
        assert!(
            world.sides[0].store.contains_key(&position),
            "it is not done with"
        );
        repair(&mut world, 0, key, value);
        world.pass(10_000);
        assert_eq!(world.sides[0].damage, Some(Vec::new()));
        assert!(!world.sides[0].store.contains_key(&position));
        let read = |key: &Key| world.sides[0].store[key].clone();
        let key = keys.run(forger.log, 2);
        let run = Run::from_value(&key, &read(&key)).expect("it reads");
        let void = Verdict::Void(Void::AfterFinalHeads).code();
        assert_eq!(run.entries[2].verdict, void);
        let key = keys.annotation_page(target, 0);
        assert_eq!(world.sides[0].store.get(&key), None, "nothing is said");
    }
}

/// Whoever asks about an entry that can't be read is not told that there is none.
#[test]
fn a_request_that_rests_on_what_cannot_be_read_fails_and_that_is_told() {
    let (mut world, channel) = World::shared(2);
    let keys = ChannelKeys(channel);
    let idempotency = Some("once");
    let posted = world.ask_once(0, channel, post("hello"), idempotency);
    let target = posted.expect("it is posted").first;
    let react = |emoji: &str| Verb::React {
        target,
        emoji: emoji.to_owned(),
        on: true,
    };
    world.ask(0, channel, react("+1")).expect("it is given");
    let run = world.sides[0].read(&keys.run_of(target))[0].0.clone();
    let answered = |key: &&Key| {
        let parsed = ChannelKey::parse(key);
        matches!(parsed, Some((_, ChannelKey::Answered(..))))
    };
    let answer = world.sides[0].store.keys().find(answered).cloned();
    let answer = answer.expect("it is remembered");
    let cases = [
        (run, react("a"), None),
        (keys.annotation_page(target, 0), react("b"), None),
        (answer, post("hello"), idempotency),
    ];
    for (key, verb, idempotency) in cases {
        let value = damage(&mut world, 0, &key);
        let refused = world.ask_once(0, channel, verb.clone(), idempotency);
        assert_eq!(refused, Err(Refused::Failed(Failure::Damaged)));
        check_told(&mut world, 0, &key);
        repair(&mut world, 0, key, value);
        let done = world.ask_once(0, channel, verb, idempotency);
        assert_eq!(done.expect("it reads").repeated, idempotency.is_some());
        assert_eq!(world.sides[0].damage, Some(Vec::new()));
    }
}

/// What a partner brings, or states, is not compared with less than we hold.
#[test]
fn what_others_hold_is_not_compared_with_what_cannot_be_read() {
    let (mut world, channel) = World::shared(2);
    let mut forger = forger(&world, channel);
    forger.post("one");
    let held = forger.size();
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let key = ChannelKeys(channel).run(forger.log, held - 1);
    let value = damage(&mut world, 0, &key);
    let stated = Head {
        origin: forger.log.origin,
        incarnation: forger.log.incarnation,
        size: held - 1,
        root: forger.checkpoint_root(held - 1),
    };
    let examine = Examine::Heads {
        stated_by: world.id(1),
        rows: vec![stated],
    };
    world.run_channel(0, channel, vec![Input::Examine(examine.clone())]);
    check_told(&mut world, 0, &key);
    repair(&mut world, 0, key.clone(), value);
    world.run_channel(0, channel, vec![Input::Examine(examine)]);
    assert_eq!(world.sides[0].damage, Some(Vec::new()));

    world.disconnect(0, 1);
    world.connect(0, 1);
    damage(&mut world, 0, &key);
    forger.post("two");
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 101, vec![forger.whole()]));
    check_told(&mut world, 0, &key);
    assert_eq!(
        world.sides[0].view(channel).logs[&forger.log].size(),
        held,
        "nothing is taken"
    );
}
