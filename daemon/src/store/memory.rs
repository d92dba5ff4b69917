//! A store in memory that can fail in every way a disk can.
//!
//! [`VirtualDisk`] is plain, synchronous and deterministic, for the simulator; [`MemoryEngine`] is the same
//! behind the trait, for tests of the daemon. It must not know a clock, a thread or a random source: which
//! commit fails, and how, is the caller's plan.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foedus_federation::batch::{Batch, CommitOutcome, Key, Value};
use tokio::sync::watch;

use super::{Store, StoreError, check_batch, check_key, check_scan};

/// What goes wrong at one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power goes after the write and before the sync: nothing of it is there afterwards. The disk is
    /// stopped until [`VirtualDisk::restart`].
    CrashBeforeSync,
    /// The power goes after the sync and before the answer: all of it is there afterwards. The disk is
    /// stopped until [`VirtualDisk::restart`].
    CrashAfterSync,
    /// Applied and durable, but the answer is [`CommitOutcome::Unknown`]. The disk goes on.
    AppliedUnknown,
    /// Not applied, and the answer is [`CommitOutcome::Unknown`]. The disk goes on.
    LostUnknown,
    /// [`CommitOutcome::Conflict`], although the expectations may hold.
    Conflict,
    /// [`CommitOutcome::DiskFull`].
    DiskFull,
    /// Applied and answered as durable, but not synced: a disk that lies, or a program that does not ask it.
    /// The next honest sync covers it; a crash before that takes it back. Nothing can be promised on such a disk;
    /// it is here so that a check can be seen to find it.
    SyncSkipped,
}

/// All that a disk holds durably at one moment: a data folder that can be put back later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskImage {
    pairs: BTreeMap<Key, Value>,
}

impl DiskImage {
    /// The pairs, ascending by key.
    pub fn pairs(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.pairs.iter()
    }
}

/// A disk with one store on it.
#[derive(Debug, Default)]
pub struct VirtualDisk {
    /// What reads see.
    current: BTreeMap<Key, Value>,
    /// For each key changed since the last sync, what the disk durably holds under it.
    undo: BTreeMap<Key, Option<Value>>,
    /// Faults of the commits to come, in their order; `None` is a commit that goes well.
    plan: VecDeque<Option<Fault>>,
    full: bool,
    stopped: bool,
    commits_durable: u64,
}

impl VirtualDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        VirtualDisk::default()
    }

    /// A disk that holds an image.
    pub fn from_image(image: DiskImage) -> Self {
        VirtualDisk {
            current: image.pairs,
            ..VirtualDisk::default()
        }
    }

    /// The value of one key. An error while the disk is stopped.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        check_key(key)?;
        self.running()?;
        Ok(self.current.get(key).cloned())
    }

    /// As [`Store::scan`].
    pub fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        self.running()?;
        if !check_scan(start, end, limit)? {
            return Ok(Vec::new());
        }
        let range = self.current.range::<[u8], _>((
            std::ops::Bound::Included(start),
            std::ops::Bound::Excluded(end),
        ));
        let owned = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
        Ok(if reverse {
            range.rev().take(limit).map(owned).collect()
        } else {
            range.take(limit).map(owned).collect()
        })
    }

    /// A batch that [`check_batch`] refuses, and any batch on a stopped disk, is
    /// [`CommitOutcome::Unknown`].
    pub fn apply(&mut self, batch: Batch) -> CommitOutcome {
        self.try_apply(batch).unwrap_or(CommitOutcome::Unknown)
    }

    /// As [`Store::try_commit`].
    pub fn try_apply(&mut self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        check_batch(&batch)?;
        self.running()?;
        let fault = self.plan.pop_front().flatten();
        match fault {
            _ if self.full => return Ok(CommitOutcome::DiskFull),
            Some(Fault::DiskFull) => return Ok(CommitOutcome::DiskFull),
            Some(Fault::Conflict) => return Ok(CommitOutcome::Conflict),
            Some(Fault::LostUnknown) => return Ok(CommitOutcome::Unknown),
            _ => {}
        }
        let holds = |key: &Key, value: &Option<Value>| self.current.get(key) == value.as_ref();
        if !batch
            .expect
            .iter()
            .all(|expect| holds(&expect.key, &expect.value))
        {
            return Ok(CommitOutcome::Conflict);
        }
        self.write(batch);
        Ok(match fault {
            Some(Fault::CrashBeforeSync) => {
                self.crash();
                CommitOutcome::Unknown
            }
            Some(Fault::CrashAfterSync) => {
                self.sync();
                self.crash();
                CommitOutcome::Unknown
            }
            Some(Fault::AppliedUnknown) => {
                self.sync();
                CommitOutcome::Unknown
            }
            Some(Fault::SyncSkipped) => CommitOutcome::Durable,
            _ => {
                self.sync();
                CommitOutcome::Durable
            }
        })
    }

    fn write(&mut self, batch: Batch) {
        let Batch {
            expect: _,
            puts,
            deletes,
        } = batch;
        let puts = puts.into_iter().map(|(key, value)| (key, Some(value)));
        for (key, value) in puts.chain(deletes.into_iter().map(|key| (key, None))) {
            let before = match value {
                Some(value) => self.current.insert(key.clone(), value),
                None => self.current.remove(&key),
            };
            self.undo.entry(key).or_insert(before);
        }
    }

    fn sync(&mut self) {
        self.undo.clear();
        self.commits_durable += 1;
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.stopped {
            Err(StoreError::Stopped)
        } else {
            Ok(())
        }
    }

    /// The power goes: what was not synced is gone, and the disk is stopped.
    pub fn crash(&mut self) {
        for (key, before) in std::mem::take(&mut self.undo) {
            match before {
                Some(value) => self.current.insert(key, value),
                None => self.current.remove(&key),
            };
        }
        self.stopped = true;
    }

    /// The power is back.
    pub fn restart(&mut self) {
        self.stopped = false;
    }

    /// Whether the disk has crashed and was not restarted.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How often a sync succeeded.
    pub fn syncs(&self) -> u64 {
        self.commits_durable
    }

    /// What is durable now: the data folder, copied.
    pub fn snapshot(&self) -> DiskImage {
        let mut pairs = self.current.clone();
        for (key, before) in &self.undo {
            match before {
                Some(value) => pairs.insert(key.clone(), value.clone()),
                None => pairs.remove(key),
            };
        }
        DiskImage { pairs }
    }

    /// Puts an old data folder back in place of this one. Planned faults stay; a stopped disk stays stopped.
    pub fn restore(&mut self, image: DiskImage) {
        self.current = image.pairs;
        self.undo.clear();
    }

    /// The next commit for which no fault is planned yet fails so.
    pub fn set_fault(&mut self, fault: Fault) {
        self.plan.push_back(Some(fault));
    }

    /// Plans the commits after those planned already, one by one; `None` goes well.
    pub fn plan(&mut self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.plan.extend(faults);
    }

    /// Forgets what was planned and has not happened.
    pub fn clear_faults(&mut self) {
        self.plan.clear();
    }

    /// Fills the disk, or frees it: while full, every commit answers [`CommitOutcome::DiskFull`].
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }
}

/// A [`VirtualDisk`] behind the trait. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryEngine {
    disk: Arc<Mutex<VirtualDisk>>,
    hangs: watch::Sender<bool>,
}

impl MemoryEngine {
    /// An engine over a disk.
    pub fn new(disk: VirtualDisk) -> Self {
        MemoryEngine {
            disk: Arc::new(Mutex::new(disk)),
            hangs: watch::Sender::default(),
        }
    }

    /// As long as it hangs, no commit begins: each waits.
    pub fn set_hangs(&self, hangs: bool) {
        self.hangs.send_replace(hangs);
    }

    /// The disk, to plan faults, crash and restart it. Never held across an await.
    pub fn disk(&self) -> MutexGuard<'_, VirtualDisk> {
        // A panic in another test's thread leaves the disk whole: no method of it unwinds half way.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryEngine {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.disk().get(key)
    }

    async fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        self.disk().scan(start, end, limit, reverse)
    }

    async fn try_commit(&self, batch: Batch) -> Result<CommitOutcome, StoreError> {
        let mut hangs = self.hangs.subscribe();
        // The sender is ours, so there is an answer.
        let _goes_on = hangs.wait_for(|hangs| !hangs).await.is_ok();
        self.disk().try_apply(batch)
    }
}

#[cfg(test)]
mod tests;
