//! fjall 3, the second engine.
//!
//! It knows fjall's options, and nothing of what is stored. A batch is written to the journal, synced with fsync (`PersistMode::SyncAll`) and
//! only then put into the table in memory, all in `commit()`; tables, journals and their folders are synced
//! by fjall itself. `Keyspace::get` and `range` look past the last finished batch, so every read here goes
//! through a snapshot, which does not.

use std::path::Path;

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
}

impl Handle for FjallHandle {
    const KIND: EngineKind = EngineKind::Fjall;
    const SHOWS_UNSYNCED: bool = false;
    const GROUP: GroupBounds = GroupBounds {
        bytes_max: FJALL_GROUP_BYTES_MAX,
        pairs_max: FJALL_GROUP_PAIRS_MAX,
    };

    fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
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
        Ok(FjallHandle { keyspace, database })
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
        Ok(batch.commit()?)
    }
}
