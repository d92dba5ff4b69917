//! Our keys are others from one entry to the next.

use std::collections::BTreeSet;

use foedus_policy::id::ChannelId;

use crate::channel::renew::signed_anew;
use crate::channel::{self, Request, Verb};
use crate::evidence::GovernanceNote;
use crate::message::ReplyTo;
use crate::note::{KeyName, SignedNote};
use crate::org::tests::renewals::{next_keys, renew};
use crate::testing::{World, post};

fn request(world: &mut World, verb: Verb) -> channel::Input {
    let entropy = world.draw();
    channel::Input::Request {
        reply: ReplyTo(2_000_000 + u64::from(entropy[0])),
        actor: world.actor(0),
        request: Request {
            verb,
            idempotency: None,
            entropy,
        },
    }
}

/// The keys under which Acme's logs are, as `at` holds them, and how many entries each has.
fn logs(world: &World, at: usize, channel: ChannelId) -> Vec<([u8; 32], u64)> {
    let acme = world.id(0);
    let held = &world.sides[at].view(channel).logs;
    let of_acme = held
        .iter()
        .filter(|(id, log)| id.origin == acme && log.is_shared());
    let mut logs: Vec<_> = of_acme.map(|(_, log)| (log.key, log.size())).collect();
    logs.sort_unstable();
    logs
}

#[test]
fn one_incarnation_is_under_one_key_also_within_a_step() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "One.");
    let keys = next_keys(&world);
    let before = *world.sides[0].keys.sign.verifying_key().as_bytes();
    let after = *keys.sign.verifying_key().as_bytes();
    assert!(renew(&mut world, &keys).is_ok());
    let inputs = vec![
        request(&mut world, post("Two.")),
        channel::Input::Renewed(keys.clone()),
        request(&mut world, post("Three.")),
    ];
    world.run_channel(0, channel, inputs);
    world.disconnect(0, 1);
    world.settle();
    world.connect(0, 1);
    world.settle();
    let held = logs(&world, 0, channel);
    let mut keys: Vec<_> = held.iter().map(|(key, _)| *key).collect();
    keys.dedup();
    let mut expected = [before, after];
    expected.sort_unstable();
    assert_eq!(keys, expected, "a log for each key, and no third");
    // The other side holds both, whole: a checkpoint under the wrong key would have been refused.
    assert_eq!(logs(&world, 1, channel), held);
}

#[test]
fn notes_of_ours_are_signed_anew_and_others_are_not() {
    let (world, channel) = World::shared(2);
    let (keys, name) = (next_keys(&world), KeyName::Sign(world.id(0)));
    let (ours, theirs) = (world.id(0), world.id(1));
    let notes = world.sides[0].view(channel).governance.notes();
    let mut signers = BTreeSet::new();
    for (hash, bytes) in notes {
        let anew = signed_anew(bytes, name, &keys.sign);
        let signer = GovernanceNote::read_back(hash, bytes)
            .expect("it was stored")
            .signer();
        signers.insert(signer);
        assert_eq!(anew.is_some(), signer == name, "{hash}");
        let Some(anew) = anew else { continue };
        let note = SignedNote::parse(&anew).expect("a note");
        assert_eq!(note.hash(), hash, "it says the same");
        note.verify(name, keys.sign.verifying_key())
            .expect("the new key signed it");
        assert!(signed_anew(&anew, name, &keys.sign).is_none(), "once");
    }
    assert_eq!(signers, [ours, theirs].map(KeyName::Sign).into());
}

#[test]
fn a_channel_that_is_read_again_does_not_go_on_under_another_key() {
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "One.");
    let keys = next_keys(&world);
    assert!(renew(&mut world, &keys).is_ok());
    // The input waits while a commit ends in a conflict: the channel is read again with the new keys at hand.
    world.sides[0].outcomes = [crate::batch::CommitOutcome::Conflict].into();
    let inputs = vec![
        request(&mut world, post("Two.")),
        channel::Input::Renewed(keys.clone()),
    ];
    world.run_channel(0, channel, inputs);
    world.settle();
    world.disconnect(0, 1);
    world.settle();
    world.connect(0, 1);
    world.settle();
    assert_eq!(logs(&world, 1, channel), logs(&world, 0, channel));
    assert_eq!(logs(&world, 0, channel).len(), 2);
}
