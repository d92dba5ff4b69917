//! What a daemon that has ended left on its disk, searched byte by byte.

use std::fs;
use std::path::{Path, PathBuf};

use foedus_daemon::store::{DataFolder, Engine, Store as _, StoreOptions, key_after_all};

/// Everything under a folder that holds `wanted`: files as they are, and the keys and values of the store, which an
/// engine may compress or cut. Each is named so that it can be found.
///
/// The daemon must have ended.
#[must_use]
pub fn holding(folder: &Path, data: &Path, wanted: &str) -> Vec<String> {
    let wanted = wanted.as_bytes();
    let mut found = Vec::new();
    for file in files(folder) {
        let name = file.to_string_lossy().into_owned();
        let bytes = fs::read(&file).expect("our own file can be read");
        if contains(name.as_bytes(), wanted) || contains(&bytes, wanted) {
            found.push(format!("file {name}"));
        }
    }
    for (key, value) in pairs(data) {
        if contains(&key, wanted) || contains(&value, wanted) {
            found.push(format!(
                "key {:?} of the store",
                String::from_utf8_lossy(&key)
            ));
        }
    }
    found
}

/// All keys and values of a store.
#[must_use]
pub fn pairs(data: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    const PAGE: usize = 256;
    let folder = DataFolder::lock(data).expect("the daemon has let go of its folder");
    let engine = Engine::open(&folder, &StoreOptions::default()).expect("the store opens");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (mut all, mut start, end) = (Vec::new(), vec![0], key_after_all());
        loop {
            let page = engine.scan(&start, &end, PAGE, false).await;
            let page = page.expect("the store can be read");
            let Some((last, _)) = page.last() else {
                return all;
            };
            start = [last.as_slice(), &[0]].concat();
            all.extend(page);
        }
    })
}

/// All files under a folder, whatever their depth.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("our own folder can be read") {
        let entry = entry.expect("our own folder can be read");
        let kind = entry.file_type().expect("it is there");
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
