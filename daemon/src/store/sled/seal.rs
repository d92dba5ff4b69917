//! What a sled that is closed in order leaves behind, so that the next opening sees whether all of it is still there.
//!
//! sled takes a damaged record for the end of its file: it can't tell it from one that a crash left half written, and
//! goes on without all that came later. So the last thing that is written is a random mark, `C`, and the same mark goes
//! to a file beside sled's. If the file is there and the mark is not, something was lost that had been acknowledged.
//! After a crash there is no such file, and nothing can be told. One that a crash left without its bytes says the same:
//! it ends with a newline, which a file that was given its length and nothing more does not.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::StoreError;
use super::{SledHandle, syncs};
use crate::random;

const MARK: &[u8] = b"C";

fn file(folder: &Path) -> PathBuf {
    folder.join("CLOSED")
}

/// Says that nothing will be written any more. Nobody misses it if that fails.
pub fn close(handle: &SledHandle) -> Result<(), StoreError> {
    let mark = [&random::bytes::<16>()[..], b"\n"].concat();
    // The pair first: a crash in between leaves a store that was not closed.
    handle.step(&[(MARK.to_vec(), Some(mark.clone()))])?;
    let path = file(&handle.folder);
    fs::write(&path, &mark)
        .and_then(|()| syncs::file(&path))
        .and_then(|()| syncs::folder(&handle.folder))
        .map_err(|error| StoreError::io(path, error))
}

/// Looks whether a store that was closed has all that was written, and takes note that it is open again.
pub fn open(db: &sled::Db, folder: &Path) -> Result<(), StoreError> {
    let path = file(folder);
    let failed = |error: io::Error| StoreError::io(&path, error);
    let mark = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(failed)?,
    };
    let is_whole = mark.last() == Some(&b'\n');
    if is_whole && db.get(MARK)?.is_none_or(|found| *found != *mark) {
        return Err(StoreError::CutShort {
            path: folder.to_owned(),
        });
    }
    // A crash before this is durable: it is found closed once more, and nothing was written since.
    fs::remove_file(&path).map_err(failed)
}
