//! What others say to the organisation, and what it makes of it.

use std::sync::Arc;

use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::id::{ChannelId, OrgId};
use foedus_policy::reason::Reason;
use foedus_policy::state::{InvitationState, PartnerState, RequestKind, Sharing};
use foedus_policy::vocabulary::Access;

use crate::bounds::{INTRODUCED_BY_ONE_MAX, INTRODUCED_COSTLY_PER_MINUTE_MAX};
use crate::charter::{Charter, Consent, channel_id};
use crate::examples::{self, key};
use crate::frame::{Frame, Notes};
use crate::identity::{Identity, IdentityChain, org_id};
use crate::key::VerifyingKey;
use crate::message::{Govern, OrgInput, ReplyTo};
use crate::note::NoteType;
use crate::org::{OurKeys, Refused, read_audit_entry};
use crate::pairing::{InvitationReply, InvitationSecret, PairingReply, reply_proof};
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

/// PROTOCOL 3.3: two texts under one serial are evidence, whoever brings them, and suspend.
#[test]
fn two_identities_of_one_serial_are_kept_and_suspend() {
    for by in [1, 2] {
        let mut world = World::peered(3);
        let other = Identity {
            handle: "other.example".parse().expect("a handle"),
            ..crate::examples::identity(crate::examples::GLOBEX, "globex.example")
        };
        let note = other.sign(&key(crate::examples::GLOBEX)).expect("valid");
        let chain = IdentityChain::verify([note.bytes()]).expect("valid");
        let (globex, by) = (world.id(1), world.id(by));
        let input = match by == globex {
            true => OrgInput::PartnerSaid {
                partner: by,
                identity: Box::new(chain),
                endpoints: None,
                peering: None,
            },
            false => OrgInput::Introduced {
                by,
                chains: vec![chain],
            },
        };
        world.push_org(0, input);
        world.settle();
        let check = |world: &World| {
            let snapshot = &world.sides[0].snapshot;
            assert_eq!(snapshot.conflicts[&globex].len(), 2);
            let state = snapshot.state.partners()[&globex].state;
            assert_eq!(state, foedus_policy::state::PartnerState::Suspended);
        };
        check(&world);
        world.restart(0);
        check(&world);
    }
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

/// One that takes the place of the last, and one that lapses, leave room for the next, without end.
#[test]
fn offers_that_replace_each_other_are_bounded() {
    let mut world = World::peered(2);
    for turn in 0..1_000 {
        let mut charter = charter(&world, 1, 1);
        charter.end = charter.end.map(|end| end.plus_millis(turn));
        let frame = offered(&world, &charter, 1);
        world.send(1, 0, frame);
    }
    let bound = foedus_policy::bounds::REQUESTS_UNDECIDED_COUNT_MAX;
    assert_eq!(waiting(&world), 1);
    assert_eq!(world.sides[0].snapshot.state.requests().len(), bound);
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

/// Has everybody agree that an invented organisation is in the channel, too.
fn admit(world: &mut World, channel: ChannelId, newcomer: OrgId) {
    let governance = world.sides[0].view(channel).governance.clone();
    let before = governance.newest().expect("sealed").charter();
    let mut next = Charter {
        number: before.number + 1,
        predecessor: Some(before.hash()),
        ..before.clone()
    };
    next.participants.insert(newcomer, Access::Full);
    let signers = [
        (world.id(1), world.sides[1].keys.sign.clone()),
        (newcomer, key(91)),
    ];
    let consents = signers.map(|(org, sign)| {
        let consent = Consent {
            channel,
            charter: next.hash(),
            predecessor: next.predecessor,
            withdrawal: None,
            org,
            good_until: world.now.wall.plus_millis(1_000),
        };
        consent.sign(&sign).expect("valid").bytes().to_vec()
    });
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    let notes = Frame::Notes(Notes {
        channel,
        identities: Vec::new(),
        notes: consents.to_vec(),
    });
    world.send(1, 0, notes);
    let sharing = &world.sides[0].snapshot.state.channels()[&channel].sharing;
    let Sharing::Shared { participants, .. } = sharing else {
        panic!("{sharing:?}");
    };
    assert!(participants.contains_key(&newcomer));
}

/// Whoever filled the list makes room for whom it introduces next, and who is in a channel stays.
#[test]
fn who_is_in_no_channel_makes_room_for_who_is_introduced() {
    let (mut world, channel) = World::shared(2);
    let by = world.id(1);
    let introduce = |world: &mut World, numbers: std::ops::Range<u32>| {
        let chains = numbers.map(invented).collect();
        world.push_org(0, OrgInput::Introduced { by, chains });
        world.settle();
    };
    let most = INTRODUCED_BY_ONE_MAX as u32;
    introduce(&mut world, 0..most);
    let mut introduced = world.sides[0].snapshot.introduced_by.keys();
    // It would be the first to go.
    let stays = *introduced.next().expect("many");
    admit(&mut world, channel, stays);
    introduce(&mut world, most..most + 7);
    world.restart(0);
    let snapshot = &world.sides[0].snapshot;
    let newest = invented(most + 6).org();
    assert_eq!(snapshot.introduced_by.len(), INTRODUCED_BY_ONE_MAX);
    for org in [stays, newest] {
        assert!(snapshot.introduced_by.contains_key(&org) && snapshot.identity(org).is_some());
    }
    // Of who went nothing is left, with a restart in between.
    assert_eq!(snapshot.identities.len(), INTRODUCED_BY_ONE_MAX + 2);

    // Room is not made without end for a partner that invents whom it introduces.
    let last = most + 7 + INTRODUCED_COSTLY_PER_MINUTE_MAX;
    let knows_last = |world: &World| {
        let last = invented(last).org();
        world.sides[0].snapshot.introduced_by.contains_key(&last)
    };
    introduce(&mut world, most + 7..last + 1);
    assert!(!knows_last(&world));
    world.pass(60_000);
    introduce(&mut world, last..last + 1);
    assert!(knows_last(&world));
}

/// An invented organisation that was renewed so often.
fn renewed(times: u64) -> IdentityChain {
    let root = crate::key::SigningKey::from_seed(&[8; 32]);
    let first = invented(0).current().clone();
    let notes = (1..=times + 1).map(|serial| {
        let identity = Identity {
            org: org_id(root.verifying_key()),
            serial,
            root: *root.verifying_key(),
            ..first.clone()
        };
        identity.sign(&root).expect("valid")
    });
    let notes: Vec<_> = notes.collect();
    let newest = notes.iter().rev().take(2).rev();
    IdentityChain::verify(newest.map(|note| note.bytes())).expect("valid")
}

/// Whoever invents an organisation does not have us write down and pass on without end that it was renewed.
#[test]
fn renewals_that_somebody_else_tells_are_bounded() {
    let mut world = World::peered(2);
    let by = world.id(1);
    let known = |world: &World| {
        let identity = world.sides[0].snapshot.identity(renewed(0).org());
        identity.map(|chain| chain.current().serial)
    };
    let introduce = |world: &mut World, times| {
        let chains = vec![renewed(times)];
        world.push_org(0, OrgInput::Introduced { by, chains });
        world.settle();
    };
    let most = u64::from(INTRODUCED_COSTLY_PER_MINUTE_MAX);
    (0..=most + 5).for_each(|times| introduce(&mut world, times));
    assert_eq!(known(&world), Some(most + 1));
    world.pass(60_000);
    introduce(&mut world, most + 5);
    assert_eq!(known(&world), Some(most + 6));
}

/// The newest identity of one side, but for its link key.
fn with_link_key(world: &World, at: usize, link: VerifyingKey) -> IdentityChain {
    let side = &world.sides[at];
    let chain = &side.keys.identity;
    let next = Identity {
        serial: 2,
        link,
        ..chain.current().clone()
    };
    let next = next.sign(&key(side.root)).expect("valid");
    let notes = [chain.newest().bytes(), next.bytes()];
    IdentityChain::verify(notes).expect("valid")
}

fn denials(world: &World) -> usize {
    let keys = world.sides[0].store.iter();
    let records = keys.filter_map(|(key, value)| read_audit_entry(key, value).ok());
    let events = records.filter_map(|record| record.event);
    events
        .filter(|event| String::from_utf8_lossy(event).contains("LINK_KEY_TAKEN"))
        .count()
}

/// A partner that names the key of another, or ours, as its own keeps the key it has, and so does
/// the other.
#[test]
fn nobody_takes_anothers_link_key() {
    let mut world = World::peered(3);
    let pins: Vec<_> = world.sides[0].snapshot.pins().collect();
    let link_of = |world: &World, at: usize| world.sides[at].keys.identity.current().link;
    for (count, victim) in [(1, 2), (2, 0)] {
        let claim = with_link_key(&world, 1, link_of(&world, victim));
        let said = OrgInput::PartnerSaid {
            partner: world.id(1),
            identity: Box::new(claim.clone()),
            endpoints: None,
            peering: None,
        };
        world.push_org(0, said);
        world.settle();
        let snapshot = &world.sides[0].snapshot;
        assert_eq!(snapshot.pins().collect::<Vec<_>>(), pins);
        assert_eq!(snapshot.identities[&world.id(1)].current().serial, 1);
        assert!(
            world.sides[0]
                .refused
                .contains(&(world.id(1), Reason::LinkKeyTaken))
        );
        assert_eq!(denials(&world), count);
    }
    // A key of its own is taken.
    let own = with_link_key(&world, 1, *key(99).verifying_key());
    let said = OrgInput::PartnerSaid {
        partner: world.id(1),
        identity: Box::new(own),
        endpoints: None,
        peering: None,
    };
    world.push_org(0, said);
    world.settle();
    assert_eq!(
        world.sides[0].snapshot.identities[&world.id(1)]
            .current()
            .link,
        *key(99).verifying_key()
    );
}

/// Whoever is only spoken of takes nobody's key either, and keeps nobody from having its own.
#[test]
fn who_is_introduced_takes_nobodys_link_key() {
    let mut world = World::of(3);
    world.peer(0, 1);
    let squatter = with_link_key(&world, 2, world.sides[1].keys.identity.current().link);
    let by = world.id(1);
    let squats = OrgInput::Introduced {
        by,
        chains: vec![squatter],
    };
    world.push_org(0, squats);
    // Invented by a partner: it names the key by which the third will come.
    let third = world.sides[2].keys.identity.current().link;
    let root = key(60);
    let invented = Identity {
        org: org_id(root.verifying_key()),
        root: *root.verifying_key(),
        link: third,
        ..world.sides[2].keys.identity.current().clone()
    };
    let invented = invented.sign(&root).expect("valid");
    let chain = IdentityChain::verify([invented.bytes()]).expect("valid");
    let invented = OrgInput::Introduced {
        by,
        chains: vec![chain],
    };
    world.push_org(0, invented);
    world.settle();
    let introduced = &world.sides[0].snapshot.introduced_by;
    assert!(!introduced.contains_key(&world.id(2)));
    assert_eq!(introduced.len(), 1);
    world.peer(0, 2);
    let pins: Vec<_> = world.sides[0].snapshot.pins().collect();
    assert!(pins.contains(&(world.id(2), *third.as_bytes())));
}

/// Nor does pairing: the answer to an invitation is refused before it leads to anything.
#[test]
fn who_pairs_with_anothers_link_key_is_refused() {
    let mut world = World::of(3);
    world.peer(0, 1);
    world.sides[2].keys = {
        let taken = with_link_key(&world, 2, world.sides[1].keys.identity.current().link);
        let keys = OurKeys::clone(&world.sides[2].keys);
        Arc::new(OurKeys {
            identity: taken,
            ..keys
        })
    };
    let action = Action::InvitePartner {
        handle: Some(world.sides[2].handle.to_owned()),
    };
    let Outcome::Invited { invitation, secret } = world.act(0, action) else {
        panic!("an invitation is made")
    };
    let secret = InvitationSecret::from_bytes(secret.0);
    let inviter = world.sides[0].keys.identity.clone();
    let side = &world.sides[2];
    let root = side.keys.identity.current().root;
    let reply = InvitationReply {
        invitation: secret.invitation_id(),
        inviter: inviter.org(),
        inviter_root: inviter.current().root,
        invitee: side.id,
        invitee_root: root,
        proof: reply_proof(&secret, &inviter.current().root, &root),
        at: world.now.wall,
    };
    let reply = reply.sign(&side.keys.sign).expect("valid");
    let endpoints = side.snapshot.endpoints[&side.id].bytes().to_vec();
    let reply = PairingReply::verify(side.keys.identity.clone(), &endpoints, reply.bytes());
    let proved = reply.expect("valid").prove(&secret, &inviter);
    let replied = OrgInput::Replied {
        reply: ReplyTo(u64::MAX),
        actor: Actor::Partner(world.id(2)),
        proved: Box::new(proved.expect("proved")),
        entropy: world.draw(),
    };
    world.push_org(0, replied);
    world.settle();
    let result = world.sides[0].done.remove(&u64::MAX).expect("answered");
    assert_eq!(result, Err(Refused::Denied(Reason::LinkKeyTaken)));
    let snapshot = &world.sides[0].snapshot;
    assert!(!snapshot.state.partners().contains_key(&world.id(2)));
    assert_eq!(
        snapshot.state.invitations()[&invitation].state,
        InvitationState::Open
    );
    assert_eq!(denials(&world), 1);
}

/// An identity of Initech under its first root, which says that it has these keys, and one under the root that it
/// replaced that by.
fn two_branches(world: &World, keys: u8) -> [IdentityChain; 2] {
    let side = &world.sides[2];
    let first = side.keys.identity.newest();
    let of_first = Identity {
        serial: 3,
        link: *key(keys).verifying_key(),
        sign: *key(keys + 1).verifying_key(),
        ..first.note().clone()
    };
    let of_next = Identity {
        serial: 2,
        root: *key(60).verifying_key(),
        ..first.note().clone()
    };
    let of_first = of_first.sign(&key(side.root)).expect("valid");
    let of_next = of_next
        .sign_new_root(&key(60), &key(side.root))
        .expect("valid");
    [of_first.bytes(), of_next.bytes()]
        .map(|note| IdentityChain::verify([first.bytes(), note]).expect("valid"))
}

/// PROTOCOL 3.2: a root key that was replaced speaks for nobody. Whoever holds it may be heard before the organisation
/// is; with whom people pair is decided by the root that they compared.
#[test]
fn who_is_paired_with_is_whom_the_compared_root_names() {
    for invites in [0, 2] {
        let mut world = World::of(3);
        world.peer(0, 1);
        let [stolen, genuine] = two_branches(&world, 98);
        let by = world.id(1);
        let chains = vec![stolen.clone()];
        world.push_org(0, OrgInput::Introduced { by, chains });
        world.settle();
        let initech = world.id(2);
        let held = |world: &World| {
            world.sides[0].snapshot.identities[&initech]
                .current()
                .clone()
        };
        assert_eq!(held(&world).link, stolen.current().link);
        let keys = OurKeys::clone(&world.sides[2].keys);
        world.sides[2].keys = Arc::new(OurKeys {
            identity: genuine.clone(),
            ..keys
        });
        world.peer(invites, 2 - invites);
        for restarted in [false, true] {
            assert_eq!(held(&world), *genuine.current(), "restarted: {restarted}");
            let pins: Vec<_> = world.sides[0].snapshot.pins().collect();
            assert!(pins.contains(&(initech, *genuine.current().link.as_bytes())));
            world.restart(0);
        }
    }
}

/// And a root that the organisation replaced, as it said itself, is refused.
#[test]
fn who_comes_with_a_root_that_was_replaced_is_refused() {
    let mut world = World::of(3);
    world.peer(0, 1);
    let [_, genuine] = two_branches(&world, 98);
    let by = world.id(1);
    let chains = vec![genuine];
    world.push_org(0, OrgInput::Introduced { by, chains });
    world.settle();
    let (accepted, _secret) = world.invite(2, 0);
    world.accept(0, 2, accepted, &[]);
    let result = world.sides[0].done.remove(&1).expect("answered");
    assert_eq!(result, Err(Refused::Denied(Reason::RootKeyDiffers)));
    assert!(
        !world.sides[0]
            .snapshot
            .state
            .partners()
            .contains_key(&world.id(2))
    );
}

/// PROTOCOL 3.3: evidence under a root that was replaced suspends nobody, and shields from nothing.
#[test]
fn evidence_under_a_replaced_root_hides_none_under_the_newest() {
    let mut world = World::of(3);
    world.peer(0, 1);
    let [_, genuine] = two_branches(&world, 98);
    let keys = OurKeys::clone(&world.sides[2].keys);
    world.sides[2].keys = Arc::new(OurKeys {
        identity: genuine.clone(),
        ..keys
    });
    world.peer(0, 2);
    let (initech, by) = (world.id(2), world.id(1));
    let first = world.sides[2].keys.identity.notes()[0].clone();
    let other = |of: &Identity| Identity {
        handle: "other.example".parse().expect("a handle"),
        ..of.clone()
    };
    let state = |world: &World| world.sides[0].snapshot.state.partners()[&initech].state;
    let old = other(first.note())
        .sign(&key(world.sides[2].root))
        .expect("valid");
    let new = other(genuine.current())
        .sign_new_root(&key(60), &key(world.sides[2].root))
        .expect("valid");
    let of_old = IdentityChain::verify([old.bytes()]).expect("valid");
    let of_new = IdentityChain::verify([first.bytes(), new.bytes()]).expect("valid");
    for (chain, expected) in [
        (of_old, PartnerState::Active),
        (of_new, PartnerState::Suspended),
    ] {
        let chains = vec![chain];
        world.push_org(0, OrgInput::Introduced { by, chains });
        world.settle();
        assert!(world.sides[0].snapshot.conflicts.contains_key(&initech));
        assert_eq!(state(&world), expected);
    }
}

/// An inviter that is reached at fewer places than before is dialled there alone, after a start,
/// too.
#[test]
fn addresses_that_are_no_more_are_forgotten() {
    let mut world = World::of(2);
    let inviter = world.id(0);
    let (accepted, _secret) = world.invite(0, 1);
    let many = ["one.example:7447", "two.example:7447", "three.example:7447"];
    for addresses in [&many[..], &many[1..2]] {
        world.accept(1, 0, accepted.clone(), addresses);
        let known = world.sides[1].snapshot.addresses[&inviter].clone();
        assert_eq!(known, addresses);
        world.restart(1);
        assert_eq!(world.sides[1].snapshot.addresses[&inviter], addresses);
    }
}
