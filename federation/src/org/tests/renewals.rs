//! Partners that renew their keys, honestly or not, and we ours: what is kept can be read again.

use std::sync::Arc;

use foedus_policy::action::{Action, Outcome, RenewedKeys};
use foedus_policy::state::PartnerState;

use crate::batch::CommitOutcome;
use crate::examples::{self, ACME, GLOBEX, key};
use crate::identity::{Extension, Identity, IdentityChain};
use crate::key::VerifyingKey;
use crate::message::{OrgInput, ReplyTo};
use crate::note::NoteType as _;
use crate::org::{OurKeys, Refused};
use crate::record::Endpoints;
use crate::testing::World;

fn public(seed: u8) -> VerifyingKey {
    *key(seed).verifying_key()
}

/// Globex under `serial`, with operational keys of their own.
fn renewed(serial: u8) -> Identity {
    Identity {
        serial: serial.into(),
        link: public(100 + serial),
        sign: public(150 + serial),
        ..examples::identity(GLOBEX, "globex.example")
    }
}

/// Its first note, as `world` knows it, and those of `serials`.
fn chain(world: &World, serials: &[u8]) -> IdentityChain {
    let mut notes = vec![world.sides[1].keys.identity.notes()[0].bytes().to_vec()];
    for serial in serials {
        let note = renewed(*serial).sign(&key(GLOBEX)).expect("valid");
        notes.push(note.bytes().to_vec());
    }
    IdentityChain::verify(notes.iter().map(Vec::as_slice)).expect("valid")
}

/// Globex says hello under `serials`; with endpoints, signed under the newest of them.
fn hello(world: &mut World, serials: &[u8], endpoints: Option<u64>) {
    let newest = *serials.last().expect("one at least");
    let endpoints = endpoints.map(|serial| {
        let endpoints = Endpoints {
            serial,
            ..examples::endpoints(GLOBEX)
        };
        Box::new(endpoints.sign(&key(150 + newest)).expect("valid"))
    });
    let input = OrgInput::PartnerSaid {
        partner: world.id(1),
        identity: Box::new(chain(world, serials)),
        endpoints,
        peering: None,
    };
    world.push_org(0, input);
    world.settle();
}

fn serial(world: &World) -> u64 {
    world.sides[0].snapshot.identities[&world.id(1)]
        .current()
        .serial
}

fn endpoints(world: &World) -> Option<u64> {
    let known = world.sides[0].snapshot.endpoints.get(&world.id(1));
    known.map(|note| note.note().serial)
}

/// A key of a chain that is not kept signs nothing that is kept: it would not be found at the next
/// start.
#[test]
fn what_another_chain_signed_is_not_kept() {
    let mut world = World::peered(2);
    hello(&mut world, &[10], Some(20));
    assert_eq!((serial(&world), endpoints(&world)), (10, Some(20)));
    hello(&mut world, &[5], Some(30));
    assert_eq!((serial(&world), endpoints(&world)), (10, Some(20)));
    world.restart(0);
    assert_eq!((serial(&world), endpoints(&world)), (10, Some(20)));
}

#[test]
fn keys_can_be_renewed_again_and_again() {
    let mut world = World::peered(2);
    hello(&mut world, &[2], Some(20));
    for serial in 3..=20 {
        hello(&mut world, &[serial], None);
        world.restart(0);
    }
    assert_eq!(serial(&world), 20);
    assert_eq!(endpoints(&world), None, "its key is long gone");
    hello(&mut world, &[20], Some(21));
    world.restart(0);
    assert_eq!(endpoints(&world), Some(21));
}

/// Whoever got hold of a root key after it was replaced tells on the organisation, and no more.
#[test]
fn two_texts_under_a_replaced_root_suspend_nobody() {
    for replaced in [true, false] {
        let mut world = World::peered(2);
        let first = world.sides[1].keys.identity.notes()[0].bytes().to_vec();
        let mut notes = vec![first];
        if replaced {
            let next = Identity {
                root: public(77),
                ..renewed(2)
            };
            let next = next.sign_new_root(&key(77), &key(GLOBEX)).expect("valid");
            notes.push(next.bytes().to_vec());
        }
        let said = |notes: &[Vec<u8>]| OrgInput::PartnerSaid {
            partner: examples::org(GLOBEX),
            identity: Box::new(
                IdentityChain::verify(notes.iter().map(Vec::as_slice)).expect("valid"),
            ),
            endpoints: None,
            peering: None,
        };
        world.push_org(0, said(&notes));
        world.settle();
        let rival = Identity {
            link: public(78),
            ..examples::identity(GLOBEX, "globex.example")
        };
        let rival = rival.sign(&key(GLOBEX)).expect("valid").bytes().to_vec();
        world.push_org(0, said(&[rival]));
        world.settle();
        let snapshot = &world.sides[0].snapshot;
        assert!(snapshot.conflicts.contains_key(&world.id(1)), "it is told");
        let expected = match replaced {
            true => PartnerState::Active,
            false => PartnerState::Suspended,
        };
        assert_eq!(snapshot.state.partners()[&world.id(1)].state, expected);
    }
}

/// Acme's next keys, and the identity that names them.
pub(crate) fn next_keys(world: &World) -> Arc<OurKeys> {
    let before = &world.sides[0].keys;
    let serial = before.identity.current().serial + 1;
    let seed = u8::try_from(serial).expect("few");
    let identity = Identity {
        serial,
        link: public(200 + seed),
        sign: public(210 + seed),
        ..before.identity.current().clone()
    };
    let note = identity.sign(&key(ACME)).expect("valid");
    let identity = match before.identity.extend(note.bytes()) {
        Ok(Extension::Newer(newer)) => newer,
        other => panic!("it follows: {other:?}"),
    };
    Arc::new(OurKeys {
        org: before.org,
        sign: key(210 + seed),
        identity,
    })
}

/// Acme's administrator has `keys` take the place of those in use.
pub(crate) fn renew(world: &mut World, keys: &Arc<OurKeys>) -> Result<Outcome, Refused> {
    let reply = ReplyTo(1_000_000);
    let action = Action::RenewKeys {
        keys: RenewedKeys::All,
        serial: keys.identity.current().serial,
    };
    let input = OrgInput::Renew {
        reply,
        actor: world.administrator(0),
        action: Box::new(action),
        keys: keys.clone(),
        before: world.sides[0].keys.clone(),
    };
    world.push_org(0, input);
    world.settle();
    let renewed = world.sides[0]
        .done
        .remove(&reply.0)
        .expect("it is answered");
    if renewed.is_ok() {
        world.sides[0].keys = keys.clone();
    }
    renewed
}

#[test]
fn renewed_keys_sign_what_partners_are_shown_and_hold_after_a_restart() {
    let mut world = World::peered(3);
    let (keys, us) = (next_keys(&world), world.id(0));
    let sign = *keys.sign.verifying_key();
    assert!(renew(&mut world, &keys).is_ok());
    // Said twice it changes nothing.
    assert!(renew(&mut world, &keys).is_ok());
    for restarted in [false, true] {
        let snapshot = &world.sides[0].snapshot;
        assert_eq!(snapshot.identities[&us].current().serial, 2);
        assert_eq!(snapshot.peerings.len(), 2);
        assert!(
            snapshot
                .peerings
                .values()
                .all(|note| note.is_signed_by(&sign)),
            "restarted: {restarted}"
        );
        let endpoints = snapshot.endpoints.get(&us);
        assert!(endpoints.is_none_or(|note| note.is_signed_by(&sign)));
        world.restart(0);
    }
    // Partners learn them with the next hello, and what is signed under them counts.
    for partner in [1, 2] {
        world.connect(0, partner);
    }
    world.settle();
    for partner in [1, 2] {
        let known = &world.sides[partner].snapshot;
        assert_eq!(known.identities[&us].current().serial, 2);
        assert!(known.their_peerings[&us].is_signed_by(&sign));
    }
}

#[test]
fn until_their_note_is_durable_the_keys_in_use_stay() {
    let mut world = World::peered(2);
    let (us, keys) = (world.id(0), next_keys(&world));
    let serial = |world: &World| world.sides[0].snapshot.identities[&us].current().serial;
    world.sides[0].outcomes = [CommitOutcome::DiskFull].into();
    assert!(matches!(renew(&mut world, &keys), Err(Refused::Failed(_))));
    // The scope was read again, with the keys that its store names.
    let opened = |name: &str| Action::CreateChannel {
        name: name.to_owned(),
        topic: String::new(),
        private: false,
    };
    world.act(0, opened("kitchen"));
    assert_eq!(serial(&world), 1);
    assert!(renew(&mut world, &keys).is_ok());
    world.act(0, opened("office"));
    assert_eq!(serial(&world), 2);
}
