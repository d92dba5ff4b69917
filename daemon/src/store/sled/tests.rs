//! sled's own traps.

use super::*;
use crate::bounds::{GROUP_BYTES_MAX, SLED_UNSYNCED_BYTES_MAX, VALUE_BYTES_MAX};

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

/// Bytes that this thread's process has handed to write calls. Other tests write too, so it is an upper bound.
fn bytes_written() -> usize {
    let text = fs::read_to_string("/proc/self/io").expect("Linux tells");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "))
        .expect("is there");
    line.parse().expect("a number")
}

#[test]
#[ignore = "reads a counter of the whole process: run it alone"]
fn what_is_written_between_syncs_stays_under_half_a_segment() {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = SledHandle::open(folder.path(), CACHE_BYTES).expect("is new");
    let mut worst = 0;
    for (size, count) in [
        (VALUE_BYTES_MAX, 15),
        (8 * 1024, 127),
        (300, 3000),
        (1, 4096),
    ] {
        assert!(size * count <= GROUP_BYTES_MAX);
        let mut worst_of_size = 0;
        let mut number = 1u64;
        for _ in 0..60 {
            let mut writes = Writes::new();
            while writes.len() < count {
                number = number
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                // Keys from all over a space of a few thousand: most pages are rewritten, none alone.
                let key = format!("{size}/{:05}", (number >> 33) % 8192).into_bytes();
                writes.insert(key, Some(vec![7; size]));
            }
            let before = bytes_written();
            handle.write(&writes).expect("can be written");
            worst_of_size = worst_of_size.max(bytes_written() - before);
        }
        eprintln!("{count} values of {size} bytes: at most {worst_of_size} bytes between syncs");
        worst = worst.max(worst_of_size);
    }
    assert!(
        worst < SLED_UNSYNCED_BYTES_MAX,
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
