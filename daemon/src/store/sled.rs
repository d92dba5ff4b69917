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
//! - A segment's header says up to where the log was "stable" when the segment was begun, and sled takes
//!   written for stable. If two segments fill between two syncs, the second one's header may vouch for bytes of
//!   the first that a power cut takes away. So what is written between two syncs stays under half a segment. As
//!   sled writes a page of up to 17 values as a whole, 64 KiB can become 4 MB: values are cut into pieces
//!   (`pieces`), a group is small, and a batch that is not goes by way of redo pairs (`redo`).
//! - A damaged record looks to it like the end of the file, and it drops all that follows without a word. So a
//!   store that was closed in order carries a mark (`seal`), without which it is not opened again.
//! - sled's background thread writes between our syncs, so there is none (`flush_every_ms(None)`). That
//!   thread also is the one that moves pages out of sparse segments; without it a segment is used again only
//!   when all of its pages were rewritten.

mod pieces;
mod redo;
mod seal;
mod syncs;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use foedus_federation::batch::Value;

use super::embedded::{Handle, Visit};
use super::writer::GroupBounds;
use super::writer::Writes;
use super::{EngineKind, StoreError};
use crate::bounds::{
    SLED_LOCK_PAUSE, SLED_LOCK_TRIES_MAX, SLED_SEGMENT_BYTES, SLED_STEP_BYTES_MAX,
    SLED_STEP_PAIRS_MAX,
};

/// sled, open.
pub struct SledHandle {
    /// The one tree is sled's default one.
    db: sled::Db,
    file: File,
    folder: PathBuf,
    /// When names in the folder last changed, as of the last time they were synced.
    folder_synced: Mutex<SystemTime>,
    /// A write failed: what is on the disk is not known, and is not said to be whole.
    failed: AtomicBool,
    #[cfg(test)]
    steps_left: tests::Count,
    #[cfg(test)]
    unsynced_bytes_max: tests::Count,
}

impl SledHandle {
    /// Hands sled one batch, small enough for one sync, and syncs.
    fn step(&self, pairs: &[pieces::Raw]) -> Result<(), StoreError> {
        let done = self.try_step(pairs);
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }

    fn try_step(&self, pairs: &[pieces::Raw]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in pairs {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        #[cfg(test)]
        let before = self.before_step()?;
        // A crash in here: sled recovers the whole batch or, without its last record, none of it.
        self.db.apply_batch(batch)?;
        self.sync()?;
        #[cfg(test)]
        self.after_step(before);
        Ok(())
    }

    /// Makes durable what sled has written.
    fn sync(&self) -> Result<(), StoreError> {
        syncs::flush(&self.db)?;
        // Also for want of room: what was written may be gone from memory as if it were on the disk, so that
        // no engine that is opened anew can be believed.
        syncs::data(&self.file).map_err(|source| StoreError::NotSynced {
            path: self.folder.clone(),
            source,
        })?;
        let synced = self.sync_folder_if_changed();
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
            syncs::folder(&self.folder)?;
            *synced = changed;
        }
        Ok(())
    }
}

impl Drop for SledHandle {
    fn drop(&mut self) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = seal::close(self) {
            tracing::debug!(%error, "the store was not closed in order");
        }
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
            syncs::file(&entry.path())?;
        }
    }
    syncs::folder(folder)
}

/// How sled is opened; what depends on each of these is said on top of this file.
fn config(folder: &Path, cache_bytes: u64) -> sled::Config {
    sled::Config::new()
        .path(folder)
        .segment_size(SLED_SEGMENT_BYTES)
        .cache_capacity(cache_bytes)
        .flush_every_ms(None)
        .mode(sled::Mode::LowSpace)
}

/// sled locks its file, and a sled that was just dropped gives it free only when its last thread is
/// done. Nobody else can hold it, for the data folder is locked: so wait for that.
fn wait_for_lock(folder: &Path) -> io::Result<()> {
    let file = match open_data_file(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for _ in 0..SLED_LOCK_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(SLED_LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    // sled says better than we could what it finds.
    Ok(())
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
    const GROUP: GroupBounds = GroupBounds {
        bytes_max: SLED_STEP_BYTES_MAX,
        pairs_max: SLED_STEP_PAIRS_MAX,
    };

    fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let io_error = |error| StoreError::io(folder, error);
        wait_for_lock(folder)
            .and_then(|()| prepare(folder))
            .map_err(io_error)?;
        let db = config(folder, cache_bytes).open()?;
        // The folder is synced below, before anything is written.
        seal::open(&db, folder)?;
        let file = open_data_file(folder).map_err(io_error)?;
        let handle = SledHandle {
            db,
            file,
            folder: folder.to_owned(),
            folder_synced: Mutex::new(SystemTime::UNIX_EPOCH),
            failed: AtomicBool::new(false),
            #[cfg(test)]
            steps_left: tests::Count::new(usize::MAX),
            #[cfg(test)]
            unsynced_bytes_max: tests::Count::new(0),
        };
        handle.sync()?;
        syncs::file(&folder.join("conf")).map_err(io_error)?;
        redo::recover(&handle)?;
        Ok(handle)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match self.db.get(pieces::head_key(key))? {
            Some(head) => pieces::value(&self.db, key, &head).map(Some),
            None => Ok(None),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let mut pairs = self
            .db
            .range(pieces::head_key(start)..pieces::head_key(end));
        while let Some(pair) = if reverse {
            pairs.next_back()
        } else {
            pairs.next()
        } {
            let (head_key, head) = pair?;
            let key = &head_key[1..];
            if !visit(key, &|| pieces::value(&self.db, key, &head))? {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: &Writes) -> Result<(), StoreError> {
        let raw = pieces::cut(&self.db, writes)?;
        if pieces::steps(&raw).nth(1).is_none() {
            return self.step(&raw);
        }
        redo::write(self, &raw)
    }
}

#[cfg(test)]
mod tests;
