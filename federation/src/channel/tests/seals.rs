//! Seals under keys that their hosts have replaced since, and seals that come late.

use std::sync::Arc;

use foedus_policy::id::{ChannelId, NoteHash, OrgId};
use foedus_policy::time::DAY_MILLIS;
use foedus_policy::vocabulary::Capability;

use super::between::{holds, renewed};
use crate::channel::Reject;
use crate::charter::{Charter, Consent, Seal};
use crate::evidence::{CheckedNotes, GovernanceNote};
use crate::examples::{ACME, GLOBEX, chain, key, sign_seed};
use crate::frame::{Frame, Notes};
use crate::identity::IdentityChain;
use crate::message::OrgInput;
use crate::note::{Claimed, NoteKind, NoteType};
use crate::testing::{World, newest, revise};

/// All notes that the host holds, the oldest first.
fn notes(world: &World, channel: ChannelId) -> Vec<Vec<u8>> {
    let governance = &world.sides[0].view(channel).governance;
    governance
        .notes()
        .map(|(_, bytes)| bytes.to_vec())
        .collect()
}

fn is_seal(note: &&Vec<u8>) -> bool {
    matches!(NoteKind::of(note), Some(NoteKind::Seal))
}

fn seal(note: &[u8]) -> Seal {
    Claimed::<Seal>::parse(note)
        .expect("a seal")
        .claims()
        .clone()
}

/// The same seal under the key that the host has now.
fn anew(note: &[u8]) -> Vec<u8> {
    let signed = seal(note).sign(&key(99)).expect("a note");
    signed.bytes().to_vec()
}

/// What of these notes counts for whoever knows the host by its newer key.
fn counting(channel: ChannelId, notes: Vec<Vec<u8>>) -> Vec<NoteHash> {
    let acme = Arc::new(renewed(ACME, "acme.example"));
    let globex = Arc::new(chain(GLOBEX, "globex.example"));
    let known = |org: OrgId| -> Option<Arc<IdentityChain>> {
        [&acme, &globex]
            .into_iter()
            .find(|chain| chain.org() == org)
            .cloned()
    };
    let frame = Notes {
        channel,
        identities: Vec::new(),
        notes,
    };
    let checked = CheckedNotes::check(&frame, &known).expect("identities hold");
    checked.notes().iter().map(GovernanceNote::hash).collect()
}

/// The host's word under its newer key speaks for what it sealed before, as far back as charters go.
#[test]
fn a_newer_word_of_the_host_speaks_for_its_seals_before() {
    let (mut world, channel) = World::shared(2);
    revise(&mut world, channel, |next| next.text_bytes = 9_000);
    revise(&mut world, channel, |next| next.text_bytes = 8_000);
    let old = notes(&world, channel);
    assert!(old.iter().filter(is_seal).count() == 3);
    let consents = |note: &&Vec<u8>| matches!(NoteKind::of(note), Some(NoteKind::Consent));
    let by_others = old.iter().filter(consents).count();
    assert_eq!(
        counting(channel, old.clone()).len(),
        by_others,
        "a dropped key alone is nobody's"
    );
    let mut signed = old.clone();
    let last = signed
        .iter_mut()
        .rfind(|note| is_seal(&&**note))
        .expect("there are seals");
    *last = anew(last);
    assert_eq!(counting(channel, signed).len(), old.len());
}

/// Who has got hold of the key that the host dropped puts nothing in force by it.
#[test]
fn a_dropped_key_seals_nothing_new() {
    let (mut world, channel) = World::shared(2);
    revise(&mut world, channel, |next| next.text_bytes = 9_000);
    let mut all = notes(&world, channel);
    let last = all
        .iter_mut()
        .rfind(|note| is_seal(&&**note))
        .expect("there are seals");
    *last = anew(last);
    let before = counting(channel, all.clone());
    let newest = newest(&world, channel).expect("sealed").clone();
    let next = Charter {
        number: newest.number + 1,
        predecessor: Some(newest.hash()),
        text_bytes: 1,
        ..newest.clone()
    };
    let dropped = key(sign_seed(ACME));
    let sealed = Seal {
        channel,
        charter: next.hash(),
        predecessor: next.predecessor,
        host: world.id(0),
        consents: [].into(),
        at: world.now.wall,
    };
    let first = all.iter().find(is_seal).expect("there are seals");
    // Another seal of the first revision, which says to follow what the thief wants in force.
    let bridge = Seal {
        predecessor: Some(next.hash()),
        ..seal(first)
    };
    all.push(next.sign(&dropped).expect("a note").bytes().to_vec());
    all.push(sealed.sign(&dropped).expect("a note").bytes().to_vec());
    let forged = [next.hash(), sealed.hash()];
    all.push(bridge.sign(&dropped).expect("a note").bytes().to_vec());
    let after = counting(channel, all);
    assert!(before.iter().all(|hash| after.contains(hash)));
    assert!(!after.iter().any(|hash| forged.contains(hash)));
}

/// The seal that Globex holds is under a key that the host has dropped, as Initech knows already.
///
/// What Globex writes under it waits for the seal, and what it hands on from others does not. Once the host
/// has signed the seal anew, Globex hands that on, and all is there.
#[test]
fn a_seal_under_a_dropped_key_silences_nobody_who_relays() {
    let (mut world, channel) = World::shared(4);
    for other in [0, 3] {
        world.disconnect(2, other);
    }
    let between = [(0, 3), (1, 3), (1, 2)];
    for (from, to) in between {
        world.hold(from, to);
    }
    world.settle();
    revise(&mut world, channel, |next| next.text_bytes = 9_000);
    let renewed_host = |world: &mut World, at: usize| {
        let said = OrgInput::PartnerSaid {
            partner: world.id(0),
            identity: Box::new(renewed(ACME, "acme.example")),
            endpoints: None,
            peering: None,
        };
        world.push_org(at, said);
        world.settle();
    };
    // Hooli knows it, too, and goes on under the revision before.
    renewed_host(&mut world, 2);
    renewed_host(&mut world, 3);
    let waits = world.post(1, channel, "under the next revision").first;
    for (from, to) in between {
        world.deliver(from, to);
    }
    for _ in 0..12 {
        world.pass(1_000);
    }
    assert!(!holds(&world, 2, channel, waits));
    let asked = world.sides[2].sent.iter().filter(is_subscribe).count();
    for number in 0..3 {
        let relayed = world
            .post(3, channel, &format!("in between {number}"))
            .first;
        world.pass(1_000);
        assert!(holds(&world, 2, channel, relayed), "{number}");
    }
    assert_eq!(
        world.sides[2].sent.iter().filter(is_subscribe).count(),
        asked
    );
    // Neither does it forget what it left out, also when it starts anew.
    world.restart(2);
    world.connect(1, 2);
    for _ in 0..4 {
        world.pass(1_000);
    }
    assert!(!holds(&world, 2, channel, waits));
    let all = notes(&world, channel);
    let last = all.iter().rfind(is_seal).expect("there are seals");
    renewed_host(&mut world, 1);
    let frame = Notes {
        channel,
        identities: Vec::new(),
        notes: vec![anew(last)],
    };
    world.send(0, 1, Frame::Notes(frame));
    for _ in 0..4 {
        world.pass(1_000);
    }
    assert!(holds(&world, 2, channel, waits));
    // What was learnt is learnt again, in its order.
    world.restart(1);
    let governance = |world: &World, at: usize| world.sides[at].view(channel).governance.clone();
    let newest = |world: &World, at: usize| governance(world, at).newest().map(|it| it.hash());
    assert_eq!(newest(&world, 1), newest(&world, 0));
    assert_eq!(
        governance(&world, 1).note(seal_hash(last)),
        Some(anew(last).as_slice())
    );
}

/// P3, P5. A seal that was made in time counts whenever it comes, for who said yes as for everybody, and who
/// said yes is told that it came late. One that says itself to be late counts for nobody.
#[test]
fn a_yes_counts_until_it_runs_out_by_the_time_that_the_seal_states() {
    for late in [false, true] {
        let (mut world, channel) = World::shared(3);
        for (from, to) in [(0, 1), (0, 2), (1, 2), (2, 1)] {
            world.hold(from, to);
        }
        let before = newest(&world, channel).expect("sealed").clone();
        let next = Charter {
            number: before.number + 1,
            predecessor: Some(before.hash()),
            capabilities: before.capabilities.with(Capability::File),
            ..before.clone()
        };
        let good_until = world.now.wall.plus_millis(60_000);
        let consents = [1, 2].map(|at| Consent {
            channel,
            charter: next.hash(),
            predecessor: next.predecessor,
            withdrawal: None,
            org: world.id(at),
            good_until,
        });
        let seal = Seal {
            channel,
            charter: next.hash(),
            predecessor: next.predecessor,
            host: world.id(0),
            consents: consents.iter().map(NoteType::hash).collect(),
            at: good_until.plus_millis(u64::from(late)),
        };
        let sign = |at: usize| &world.sides[at].keys.sign;
        let mut notes = vec![next.sign(sign(0)).expect("a note").bytes().to_vec()];
        for (at, consent) in (1..).zip(&consents) {
            let signed = consent.sign(sign(at)).expect("a note");
            notes.push(signed.bytes().to_vec());
        }
        notes.push(seal.sign(sign(0)).expect("a note").bytes().to_vec());
        // The clock of whoever hears of it says that they ran out long ago.
        world.now.wall = world.now.wall.plus_millis(DAY_MILLIS);
        for at in [1, 2] {
            let (identities, notes) = (Vec::new(), notes.clone());
            let frame = Notes {
                channel,
                identities,
                notes,
            };
            world.send(0, at, Frame::Notes(frame));
            let governance = &world.sides[at].view(channel).governance;
            let followed = governance.newest().expect("one is in force").hash();
            assert_eq!(followed == next.hash(), !late, "{at}");
            assert!(governance.has_agreed(world.id(at), followed));
            let told = (world.id(0), Reject::LateSeal(seal.hash()));
            assert_eq!(world.sides[at].rejects.contains(&told), !late, "{at}");
        }
    }
}

fn seal_hash(note: &[u8]) -> NoteHash {
    seal(note).hash()
}

fn is_subscribe((_, frame): &&(OrgId, Frame)) -> bool {
    matches!(frame, Frame::Subscribe(_))
}
