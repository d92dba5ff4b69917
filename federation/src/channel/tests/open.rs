//! What was found open once, and is closed: each test failed, and says why it should not.

use std::sync::Arc;

use foedus_policy::action::Action;
use foedus_policy::id::{AuthorId, NoteHash, OrgId};
use foedus_policy::vocabulary::{AuthorKind, EndCause};

use crate::batch::{Batch, CommitOutcome, Reading};
use crate::bounds::{
    ANNOTATIONS_PER_PAGE_MAX, BATCH_BYTES_MAX, EMOJI_BYTES_MAX, FRAME_ENTRIES_MAX, REACTIONS_MAX,
};
use crate::channel::{Input, Verdict, Void};
use crate::charter::{Charter, Consent, Seal, Withdrawal};
use crate::evidence::{CheckedEntries, CheckedNotes};
use crate::examples::{ACME, AT, GLOBEX, chain, identity, key, org, sign_seed};
use crate::frame::{Frame, Notes};
use crate::hlc::Hlc;
use crate::identity::{Identity, IdentityChain};
use crate::key::SigningKey;
use crate::keys::ChannelKeys;
use crate::kind::Body;
use crate::note::NoteType;
use crate::note::value::{LogHead, LogHeads};
use crate::stored::{Annotation, Annotations, Record, Run};
use crate::testing::{Forger, World, newest, revise};
use crate::timeline::{HistoryReader, Order, What, who};

/// P3. A verdict is stored when the entry comes. If the note that makes it void comes later, the
/// entry stays accepted here and is void wherever the note came first.
#[test]
fn a_verdict_does_not_depend_on_what_came_first() {
    let verdict = |note_first: bool| {
        let (mut world, channel) = World::shared(3);
        let revision = newest(&world, channel).expect("sealed").hash();
        let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
        forger.post("within");
        forger.post("beyond");
        let head = LogHead {
            size: 2,
            root: [0; 32],
        };
        let withdrawal = Withdrawal {
            channel,
            org: world.id(1),
            revision,
            heads: [((world.id(1), forger.log.incarnation), head)].into(),
            at: world.now.wall,
        };
        let signed = withdrawal.sign(&world.sides[1].keys.sign).expect("valid");
        let notes = Frame::Notes(Notes {
            channel,
            identities: Vec::new(),
            notes: vec![signed.bytes().to_vec()],
        });
        let entries = |world: &mut World| {
            let subscription = world.subscription(0, 2, channel);
            world.send(2, 0, forger.frame(subscription, 100, vec![forger.whole()]));
        };
        world.disconnect(0, 1);
        world.settle();
        world.tick();
        if note_first {
            world.send(2, 0, notes);
            world.tick();
            entries(&mut world);
        } else {
            entries(&mut world);
            world.send(2, 0, notes);
        }
        world.pass(10_000);
        let rows = world.sides[0].read(&ChannelKeys(channel).run_of(forger.log.entry(2)));
        let (key, value) = rows.first().expect("it is stored");
        let run = Run::from_value(key, value).expect("it reads");
        run.entries.last().expect("a run has entries").verdict
    };
    let void = Verdict::Void(Void::AfterFinalHeads).code();
    assert_eq!((verdict(true), verdict(false)), (void, void));
}

/// More than are taken back in one step.
const REACTIONS: u64 = 200;

/// P3. So does what void entries said of others, and what it had taken the place of.
#[test]
fn what_is_shown_does_not_depend_on_what_came_first() {
    let shown = |note_first: bool, again: Option<usize>| {
        let (mut world, channel) = World::shared(3);
        let revision = newest(&world, channel).expect("sealed").hash();
        let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
        forger.author = AuthorId([7; 16]);
        let joined = |name: &str| Body::Joined {
            author_kind: AuthorKind::Member,
            address: "carol@globex.example".to_owned(),
            display_name: name.to_owned(),
        };
        let target = forger.log.entry(2);
        let edit = |text: &str| Body::Edit {
            target,
            text: text.to_owned(),
        };
        forger.append(&joined("Carol"));
        forger.post("first");
        forger.append(&edit("second"));
        let log = forger.log;
        let react = |n| Body::React {
            target: log.entry(target.sequence + 1 + n),
            emoji: "+1".to_owned(),
            on: true,
        };
        let size = forger.size();
        forger.append(&edit("never said"));
        forger.append(&joined("Mallory"));
        for n in 0..REACTIONS {
            // Each of another entry: they are not all taken back in one commit.
            forger.append(&react(n));
        }
        // All of them once more, and these count: of those above, nothing is there to take back.
        let hlc = Hlc(forger.hlc.0 + 1_000);
        let mut later = Forger::new(GLOBEX, channel, 0xf1, revision, hlc);
        later.author = forger.author;
        (0..REACTIONS).for_each(|n| later.append(&react(n)));
        let head = |log: &Forger, size| {
            let root = log.checkpoint_root(size);
            (
                (log.log.origin, log.log.incarnation),
                LogHead { size, root },
            )
        };
        let mut heads: LogHeads = [head(&forger, size), head(&later, later.size())].into();
        // All else that it wrote goes on to count: nothing else is taken back.
        for (id, log) in &world.sides[0].view(channel).logs {
            if id.origin == world.id(1) {
                let (size, root) = (log.size(), log.frontier.root());
                heads.insert((id.origin, id.incarnation), LogHead { size, root });
            }
        }
        let withdrawal = Withdrawal {
            channel,
            org: world.id(1),
            revision,
            heads,
            at: world.now.wall,
        };
        let signed = withdrawal.sign(&world.sides[1].keys.sign).expect("valid");
        let notes = |notes| {
            Frame::Notes(Notes {
                channel,
                identities: Vec::new(),
                notes,
            })
        };
        world.disconnect(0, 1);
        world.settle();
        world.tick();
        let entries = |world: &mut World| {
            let subscription = world.subscription(0, 2, channel);
            let parts = vec![
                forger.part(0, 200, forger.size()),
                forger.part(200, forger.size(), forger.size()),
                later.whole(),
            ];
            world.send(2, 0, forger.frame(subscription, 100, parts));
        };
        if note_first {
            world.send(2, 0, notes(vec![signed.bytes().to_vec()]));
            world.tick();
            entries(&mut world);
        } else {
            entries(&mut world);
            assert_eq!(
                world.sides[0].view(channel).logs[&forger.log].size(),
                forger.size()
            );
            if let Some(done) = again {
                // The scope is read again in the middle of it.
                let outcomes = &mut world.sides[0].outcomes;
                outcomes.extend(vec![CommitOutcome::Durable; done]);
                outcomes.push_back(CommitOutcome::Unknown);
            }
            world.send(2, 0, notes(vec![signed.bytes().to_vec()]));
        }
        world.pass(10_000);
        let key = ChannelKeys(channel).annotation_page(target, 0);
        let value = world.sides[0]
            .store
            .get(&key)
            .expect("something was said of it");
        let rows = Annotations::from_value(&key, value).expect("it reads").rows;
        let said: Vec<u64> = rows.iter().map(|row| row.sequence).collect();
        let authors = &world.sides[0].view(channel).authors;
        let author = authors.get(&(world.id(1), forger.author)).expect("known");
        (said, author.display_name.clone())
    };
    let expected = (vec![3], "Carol".to_owned());
    assert_eq!(shown(true, None), expected);
    assert_eq!(shown(false, None), expected);
    for done in [1, 2, 3, 4, 6, 8] {
        assert_eq!(shown(false, Some(done)), expected, "after {done} commits");
    }
}

/// PROTOCOL 4.8: a consent that names the withdrawal brings its org back.
#[test]
fn who_left_may_come_back() {
    let (mut world, channel) = World::shared(3);
    let cause = EndCause::Withdrawal;
    world.act(1, Action::EndChannel { channel, cause });
    let governance = world.sides[0].view(channel).governance.clone();
    let withdrawal = governance.notes().find_map(|(hash, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        text.starts_with("foedus/withdrawal").then_some(hash)
    });
    let before = newest(&world, channel).expect("sealed").clone();
    let mut next = crate::charter::Charter {
        number: 2,
        predecessor: Some(before.hash()),
        ..before
    };
    next.admission = crate::charter::Admission::Host;
    let (hash, predecessor) = (next.hash(), next.predecessor);
    let govern = crate::message::Govern::Propose(std::sync::Arc::new(next));
    world.govern(0, channel, govern);
    let consents = [(1, withdrawal), (2, None)].map(|(at, withdrawal)| {
        let consent = crate::charter::Consent {
            channel,
            charter: hash,
            predecessor,
            withdrawal,
            org: world.id(at),
            good_until: world.now.wall.plus_millis(1_000),
        };
        consent
            .sign(&world.sides[at].keys.sign)
            .expect("valid")
            .bytes()
            .to_vec()
    });
    let notes = Frame::Notes(Notes {
        channel,
        identities: Vec::new(),
        notes: consents.to_vec(),
    });
    world.send(2, 0, notes);
    let governance = &world.sides[0].view(channel).governance;
    assert_eq!(governance.newest().expect("sealed").hash(), hash);
    assert!(governance.takes_part(world.id(1)));
}

/// P11. An author of a partner's calls itself by an address of ours.
#[test]
fn nobody_joins_under_an_address_of_ours() {
    let (mut world, channel) = World::shared(2);
    let revision = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    forger.author = AuthorId([7; 16]);
    forger.append(&Body::Joined {
        author_kind: AuthorKind::Member,
        address: "anna@acme.example".to_owned(),
        display_name: "Anna".to_owned(),
    });
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let side = &world.sides[0];
    let who = who(
        side.view(channel),
        &side.snapshot,
        world.id(1),
        forger.author,
    );
    assert_eq!(who.known.expect("it joined").address, "");
    assert_eq!(who.handle.as_deref(), Some("globex.example"));
    assert!(who.external);
}

/// P9. A frame of reactions, each to an entry that has as many as are kept, rewrites 60 KiB for
/// each of them in one commit.
#[test]
fn a_frame_of_reactions_fits_into_one_commit() {
    let (mut world, channel) = World::shared(2);
    let revision = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    let keys = ChannelKeys(channel);
    let rows = |n: usize| Annotation {
        kind: Annotation::REACT,
        origin: [0xff; 32],
        incarnation: [1; 16],
        sequence: n as u64,
        author: core::array::from_fn(|at| (n >> (8 * (at % 2))) as u8),
        hlc: 1,
        revision: 1,
        emoji: vec![b'x'; EMOJI_BYTES_MAX],
        on: 1,
    };
    let full: Vec<Annotation> = (0..REACTIONS_MAX).map(rows).collect();
    for sequence in 0..200 {
        let target = forger.log.entry(1_000 + sequence);
        for (page, rows) in (0..).zip(full.chunks(ANNOTATIONS_PER_PAGE_MAX)) {
            let rows = rows.to_vec();
            let key = keys.annotation_page(target, page);
            let store = &mut world.sides[0].store;
            store.insert(key, Annotations { rows }.to_value());
        }
        forger.append(&Body::React {
            target,
            emoji: "+1".to_owned(),
            on: true,
        });
    }
    assert!(forger.size() as usize <= FRAME_ENTRIES_MAX);
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let largest = world.sides[0]
        .batches
        .iter()
        .map(crate::batch::Batch::bytes)
        .max();
    assert!(largest.expect("it was stored") <= BATCH_BYTES_MAX);
    // All of it was taken, in as many steps as it took, and acknowledged once.
    let held = world.sides[0].view(channel).logs[&forger.log].size();
    assert_eq!(held, forger.size());
    let acks = world.sides[0].sent.iter().filter(
        |(_, frame)| matches!(frame, Frame::Ack(ack) if ack.number == 100 && ack.void == 0),
    );
    assert_eq!(acks.count(), 1);
}

/// P9. A frame of notes as large as a frame can be, behind as many entries as a step takes: no
/// commit grows beyond what an engine takes, and all of it is learnt.
#[test]
fn a_frame_of_notes_fits_into_commits_whatever_came_before_it() {
    let (mut world, channel) = World::shared(2);
    let revision = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(ACME, channel, 0xf0, revision, Hlc::at(world.now.wall));
    for _ in 0..15 {
        forger.post(&"x".repeat(16_000));
    }
    let snapshot = world.sides[1].snapshot.clone();
    let known = |org| snapshot.identity(org);
    let Frame::Entries(entries) =
        forger.frame(world.subscription(1, 0, channel), 100, vec![forger.whole()])
    else {
        panic!("entries")
    };
    let entries = CheckedEntries::check(entries, &known).expect("they hold");
    let mut before = newest(&world, channel).expect("sealed").clone();
    let mut signed = Vec::new();
    for n in 0..8 {
        let next = Charter {
            number: before.number + 1,
            predecessor: Some(before.hash()),
            text_bytes: before.text_bytes - 1,
            ..before
        };
        let seal = Seal {
            channel,
            charter: next.hash(),
            predecessor: next.predecessor,
            host: next.host,
            consents: [].into(),
            at: world.now.wall.plus_millis(n),
        };
        let ours = &world.sides[0].keys.sign;
        signed.push(padded(next.sign(ours).expect("valid").bytes()));
        signed.push(padded(seal.sign(ours).expect("valid").bytes()));
        before = next;
    }
    let notes = Notes {
        channel,
        identities: Vec::new(),
        notes: signed,
    };
    let notes = CheckedNotes::check(&notes, &known).expect("they hold");
    let bytes = notes.notes().iter().map(|note| note.bytes().len());
    assert!(bytes.sum::<usize>() > 900_000);
    let (entries, notes) = (Arc::new(entries), Arc::new(notes));
    let carrier = world.id(0);
    world.sides[1].batches.clear();
    let inputs = vec![
        Input::Entries { carrier, entries },
        Input::Notes { carrier, notes },
    ];
    world.run_channel(1, channel, inputs);
    let sizes = world.sides[1].batches.iter().map(Batch::bytes);
    assert!(sizes.max().expect("it was stored") <= BATCH_BYTES_MAX);
    world.settle();
    let view = world.sides[1].view(channel);
    assert_eq!(view.logs[&forger.log].size(), forger.size());
    let known = view.governance.newest().expect("sealed");
    assert_eq!(known.charter().number, 9);
}

/// Signatures by keys that nobody knows are kept with a note: it may be as large as any.
fn padded(note: &[u8]) -> Vec<u8> {
    let padding = data_encoding::BASE64.encode(&[7; 44_000]);
    [note, format!("\u{2014} nobody {padding}\n").as_bytes()].concat()
}

/// PROTOCOL 7.4: whose author is of a kind that the revision does not allow, an entry has no effect.
#[test]
fn a_kind_that_may_write_no_more_is_not_shown() {
    let (mut world, channel) = World::shared(2);
    let first = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, first, Hlc::at(world.now.wall));
    forger.author = AuthorId([7; 16]);
    forger.append(&Body::Joined {
        author_kind: AuthorKind::Bot,
        address: "builds@globex.example".to_owned(),
        display_name: "Builds".to_owned(),
    });
    forger.post("built");
    revise(&mut world, channel, |next| {
        next.kinds = [AuthorKind::Member].into_iter().collect();
    });
    forger.revision = newest(&world, channel).expect("sealed").hash();
    forger.post("built again");
    forger.append(&Body::Edit {
        target: forger.log.entry(2),
        text: "rebuilt".to_owned(),
    });
    let subscription = world.subscription(0, 1, channel);
    world.send(1, 0, forger.frame(subscription, 100, vec![forger.whole()]));
    let side = &world.sides[0];
    let view = side.views[&channel].clone();
    let mut reader = HistoryReader::new(view, Order::OldestFirst, None, None, 100);
    let mut rows = Vec::new();
    let page = loop {
        match reader.advance(rows).expect("it reads") {
            Reading::Read(reads) => rows = reads.iter().map(|read| side.read(read)).collect(),
            Reading::Ready(page) => break page,
        }
    };
    let texts: Vec<String> = page
        .items
        .iter()
        .filter_map(|item| match &item.what {
            What::Message(message) => message.text.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["built"]);
}

/// PROTOCOL 2.3: what an organisation's former key signs is nothing new, but for what a seal names.
#[test]
fn a_former_key_signs_nothing_new() {
    let former = key(sign_seed(GLOBEX));
    let newer = key(99);
    let renewed = Identity {
        serial: 2,
        sign: *newer.verifying_key(),
        ..identity(GLOBEX, "globex.example")
    };
    let signed = renewed.sign(&key(GLOBEX)).expect("valid");
    let first = chain(GLOBEX, "globex.example");
    let all = [first.newest().bytes(), signed.bytes()];
    let globex = Arc::new(IdentityChain::verify(all).expect("a chain"));
    let acme = Arc::new(chain(ACME, "acme.example"));
    let charter = crate::examples::charter();
    let consent = |key: &SigningKey| {
        let consent = Consent {
            channel: charter.channel,
            charter: charter.hash(),
            predecessor: None,
            withdrawal: None,
            org: org(GLOBEX),
            good_until: AT,
        };
        consent.sign(key).expect("valid")
    };
    let yes = consent(&former);
    let seal = Seal {
        channel: charter.channel,
        charter: charter.hash(),
        predecessor: None,
        host: org(ACME),
        consents: [yes.hash()].into(),
        at: AT,
    };
    let seal = seal.sign(&key(sign_seed(ACME))).expect("valid");
    let known = |id: OrgId| {
        let chains = [&globex, &acme];
        chains.into_iter().find(|chain| chain.org() == id).cloned()
    };
    let nobody = |_: OrgId| None;
    let check = |notes: &[&[u8]], identities, known: &dyn Fn(OrgId) -> Option<_>| {
        let frame = Notes {
            channel: charter.channel,
            identities,
            notes: notes.iter().map(|note| note.to_vec()).collect(),
        };
        let checked = CheckedNotes::check(&frame, known).expect("identities hold");
        checked.notes().len()
    };
    let bytes = |chain: &IdentityChain| -> Vec<Vec<u8>> {
        let notes = chain.notes().iter();
        notes.map(|note| note.bytes().to_vec()).collect()
    };
    let now = consent(&newer);
    assert_eq!(check(&[now.bytes()], Vec::new(), &known), 1);
    assert_eq!(check(&[yes.bytes()], Vec::new(), &known), 0);
    assert_eq!(check(&[yes.bytes(), seal.bytes()], Vec::new(), &known), 2);
    // A seal speaks for the consents to its charter, and for nothing else that it names.
    let other_seal = Seal {
        charter: NoteHash([7; 32]),
        ..seal.note().clone()
    };
    let other_seal = other_seal.sign(&key(sign_seed(ACME))).expect("valid");
    let notes = [yes.bytes(), other_seal.bytes()];
    assert_eq!(check(&notes, Vec::new(), &known), 1);
    let withdrawal = Withdrawal {
        channel: charter.channel,
        org: org(GLOBEX),
        revision: charter.hash(),
        heads: LogHeads::default(),
        at: AT,
    };
    let withdrawal = withdrawal.sign(&former).expect("valid");
    let naming = Seal {
        consents: [withdrawal.hash()].into(),
        ..seal.note().clone()
    };
    let naming = naming.sign(&key(sign_seed(ACME))).expect("valid");
    let notes = [withdrawal.bytes(), naming.bytes()];
    assert_eq!(check(&notes, Vec::new(), &known), 1);
    // Whoever hears of it for the first time can't know what was signed when.
    assert_eq!(check(&[yes.bytes()], vec![bytes(&globex)], &nobody), 1);
}
