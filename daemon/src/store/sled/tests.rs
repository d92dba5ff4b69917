//! sled's own traps.

use std::cell::RefCell;
use std::process::Command;
use std::sync::atomic::AtomicUsize;

use super::syncs::Synced;
use super::*;
use crate::bounds::{BATCH_BYTES_MAX, SLED_PIECE_BYTES_MAX, SLED_SEGMENT_BYTES, VALUE_BYTES_MAX};

thread_local! {
    /// What was synced on this thread; each test has its own.
    static SYNCED: RefCell<Vec<Synced>> = const { RefCell::new(Vec::new()) };
}

/// Notes a sync. Called after it was made.
pub fn note(synced: Synced) {
    SYNCED.with_borrow_mut(|all| all.push(synced));
}

/// What was synced since this was asked last.
fn synced() -> Vec<Synced> {
    SYNCED.take()
}

/// A number that a test sets or reads.
pub struct Count(AtomicUsize);

impl Count {
    pub fn new(count: usize) -> Self {
        Count(AtomicUsize::new(count))
    }

    fn set(&self, count: usize) {
        self.0.store(count, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl SledHandle {
    /// Fails when the test wants no more steps; otherwise, what was written until now.
    pub fn before_step(&self) -> Result<usize, StoreError> {
        let left = self.steps_left.get();
        self.steps_left
            .set(left.checked_sub(1).ok_or(StoreError::Stopped)?);
        Ok(bytes_written())
    }

    pub fn after_step(&self, before: usize) {
        let written = bytes_written() - before;
        self.unsynced_bytes_max
            .set(self.unsynced_bytes_max.get().max(written));
    }
}

const CACHE_BYTES: u64 = 16 * 1024 * 1024;

fn write(handle: &SledHandle, writes: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) {
    let writes: Writes = writes
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect();
    handle.write(&writes).expect("can be written");
}

#[test]
fn a_half_written_snapshot_does_not_keep_the_store_shut() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    write(&handle, [(b"a".to_vec(), b"1".to_vec())]);
    drop(handle);
    // What a crash leaves while sled writes one; its name sorts behind the complete ones.
    let half = folder.path().join("snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, b"half").expect("can be written");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("opens all the same");
    assert_eq!(handle.get(b"a").expect("can be read"), Some(b"1".to_vec()));
    assert!(!half.exists());
}

#[test]
fn the_configuration_is_the_one_that_all_this_rests_on() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let config = config(folder.path(), CACHE_BYTES);
    assert_eq!(config.segment_size, 8 * 1024 * 1024);
    assert_eq!(config.cache_capacity, CACHE_BYTES);
    assert_eq!(config.flush_every_ms, None, "no background thread");
    assert_eq!(VALUE_BYTES_MAX, 64 * 1024);
    // And sled is opened with it: it writes down what can't be changed later.
    drop(SledHandle::open(folder.path(), CACHE_BYTES).expect("is new"));
    let conf = fs::read(folder.path().join("conf")).expect("sled writes it");
    let conf = String::from_utf8_lossy(&conf);
    assert!(conf.contains("segment_size: 8388608"), "{conf}");
}

/// Whoever waits for a write is answered after [`Handle::write`] returned (`store::writer`), so what was synced by
/// then was synced before anybody was told.
#[test]
fn every_write_is_flushed_and_synced_before_it_returns() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    synced();
    for key in 0..3u8 {
        write(&handle, [(vec![key], b"1".to_vec())]);
        assert_eq!(synced(), [Synced::Flushed, Synced::Data], "write {key}");
    }
    // As when sled has written a snapshot: the new name is durable, too, once.
    fs::write(folder.path().join("snap.new"), b"").expect("can be written");
    write(&handle, [(b"a".to_vec(), b"2".to_vec())]);
    assert_eq!(synced(), [Synced::Flushed, Synced::Data, Synced::Folder]);
    write(&handle, [(b"a".to_vec(), b"3".to_vec())]);
    assert_eq!(synced(), [Synced::Flushed, Synced::Data]);
    // Each part of a large batch is synced before the next is begun: six, the mark, six, and two that clear.
    let large = (0..10u8).map(|key| (vec![key], vec![key; VALUE_BYTES_MAX]));
    write(&handle, large);
    assert_eq!(synced(), [Synced::Flushed, Synced::Data].repeat(15));
}

#[test]
fn an_opening_syncs_what_it_will_read_and_what_it_made() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    synced();
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    let made = [Synced::Flushed, Synced::Data, Synced::Folder, Synced::File];
    // Before sled opens there are no files; afterwards all that it made is durable, with its name.
    assert_eq!(synced(), [[Synced::Folder].as_slice(), &made].concat());
    drop(handle);
    synced();
    let files = fs::read_dir(folder.path()).expect("is there");
    let files = files
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
        .count();
    assert!(files >= 2, "the data and the configuration");
    let _open = SledHandle::open(folder.path(), CACHE_BYTES).expect("opens");
    let mut expected = vec![Synced::File; files];
    expected.push(Synced::Folder);
    expected.extend(made);
    assert_eq!(synced(), expected);
}

/// Copies sled's files, as they are while it runs.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("temporary files can be made");
    for entry in fs::read_dir(folder).expect("is there") {
        let entry = entry.expect("is listed");
        if entry.path().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("can be copied");
        }
    }
    copy
}

#[test]
fn a_store_that_was_closed_and_has_lost_its_end_is_not_opened() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    for key in 0..20u8 {
        write(&handle, [(vec![key], vec![key; 1000])]);
    }
    let crashed = copied(folder.path());
    synced();
    drop(handle);
    let last = [Synced::File, Synced::Folder];
    assert!(synced().ends_with(&last), "the mark is durable");
    // What sled takes for the end of its file.
    let lose_the_end = |folder: &Path| {
        let db = folder.join("db");
        let mut bytes = fs::read(&db).expect("is there");
        let used = bytes.iter().rposition(|byte| *byte != 0);
        let middle = used.expect("is not empty") / 2;
        bytes[middle..middle + 100].fill(0x5a);
        fs::write(&db, bytes).expect("can be written");
    };
    let sound = copied(folder.path());
    drop(SledHandle::open(sound.path(), CACHE_BYTES).expect("is whole"));
    lose_the_end(folder.path());
    for _ in 0..2 {
        let refused = SledHandle::open(folder.path(), CACHE_BYTES).map(drop);
        assert!(
            matches!(refused, Err(StoreError::CutShort { .. })),
            "{refused:?}"
        );
    }
    // After a crash the end may be missing: nothing more can be told than what is there.
    lose_the_end(crashed.path());
    let handle = SledHandle::open(crashed.path(), CACHE_BYTES).expect("opens");
    assert_eq!(handle.get(&[19]).expect("can be read"), None);
}

/// A power cut between the file and its sync.
#[test]
fn a_seal_that_is_not_whole_does_not_keep_the_store_shut() {
    for left in [vec![], vec![0; 17], vec![0; 5]] {
        let folder = tempfile::tempdir().expect("temporary files can be made");
        let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
        write(&handle, [(b"a".to_vec(), b"1".to_vec())]);
        drop(handle);
        let closed = folder.path().join("CLOSED");
        assert_eq!(fs::read(&closed).expect("is there").last(), Some(&b'\n'));
        fs::write(&closed, &left).expect("can be written");
        let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("opens all the same");
        assert_eq!(handle.get(b"a").expect("can be read"), Some(b"1".to_vec()));
        assert!(!closed.exists(), "{left:?}");
    }
}

#[test]
fn the_largest_values_stay_in_the_file() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    for key in 0..100u8 {
        write(&handle, [(vec![key], vec![key; VALUE_BYTES_MAX])]);
    }
    drop(handle);
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("opens");
    assert_eq!(
        handle.get(&[99]).expect("can be read"),
        Some(vec![99; VALUE_BYTES_MAX])
    );
    let blobs = fs::read_dir(folder.path().join("blobs")).expect("sled makes it");
    assert_eq!(blobs.count(), 0, "a file that sled never syncs");
}

#[test]
fn a_value_that_shrinks_leaves_no_piece_behind() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    for bytes in [VALUE_BYTES_MAX, 20_000, 8_704, 8_703, 0, 30_000] {
        write(&handle, [(b"a".to_vec(), vec![7; bytes])]);
        assert_eq!(handle.get(b"a").expect("can be read"), Some(vec![7; bytes]));
        let pieces = if bytes < SLED_PIECE_BYTES_MAX {
            0
        } else {
            bytes.div_ceil(8_704)
        };
        assert_eq!(
            handle.db.len(),
            1 + pieces,
            "a head and the pieces of {bytes} bytes"
        );
    }
    handle
        .write(&Writes::from([(b"a".to_vec(), None)]))
        .expect("can be written");
    assert_eq!(handle.db.len(), 0);
}

/// Cuts a large batch off after `steps` of its parts, as a crash would, and opens again.
fn check_cut_off(steps: usize, expected: Option<Vec<u8>>) {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    write(&handle, (0..10u8).map(|key| (vec![key], b"old".to_vec())));
    let large = (0..10u8)
        .map(|key| (vec![key], Some(vec![key; VALUE_BYTES_MAX])))
        .collect();
    handle.steps_left.set(steps);
    assert!(
        handle.write(&large).is_err(),
        "was cut off after {steps} steps"
    );
    drop(handle);
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("opens");
    for key in 0..10u8 {
        let expected = expected
            .clone()
            .unwrap_or_else(|| vec![key; VALUE_BYTES_MAX]);
        let found = handle.get(&[key]).expect("can be read");
        assert!(found == Some(expected), "key {key} after {steps} steps");
    }
    assert!(
        handle.db.scan_prefix(b"r").next().is_none(),
        "redo pairs after {steps} steps"
    );
    assert!(handle.db.get(b"R").expect("can be read").is_none());
}

#[test]
fn a_large_batch_is_whole_wherever_it_is_cut_off() {
    // 640 KiB are six steps of redo pairs, then the mark, six steps again, and the clearing.
    let old = || Some(b"old".to_vec());
    for steps in 0..=6 {
        check_cut_off(steps, old());
    }
    for steps in 7..=14 {
        check_cut_off(steps, None);
    }
}

/// Bytes that the process has handed to write calls. Other tests write too: it only makes sense alone.
fn bytes_written() -> usize {
    let text = fs::read_to_string("/proc/self/io").expect("Linux tells");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .expect("is there");
    line.parse().expect("a number")
}

/// Whether this process runs one test alone. If not, it is started again, for this test, and has to succeed.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "FOEDUS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("it runs");
    let ended = Command::new(this)
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("it can be started");
    let said = String::from_utf8_lossy(&ended.stdout);
    let complained = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}{complained}");
    assert!(said.contains("1 passed"), "no test is called {test}");
    false
}

/// It reads a counter of the whole process, so it runs in one of its own.
#[test]
fn what_is_written_between_syncs_stays_under_half_a_segment() {
    if !is_alone("store::sled::tests::what_is_written_between_syncs_stays_under_half_a_segment") {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    let mut number = 1u64;
    let mut random = |end: u64| {
        number = number
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (number >> 33) % end
    };
    handle.unsynced_bytes_max.set(0);
    let sizes = [VALUE_BYTES_MAX, 16 * 1024, 8 * 1024, 4096, 300, 1, 0];
    for round in 0..500 {
        // Keys from all over one space, so that pages mix sizes: most pages are rewritten, none alone.
        let size = sizes[round % sizes.len()];
        let pairs = if round % 3 == 0 {
            1000
        } else {
            SLED_STEP_PAIRS_MAX
        };
        let bytes_max = if round % 3 == 0 {
            BATCH_BYTES_MAX
        } else {
            SLED_STEP_BYTES_MAX
        };
        let mut writes = Writes::new();
        while writes.len() < pairs && (writes.len() + 1) * (size + 5) <= bytes_max {
            let key = format!("{:05}", random(4096)).into_bytes();
            writes.insert(key, (size > 0).then(|| vec![7; size]));
        }
        handle.write(&writes).expect("can be written");
    }
    let worst = handle.unsynced_bytes_max.get();
    eprintln!("at most {worst} bytes between two syncs");
    assert!(
        worst < SLED_SEGMENT_BYTES / 2,
        "{worst} bytes between two syncs"
    );
}

#[test]
#[ignore = "takes a while: how much disk a store takes whose pages are rewritten at random"]
fn measure_growth() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    let mut number = 1u64;
    let mut live = std::collections::BTreeMap::new();
    for round in 1..=4000u64 {
        let mut writes = Writes::new();
        // New keys mostly, as logs do, and a few hot ones, as versions are.
        for index in 0..20u64 {
            number = number
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let key = if index < 4 {
                number >> 56
            } else {
                (number >> 8) | 1 << 60
            };
            writes.insert(key.to_be_bytes().to_vec(), Some(vec![7; 1000]));
        }
        live.extend(writes.keys().map(|key| (key.clone(), ())));
        handle.write(&writes).expect("can be written");
        if round % 1000 == 0 {
            let file = fs::metadata(folder.path().join("db"))
                .expect("is there")
                .len();
            eprintln!(
                "{} MB live, {} MB on disk",
                live.len() / 1000,
                file / 1_000_000
            );
        }
    }
}
