//! A copy is whole or can't be used, and a store that was compacted is the same.

use std::fs;

use foedus_federation::batch::{Batch, CommitOutcome};

use super::*;
use crate::store::{COMPACTING, COPYING, Store as _};

/// What leaves the disk.
const REMOVED: &str = "something that nobody may read";

/// Files under a folder that hold it.
fn holding(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("is there") {
        let path = entry.expect("is listed").path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else {
            let bytes = fs::read(&path).expect("can be read");
            if String::from_utf8_lossy(&bytes).contains(REMOVED) {
                found.push(path);
            }
        }
    }
    found
}

fn options() -> StoreOptions {
    StoreOptions {
        disk_reserve_bytes: 0,
        ..StoreOptions::default()
    }
}

fn quiet() -> Progress {
    Progress::new(|_| {})
}

async fn put(data: &Path, kind: EngineKind, pairs: Vec<(Vec<u8>, Vec<u8>)>) {
    let folder = DataFolder::lock(data).expect("is free");
    let engine = open(&folder, kind, &options()).expect("opens");
    for pair in pairs {
        let batch = Batch {
            puts: vec![pair],
            ..Batch::default()
        };
        let tried = engine.try_commit(batch).await;
        assert_eq!(tried.expect("there is room"), CommitOutcome::Durable);
    }
}

async fn remove(data: &Path, kind: EngineKind, keys: Vec<Vec<u8>>) {
    let folder = DataFolder::lock(data).expect("is free");
    let engine = open(&folder, kind, &options()).expect("opens");
    let batch = Batch {
        deletes: keys,
        ..Batch::default()
    };
    let tried = engine.try_commit(batch).await;
    assert_eq!(tried.expect("there is room"), CommitOutcome::Durable);
}

/// A data folder with a store of some pairs and a key file.
async fn filled(parent: &Path, kind: EngineKind) -> PathBuf {
    let data = parent.join("data");
    let pairs = (0..600u16).map(|key| (key.to_be_bytes().to_vec(), vec![7; 100]));
    put(&data, kind, pairs.collect()).await;
    fs::create_dir(data.join("keys")).expect("can be made");
    fs::write(data.join("keys/sign.key"), "secret").expect("can be written");
    data
}

async fn count(data: &Path) -> (EngineKind, usize) {
    let held = hold(data, &options()).expect("opens");
    let end = crate::store::key_after_all();
    let pairs = held.engine.scan(&[], &end, 9_999, false).await;
    (held.kind, pairs.expect("can be read").len())
}

#[tokio::test]
async fn a_copy_has_the_same_pairs_and_the_key_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let data = filled(parent.path(), EngineKind::Sled).await;
    let to = parent.path().join("to");
    let fjall = Some(EngineKind::Fjall);
    let copied = copy(&data, &to, fjall, &options(), &mut quiet()).await;
    assert_eq!(copied.expect("there is room").pairs, 600);
    assert_eq!(count(&to).await, (EngineKind::Fjall, 600));
    assert_eq!(count(&data).await, (EngineKind::Sled, 600));
    let key = to.join("keys/sign.key");
    assert_eq!(fs::read_to_string(&key).expect("is there"), "secret");
    let mode = fs::metadata(&key).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!to.join(COPYING).exists());
    // What is there is not written over.
    let again = copy(&data, &to, None, &options(), &mut quiet()).await;
    let refused = again.expect_err("there is a store");
    assert!(matches!(refused, OfflineError::TargetTaken { .. }));
    let other = parent.path().join("other");
    fs::create_dir_all(other.join("somebody's")).expect("can be made");
    let refused = copy(&data, &other, None, &options(), &mut quiet()).await;
    assert!(matches!(refused, Err(OfflineError::TargetTaken { .. })));
}

#[tokio::test]
async fn a_copy_that_was_cut_off_is_no_store_and_is_begun_anew() {
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let data = filled(parent.path(), EngineKind::Sled).await;
    let to = parent.path().join("to");
    // As a crash leaves it: half of the pairs, and the key files.
    put(
        &to.join(COPYING),
        EngineKind::Sled,
        vec![(vec![1], vec![1])],
    )
    .await;
    fs::create_dir(to.join("keys")).expect("can be made");
    let folder = DataFolder::lock(&to).expect("is free");
    let refused = Engine::open(&folder, &options()).map(drop);
    assert!(matches!(refused, Err(StoreError::HalfCopied { .. })));
    assert!(!to.join("store").exists(), "and nothing was made");
    drop(folder);
    let copied = copy(&data, &to, None, &options(), &mut quiet()).await;
    assert_eq!(copied.expect("is begun anew").pairs, 600);
    assert_eq!(count(&to).await, (EngineKind::Sled, 600));
}

#[tokio::test]
async fn a_store_that_is_compacted_is_the_same_and_smaller() {
    for kind in [EngineKind::Sled, EngineKind::Fjall] {
        let parent = tempfile::tempdir().expect("temporary files can be made");
        let data = filled(parent.path(), kind).await;
        let removed = (0..300u16).map(|key| {
            (
                vec![9, key.to_be_bytes()[0], key.to_be_bytes()[1]],
                REMOVED.repeat(2_000).into_bytes(),
            )
        });
        put(&data, kind, removed.clone().collect()).await;
        remove(&data, kind, removed.map(|(key, _)| key).collect()).await;
        assert!(!holding(&data).is_empty(), "it is still on the disk");
        let compacted = compact(&data, &options(), &mut quiet()).await;
        let compacted = compacted.expect("there is room");
        assert_eq!(compacted.pairs, 600);
        assert!(
            compacted.bytes_after * 2 < compacted.bytes_before,
            "{compacted:?}"
        );
        assert_eq!(count(&data).await, (kind, 600));
        assert!(!data.join(COMPACTING).exists());
        assert_eq!(holding(&data), [] as [PathBuf; 0]);
    }
}

#[tokio::test]
async fn what_a_crash_left_of_compacting_is_removed_at_the_next_start() {
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let data = filled(parent.path(), EngineKind::Sled).await;
    let half = data.join(COMPACTING);
    put(&half, EngineKind::Sled, vec![(vec![1], vec![1])]).await;
    assert_eq!(count(&data).await, (EngineKind::Sled, 600));
    assert!(!half.exists());
}

#[tokio::test]
async fn where_no_store_is_nothing_is_made() {
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let data = parent.path().join("data");
    let to = parent.path().join("to");
    let refused = check(&data, &options(), &mut quiet()).await.map(drop);
    let refused = refused.expect_err("there is none");
    assert!(matches!(
        refused,
        OfflineError::Store(StoreError::NoStore { .. })
    ));
    assert_eq!(ExitStatus::from(&refused), ExitStatus::NoInput);
    assert!(
        copy(&data, &to, None, &options(), &mut quiet())
            .await
            .is_err()
    );
    assert!(!data.exists() && !to.exists());
}

#[tokio::test]
async fn a_store_in_use_is_refused() {
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let data = filled(parent.path(), EngineKind::Sled).await;
    let _daemon = DataFolder::lock(&data).expect("is free");
    let refused = compact(&data, &options(), &mut quiet()).await;
    let refused = refused.expect_err("is in use");
    assert_eq!(ExitStatus::from(&refused), ExitStatus::Unavailable);
    assert!(
        refused
            .remedy()
            .is_some_and(|to_do| to_do.contains("end the other daemon"))
    );
}
