//! What a participant does to the words that pass between two others.

use std::sync::Arc;

use data_encoding::BASE64;
use foedus_policy::id::{ChannelId, EntryRef};
use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::Capability;

use crate::bounds::{NOTE_BYTES_MAX, NOTES_SENT_BYTES_MAX, WITHDRAWALS_PER_ORG_MAX};
use crate::channel::governance::Revision;
use crate::charter::{Charter, Consent, Withdrawal};
use crate::examples::{ACME, INITECH, identity, key, sign_seed};
use crate::frame::{Frame, Notes};
use crate::hlc::Hlc;
use crate::identity::{Identity, IdentityChain};
use crate::message::{Govern, OrgInput};
use crate::note::NoteType;
use crate::note::value::LogHeads;
use crate::testing::{Forger, World, newest};

/// An organisation under another operational key, the one of seed 99.
pub(super) fn renewed(root: u8, handle: &str) -> IdentityChain {
    let first = identity(root, handle);
    let second = Identity {
        serial: 2,
        sign: *key(99).verifying_key(),
        ..first.clone()
    };
    let notes = [first, second].map(|note| note.sign(&key(root)).expect("a valid note"));
    IdentityChain::verify(notes.iter().map(|note| note.bytes())).expect("a chain")
}

/// Initech with these operational keys, one after the other.
fn with_keys(seeds: impl IntoIterator<Item = (u64, u8)>) -> IdentityChain {
    let first = identity(INITECH, "initech.example");
    let later = seeds.into_iter().map(|(serial, seed)| Identity {
        serial,
        sign: *key(seed).verifying_key(),
        ..first.clone()
    });
    let notes = std::iter::once(first.clone()).chain(later);
    let notes: Vec<_> = notes
        .map(|note| note.sign(&key(INITECH)).expect("a valid note"))
        .collect();
    IdentityChain::verify(notes.iter().map(|note| note.bytes())).expect("a chain")
}

/// A note stays what it was when it was checked, also if its signer changes keys until nobody holds the note by which
/// that key was named.
#[test]
fn nobody_makes_a_channel_unreadable_by_changing_keys() {
    let (mut world, channel) = World::shared(3);
    let says = |world: &mut World, identity: IdentityChain| {
        let said = OrgInput::PartnerSaid {
            partner: world.id(2),
            identity: Box::new(identity),
            endpoints: None,
            peering: None,
        };
        world.push_org(0, said);
        world.settle();
    };
    says(&mut world, with_keys([(2, 99)]));
    let withdrawal = Withdrawal {
        channel,
        org: world.id(2),
        revision: newest(&world, channel).expect("sealed").hash(),
        heads: LogHeads::new(),
        at: world.now.wall,
    };
    let signed = withdrawal.sign(&key(99)).expect("a note");
    let frame = Frame::Notes(Notes {
        channel,
        identities: Vec::new(),
        notes: vec![signed.bytes().to_vec()],
    });
    world.send(2, 0, frame);
    let left = |world: &World| {
        !world.sides[0]
            .view(channel)
            .governance
            .takes_part(world.id(2))
    };
    assert!(left(&world), "it is kept");
    says(
        &mut world,
        with_keys((3..=9).map(|serial| (serial, 190 + serial as u8))),
    );
    let known = world.sides[0]
        .snapshot
        .identity(world.id(2))
        .expect("known");
    assert!(
        !known.sign_keys().contains(key(99).verifying_key()),
        "its key is gone"
    );
    world.restart(0);
    assert!(left(&world), "and it is read again");
}

pub(super) fn holds(world: &World, at: usize, channel: ChannelId, entry: EntryRef) -> bool {
    let mut logs = world.sides[at].view(channel).logs.iter();
    logs.any(|(id, log)| {
        (id.origin, id.incarnation) == (entry.origin, entry.incarnation)
            && log.size() > entry.sequence
    })
}

/// A log of Initech under its newer key.
fn forger(world: &World, channel: ChannelId) -> Forger {
    let revision = newest(world, channel).expect("sealed").hash();
    let (initech, hlc) = (world.id(2), Hlc::at(world.now.wall));
    let mut forger = Forger::under(key(99), initech, channel, 0xf0, revision, hlc);
    forger.post("under another key");
    forger
}

fn asks_for_initech(world: &World) -> bool {
    let (host, initech) = (world.id(0), world.id(2));
    let mut frames = world.sides[1].sent.iter().rev();
    let asked = frames.find_map(|(to, frame)| match frame {
        Frame::Subscribe(subscribe) if *to == host => Some(subscribe.relayed.contains(&initech)),
        _ => None,
    });
    asked.expect("it subscribed")
}

/// Initech tells only the host who it is now; the host tells it on before it hands on its words.
#[test]
fn who_tells_one_of_a_new_key_tells_all() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(1, 2);
    world.settle();
    world.tick();
    let said = OrgInput::PartnerSaid {
        partner: world.id(2),
        identity: Box::new(renewed(INITECH, "initech.example")),
        endpoints: None,
        peering: None,
    };
    world.push_org(0, said);
    world.settle();
    let forger = forger(&world, channel);
    let frame = forger.frame(world.subscription(0, 2, channel), 100, vec![forger.whole()]);
    world.send(2, 0, frame);
    let posted = world.post(0, channel, "the host goes on").first;
    for _ in 0..4 {
        world.pass(1_000);
    }
    assert!(holds(&world, 1, channel, forger.log.entry(1)));
    assert!(holds(&world, 1, channel, posted));
    let known = world.sides[1].snapshot.identity(world.id(2));
    assert_eq!(known, Some(Arc::new(renewed(INITECH, "initech.example"))));
}

/// Words under a key that is known to nobody here do not keep back the words of their carrier.
#[test]
fn whose_key_is_unknown_silences_nobody_else() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(1, 2);
    world.settle();
    world.tick();
    let forger = forger(&world, channel);
    for number in [100, 200] {
        assert!(asks_for_initech(&world), "it may come to know more");
        let subscription = world.subscription(1, 0, channel);
        let frame = forger.frame(subscription, number, vec![forger.whole()]);
        world.send(0, 1, frame);
        world.pass(1_000);
    }
    assert!(!asks_for_initech(&world));
    let posted = world.post(0, channel, "the host goes on").first;
    assert!(holds(&world, 1, channel, posted));
    let identities = renewed(INITECH, "initech.example");
    let identities = identities.notes().iter().map(|note| note.bytes().to_vec());
    let frame = Frame::Notes(Notes {
        channel,
        identities: vec![identities.collect()],
        notes: Vec::new(),
    });
    world.send(0, 1, frame);
    assert!(asks_for_initech(&world), "now it is known");
}

/// What somebody puts under its signatures makes no frame between two others too large.
#[test]
fn padded_notes_close_nobody_elses_link() {
    let (mut world, channel) = World::shared(3);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.settle();
    let revision = newest(&world, channel).expect("sealed").hash();
    for number in 0..WITHDRAWALS_PER_ORG_MAX as u64 {
        let withdrawal = Withdrawal {
            channel,
            org: world.id(2),
            revision,
            heads: LogHeads::new(),
            at: world.now.wall.plus_millis(number),
        };
        let signed = withdrawal.sign(&key(sign_seed(INITECH))).expect("a note");
        let mut note = signed.bytes().to_vec();
        for _ in 0..15 {
            let junk = format!("\u{2014} junk {}\n", BASE64.encode(&[7; 3_000]));
            note.extend_from_slice(junk.as_bytes());
        }
        assert!(note.len() <= NOTE_BYTES_MAX);
        let frame = Frame::Notes(Notes {
            channel,
            identities: Vec::new(),
            notes: vec![note],
        });
        world.send(2, 0, frame);
    }
    world.sides[0].sent.clear();
    world.connect(0, 1);
    let (mut all, partner) = (0, world.id(1));
    for (to, frame) in &world.sides[0].sent {
        if let Frame::Notes(notes) = frame
            && *to == partner
        {
            let bytes: usize = notes.notes.iter().map(Vec::len).sum();
            assert!(bytes <= NOTES_SENT_BYTES_MAX, "{bytes}");
            let chains = notes.identities.iter().flatten();
            assert!(chains.map(Vec::len).sum::<usize>() <= NOTES_SENT_BYTES_MAX);
            all += bytes;
        }
    }
    assert!(all > 2 * NOTES_SENT_BYTES_MAX, "{all}");
}

/// Initech says yes in other words to each of the others: whoever did not get what the host used
/// follows it all the same.
#[test]
fn other_yeses_to_each_cut_nobody_off() {
    for restarts in [false, true] {
        let (mut world, channel) = World::shared(3);
        let between = [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)];
        for (from, to) in between {
            world.hold(from, to);
        }
        let before = newest(&world, channel).expect("sealed").clone();
        let next = Charter {
            number: before.number + 1,
            predecessor: Some(before.hash()),
            capabilities: before.capabilities.with(Capability::File),
            finals: LogHeads::new(),
            ..before
        };
        let (charter, good_until) = (next.hash(), world.now.wall.plus_millis(DAY_MILLIS));
        world.govern(0, channel, Govern::Propose(Arc::new(next.clone())));
        world.deliver(0, 1);
        world.hold(0, 1);
        for (number, to) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
            let consent = Consent {
                channel,
                charter,
                predecessor: next.predecessor,
                withdrawal: None,
                org: world.id(2),
                good_until: good_until.plus_millis(number),
            };
            let consent = consent.sign(&key(sign_seed(INITECH))).expect("a note");
            let frame = Frame::Notes(Notes {
                channel,
                identities: Vec::new(),
                notes: vec![consent.bytes().to_vec()],
            });
            world.send(2, to, frame);
        }
        let text = next.sign(&key(sign_seed(ACME))).expect("a note");
        let agrees = Govern::Consent {
            charter: Arc::new(text),
            good_until,
        };
        world.govern(1, channel, agrees);
        world.deliver(1, 0);
        assert_eq!(newest(&world, channel).expect("sealed").hash(), charter);
        if restarts {
            world.held.remove(&(0, 1));
            world.restart(1);
            world.connect(0, 1);
        } else {
            world.deliver(0, 1);
        }
        for _ in 0..4 {
            world.pass(1_000);
        }
        let followed = world.sides[1].view(channel).governance.newest();
        assert_eq!(followed.map(Revision::hash), Some(charter), "{restarts}");
        let posted = world.post(0, channel, "under the next revision").first;
        assert!(holds(&world, 1, channel, posted));
    }
}
