//! One daemon a folder, and no store read that is not understood.

use super::*;

fn folder() -> (tempfile::TempDir, DataFolder) {
    let parent = tempfile::tempdir().expect("temporary files can be made");
    let folder = DataFolder::lock(parent.path().join("data")).expect("is new");
    (parent, folder)
}

#[test]
fn a_second_daemon_is_refused_while_the_first_lives() {
    let (_parent, first) = folder();
    let second = DataFolder::lock(first.path());
    assert!(matches!(second, Err(StoreError::Locked { path }) if path == first.path()));
    let path = first.path().to_owned();
    let clone = first.clone();
    drop(first);
    assert!(
        DataFolder::lock(&path).is_err(),
        "a clone still holds the lock"
    );
    drop(clone);
    DataFolder::lock(&path).expect("the first is gone");
}

#[test]
fn an_open_store_holds_its_folder() {
    let (_parent, folder) = folder();
    let path = folder.path().to_owned();
    let engine = super::super::Engine::open(&folder, &Default::default()).expect("is new");
    drop(folder);
    assert!(matches!(
        DataFolder::lock(&path),
        Err(StoreError::Locked { .. })
    ));
    drop(engine);
    DataFolder::lock(&path).expect("the store is closed");
}

fn make_empty(path: &Path) -> Result<(), StoreError> {
    fs::create_dir(path).map_err(|error| StoreError::io(path, error))
}

fn check(format: &str, expected: fn(&StoreError) -> bool) {
    let (_parent, folder) = folder();
    folder.store(EngineKind::Sled, make_empty).expect("is new");
    fs::write(folder.path().join("store/FORMAT"), format).expect("can be written");
    let refused = folder.store(EngineKind::Sled, |_| panic!("there is a store already"));
    let refused = refused.expect_err(format);
    assert!(expected(&refused), "{format:?}: {refused}");
}

#[test]
fn only_a_format_that_is_known_is_opened() {
    check("foedus-store 2 sled\n", |e| {
        matches!(e, StoreError::FormatNewer { found: 2, known: 1 })
    });
    check("foedus-store 3 x y z\n", |e| {
        matches!(e, StoreError::FormatNewer { found: 3, .. })
    });
    check("foedus-store 1 fjall\n", |e| {
        matches!(
            e,
            StoreError::OtherEngine {
                found: EngineKind::Fjall,
                wanted: EngineKind::Sled
            }
        )
    });
    check("foedus-store 1 other\n", |e| {
        matches!(e, StoreError::FormatUnreadable { .. })
    });
    check("foedus-store 0 sled\n", |e| {
        matches!(e, StoreError::FormatUnreadable { .. })
    });
    check("foedus-store 1 sled", |e| {
        matches!(e, StoreError::FormatUnreadable { .. })
    });
    check("", |e| matches!(e, StoreError::FormatUnreadable { .. }));
}

#[test]
fn a_store_without_its_format_is_refused() {
    let (_parent, folder) = folder();
    folder.store(EngineKind::Fjall, make_empty).expect("is new");
    fs::remove_file(folder.path().join("store/FORMAT")).expect("is there");
    let refused = folder.store(EngineKind::Fjall, make_empty);
    assert!(
        matches!(refused, Err(StoreError::FormatUnreadable { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_store_half_made_is_made_again() {
    let (_parent, folder) = folder();
    fs::create_dir_all(folder.path().join("store.making/sled/rest")).expect("can be made");
    let path = folder
        .store(EngineKind::Sled, make_empty)
        .expect("is made anew");
    assert!(path.ends_with("store/sled"));
    assert!(!path.join("rest").exists());
    assert!(!folder.path().join("store.making").exists());
    let text = fs::read_to_string(folder.path().join("store/FORMAT")).expect("is there");
    assert_eq!(text, "foedus-store 1 sled\n");
}
