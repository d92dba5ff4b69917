//! fjall's own traps: what it opens over, and what it must not.

use std::fs;

use super::super::writer::Writes;
use super::*;
use crate::bounds::STORE_CACHE_BYTES_DEFAULT;

/// The start of a batch, with its one item's head: what comes before the key.
const HEAD_BYTES: usize = 13 + 1 + 1 + 1 + 8 + 2 + 4 + 4;

fn open(folder: &Path) -> Result<FjallHandle, StoreError> {
    FjallHandle::open(folder, STORE_CACHE_BYTES_DEFAULT)
}

fn write(handle: &FjallHandle, key: u8, value: &[u8]) {
    let writes: Writes = [(vec![key], Some(value.to_vec()))].into();
    handle.write(&writes).expect("can be written");
}

/// A store as a power cut leaves it right after its third commit, the newest journal of it, and where in that each
/// commit begins and the last one ends.
fn crashed(value: &[u8]) -> (tempfile::TempDir, PathBuf, Vec<usize>) {
    let folder = tempfile::tempdir().expect("temporary files can be made");
    let handle = open(folder.path()).expect("is new");
    let mut ends = Vec::new();
    for key in 1..=3 {
        let found = journal::look(folder.path()).expect("is whole");
        let tip = found.tip.expect("there is a journal");
        ends.push(usize::try_from(tip.bytes).expect("it is short"));
        write(&handle, key, value);
    }
    handle.closing.failed.store(true, Ordering::Relaxed);
    drop(handle);
    let tip = journal::look(folder.path()).expect("is whole").tip;
    ends.push(usize::try_from(tip.expect("there is a journal").bytes).expect("it is short"));
    let journal = folder.path().join("0.jnl");
    (folder, journal, ends)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("can be read");
    change(&mut bytes);
    fs::write(path, bytes).expect("can be written");
}

/// Which of the three commits are there; more can be written, and is there at the next opening.
#[track_caller]
fn kept(folder: &Path) -> Vec<u8> {
    let handle = open(folder).expect("opens");
    let there = |handle: &FjallHandle, key: u8| handle.get(&[key]).expect("can be read").is_some();
    let kept = (1..=3).filter(|key| there(&handle, *key)).collect();
    write(&handle, 9, b"after");
    drop(handle);
    assert!(there(&open(folder).expect("opens"), 9));
    kept
}

#[test]
fn a_last_commit_in_pieces_is_taken_out_and_the_others_stay() {
    let (folder, journal, ends) = crashed(&[7; 2_000]);
    // Not all of the zeros that follow.
    change(&journal, |bytes| bytes.truncate(ends[3] + 10_000));
    let sound = fs::read(&journal).expect("can be read");
    let mended = |changed: &[u8]| {
        fs::write(&journal, changed).expect("can be written");
        let found = journal::look(folder.path()).expect("is what a crash leaves");
        found.mend().expect("can be mended");
        let after = fs::read(&journal).expect("can be read");
        assert!(after[..ends[2]] == sound[..ends[2]], "the others stay");
        after.get(ends[2]).is_none_or(|byte| *byte == 0)
    };
    assert!(!mended(&sound), "what is whole stays, too");
    // Every sector of it, and every field of its head, once as if it had not been written.
    for missing in (0..HEAD_BYTES).chain((HEAD_BYTES..2_000).step_by(97)) {
        let (from, to) = (ends[2] + missing, (ends[2] + missing + 512).min(ends[3]));
        let mut changed = sound.clone();
        changed[from..to].fill(0);
        assert!(mended(&changed), "from byte {missing} on");
        changed[ends[2]..].fill(0);
        changed[from..to].copy_from_slice(&sound[from..to]);
        assert!(mended(&changed), "nothing but {missing} and what follows");
    }
    for left in [0, 1, 12, 13, 20, HEAD_BYTES, 2_000] {
        let cut = &sound[..ends[2] + left];
        assert!(mended(cut), "{left} bytes of it");
    }
}

#[test]
fn fjall_opens_over_what_was_mended_and_goes_on() {
    for missing in [20, HEAD_BYTES + 300] {
        let (folder, journal, ends) = crashed(&[7; 2_000]);
        change(&journal, |bytes| {
            bytes[ends[2] + missing..][..512].fill(0);
        });
        assert_eq!(kept(folder.path()), [1, 2], "from byte {missing} on");
    }
}

/// The reason why this exists: when fjall opens over it by itself, `journal` can go.
#[test]
fn fjall_alone_does_not_open_over_a_last_commit_in_pieces() {
    let (folder, journal, ends) = crashed(&[7; 2_000]);
    change(&journal, |bytes| {
        bytes[ends[3] - 600..ends[3] - 100].fill(0)
    });
    let opened = Database::builder(folder.path()).open().map(drop);
    let refused = opened.expect_err("is in pieces");
    assert!(
        matches!(refused, fjall::Error::JournalRecovery(_)),
        "{refused}"
    );
}

#[test]
fn what_a_whole_commit_follows_is_damage_and_not_a_crash() {
    let (folder, journal, ends) = crashed(b"value");
    // The tag, the number of items, an item, and the end; of the first commit, and of the second.
    for at in [ends[0], ends[1] + 1, ends[1] + 20, ends[2] - 1] {
        let sound = fs::read(&journal).expect("can be read");
        change(&journal, |bytes| bytes[at] ^= 0x55);
        let damaged = fs::read(&journal).expect("can be read");
        let refused = open(folder.path()).map(drop);
        assert!(
            matches!(refused, Err(StoreError::JournalDamaged { .. })),
            "byte {at}: {refused:?}"
        );
        let after = fs::read(&journal).expect("can be read");
        assert!(after == damaged, "nothing was changed");
        fs::write(&journal, sound).expect("can be written");
    }
    assert_eq!(kept(folder.path()), [1, 2, 3]);
}

#[test]
fn an_older_journal_has_no_end_in_pieces() {
    let (folder, journal, ends) = crashed(b"value");
    change(&journal, |bytes| bytes[ends[3] - 1] ^= 0x55);
    fs::write(folder.path().join("1.jnl"), [0; 4096]).expect("can be written");
    let refused = open(folder.path()).map(drop);
    assert!(
        matches!(&refused, Err(StoreError::JournalDamaged { path, .. }) if *path == journal),
        "{refused:?}"
    );
}

/// A message may hold the bytes of a commit that was there before.
#[test]
fn a_copy_of_an_earlier_commit_inside_the_last_one_counts_as_nothing() {
    let (folder, journal, ends) = crashed(b"value");
    let copy = fs::read(&journal).expect("can be read")[ends[1]..ends[2]].to_vec();
    let handle = open(folder.path()).expect("opens");
    write(&handle, 4, &[copy.as_slice(), &[7; 600]].concat());
    handle.closing.failed.store(true, Ordering::Relaxed);
    drop(handle);
    change(&journal, |bytes| {
        let last = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .expect("not empty");
        bytes[last - 100..last - 50].fill(0);
    });
    assert_eq!(kept(folder.path()), [1, 2, 3]);
}

#[test]
fn a_store_that_was_closed_and_has_lost_its_end_is_not_opened() {
    let (folder, journal, ends) = crashed(b"value");
    drop(open(folder.path()).expect("opens"));
    let closed = folder.path().join("CLOSED");
    assert!(closed.exists());
    change(&journal, |bytes| bytes[ends[3] - 1] ^= 0x55);
    for _ in 0..2 {
        let refused = open(folder.path()).map(drop);
        assert!(
            matches!(refused, Err(StoreError::CutShort { .. })),
            "{refused:?}"
        );
    }
    // After a crash nothing more can be told than what is there; nor by a seal that a cut left without its bytes.
    fs::write(closed, [0; 8]).expect("can be written");
    assert_eq!(kept(folder.path()), [1, 2]);
}
