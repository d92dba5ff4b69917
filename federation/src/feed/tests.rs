//! Pages: each part proves itself, whatever the log's size and the order of arrivals.

use foedus_policy::id::ChannelId;

use super::*;
use crate::channel::{Text, Verb};
use crate::evidence::CheckedEntries;
use crate::examples::GLOBEX;
use crate::frame::Entries;
use crate::hlc::Hlc;
use crate::testing::{Forger, World};
use crate::tree::Frontier;

/// What a reader at `at` is given, for the other organisation.
fn page(world: &World, at: usize, channel: ChannelId, origins: &[usize], wanted: Wanted) -> Page {
    let view = world.sides[at].views[&channel].clone();
    let origins = origins.iter().map(|origin| world.id(*origin)).collect();
    let subscriber = world.id(1 - at.min(1));
    let mut reader = PageReader::new(view, subscriber, origins, wanted);
    let mut rows = Vec::new();
    loop {
        match reader
            .advance(std::mem::take(&mut rows))
            .expect("the store is whole")
        {
            Reading::Read(reads) => {
                rows = reads
                    .iter()
                    .map(|read| world.sides[at].read(read))
                    .collect();
            }
            Reading::Ready(page) => return page,
        }
    }
}

/// Takes parts as a receiver does: each is checked and proven by itself.
#[derive(Default)]
struct Receiver {
    logs: BTreeMap<LogId, Frontier>,
    bodies: usize,
}

impl Receiver {
    fn take(&mut self, world: &World, channel: ChannelId, parts: Vec<RawPart>) {
        let frame = Entries {
            channel,
            subscription: 1,
            number: 1,
            cursor: None,
            parts,
        };
        let snapshot = world.sides[0].snapshot.clone();
        let checked = CheckedEntries::check(frame, &|org| snapshot.identity(org));
        for part in checked.expect("an honest page").parts() {
            let part = part.checked();
            let held = self.logs.entry(*part.log()).or_insert(Frontier::EMPTY);
            let new = part.new_entries(held.size());
            self.bodies += new.iter().filter(|entry| entry.body.is_some()).count();
            *held = part
                .advance(held)
                .expect("it continues what is held")
                .frontier;
        }
    }
}

fn posts(count: usize) -> Verb {
    let text = Text {
        text: "hello".to_owned(),
        reply_to: None,
    };
    Verb::Post(vec![text; count])
}

/// The log of the host grows past two tiles, in runs of all lengths; after each growth the whole
/// is read by arrivals, and the rest from many places.
#[test]
fn parts_prove_themselves_at_every_size() {
    let (mut world, channel) = World::shared(2);
    let mut total = 0;
    for count in [1, 1, 2, 3, 9, 15, 16, 17, 31, 64, 97, 1, 1, 200, 100, 42] {
        world.ask(0, channel, posts(count)).expect("it is stored");
        total += count;
        let mut receiver = Receiver::default();
        let mut after = 0;
        loop {
            let page = page(&world, 0, channel, &[0], Wanted::Arrivals { after });
            let through = page.through;
            receiver.take(&world, channel, page.parts);
            if through == after {
                break;
            }
            after = through;
        }
        let view = world.sides[0].view(channel);
        let shared = |(_, log): &(&LogId, &Log)| log.is_shared();
        let (id, log) = view
            .logs
            .iter()
            .find(|entry| shared(entry) && entry.0.origin == view.us)
            .expect("its own");
        assert_eq!(receiver.logs[id], log.frontier);
        assert!(receiver.bodies >= total);
        let (id, size) = (*id, log.size());
        for from in [1, 15, 16, 17, 255, 256, 257, size / 2, size - 1] {
            check_missing(&world, channel, id, from.min(size - 1), size);
        }
    }
    assert!(total > 512);
}

fn check_missing(world: &World, channel: ChannelId, log: LogId, from: u64, to: u64) -> Receiver {
    // Whoever holds `from` entries holds the tree of so many.
    let mut held = Receiver::default();
    for (from, to) in [(0, from), (from, to)] {
        let mut next = from;
        while next < to {
            let wanted = Wanted::Missing {
                log,
                from: next,
                to,
            };
            let page = page(world, 0, channel, &[0, 1], wanted);
            assert!(page.through > next, "it gets on");
            next = page.through;
            held.take(world, channel, page.parts);
        }
    }
    assert_eq!(
        held.logs[&log],
        world.sides[0].view(channel).logs[&log].frontier
    );
    held
}

/// Whoever signs more than it ever hands out keeps nobody from handing on the part that it did.
#[test]
fn entries_are_handed_on_under_a_checkpoint_ahead_of_them() {
    use crate::note::NoteType;
    let (mut world, channel) = World::shared(3);
    world.disconnect(1, 2);
    world.settle();
    world.tick();
    let revision = crate::testing::newest(&world, channel)
        .expect("sealed")
        .hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    for _ in 0..40 {
        forger.post("half of it");
    }
    let subscription = world.subscription(0, 1, channel);
    let held = |world: &World, at: usize| {
        let logs = &world.sides[at].view(channel).logs;
        logs.get(&forger.log).map_or(0, Log::size)
    };
    let parts = [(0, 13, 41), (13, 20, 37), (20, 33, 33), (33, 40, 41)];
    for (number, (first, end, size)) in (100..).zip(parts) {
        let part = forger.part(first, end, size);
        world.send(1, 0, forger.frame(subscription, number, vec![part]));
        assert_eq!((held(&world, 0), held(&world, 2)), (end, end));
    }
    world.restart(0);
    world.settle();
    let receiver = check_missing(&world, channel, forger.log, 7, 40);
    assert_eq!(
        receiver.logs[&forger.log].root(),
        forger.checkpoint_root(40)
    );
}

/// Only who may read a body is given it; headers go to all.
#[test]
fn bodies_are_left_out_for_whom_they_are_not() {
    use crate::message::Govern;
    use crate::note::NoteType;
    use foedus_policy::vocabulary::Access;
    let (mut world, channel) = World::shared(2);
    world.post(0, channel, "for Globex");
    let before = crate::testing::newest(&world, channel)
        .expect("sealed")
        .clone();
    let mut next = crate::charter::Charter {
        number: 2,
        predecessor: Some(before.hash()),
        ..before
    };
    next.participants.insert(world.id(1), Access::PostOnly);
    world.govern(0, channel, Govern::Propose(Arc::new(next)));
    let page = page(&world, 0, channel, &[0], Wanted::Arrivals { after: 0 });
    let entries: Vec<_> = page.parts.iter().flat_map(|part| &part.entries).collect();
    assert!(!entries.is_empty());
    assert!(entries.iter().all(|entry| entry.body.is_none()));
    let mut receiver = Receiver::default();
    receiver.take(&world, channel, page.parts);
    assert_eq!(receiver.bodies, 0);
}

/// Nothing of the time before a channel was shared is told, not even that there was one.
#[test]
fn local_times_stay_local() {
    let mut world = World::peered(2);
    let channel = world.open(0, "ours");
    world.post(0, channel, "before");
    world.offer(0, 1, channel);
    world.approve_all(1, "theirs");
    world.join(1, channel);
    world.post(0, channel, "after");
    let ours = world.id(0);
    let of_ours = |at: usize| {
        let logs = &world.sides[at].view(channel).logs;
        logs.keys().filter(|id| id.origin == ours).count()
    };
    assert_eq!((of_ours(0), of_ours(1)), (2, 1));
    let page = page(&world, 0, channel, &[0], Wanted::Arrivals { after: 0 });
    assert_eq!(
        page.parts
            .iter()
            .map(|part| part.incarnation)
            .collect::<BTreeSet<_>>()
            .len(),
        1
    );
    assert_eq!(page.parts[0].first, 0);
}
