//! What a fjall that is closed in order leaves behind, so that the next opening sees whether all of it is still there.
//!
//! A last batch that is damaged looks as one that a crash left half written (`journal`), and is cut off. So a store that
//! was closed says in the file `CLOSED` where its journals ended. If they end elsewhere, something is missing that had
//! been acknowledged. After a crash there is no such file, and nothing can be told.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::super::StoreError;
use super::super::folder::sync_folder;
use super::journal::Tip;

fn file(folder: &Path) -> PathBuf {
    folder.join("CLOSED")
}

fn text(tip: Tip) -> String {
    format!("{} {}\n", tip.journal, tip.bytes)
}

/// Says that nothing will be written any more. Nobody misses it if that fails.
pub fn close(folder: &Path, tip: Tip) -> Result<(), StoreError> {
    let path = file(folder);
    // A crash in here leaves a store that was not closed, or a file that is not whole, which says the same.
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(text(tip).as_bytes())?;
        file.sync_all()?;
        sync_folder(folder)
    });
    written.map_err(|error| StoreError::io(path, error))
}

/// Looks whether a store that was closed has all that was written.
pub fn check(folder: &Path, tip: Option<Tip>) -> Result<(), StoreError> {
    let path = file(folder);
    let found = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| StoreError::io(&path, error))?,
    };
    // Not whole: a crash came before the line was durable.
    if found.last() == Some(&b'\n') && tip.is_none_or(|tip| text(tip).as_bytes() != found) {
        return Err(StoreError::CutShort {
            path: folder.to_owned(),
        });
    }
    Ok(())
}

/// Takes note that the store is open again, before fjall may write anything. A crash from here on: nothing can be told.
pub fn open(folder: &Path) -> Result<(), StoreError> {
    let path = file(folder);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        removed => removed.and_then(|()| sync_folder(folder)),
    }
    .map_err(|error: io::Error| StoreError::io(path, error))
}
