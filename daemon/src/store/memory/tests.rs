//! What a virtual disk does at each fault, and what is there afterwards.

use foedus_federation::batch::Expect;

use super::*;

fn put(key: &[u8], value: &[u8]) -> Batch {
    Batch {
        puts: vec![(key.to_vec(), value.to_vec())],
        ..Batch::default()
    }
}

/// One fault at the second of two commits: its outcome, whether the disk goes on, and whether the
/// write is there after the power was cut and is back.
fn check(fault: Fault, outcome: CommitOutcome, goes_on: bool, is_there: bool) {
    let mut disk = VirtualDisk::new();
    disk.plan([None, Some(fault)]);
    assert_eq!(disk.apply(put(b"first", b"1")), CommitOutcome::Durable);
    let second = Batch {
        deletes: vec![b"first".to_vec()],
        ..put(b"second", b"2")
    };
    assert_eq!(disk.apply(second), outcome, "{fault:?}");
    assert_eq!(!disk.is_stopped(), goes_on, "{fault:?}");
    assert_eq!(disk.get(b"second").is_ok(), goes_on, "{fault:?}");
    disk.crash();
    disk.restart();
    let expected: &[&[u8]] = if is_there { &[b"second"] } else { &[b"first"] };
    let pairs = disk.scan(b"a", b"z", 9, false).expect("runs again");
    let keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| key.as_slice()).collect();
    assert_eq!(keys, expected, "{fault:?}");
    assert_eq!(
        disk.apply(put(b"third", b"3")),
        CommitOutcome::Durable,
        "a fault happens once"
    );
}

#[test]
fn every_fault_leaves_what_it_says() {
    check(Fault::CrashBeforeSync, CommitOutcome::Unknown, false, false);
    check(Fault::CrashAfterSync, CommitOutcome::Unknown, false, true);
    check(Fault::AppliedUnknown, CommitOutcome::Unknown, true, true);
    check(Fault::LostUnknown, CommitOutcome::Unknown, true, false);
    check(Fault::Conflict, CommitOutcome::Conflict, true, false);
    check(Fault::DiskFull, CommitOutcome::DiskFull, true, false);
    check(Fault::SyncSkipped, CommitOutcome::Durable, true, false);
}

#[test]
fn a_stopped_disk_answers_nothing() {
    let mut disk = VirtualDisk::new();
    disk.crash();
    assert!(matches!(disk.get(b"a"), Err(StoreError::Stopped)));
    assert!(matches!(
        disk.scan(b"a", b"b", 1, false),
        Err(StoreError::Stopped)
    ));
    assert!(matches!(
        disk.try_apply(put(b"a", b"1")),
        Err(StoreError::Stopped)
    ));
    assert_eq!(disk.apply(put(b"a", b"1")), CommitOutcome::Unknown);
}

#[test]
fn a_full_disk_stays_full_until_it_is_freed() {
    let mut disk = VirtualDisk::new();
    disk.set_full(true);
    assert_eq!(disk.apply(put(b"a", b"1")), CommitOutcome::DiskFull);
    assert_eq!(disk.apply(put(b"a", b"1")), CommitOutcome::DiskFull);
    disk.set_full(false);
    assert_eq!(disk.apply(put(b"a", b"1")), CommitOutcome::Durable);
}

#[test]
fn an_old_data_folder_can_be_put_back() {
    let mut disk = VirtualDisk::new();
    disk.apply(put(b"a", b"old"));
    let old = disk.snapshot();
    disk.apply(put(b"a", b"new"));
    disk.set_fault(Fault::SyncSkipped);
    disk.apply(put(b"b", b"unsynced"));
    let now = disk.snapshot();
    assert_eq!(
        now.pairs().count(),
        1,
        "an image holds what is durable only"
    );
    disk.restore(old.clone());
    assert_eq!(disk.get(b"a").expect("runs"), Some(b"old".to_vec()));
    assert_eq!(disk.snapshot(), old);
    let copy = VirtualDisk::from_image(now);
    assert_eq!(copy.get(b"a").expect("runs"), Some(b"new".to_vec()));
}

#[test]
fn an_honest_sync_covers_what_was_not_synced_before() {
    let mut disk = VirtualDisk::new();
    disk.set_fault(Fault::SyncSkipped);
    disk.apply(put(b"a", b"1"));
    disk.apply(put(b"b", b"2"));
    disk.crash();
    disk.restart();
    assert_eq!(disk.snapshot().pairs().count(), 2);
    assert_eq!(disk.syncs(), 1);
}

#[test]
fn a_conflict_by_expectation_uses_up_no_write() {
    let mut disk = VirtualDisk::new();
    let expect = vec![Expect {
        key: b"a".to_vec(),
        value: Some(b"x".to_vec()),
    }];
    assert_eq!(
        disk.apply(Batch {
            expect,
            ..put(b"b", b"1")
        }),
        CommitOutcome::Conflict
    );
    assert_eq!(disk.snapshot(), DiskImage::default());
}
