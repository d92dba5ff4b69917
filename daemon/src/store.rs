//! The store: one ordered key space in which everything that must survive is kept.
//!
//! It knows keys, values, conditions and durability. It must not know what a key means; all layout is
//! `foedus_federation::keys`. Three engines implement it, and one suite holds for all of them
//! (`store::conformance`): memory with faults, sled (the default) and fjall.
//!
//! # What a read sees
//!
//! Only what is durable. A batch becomes visible after it was synced, whole, and together with the other
//! batches of its group (the ones that shared the sync). One `get` and one `scan` each see one such state; two
//! reads one after the other may see two. So nothing is ever shown, sent or built upon that a power cut could
//! still take back.
//!
//! # What a commit costs
//!
//! One dedicated thread per engine writes. Whoever commits while it is busy waits in a bounded queue and shares
//! the next sync. Reads run on the caller's thread, without a hand-over; what is not in the engine's cache
//! costs that thread a read from disk.

#[cfg(test)]
mod conformance;
mod copy;
mod embedded;
mod fjall;
mod folder;
pub mod memory;
mod sled;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use foedus_federation::batch::{Batch, CommitOutcome, Key, Value};

use crate::bounds::{
    BATCH_BYTES_MAX, BATCH_KEYS_MAX, DISK_RESERVE_BYTES_DEFAULT, KEY_BYTES_MAX, SCAN_PAIRS_MAX,
    STORE_CACHE_BYTES_DEFAULT, VALUE_BYTES_MAX,
};

pub use self::copy::{CopyError, Pages, compare_stores, copy_store};
pub use self::folder::DataFolder;
pub(crate) use self::folder::{COMPACTING, COPYING, remove_if_there, sync_folder, sync_tree};
pub use self::memory::MemoryEngine;

/// sled 0.34.
pub type SledEngine = embedded::Embedded<sled::SledHandle>;

/// fjall 3.
pub type FjallEngine = embedded::Embedded<fjall::FjallHandle>;

/// A conditional, durable, ordered key space.
pub trait Store: Send + Sync {
    /// The value of one key.
    fn get(&self, key: &[u8]) -> impl Future<Output = Result<Option<Value>, StoreError>> + Send;

    /// The first `limit` pairs with `start <= key < end`, ascending; or, reversed, the last ones, descending.
    ///
    /// An empty or inverted range has no pairs.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> impl Future<Output = Result<Vec<(Key, Value)>, StoreError>> + Send;

    /// Applies a batch, all or none, if its expectations hold, and makes it durable.
    ///
    /// An error means: certainly not applied, and the reason. That something may have been applied is not an
    /// error but [`CommitOutcome::Unknown`].
    fn try_commit(
        &self,
        batch: Batch,
    ) -> impl Future<Output = Result<CommitOutcome, StoreError>> + Send;
}

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A store that was closed in order lacks what was written last.
    #[error("the store in {} is damaged: what was written last is missing", path.display())]
    CutShort {
        /// The engine's folder.
        path: PathBuf,
    },
    /// A journal of fjall's can't be read to its end, and it is not what a crash leaves.
    #[error("the journal {} is damaged from byte {at} on, and what is missing had been written whole", path.display())]
    JournalDamaged {
        /// The journal.
        path: PathBuf,
        /// Up to where it can be read, in bytes.
        at: u64,
    },
    /// Another process has the data folder open.
    #[error("the data folder {} is in use by another daemon", path.display())]
    Locked {
        /// The data folder.
        path: PathBuf,
    },
    /// The folder was written by a newer version.
    #[error(
        "the store has format {found}, this version reads up to {known}: install a newer version"
    )]
    FormatNewer {
        /// The format found.
        found: u32,
        /// The newest format that is read here.
        known: u32,
    },
    /// The folder was written by another engine.
    #[error(
        "the store was written by engine {found}, the configuration says {wanted}: change it, or copy the store"
    )]
    OtherEngine {
        /// The engine that wrote the store.
        found: EngineKind,
        /// The one asked for.
        wanted: EngineKind,
    },
    /// The file that names format and engine says something else, or is missing while there is a store.
    #[error("{} does not say which format and engine the store beside it has", path.display())]
    FormatUnreadable {
        /// That file.
        path: PathBuf,
    },
    /// A copy into the folder was begun and did not come to its end.
    #[error("a copy of a store into {} was begun and not finished", path.display())]
    HalfCopied {
        /// The data folder.
        path: PathBuf,
    },
    /// What was written could not be made durable.
    #[error("{} could not be synced: what was written last may be lost with the next power cut", path.display())]
    NotSynced {
        /// The engine's folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to work on.
    #[error("there is no store in {}", path.display())]
    NoStore {
        /// The data folder.
        path: PathBuf,
    },
    /// A key without a byte.
    #[error("a key is empty")]
    KeyEmpty,
    /// A key over the limit.
    #[error("a key has {bytes} bytes, more than {KEY_BYTES_MAX}")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A value over the limit.
    #[error("a value has {bytes} bytes, more than {VALUE_BYTES_MAX}")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// A batch that writes more than the limit.
    #[error("a batch has {bytes} bytes, more than {BATCH_BYTES_MAX}")]
    BatchTooLarge {
        /// Its keys and values together.
        bytes: usize,
    },
    /// A batch that names more keys than the limit.
    #[error("a batch names {keys} keys, more than {BATCH_KEYS_MAX}")]
    BatchTooLong {
        /// Writes and expectations together.
        keys: usize,
    },
    /// A batch that writes one key twice.
    #[error("a batch writes the same key twice")]
    KeyTwice,
    /// A scan that asks for more than the limit.
    #[error("a scan asks for {pairs} pairs, more than {SCAN_PAIRS_MAX}")]
    ScanTooLong {
        /// The pairs asked for.
        pairs: usize,
    },
    /// The disk is full and the engine has been closed; it opens by itself once there is space.
    #[error("the store ran out of disk space and waits for more")]
    OutOfSpace,
    /// An earlier write failed. What it left on the disk is only known after the store was opened anew.
    #[error("the store failed earlier and has to be opened again")]
    Failed {
        /// What failed.
        #[source]
        cause: Arc<StoreError>,
    },
    /// Nothing serves the store any more: its writer has ended, or its virtual disk has crashed.
    #[error("the store has stopped and has to be opened again")]
    Stopped,
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// sled refused.
    #[error("the engine sled failed")]
    Sled(#[from] ::sled::Error),
    /// fjall refused.
    #[error("the engine fjall failed")]
    Fjall(#[from] ::fjall::Error),
}

impl StoreError {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        StoreError::Io {
            path: path.into(),
            source,
        }
    }

    /// What the step loop, which knows outcomes only, is told of a commit that ended so: the weakest of what may be true.
    pub(crate) fn outcome(&self) -> CommitOutcome {
        match self {
            // Certainly not applied, and cured by room.
            Self::OutOfSpace => CommitOutcome::DiskFull,
            error if error.is_refusal() => CommitOutcome::Refused,
            _ => CommitOutcome::Unknown,
        }
    }

    /// Whether the store took nothing because what was asked is over one of its limits.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::KeyEmpty
                | Self::KeyTooLong { .. }
                | Self::KeyTwice
                | Self::ValueTooLarge { .. }
                | Self::BatchTooLarge { .. }
                | Self::BatchTooLong { .. }
        )
    }

    /// Whether the cause is a lack of disk space, so that opening again, with space, is the cure.
    ///
    /// Any other failure of a write or sync is not cured by that: after a failed fsync the system may hold
    /// pages in memory that it will never write, and an engine opened over them would believe in them.
    fn is_lack_of_space(&self) -> bool {
        let source = match self {
            StoreError::OutOfSpace => return true,
            StoreError::Io { source, .. }
            | StoreError::Sled(::sled::Error::Io(source))
            | StoreError::Fjall(::fjall::Error::Io(source)) => source,
            _ => return false,
        };
        // sled hands errors on between threads as text, with the kind kept.
        matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// The engines that keep their data on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// sled 0.34, the default.
    Sled,
    /// fjall 3.
    Fjall,
}

impl fmt::Display for EngineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            EngineKind::Sled => "sled",
            EngineKind::Fjall => "fjall",
        })
    }
}

/// A name that is no engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an engine is one of: sled, fjall")]
pub struct UnknownEngine;

impl FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        match name {
            "sled" => Ok(EngineKind::Sled),
            "fjall" => Ok(EngineKind::Fjall),
            _ => Err(UnknownEngine),
        }
    }
}

/// How an engine is opened.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Which engine.
    pub engine: EngineKind,
    /// Memory of its cache.
    pub cache_bytes: u64,
    /// Below this much free space every commit answers [`CommitOutcome::DiskFull`], before the engine is asked,
    /// because an engine that runs out of space fails as a whole. There are no exceptions, not even for
    /// batches that only delete: those are written too.
    pub disk_reserve_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            engine: EngineKind::Sled,
            cache_bytes: STORE_CACHE_BYTES_DEFAULT,
            disk_reserve_bytes: DISK_RESERVE_BYTES_DEFAULT,
        }
    }
}

/// The engine chosen at run time. Clones share it; the last one to go closes it.
#[derive(Debug, Clone)]
pub enum Engine {
    /// In memory, with faults; for tests.
    Memory(MemoryEngine),
    /// sled.
    Sled(SledEngine),
    /// fjall.
    Fjall(FjallEngine),
}

impl Engine {
    /// Opens the store in a data folder, creating it if there is none. Blocks.
    pub fn open(folder: &DataFolder, options: &StoreOptions) -> Result<Engine, StoreError> {
        Ok(match options.engine {
            EngineKind::Sled => Engine::Sled(SledEngine::open(folder, options)?),
            EngineKind::Fjall => Engine::Fjall(FjallEngine::open(folder, options)?),
        })
    }
}

impl Store for Engine {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match self {
            Engine::Memory(engine) => engine.get(key).await,
            Engine::Sled(engine) => engine.get(key).await,
            Engine::Fjall(engine) => engine.get(key).await,
        }
    }

    async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        match self {
            Engine::Memory(engine) => engine.scan(start, end, limit, reverse).await,
            Engine::Sled(engine) => engine.scan(start, end, limit, reverse).await,
            Engine::Fjall(engine) => engine.scan(start, end, limit, reverse).await,
        }
    }

    async fn try_commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        match self {
            Engine::Memory(engine) => engine.try_commit(batch).await,
            Engine::Sled(engine) => engine.try_commit(batch).await,
            Engine::Fjall(engine) => engine.try_commit(batch).await,
        }
    }
}

/// A key behind every key that the store takes: the end of a scan over all of it.
pub fn key_after_all() -> Key {
    vec![0xff; KEY_BYTES_MAX + 1]
}

/// Refuses a key that no engine takes.
fn check_key(key: &[u8]) -> Result<(), StoreError> {
    match key.len() {
        0 => Err(StoreError::KeyEmpty),
        1..=KEY_BYTES_MAX => Ok(()),
        bytes => Err(StoreError::KeyTooLong { bytes }),
    }
}

/// Refuses a batch that no engine takes. Every engine asks this first.
pub fn check_batch(batch: &Batch) -> Result<(), StoreError> {
    let keys = batch.expect.len() + batch.puts.len() + batch.deletes.len();
    if keys > BATCH_KEYS_MAX {
        return Err(StoreError::BatchTooLong { keys });
    }
    for key in batch.expect.iter().map(|expect| &expect.key) {
        check_key(key)?;
    }
    let mut written = BTreeSet::new();
    for key in batch.puts.iter().map(|(key, _)| key).chain(&batch.deletes) {
        check_key(key)?;
        if !written.insert(key) {
            return Err(StoreError::KeyTwice);
        }
    }
    let longest = batch
        .puts
        .iter()
        .map(|(_, value)| value.len())
        .max()
        .unwrap_or(0);
    if longest > VALUE_BYTES_MAX {
        return Err(StoreError::ValueTooLarge { bytes: longest });
    }
    let bytes = batch.bytes();
    if bytes > BATCH_BYTES_MAX {
        return Err(StoreError::BatchTooLarge { bytes });
    }
    Ok(())
}

/// Whether a scan has to look at all; refuses one over the limit.
fn check_scan(start: &[u8], end: &[u8], limit: usize) -> Result<bool, StoreError> {
    if limit > SCAN_PAIRS_MAX {
        return Err(StoreError::ScanTooLong { pairs: limit });
    }
    Ok(start < end && limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_is_told_the_weakest_of_what_may_be_true() {
        let check =
            |error: StoreError, expected| assert_eq!(error.outcome(), expected, "{error:?}");
        check(StoreError::OutOfSpace, CommitOutcome::DiskFull);
        check(StoreError::KeyTwice, CommitOutcome::Refused);
        check(StoreError::Stopped, CommitOutcome::Unknown);
        let cause = Arc::new(StoreError::OutOfSpace);
        check(StoreError::Failed { cause }, CommitOutcome::Unknown);
    }
}
