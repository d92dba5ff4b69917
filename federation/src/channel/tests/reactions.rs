//! What reactions cost us.

use std::collections::BTreeSet;

use crate::batch::Batch;
use crate::bounds::REACTIONS_MAX;
use crate::examples::GLOBEX;
use crate::hlc::Hlc;
use crate::keys::{ChannelKey, ChannelKeys};
use crate::kind::Body;
use crate::note::NoteType;
use crate::stored::{Annotations, Record};
use crate::testing::{Forger, World, newest};

/// What one more reaction has us write of what is said of a message.
fn annotation_bytes(batches: &[Batch]) -> usize {
    let puts = batches.iter().flat_map(|batch| &batch.puts);
    let said = puts.filter(|(key, _)| {
        let parsed = ChannelKey::parse(key);
        matches!(parsed, Some((_, ChannelKey::Annotations(..))))
    });
    said.map(|(key, value)| key.len() + value.len()).sum()
}

/// P9. A message to which as many have reacted as are kept: another reaction, one that takes the place of
/// another, and one that is too many, write little. All that is kept is there.
#[test]
fn one_reaction_writes_little_however_many_there_are() {
    const BYTES_MAX: usize = 8 * 1024;
    let (mut world, channel) = World::shared(2);
    let target = world.post(0, channel, "popular").first;
    let revision = newest(&world, channel).expect("sealed").hash();
    let mut forger = Forger::new(GLOBEX, channel, 0xf0, revision, Hlc::at(world.now.wall));
    let subscription = world.subscription(0, 1, channel);
    let react = |forger: &mut Forger, number: usize, on| {
        let emoji = format!("{number:064}");
        forger.append(&Body::React { target, emoji, on });
    };
    for number in 0..REACTIONS_MAX {
        react(&mut forger, number, true);
        if number % 64 == 63 || number + 1 == REACTIONS_MAX {
            let (from, size) = (number as u64 / 64 * 64, forger.size());
            let first = if from == 0 { 0 } else { from + 1 };
            let part = forger.part(first, size, size);
            world.send(1, 0, forger.frame(subscription, 100 + from, vec![part]));
        }
    }
    assert_eq!(
        world.sides[0].view(channel).logs[&forger.log].size(),
        forger.size()
    );
    let cases = [
        (REACTIONS_MAX + 7, true),
        (3, false),
        (200, false),
        (REACTIONS_MAX + 9, true),
    ];
    for (place, (number, on)) in (0..).zip(cases) {
        react(&mut forger, number, on);
        world.sides[0].batches.clear();
        let size = forger.size();
        let part = forger.part(size - 1, size, size);
        world.send(1, 0, forger.frame(subscription, 1_000 + place, vec![part]));
        let bytes = annotation_bytes(&world.sides[0].batches);
        assert!(bytes <= BYTES_MAX, "{number}: {bytes}");
    }
    let rows = world.sides[0].read(&ChannelKeys(channel).annotations(target));
    let pages = rows
        .iter()
        .map(|(key, value)| Annotations::from_value(key, value).expect("reads"));
    let kept: Vec<_> = pages.flat_map(|page| page.rows).collect();
    let emoji: BTreeSet<&Vec<u8>> = kept.iter().map(|row| &row.emoji).collect();
    assert_eq!((kept.len(), emoji.len()), (REACTIONS_MAX, REACTIONS_MAX));
    assert_eq!(kept.iter().filter(|row| row.on == 0).count(), 2);
}
