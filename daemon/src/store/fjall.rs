//! fjall 3, the second engine.
//!
//! It knows fjall's options, and nothing of what is stored. A batch is written to the journal, synced with fsync (`PersistMode::SyncAll`) and
//! only then put into the table in memory, all in `commit()`; tables, journals and their folders are synced
//! by fjall itself. `Keyspace::get` and `range` look past the last finished batch, so every read here goes
//! through a snapshot, which does not.
//!
//! What fjall 3.1.13 does not do by itself, and is done here: it does not open over a last batch that a crash left in
//! pieces, though nobody was told of it, and it drops without a word what follows a batch that it can't read
//! (`journal`, `seal`).

mod journal;
mod seal;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use foedus_federation::batch::Value;

use super::embedded::{Handle, Visit};
use super::writer::GroupBounds;
use super::writer::Writes;
use super::{EngineKind, StoreError};
use crate::bounds::{
    FJALL_GROUP_BYTES_MAX, FJALL_GROUP_PAIRS_MAX, FJALL_JOURNAL_BYTES_MAX, FJALL_MEMTABLE_BYTES_MAX,
};

/// fjall, open.
pub struct FjallHandle {
    keyspace: Keyspace,
    database: Database,
    /// Dropped after the two, when fjall's threads have ended.
    closing: Closing,
}

/// Says, when fjall is closed, where its journals ended.
struct Closing {
    folder: PathBuf,
    /// A write failed: what is on the disk is not known, and is not said to be whole.
    failed: AtomicBool,
}

impl Drop for Closing {
    fn drop(&mut self) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        let closed = journal::look(&self.folder).and_then(|found| match found.tip {
            Some(tip) => seal::close(&self.folder, tip),
            None => Ok(()),
        });
        if let Err(error) = closed {
            tracing::debug!(%error, "the store was not closed in order");
        }
    }
}

impl Handle for FjallHandle {
    const KIND: EngineKind = EngineKind::Fjall;
    const SHOWS_UNSYNCED: bool = false;
    const GROUP: GroupBounds = GroupBounds {
        bytes_max: FJALL_GROUP_BYTES_MAX,
        pairs_max: FJALL_GROUP_PAIRS_MAX,
    };

    fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        if folder.exists() {
            let found = journal::look(folder)?;
            seal::check(folder, found.tip)?;
            found.mend()?;
            seal::open(folder)?;
        }
        // The table in memory is held beside the cache, and is of the same use: what was written last is read from it.
        let cache_bytes = cache_bytes
            .saturating_sub(FJALL_MEMTABLE_BYTES_MAX)
            .max(cache_bytes / 2);
        let database = Database::builder(folder)
            .cache_size(cache_bytes)
            .max_journaling_size(FJALL_JOURNAL_BYTES_MAX)
            .worker_threads(1)
            .open()?;
        let options =
            || KeyspaceCreateOptions::default().max_memtable_size(FJALL_MEMTABLE_BYTES_MAX);
        let keyspace = database.keyspace("store", options)?;
        // What a killed process left in the system's memory has been read; now it is durable too.
        database.persist(PersistMode::SyncAll)?;
        Ok(FjallHandle {
            keyspace,
            database,
            closing: Closing {
                folder: folder.to_owned(),
                failed: AtomicBool::new(false),
            },
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let found = self.database.snapshot().get(&self.keyspace, key)?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let mut pairs = self.database.snapshot().range(&self.keyspace, start..end);
        while let Some(pair) = if reverse {
            pairs.next_back()
        } else {
            pairs.next()
        } {
            let (key, value) = pair.into_inner()?;
            if !visit(&key, &|| Ok(value.to_vec()))? {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: &Writes) -> Result<(), StoreError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(&self.keyspace, key.as_slice(), value.as_slice()),
                None => batch.remove(&self.keyspace, key.as_slice()),
            }
        }
        // A crash in here: the batch's checksum ends it in the journal; without it none of it is recovered.
        let committed = batch.commit();
        if committed.is_err() {
            self.closing.failed.store(true, Ordering::Relaxed);
        }
        Ok(committed?)
    }
}

#[cfg(test)]
mod tests;
