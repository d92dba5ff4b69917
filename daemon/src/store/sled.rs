//! sled 0.34, made durable.
//!
//! It knows sled's files and habits, and nothing of what is stored. What sled 0.34.7 does not do by itself, and is done here:
//!
//! - Its `flush()` ends in `sync_file_range` on Linux, which syncs neither the disk's cache nor the file's size.
//!   So every write ends with `sync_data` on a handle of our own on the same file.
//! - It writes a snapshot when it opens, from what it reads in the file, which after a killed process may
//!   only be in the system's memory. A snapshot that outlives the data it speaks of makes the store unreadable. So the
//!   file is synced before sled opens it.
//! - A snapshot that a crash left half written (`snap.….generating`) is taken for the newest one and found
//!   corrupt. It was never complete; it is removed before sled opens.
//! - It never syncs its folder, nor the file `conf`.
//! - Values too large for a segment go to files that are never synced. With segments of 8 MiB and values
//!   of at most 64 KiB there are none.
//! - sled's background thread writes between our syncs, so there is none (`flush_every_ms(None)`). That
//!   thread also is the one that moves pages out of sparse segments; without it a segment is used again only
//!   when all of its pages were rewritten.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use foedus_federation::batch::Value;

use super::embedded::{Handle, Writes};
use super::folder::sync_folder;
use super::{EngineKind, StoreError};
use crate::bounds::SLED_SEGMENT_BYTES;

/// sled, open.
pub struct SledHandle {
    /// The one tree is sled's default one.
    db: sled::Db,
    file: File,
    folder: PathBuf,
    /// When names in the folder last changed, as of the last time they were synced.
    folder_synced: Mutex<SystemTime>,
}

impl SledHandle {
    /// Makes durable what sled has written.
    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        let synced = self
            .file
            .sync_data()
            .and_then(|()| self.sync_folder_if_changed());
        synced.map_err(|error| StoreError::io(&self.folder, error))
    }

    /// A new snapshot file shows as a change of the folder.
    fn sync_folder_if_changed(&self) -> io::Result<()> {
        let changed = fs::metadata(&self.folder)?.modified()?;
        let mut synced = self
            .folder_synced
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if changed != *synced {
            sync_folder(&self.folder)?;
            *synced = changed;
        }
        Ok(())
    }
}

/// Leaves a folder in which all that sled will read is durable and complete.
fn prepare(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        } else if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

/// sled's file of data, which exists once sled is open.
fn open_data_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join("db"))
}

impl Handle for SledHandle {
    const KIND: EngineKind = EngineKind::Sled;
    const SHOWS_UNSYNCED: bool = true;

    fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let io_error = |error| StoreError::io(folder, error);
        prepare(folder).map_err(io_error)?;
        let db = sled::Config::new()
            .path(folder)
            .segment_size(SLED_SEGMENT_BYTES)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace)
            .open()?;
        let file = open_data_file(folder).map_err(io_error)?;
        let handle = SledHandle {
            db,
            file,
            folder: folder.to_owned(),
            folder_synced: Mutex::new(SystemTime::UNIX_EPOCH),
        };
        handle.sync()?;
        File::open(folder.join("conf"))
            .and_then(|conf| conf.sync_all())
            .map_err(io_error)?;
        Ok(handle)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        reverse: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let mut pairs = self.db.range::<&[u8], _>(start..end);
        while let Some(pair) = if reverse {
            pairs.next_back()
        } else {
            pairs.next()
        } {
            let (key, value) = pair?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: &Writes) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        // A crash in here: sled recovers the whole batch or, without its last record, none of it.
        self.db.apply_batch(batch)?;
        self.sync()
    }
}

#[cfg(test)]
mod tests;
