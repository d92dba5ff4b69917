//! What every engine has to do, whatever it is: the suite that all of them pass.
//!
//! It knows the trait only. Each check takes a [`Place`] of its own and panics with what it expected; each is a test of
//! its own for each engine. Faults are not here: a disk that exists can't be told to fail,
//! so they are the memory engine's own tests, and power cuts those of the whole system.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use foedus_federation::batch::{Batch, CommitOutcome, Expect, Key, Value};
use tempfile::TempDir;

use super::{
    DataFolder, Engine, EngineKind, MemoryEngine, Store, StoreError, StoreOptions, key_after_all,
};
use crate::bounds::{
    BATCH_BYTES_MAX, BATCH_KEYS_MAX, KEY_BYTES_MAX, SCAN_PAIRS_MAX, VALUE_BYTES_MAX,
};

/// Where a store lives, so that it can be closed and opened again.
pub enum Place {
    /// On a virtual disk.
    Memory(MemoryEngine),
    /// In a folder of its own, on the disk that temporary files are on.
    Disk(EngineKind, TempDir),
}

impl Place {
    /// An empty place in memory.
    pub fn memory() -> Self {
        Place::Memory(MemoryEngine::default())
    }

    /// An empty place on disk.
    pub fn disk(engine: EngineKind) -> Self {
        Place::Disk(
            engine,
            tempfile::tempdir().expect("temporary files can be made"),
        )
    }

    /// Opens the store. The one opened before has to be dropped.
    pub fn open(&self) -> Engine {
        match self {
            Place::Memory(engine) => {
                // To open again in memory is to come back after a power cut.
                engine.disk().crash();
                engine.disk().restart();
                Engine::Memory(engine.clone())
            }
            Place::Disk(engine, folder) => {
                let folder = DataFolder::lock(folder.path()).expect("nobody else has the folder");
                let options = StoreOptions {
                    engine: *engine,
                    disk_reserve_bytes: 0,
                    cache_bytes: 16 * 1024 * 1024,
                };
                Engine::open(&folder, &options).expect("what was closed opens")
            }
        }
    }
}

fn put(key: &[u8], value: &[u8]) -> Batch {
    Batch {
        puts: vec![(key.to_vec(), value.to_vec())],
        ..Batch::default()
    }
}

fn expect(key: &[u8], value: Option<&[u8]>) -> Expect {
    Expect {
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
    }
}

async fn check_get(engine: &Engine, key: &[u8], expected: Option<&[u8]>) {
    let found = engine
        .get(key)
        .await
        .expect("a key of a good length can be read");
    assert_eq!(found.as_deref(), expected, "value of {key:?}");
}

async fn check_commit(engine: &Engine, batch: Batch, expected: CommitOutcome) {
    let told = batch.clone();
    let outcome = engine
        .try_commit(batch)
        .await
        .expect("a batch within the bounds is taken");
    assert_eq!(outcome, expected, "outcome of {told:?}");
}

async fn check_scan(
    engine: &Engine,
    (start, end, limit, reverse): (&[u8], &[u8], usize, bool),
    expected: &[&[u8]],
) {
    let pairs = engine
        .scan(start, end, limit, reverse)
        .await
        .expect("a range can be read");
    let keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| key.as_slice()).collect();
    assert_eq!(
        keys, expected,
        "scan {start:?} to {end:?}, at most {limit}, reverse {reverse}"
    );
}

/// How a commit ended, as the step loop is told.
pub async fn committed(engine: &Engine, batch: Batch) -> CommitOutcome {
    let tried = engine.try_commit(batch).await;
    tried.unwrap_or_else(|error| error.outcome())
}

type Pending<'a> = Pin<Box<dyn Future<Output = CommitOutcome> + Send + 'a>>;

/// Begins all commits in their order before it waits for any.
async fn commit_together(engine: &Engine, batches: Vec<Batch>) -> Vec<CommitOutcome> {
    let mut pending: Vec<Pending> = Vec::new();
    for batch in batches {
        pending.push(Box::pin(committed(engine, batch)));
    }
    let mut outcomes = vec![None; pending.len()];
    poll_fn(|context| {
        for (commit, outcome) in pending.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let Poll::Ready(done) = commit.as_mut().poll(context)
            {
                *outcome = Some(done);
            }
        }
        if outcomes.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outcomes
        .into_iter()
        .map(|outcome| outcome.expect("waited for all"))
        .collect()
}

/// A value is there after it was put, changed after it was changed, and gone after it was deleted.
pub async fn puts_gets_deletes(place: &Place) {
    let engine = place.open();
    check_get(&engine, b"a", None).await;
    check_commit(&engine, put(b"a", b"1"), CommitOutcome::Durable).await;
    check_get(&engine, b"a", Some(b"1")).await;
    check_commit(&engine, put(b"a", b""), CommitOutcome::Durable).await;
    check_get(&engine, b"a", Some(b"")).await;
    let delete = Batch {
        deletes: vec![b"a".to_vec(), b"never".to_vec()],
        ..Batch::default()
    };
    check_commit(&engine, delete, CommitOutcome::Durable).await;
    check_get(&engine, b"a", None).await;
    check_commit(&engine, Batch::default(), CommitOutcome::Durable).await;
}

/// Ranges exclude their end, limits count, reversed scans begin at the end.
pub async fn scans(place: &Place) {
    let engine = place.open();
    let keys: [&[u8]; 7] = [b"a", b"a\0", b"a/1", b"a/2", b"b", b"b/1", b"c"];
    let puts = keys
        .iter()
        .map(|key| (key.to_vec(), b"v".to_vec()))
        .collect();
    let batch = Batch {
        puts,
        ..Batch::default()
    };
    check_commit(&engine, batch, CommitOutcome::Durable).await;
    let all = key_after_all();
    check_scan(&engine, (b"", &all, 100, false), &keys).await;
    let backwards: Vec<&[u8]> = keys.iter().rev().copied().collect();
    check_scan(&engine, (b"", &all, 100, true), &backwards).await;
    check_scan(&engine, (b"a/", b"a0", 100, false), &[b"a/1", b"a/2"]).await;
    check_scan(&engine, (b"a/", b"a0", 100, true), &[b"a/2", b"a/1"]).await;
    check_scan(
        &engine,
        (b"a/1", b"b/1", 100, false),
        &[b"a/1", b"a/2", b"b"],
    )
    .await;
    check_scan(&engine, (b"a/1", b"b/1", 2, false), &[b"a/1", b"a/2"]).await;
    check_scan(&engine, (b"a/1", b"b/1", 2, true), &[b"b", b"a/2"]).await;
    check_scan(&engine, (b"a", b"a\0", 9, false), &[b"a"]).await;
    check_scan(&engine, (b"a/11", b"a/19", 9, false), &[]).await;
    check_scan(&engine, (b"d", &all, 9, true), &[]).await;
    check_scan(&engine, (b"b", b"b", 9, false), &[]).await;
    check_scan(&engine, (b"c", b"a", 9, false), &[]).await;
    check_scan(&engine, (b"c", b"a", 9, true), &[]).await;
    check_scan(&engine, (b"", &all, 0, false), &[]).await;
    check_scan(&engine, (b"", b"", 9, false), &[]).await;
}

/// Keys of the highest bytes, of one byte and of the longest length, sort as byte strings.
pub async fn scans_of_high_keys(place: &Place) {
    let engine = place.open();
    let longest = vec![0xff; KEY_BYTES_MAX];
    let keys: [&[u8]; 8] = [
        &[0],
        &[0, 0],
        &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x80],
        &[0xfe, 0xff],
        &[0xff],
        &[0xff, 0xff, 0xff, 0xff, 0xff],
        &longest,
    ];
    for key in keys.iter().rev() {
        check_commit(&engine, put(key, b"v"), CommitOutcome::Durable).await;
    }
    let all = key_after_all();
    check_scan(&engine, (b"", &all, 100, false), &keys).await;
    let backwards: Vec<&[u8]> = keys.iter().rev().copied().collect();
    check_scan(&engine, (b"", &all, 100, true), &backwards).await;
    check_scan(
        &engine,
        (&[0xff], &all, 100, true),
        &[&longest, keys[6], keys[5]],
    )
    .await;
    check_scan(&engine, (&[0x7f], &[0x80], 100, true), &[keys[2]]).await;
    check_scan(
        &engine,
        (&[0xff], &longest, 100, false),
        &[keys[5], keys[6]],
    )
    .await;
}

/// Each kind of expectation, holding and not holding.
pub async fn expectations(place: &Place) {
    let engine = place.open();
    let conditional = |key: &[u8], value: Option<&[u8]>, to: &[u8]| Batch {
        expect: vec![expect(key, value)],
        ..put(key, to)
    };
    check_commit(
        &engine,
        conditional(b"v", Some(b"0"), b"1"),
        CommitOutcome::Conflict,
    )
    .await;
    check_commit(
        &engine,
        conditional(b"v", Some(b""), b"1"),
        CommitOutcome::Conflict,
    )
    .await;
    check_commit(
        &engine,
        conditional(b"v", None, b"1"),
        CommitOutcome::Durable,
    )
    .await;
    check_commit(
        &engine,
        conditional(b"v", None, b"2"),
        CommitOutcome::Conflict,
    )
    .await;
    check_commit(
        &engine,
        conditional(b"v", Some(b"3"), b"2"),
        CommitOutcome::Conflict,
    )
    .await;
    check_commit(
        &engine,
        conditional(b"v", Some(b"1"), b"2"),
        CommitOutcome::Durable,
    )
    .await;
    check_get(&engine, b"v", Some(b"2")).await;
    let only_asks = |value: &[u8]| Batch {
        expect: vec![expect(b"v", Some(value)), expect(b"none", None)],
        ..Batch::default()
    };
    check_commit(&engine, only_asks(b"2"), CommitOutcome::Durable).await;
    check_commit(&engine, only_asks(b"1"), CommitOutcome::Conflict).await;
}

/// One expectation of several that fails keeps all writes and deletes back.
pub async fn atomic(place: &Place) {
    let engine = place.open();
    check_commit(&engine, put(b"kept", b"1"), CommitOutcome::Durable).await;
    let batch = |other: Option<&[u8]>| Batch {
        expect: vec![expect(b"kept", Some(b"1")), expect(b"other", other)],
        puts: vec![
            (b"new".to_vec(), b"1".to_vec()),
            (b"other".to_vec(), b"1".to_vec()),
        ],
        deletes: vec![b"kept".to_vec()],
    };
    check_commit(&engine, batch(Some(b"1")), CommitOutcome::Conflict).await;
    check_scan(&engine, (b"", &key_after_all(), 9, false), &[b"kept"]).await;
    check_commit(&engine, batch(None), CommitOutcome::Durable).await;
    check_scan(
        &engine,
        (b"", &key_after_all(), 9, false),
        &[b"new", b"other"],
    )
    .await;
}

/// Batches that wait together see those before them: each of a chain of 64 relies on the one before,
/// and one in the middle that does not hold is left out alone.
pub async fn one_after_the_other_in_a_group(place: &Place) {
    let engine = place.open();
    let mut batches = Vec::new();
    for step in 0..64u8 {
        let before = [step.wrapping_sub(1)];
        let before = (step > 0).then_some(before.as_slice());
        batches.push(Batch {
            expect: vec![expect(b"step", before)],
            ..put(b"step", &[step])
        });
    }
    let wrong = Batch {
        expect: vec![expect(b"step", Some(b"x"))],
        ..put(b"wrong", b"1")
    };
    batches.insert(32, wrong);
    let outcomes = commit_together(&engine, batches).await;
    for (index, outcome) in outcomes.into_iter().enumerate() {
        let expected = if index == 32 {
            CommitOutcome::Conflict
        } else {
            CommitOutcome::Durable
        };
        assert_eq!(outcome, expected, "outcome of batch {index}");
    }
    check_get(&engine, b"step", Some(&[63])).await;
    check_get(&engine, b"wrong", None).await;
}

/// What was answered as durable is there after opening again, and in the order of the answers.
pub async fn reopened(place: &Place) {
    for round in 0..4u8 {
        let engine = place.open();
        let before = [round.wrapping_sub(1)];
        let before = (round > 0).then_some(before.as_slice());
        check_get(&engine, b"round", before).await;
        let batch = Batch {
            expect: vec![expect(b"round", before)],
            puts: vec![
                (b"round".to_vec(), vec![round]),
                (vec![b'r', round], vec![round]),
            ],
            deletes: vec![vec![b'r', round.wrapping_sub(1)]],
        };
        check_commit(&engine, batch, CommitOutcome::Durable).await;
    }
    let engine = place.open();
    check_scan(
        &engine,
        (b"", &key_after_all(), 9, false),
        &[&[b'r', 3], b"round"],
    )
    .await;
}

/// The largest values and batches are kept as they are, also over an opening.
pub async fn large_values(place: &Place) {
    let value = |seed: usize| -> Value {
        let bytes = (0..VALUE_BYTES_MAX).map(|index| u8::try_from((index * 31 + seed) % 251));
        bytes.map(|byte| byte.expect("below 251")).collect()
    };
    let lengths = [
        0,
        1,
        4095,
        4096,
        4097,
        32 * 1024,
        VALUE_BYTES_MAX - 1,
        VALUE_BYTES_MAX,
    ];
    let engine = place.open();
    for length in lengths {
        let key = format!("length/{length}");
        let batch = put(key.as_bytes(), &value(length)[..length]);
        check_commit(&engine, batch, CommitOutcome::Durable).await;
    }
    let fifteen =
        (0..15usize).map(|index| (format!("batch/{index:02}").into_bytes(), value(index)));
    let batch = Batch {
        puts: fifteen.collect(),
        ..Batch::default()
    };
    check_commit(&engine, batch, CommitOutcome::Durable).await;
    drop(engine);
    let engine = place.open();
    for length in lengths {
        let key = format!("length/{length}");
        check_get(&engine, key.as_bytes(), Some(&value(length)[..length])).await;
    }
    let pairs = engine
        .scan(b"batch/", b"batch0", 99, false)
        .await
        .expect("can be read");
    assert_eq!(pairs.len(), 15);
    for (index, (_, found)) in pairs.iter().enumerate() {
        assert!(
            *found == value(index),
            "value {index} of the large batch changed"
        );
    }
}

/// What is over a bound is refused with its reason, and nothing of it is applied.
pub async fn refusals(place: &Place) {
    let engine = place.open();
    let check = async |batch: Batch, expected: fn(&StoreError) -> bool| {
        let refused = engine
            .try_commit(batch.clone())
            .await
            .expect_err("over a bound");
        assert!(
            expected(&refused),
            "refused for another reason: {refused:?}"
        );
        assert_eq!(committed(&engine, batch).await, CommitOutcome::Refused);
    };
    let long = vec![b'k'; KEY_BYTES_MAX + 1];
    check(put(b"", b"v"), |error| {
        matches!(error, StoreError::KeyEmpty)
    })
    .await;
    check(put(&long, b"v"), |error| {
        matches!(error, StoreError::KeyTooLong { bytes: 513 })
    })
    .await;
    let large = vec![0; VALUE_BYTES_MAX + 1];
    check(put(b"k", &large), |error| {
        matches!(error, StoreError::ValueTooLarge { bytes: 65_537 })
    })
    .await;
    let delete = Batch {
        deletes: vec![long.clone()],
        ..put(b"k", b"v")
    };
    check(delete, |error| {
        matches!(error, StoreError::KeyTooLong { .. })
    })
    .await;
    let asks = Batch {
        expect: vec![expect(&long, None)],
        ..put(b"k", b"v")
    };
    check(asks, |error| matches!(error, StoreError::KeyTooLong { .. })).await;
    let twice = Batch {
        deletes: vec![b"k".to_vec()],
        ..put(b"k", b"v")
    };
    check(twice, |error| matches!(error, StoreError::KeyTwice)).await;
    let values = BATCH_BYTES_MAX / VALUE_BYTES_MAX;
    let sixteen = (0..values).map(|index| (index.to_be_bytes().to_vec(), vec![0; VALUE_BYTES_MAX]));
    let heavy = Batch {
        puts: sixteen.collect(),
        ..Batch::default()
    };
    check(heavy, |error| {
        matches!(error, StoreError::BatchTooLarge { .. })
    })
    .await;
    let many = (0..=BATCH_KEYS_MAX).map(|index| (index.to_be_bytes().to_vec(), Vec::new()));
    let many = Batch {
        puts: many.collect(),
        ..Batch::default()
    };
    check(many, |error| {
        matches!(error, StoreError::BatchTooLong { keys: 4097 })
    })
    .await;
    check_scan(&engine, (b"", &key_after_all(), 9, false), &[]).await;
    let get = engine.get(&long).await;
    assert!(matches!(get, Err(StoreError::KeyTooLong { .. })), "{get:?}");
    let scan = engine.scan(b"a", b"b", SCAN_PAIRS_MAX + 1, false).await;
    assert!(
        matches!(scan, Err(StoreError::ScanTooLong { .. })),
        "{scan:?}"
    );
}

/// 64 tasks count on one key, by condition, and each writes keys of its own: none is lost, none counted twice.
pub async fn many_committers(place: &Place) {
    const TASKS: u64 = 64;
    const ROUNDS: u64 = 4;
    let engine = place.open();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                let own = format!("own/{task}/{round}").into_bytes();
                check_commit(&engine, put(&own, b"1"), CommitOutcome::Durable).await;
                while !count_up(&engine).await {}
            }
        }));
    }
    for task in tasks {
        task.await.expect("no check failed");
    }
    let total = (TASKS * ROUNDS).to_be_bytes();
    check_get(&engine, b"count", Some(&total)).await;
    drop(engine);
    let engine = place.open();
    check_get(&engine, b"count", Some(&total)).await;
    let own = engine
        .scan(b"own/", b"own0", 9999, false)
        .await
        .expect("can be read");
    assert_eq!(own.len() as u64, TASKS * ROUNDS);
}

async fn count_up(engine: &Engine) -> bool {
    let before = engine.get(b"count").await.expect("can be read");
    let number = before.as_deref().map_or(0, |bytes| {
        u64::from_be_bytes(bytes.try_into().expect("only numbers are written here"))
    });
    let batch = Batch {
        expect: vec![expect(b"count", before.as_deref())],
        ..put(b"count", &(number + 1).to_be_bytes())
    };
    match committed(engine, batch).await {
        CommitOutcome::Durable => true,
        CommitOutcome::Conflict => false,
        other => panic!("nothing fails here, but the outcome was {other:?}"),
    }
}

/// A scan sees a batch whole or not at all, never goes back in time, and sees at least what was answered
/// as durable before it began.
pub async fn whole_batches(place: &Place) {
    const KEYS: u8 = 40;
    let engine = place.open();
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for reverse in [false, true] {
        let (engine, done) = (engine.clone(), Arc::clone(&done));
        readers.push(tokio::spawn(async move {
            let mut newest: Value = Vec::new();
            while !done.load(Ordering::Acquire) {
                let pairs = engine
                    .scan(b"w", b"x", 99, reverse)
                    .await
                    .expect("can be read");
                let seen = pairs
                    .first()
                    .map(|(_, value)| value.clone())
                    .unwrap_or_default();
                assert!(
                    pairs.is_empty() || pairs.len() == usize::from(KEYS),
                    "part of a batch"
                );
                assert!(
                    pairs.iter().all(|(_, value)| *value == seen),
                    "parts of two batches"
                );
                assert!(seen >= newest, "went back from {newest:?} to {seen:?}");
                newest = seen;
                tokio::task::yield_now().await;
            }
        }));
    }
    for round in 1..60u64 {
        let value = round.to_be_bytes().to_vec();
        let puts = (0..KEYS)
            .map(|key| (vec![b'w', key], value.clone()))
            .collect();
        let batch = Batch {
            puts,
            ..Batch::default()
        };
        check_commit(&engine, batch, CommitOutcome::Durable).await;
        check_get(&engine, &[b'w', 7], Some(&value)).await;
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.await.expect("no check failed");
    }
}

/// A small generator (xorshift64*), so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    fn bytes(&mut self, length_end: u64, byte_end: u64) -> Vec<u8> {
        let length = self.below(length_end);
        // Few different bytes, some of them the highest, so that keys share prefixes and meet the edges.
        (0..length)
            .map(|_| 0xffu8.wrapping_sub(self.below(byte_end) as u8))
            .collect()
    }

    fn key(&mut self) -> Key {
        let mut key = self.bytes(5, 4);
        key.push(self.below(256) as u8);
        key
    }
}

/// A thousand random batches, scans and openings: the engine and a map in memory agree all the time.
pub async fn like_a_map(place: &Place) {
    let mut numbers = Numbers(0x5eed);
    let mut map: BTreeMap<Key, Value> = BTreeMap::new();
    let mut engine = place.open();
    for round in 0..1000 {
        let mut writes: BTreeMap<Key, Option<Value>> = BTreeMap::new();
        for _ in 0..numbers.below(6) {
            let length = if numbers.below(20) == 0 { 9000 } else { 40 };
            let value = (numbers.below(3) > 0).then(|| numbers.bytes(length, 256));
            writes.insert(numbers.key(), value);
        }
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value.clone() {
                Some(value) => batch.puts.push((key.clone(), value)),
                None => batch.deletes.push(key.clone()),
            }
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        check_commit(&engine, batch, CommitOutcome::Durable).await;
        if round % 250 == 249 {
            drop(engine);
            engine = place.open();
        }
        let (start, end) = (numbers.key(), numbers.key());
        let (limit, reverse) = (numbers.below(30) as usize, numbers.below(2) == 1);
        let found = engine
            .scan(&start, &end, limit, reverse)
            .await
            .expect("can be read");
        let within = |pair: &(&Key, &Value)| *pair.0 >= start && *pair.0 < end;
        let all: Vec<(&Key, &Value)> = map.iter().filter(within).collect();
        let expected: Vec<(Key, Value)> = if reverse {
            all.iter()
                .rev()
                .take(limit)
                .map(|(k, v)| ((*k).clone(), (*v).clone()))
                .collect()
        } else {
            all.iter()
                .take(limit)
                .map(|(k, v)| ((*k).clone(), (*v).clone()))
                .collect()
        };
        assert!(
            found == expected,
            "round {round}: scan {start:?} to {end:?}, {limit}, {reverse}"
        );
        let key = numbers.key();
        check_get(&engine, &key, map.get(&key).map(Vec::as_slice)).await;
    }
}

mod tests;
