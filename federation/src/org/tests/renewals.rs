//! Partners that renew their keys, honestly or not: what is kept can be read again.

use foedus_policy::state::PartnerState;

use crate::examples::{self, GLOBEX, key};
use crate::identity::{Identity, IdentityChain};
use crate::key::VerifyingKey;
use crate::message::OrgInput;
use crate::note::NoteType as _;
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
