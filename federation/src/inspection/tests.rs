//! What is sound has no fault, and what is changed in one place is found, and named.

use foedus_policy::id::ChannelId;

use super::*;
use crate::keys::ChannelKey;
use crate::stored::{Record, Run};
use crate::testing::{Side, World};

fn inspect(side: &Side) -> Report {
    let ours = (side.snapshot.clone(), side.keys.clone());
    let mut inspection = Inspection::begin(Some(ours));
    for (key, value) in &side.store {
        if let Some(read) = inspection.read_before(key) {
            inspection.begin_channel(key, side.read(&read));
        }
        inspection.take(key, value);
    }
    inspection.end()
}

/// Two organisations with a channel in which each said enough to fill a tile.
fn talked() -> (World, ChannelId) {
    let (mut world, channel) = World::shared(2);
    for number in 0..150 {
        for at in 0..2 {
            world.post(at, channel, &format!("message {number}"));
        }
    }
    world.restart(0);
    for number in 0..300 {
        world.post(0, channel, &format!("again {number}"));
    }
    (world, channel)
}

#[test]
fn what_is_sound_has_no_fault() {
    let (world, _) = talked();
    for side in &world.sides {
        let report = inspect(side);
        assert_eq!(report.faults, [], "{}", side.handle);
        let counts = report.counts;
        assert_eq!(counts.pairs, side.store.len() as u64);
        assert!(counts.logs >= 2 && counts.entries > 300, "{counts:?}");
        assert!(counts.audit_entries > 3, "{counts:?}");
    }
}

/// Changes the one pair, of those that `picks` takes, that lies in the middle; `None` removes it. Gives what is found.
#[track_caller]
fn found(
    world: &mut World,
    picks: impl Fn(&Key) -> bool,
    change: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Vec<Fault> {
    let side = &mut world.sides[0];
    let keys: Vec<Key> = side
        .store
        .keys()
        .filter(|key| picks(key))
        .cloned()
        .collect();
    let key = &keys[keys.len() / 2];
    let before = side.store[key].clone();
    match change(&before) {
        Some(value) => side.store.insert(key.clone(), value),
        None => side.store.remove(key),
    };
    let faults = inspect(side).faults;
    side.store.insert(key.clone(), before);
    faults
}

fn is(kind: fn(ChannelKey) -> bool) -> impl Fn(&Key) -> bool {
    move |key| ChannelKey::parse(key).is_some_and(|(_, parsed)| kind(parsed))
}

fn run(value: &[u8], change: impl FnOnce(&mut Run)) -> Option<Vec<u8>> {
    let mut run = Run::from_value(&[], value).expect("it was sound");
    change(&mut run);
    Some(run.to_value())
}

macro_rules! finds {
    ($faults:expr, $($pattern:tt)+) => {{
        let faults = $faults;
        assert!(matches!(faults.as_slice(), $($pattern)+), "{faults:?}");
    }};
}

#[test]
fn what_is_missing_is_found() {
    let (mut world, _) = talked();
    let removed = |_: &[u8]| None;
    let runs = is(|key| matches!(key, ChannelKey::Run(..)));
    finds!(
        found(&mut world, runs, removed),
        [Fault::EntriesMissing { .. }, Fault::ArrivedOther { .. }]
    );
    let arrivals = is(|key| matches!(key, ChannelKey::Arrival(_)));
    finds!(
        found(&mut world, arrivals, removed),
        [Fault::ArrivalMissing { .. }, Fault::ArrivedOther { .. }]
    );
    let tiles = is(|key| matches!(key, ChannelKey::Tile(..)));
    finds!(found(&mut world, tiles, removed), [Fault::Tile { .. }]);
    let heads = is(|key| matches!(key, ChannelKey::Log(_)));
    finds!(found(&mut world, heads, removed), [Fault::Tree { .. }]);
    let audit = |key: &Key| key.starts_with(b"oa");
    finds!(
        found(&mut world, audit, removed),
        [Fault::AuditMissing { .. }]
    );
}

#[test]
fn what_was_changed_is_found() {
    let (mut world, _) = talked();
    let runs = || is(|key| matches!(key, ChannelKey::Run(..)));
    let other_body = |value: &[u8]| {
        run(value, |run| {
            let body = run.entries[0].body.as_mut().expect("it was posted here");
            *body.bytes.last_mut().expect("not empty") ^= 1;
        })
    };
    finds!(
        found(&mut world, runs(), other_body),
        [Fault::Entry {
            source: InvalidEntry::Commitment,
            ..
        }]
    );
    // A body that is gone by right is no fault.
    let erased = |value: &[u8]| run(value, |run| run.entries[0].body = None);
    finds!(found(&mut world, runs(), erased), []);
    // The commitment is the last field of a header; without the body only the tree tells.
    let other_header = |value: &[u8]| {
        run(value, |run| {
            run.entries[0].body = None;
            *run.entries[0].header.last_mut().expect("not empty") ^= 1;
        })
    };
    finds!(
        found(&mut world, runs(), other_header),
        [Fault::Tree { .. }, ..]
    );
    let swapped = |value: &[u8]| run(value, |run| run.entries[0].header[32 + 5] ^= 1);
    finds!(
        found(&mut world, runs(), swapped),
        [Fault::Misplaced { .. }]
    );
    let another_number = |value: &[u8]| run(value, |run| run.arrival += 1);
    finds!(
        found(&mut world, runs(), another_number),
        [Fault::ArrivedOther { .. }]
    );
    let checkpoint = |value: &[u8]| {
        let mut head = crate::stored::LogHead::from_value(&[], value).expect("it was sound");
        *head.checkpoint.iter_mut().rev().nth(10).expect("signed") ^= 1;
        Some(head.to_value())
    };
    let heads = is(|key| matches!(key, ChannelKey::Log(_)));
    finds!(
        found(&mut world, heads, checkpoint),
        [Fault::Checkpoint { .. }]
    );
    let audit = |key: &Key| key.starts_with(b"oa");
    finds!(
        found(&mut world, audit, |value| run(value, |run| {
            *run.entries[0].header.last_mut().expect("not empty") ^= 1;
        })),
        [Fault::AuditEntry { .. }]
    );
}

/// Whatever byte of whatever value is another one, somebody is told: or it is one of those that say nothing of others'
/// words (when something was shown, what was answered).
#[test]
fn a_value_that_cannot_be_read_is_found_wherever_it_is() {
    let (mut world, _) = talked();
    let keys: Vec<Key> = world.sides[0].store.keys().cloned().collect();
    for key in keys.iter().step_by(7).chain(keys.last()) {
        let faults = found(
            &mut world,
            |other| other == key,
            |value| Some(value[..value.len() - 1].to_vec()),
        );
        assert!(!faults.is_empty(), "{}", HEXLOWER.encode(key));
    }
    let unknown = world.sides[0].store.insert(b"z".to_vec(), Vec::new());
    assert_eq!(unknown, None);
    finds!(inspect(&world.sides[0]).faults, [Fault::UnknownKey { .. }]);
}
