//! What the engines on a disk have in common: one handle, one writer thread, and reads that see only what
//! is durable.
//!
//! It must not know which engine it is; that is behind [`Handle`].

use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foedus_federation::batch::{Batch, CommitOutcome, Key, Value};

use super::writer::{Disk, GroupBounds, Writer, Writes};
use super::{
    DataFolder, EngineKind, Store, StoreError, StoreOptions, check_batch, check_key, check_scan,
};

/// Takes a key and a way to its value; says whether to go on.
pub type Visit<'a> =
    dyn FnMut(&[u8], &dyn Fn() -> Result<Value, StoreError>) -> Result<bool, StoreError> + 'a;

/// An engine, open.
///
/// A panic inside an engine means that it found its files damaged, or itself. It has to end the process: the
/// daemon is built with `panic = "abort"`, so a reader never goes on with half a state. In a build that unwinds
/// (tests) the writer's end turns every later call into [`StoreError::Stopped`].
pub trait Handle: Sized + Send + Sync + 'static {
    /// Which engine.
    const KIND: EngineKind;

    /// Whether a read may see a write before it is durable, or half of it.
    const SHOWS_UNSYNCED: bool;

    /// What batches that share one write may have together.
    const GROUP: GroupBounds;

    /// Opens the engine's folder, creating it if it is missing, and makes durable what it finds.
    fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError>;

    /// The value of one key.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// Hands out the pairs of a range, ascending or descending, for as long as `visit` says true.
    ///
    /// The value is only read when it is asked for: one that is being written may not be whole.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        reverse: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// Applies all or none, and returns when it is durable. After an error nobody knows.
    fn write(&self, writes: &Writes) -> Result<(), StoreError>;
}

struct State<H> {
    /// None while the engine is closed.
    handle: Option<H>,
    /// For each key of the group that is being written, the value that is durable: what reads see meanwhile.
    before: Writes,
    /// Why calls fail, if they do.
    failure: Option<Failure>,
}

#[derive(Clone)]
enum Failure {
    OutOfSpace,
    Failed(Arc<StoreError>),
    Stopped,
}

impl Failure {
    fn error(&self) -> StoreError {
        match self {
            Failure::OutOfSpace => StoreError::OutOfSpace,
            Failure::Failed(cause) => StoreError::Failed {
                cause: Arc::clone(cause),
            },
            Failure::Stopped => StoreError::Stopped,
        }
    }
}

struct Shared<H> {
    state: RwLock<State<H>>,
    path: PathBuf,
    cache_bytes: u64,
    /// Held until after the engine is closed (fields are dropped in their order).
    _folder: DataFolder,
}

impl<H: Handle> Shared<H> {
    // A poisoned lock is taken as it is: the failure inside says what may be done.
    fn read(&self) -> RwLockReadGuard<'_, State<H>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<H>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Handle> State<H> {
    fn handle(&self) -> Result<&H, StoreError> {
        match (&self.failure, &self.handle) {
            (Some(failure), _) => Err(failure.error()),
            (None, Some(handle)) => Ok(handle),
            (None, None) => Err(StoreError::Stopped),
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let handle = self.handle()?;
        match self.before.get(key) {
            Some(durable) => Ok(durable.clone()),
            None => handle.get(key),
        }
    }

    /// The engine's pairs, with those of `before` in place of what the writer is changing.
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let handle = self.handle()?;
        let range = self
            .before
            .range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)));
        let mut before: Vec<(&Key, &Option<Value>)> = range.collect();
        // Taken from the back, so the next one in the order of the scan has to be last.
        if !reverse {
            before.reverse();
        }
        let mut pairs: Vec<(Key, Value)> = Vec::new();
        handle.scan(start, end, reverse, &mut |key, value| {
            let comes_first = |other: &[u8]| if reverse { other > key } else { other < key };
            while let Some((other, durable)) = before.pop_if(|(other, _)| comes_first(other)) {
                pairs.extend(
                    durable
                        .iter()
                        .map(|durable| (other.clone(), durable.clone())),
                );
            }
            match before.pop_if(|(other, _)| other.as_slice() == key) {
                Some((key, durable)) => {
                    pairs.extend(durable.iter().map(|durable| (key.clone(), durable.clone())));
                }
                None => pairs.push((key.to_vec(), value()?)),
            }
            Ok(pairs.len() < limit)
        })?;
        let rest = before.iter().rev().filter_map(|(key, durable)| {
            durable
                .as_ref()
                .map(|durable| ((*key).clone(), durable.clone()))
        });
        pairs.extend(rest);
        pairs.truncate(limit);
        Ok(pairs)
    }
}

/// The writer's side of the shared state.
struct WriterSide<H: Handle>(Arc<Shared<H>>);

impl<H: Handle> Disk for WriterSide<H> {
    const GROUP: GroupBounds = H::GROUP;

    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.0.read().get(key)
    }

    fn apply(&mut self, writes: &Writes) -> Result<(), StoreError> {
        if H::SHOWS_UNSYNCED {
            let mut before = Writes::new();
            let state = self.0.read();
            for key in writes.keys() {
                before.insert(key.clone(), state.handle()?.get(key)?);
            }
            drop(state);
            self.0.write().before = before;
        }
        // Only this thread ever takes the lock for writing, so readers are not held up by the sync.
        self.0.read().handle()?.write(writes)?;
        // A crash before this line: durable, and nobody was told. From here on everybody sees it.
        self.0.write().before.clear();
        Ok(())
    }

    fn fail(&mut self, cause: StoreError) {
        let failure = if cause.is_lack_of_space() {
            Failure::OutOfSpace
        } else {
            Failure::Failed(Arc::new(cause))
        };
        self.0.write().failure = Some(failure);
    }

    fn failure(&self) -> Option<StoreError> {
        self.0.read().failure.as_ref().map(Failure::error)
    }

    fn reopen(&mut self) {
        let closed = self.0.write().handle.take();
        // Not under the lock: an engine may take its time to close and to open.
        drop(closed);
        let opened = H::open(&self.0.path, self.0.cache_bytes);
        match opened {
            Ok(handle) => {
                let mut state = self.0.write();
                state.handle = Some(handle);
                state.before.clear();
                state.failure = None;
            }
            Err(cause) => self.fail(cause),
        }
    }
}

impl<H: Handle> Drop for WriterSide<H> {
    /// The writer ends when the engine is dropped, or because it panicked. In the second case nobody may
    /// go on reading.
    fn drop(&mut self) {
        self.0.write().failure.get_or_insert(Failure::Stopped);
    }
}

struct Opened<H: Handle> {
    /// Dropped, and so ended, before what it writes to.
    writer: Writer,
    shared: Arc<Shared<H>>,
}

/// An engine on a disk, with its writer. Clones share both; the last one to go waits for the writer and
/// closes the engine.
pub struct Embedded<H: Handle>(Arc<Opened<H>>);

impl<H: Handle> Clone for Embedded<H> {
    fn clone(&self) -> Self {
        Embedded(Arc::clone(&self.0))
    }
}

impl<H: Handle> fmt::Debug for Embedded<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}", H::KIND, self.0.shared.path.display())
    }
}

impl<H: Handle> Embedded<H> {
    /// Opens the store in a data folder, creating it if there is none. Blocks, for a minute if the store is large.
    pub fn open(folder: &DataFolder, options: &StoreOptions) -> Result<Self, StoreError> {
        let cache_bytes = options.cache_bytes;
        let path = folder.store(H::KIND, |path| H::open(path, cache_bytes).map(drop))?;
        let handle = H::open(&path, cache_bytes)?;
        let state = State {
            handle: Some(handle),
            before: Writes::new(),
            failure: None,
        };
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            path: path.clone(),
            cache_bytes,
            _folder: folder.clone(),
        });
        let disk = WriterSide(Arc::clone(&shared));
        let writer = Writer::spawn(disk, path, options.disk_reserve_bytes)?;
        Ok(Embedded(Arc::new(Opened { writer, shared })))
    }
}

impl<H: Handle> Store for Embedded<H> {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        check_key(key)?;
        self.0.shared.read().get(key)
    }

    async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        if !check_scan(start, end, limit)? {
            return Ok(Vec::new());
        }
        self.0.shared.read().scan(start, end, limit, reverse)
    }

    async fn try_commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        check_batch(&batch)?;
        self.0.writer.commit(batch).await
    }
}
