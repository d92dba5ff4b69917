//! What others say to the organisation, and what it makes of it.

use std::sync::Arc;

use foedus_policy::reason::Reason;
use foedus_policy::state::RequestKind;
use foedus_policy::vocabulary::Access;

use crate::bounds::INTRODUCED_BY_ONE_MAX;
use crate::charter::{Charter, channel_id};
use crate::examples::{self, key};
use crate::frame::{Frame, Notes};
use crate::identity::{Identity, IdentityChain, org_id};
use crate::message::OrgInput;
use crate::note::NoteType;
use crate::testing::World;

fn offered(world: &World, charter: &Charter, by: usize) -> Frame {
    let signed = charter.sign(&world.sides[by].keys.sign).expect("valid");
    Frame::Notes(Notes {
        channel: charter.channel,
        identities: Vec::new(),
        notes: vec![signed.bytes().to_vec()],
    })
}

fn charter(world: &World, host: usize, nonce: u8) -> Charter {
    let nonce = [nonce; 16];
    Charter {
        channel: channel_id(&world.id(host), &nonce),
        nonce,
        host: world.id(host),
        participants: [0, host].map(|at| (world.id(at), Access::Full)).into(),
        ..examples::charter()
    }
}

fn waiting(world: &World) -> usize {
    let requests = world.sides[0].snapshot.state.requests().values();
    requests
        .filter(|request| request.is_waiting() && matches!(request.kind, RequestKind::Join { .. }))
        .count()
}

/// Mattermost CVE-2024-39777: an offer is a request, and nothing else.
#[test]
fn an_offer_makes_a_request_and_nothing_else() {
    let mut world = World::peered(2);
    let charter = charter(&world, 1, 1);
    let frame = offered(&world, &charter, 1);
    world.send(1, 0, frame.clone());
    assert_eq!(waiting(&world), 1);
    assert!(world.sides[0].channels.is_empty());
    let state = world.sides[0].snapshot.state.clone();
    world.send(1, 0, frame);
    assert_eq!(
        world.sides[0].snapshot.state, state,
        "the same again changes nothing"
    );
}

/// A channel's id is its host's: nobody's offer takes the place of another's.
#[test]
fn nobody_offers_anothers_channel() {
    let mut world = World::peered(3);
    let genuine = charter(&world, 1, 1);
    let frame = offered(&world, &genuine, 1);
    world.send(1, 0, frame);
    let squat = Charter {
        channel: genuine.channel,
        ..charter(&world, 2, 1)
    };
    let frame = offered(&world, &squat, 2);
    world.send(2, 0, frame);
    assert_eq!(waiting(&world), 1);
    assert!(
        world.sides[0]
            .refused
            .contains(&(world.id(2), Reason::CarrierDiffers))
    );
    let offers = &world.sides[0].snapshot.offers;
    assert!(offers.contains_key(&(genuine.channel, genuine.hash())));
}

/// Matrix CVE-2023-32323: what a partner can put before us is bounded.
#[test]
fn offers_of_one_partner_are_bounded() {
    let mut world = World::peered(2);
    for nonce in 0..100 {
        let charter = charter(&world, 1, nonce);
        let frame = offered(&world, &charter, 1);
        world.send(1, 0, frame);
    }
    let bound = foedus_policy::bounds::REQUESTS_PER_PARTNER_COUNT_MAX;
    assert_eq!(waiting(&world), bound);
    assert_eq!(world.sides[0].snapshot.offers.len(), bound);
    assert!(
        world.sides[0]
            .refused
            .contains(&(world.id(1), Reason::RequestsFull))
    );
}

fn invented(seed: u32) -> IdentityChain {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    let root = crate::key::SigningKey::from_seed(&bytes);
    let identity = Identity {
        org: org_id(root.verifying_key()),
        handle: "nobody.example".parse().expect("a handle"),
        serial: 1,
        root: *root.verifying_key(),
        link: *key(90).verifying_key(),
        sign: *key(91).verifying_key(),
    };
    let note = identity.sign(&root).expect("valid");
    IdentityChain::verify([note.bytes()]).expect("valid")
}

/// One partner does not fill the list of those whom we know by introduction, and introduces
/// neither us nor our partners.
#[test]
fn introductions_of_one_partner_are_bounded() {
    let mut world = World::peered(3);
    let by = world.id(1);
    let chains = (0..INTRODUCED_BY_ONE_MAX as u32 + 50)
        .map(invented)
        .collect();
    world.push_org(0, OrgInput::Introduced { by, chains });
    let other = OrgInput::Introduced {
        by: world.id(2),
        chains: vec![invented(u32::MAX)],
    };
    world.push_org(0, other);
    let ours = Arc::new(world.sides[0].keys.identity.clone());
    let theirs = world.sides[2].keys.identity.clone();
    let chains = vec![IdentityChain::clone(&ours), theirs];
    world.push_org(0, OrgInput::Introduced { by, chains });
    world.settle();
    let introduced = &world.sides[0].snapshot.introduced_by;
    assert_eq!(introduced.len(), INTRODUCED_BY_ONE_MAX + 1);
    assert!(introduced.contains_key(&invented(u32::MAX).org()));
    assert!(!introduced.contains_key(&world.id(0)) && !introduced.contains_key(&world.id(2)));
}
