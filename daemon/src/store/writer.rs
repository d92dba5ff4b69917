//! The thread that writes: it takes the batches that wait, checks each against the store and the ones it took
//! before, writes them as one, syncs once, and answers all.
//!
//! It must not know which engine it writes to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};

use foedus_federation::batch::{Batch, CommitOutcome, Expect, Key, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::StoreError;
use crate::bounds::{
    COMMIT_QUEUE_BATCH_BYTES_MIN, COMMIT_QUEUE_BYTES_MAX, GROUP_BATCHES_MAX, STORE_REOPEN_PAUSE,
};
use crate::disk::free_bytes;

/// The queue is counted in pieces of this size.
const PERMIT_BYTES: usize = 1024;

/// Writes of a group: the value each key gets, or none.
pub type Writes = BTreeMap<Key, Option<Value>>;

/// What the batches that share one sync may write together. A single batch may be larger.
#[derive(Debug, Clone, Copy)]
pub struct GroupBounds {
    /// Keys and values.
    pub bytes_max: usize,
    /// Writes.
    pub pairs_max: usize,
}

/// What the writer writes to.
pub trait Disk: Send + 'static {
    /// When a group is full.
    const GROUP: GroupBounds;

    /// The durable value of one key.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// Applies all or none, durably. After an error nobody knows.
    fn apply(&mut self, writes: &Writes) -> Result<(), StoreError>;

    /// From now on every call fails.
    fn fail(&mut self, cause: StoreError);

    /// Why calls fail, if they do.
    fn failure(&self) -> Option<StoreError>;

    /// Closes and opens; success ends the failure.
    fn reopen(&mut self);
}

type Answer = Result<CommitOutcome, StoreError>;

struct Request {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
    /// Room in the queue, given back when the request is answered.
    _room: OwnedSemaphorePermit,
}

/// The way to the writer's thread. Dropping it waits until what is queued is written.
pub struct Writer {
    room: Arc<Semaphore>,
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `path` is where free space is looked at.
    pub fn spawn(disk: impl Disk, path: PathBuf, reserve_bytes: u64) -> Result<Self, StoreError> {
        let (sender, requests) = channel();
        let reserve = Reserve {
            path: path.clone(),
            bytes: reserve_bytes,
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                Loop {
                    disk,
                    requests,
                    reserve,
                    next: None,
                }
                .run()
            })
            .map_err(|error| StoreError::io(path, error))?;
        Ok(Writer {
            room: Arc::new(Semaphore::new(COMMIT_QUEUE_BYTES_MAX / PERMIT_BYTES)),
            requests: Some(sender),
            thread: Some(thread),
        })
    }

    /// Hands a batch over and waits for its outcome. A caller that stops waiting while the batch is queued
    /// does not take it back.
    pub async fn commit(&self, batch: Batch) -> Answer {
        let _room = Arc::clone(&self.room)
            .acquire_many_owned(room_of(&batch))
            .await
            .map_err(|_| StoreError::Stopped)?;
        let (answer, outcome) = oneshot::channel();
        let requests = self.requests.as_ref().expect("taken only when dropped");
        requests
            .send(Request {
                batch,
                answer,
                _room,
            })
            .map_err(|_| StoreError::Stopped)?;
        // No answer: the thread ended while it had the batch, so it may have been written.
        outcome.await.unwrap_or(Ok(CommitOutcome::Unknown))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself, and its callers know by the missing answers.
            drop(thread.join());
        }
    }
}

/// Pieces of the queue that a batch takes, with what it expects, for that is held in memory too.
fn room_of(batch: &Batch) -> u32 {
    let expected = |expect: &Expect| expect.key.len() + expect.value.as_ref().map_or(0, Vec::len);
    let bytes = batch.bytes() + batch.expect.iter().map(expected).sum::<usize>();
    // A batch with thousands of large expectations may not ask for more than the queue will ever have.
    let bytes = bytes.clamp(COMMIT_QUEUE_BATCH_BYTES_MIN, COMMIT_QUEUE_BYTES_MAX);
    u32::try_from(bytes.div_ceil(PERMIT_BYTES)).expect("bounded by the queue, which is 16 MiB")
}

struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// Whether less than the reserve is free. If that can't be found out: yes.
    fn is_touched(&self) -> bool {
        self.bytes > 0 && free_bytes(&self.path).is_none_or(|free| free < self.bytes)
    }
}

struct Loop<D> {
    disk: D,
    requests: Receiver<Request>,
    reserve: Reserve,
    /// A request that did not fit in the last group.
    next: Option<Request>,
}

impl<D: Disk> Loop<D> {
    fn run(mut self) {
        while let Some(first) = self.first() {
            let group = self.gather(first);
            self.serve(group);
        }
    }

    /// The first request of a group; none when nobody can ask any more.
    fn first(&mut self) -> Option<Request> {
        if let Some(request) = self.next.take() {
            return Some(request);
        }
        // Out of space, readers wait too, and they ask for nothing here: look again now and then.
        while matches!(self.disk.failure(), Some(StoreError::OutOfSpace)) {
            match self.requests.recv_timeout(STORE_REOPEN_PAUSE) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout) => self.reopen_if_there_is_space(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.requests.recv().ok()
    }

    fn gather(&mut self, first: Request) -> Vec<Request> {
        let pairs_of = |batch: &Batch| batch.puts.len() + batch.deletes.len();
        let mut bytes = first.batch.bytes();
        let mut pairs = pairs_of(&first.batch);
        let mut group = vec![first];
        while group.len() < GROUP_BATCHES_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            bytes += request.batch.bytes();
            pairs += pairs_of(&request.batch);
            if bytes > D::GROUP.bytes_max || pairs > D::GROUP.pairs_max {
                self.next = Some(request);
                break;
            }
            group.push(request);
        }
        group
    }

    fn serve(&mut self, group: Vec<Request>) {
        if matches!(self.disk.failure(), Some(StoreError::OutOfSpace)) {
            self.reopen_if_there_is_space();
        }
        match self.disk.failure() {
            // Certainly not applied, and the same cure as for a disk that is nearly full.
            Some(StoreError::OutOfSpace) => {
                return answer_all(group, || Ok(CommitOutcome::DiskFull));
            }
            Some(_) => {
                let disk = &self.disk;
                return answer_all(group, || Err(disk.failure().unwrap_or(StoreError::Stopped)));
            }
            None if self.reserve.is_touched() => {
                return answer_all(group, || Ok(CommitOutcome::DiskFull));
            }
            None => {}
        }
        self.write(group);
    }

    fn write(&mut self, group: Vec<Request>) {
        let mut writes = Writes::new();
        let mut answers: Vec<(oneshot::Sender<Answer>, Answer, OwnedSemaphorePermit)> = Vec::new();
        for Request {
            batch,
            answer,
            _room,
        } in group
        {
            let decided = match holds(&self.disk, &writes, &batch.expect) {
                Ok(true) => {
                    let Batch {
                        expect: _,
                        puts,
                        deletes,
                    } = batch;
                    writes.extend(puts.into_iter().map(|(key, value)| (key, Some(value))));
                    writes.extend(deletes.into_iter().map(|key| (key, None)));
                    Ok(CommitOutcome::Durable)
                }
                Ok(false) => Ok(CommitOutcome::Conflict),
                Err(error) => Err(error),
            };
            answers.push((answer, decided, _room));
        }
        // A crash before the sync in here: nothing of the group, or all of it, and nobody was told.
        let applied = if writes.is_empty() {
            Ok(())
        } else {
            self.disk.apply(&writes)
        };
        let written = match applied {
            Ok(()) => CommitOutcome::Durable,
            Err(cause) => {
                self.disk.fail(cause);
                self.found_out(&writes)
            }
        };
        // Conflicts are told last too: who reads again then sees what it conflicted with.
        for (answer, decided, room) in answers {
            let told = match decided {
                Ok(CommitOutcome::Durable) => Ok(written),
                other => other,
            };
            drop(room);
            // Whoever asked may have stopped waiting.
            drop(answer.send(told));
        }
    }

    /// What became of writes that failed. For want of room the engine is opened anew, and if it opens, what it holds
    /// says whether all was applied or nothing; otherwise nobody knows. What was applied is written once more: after
    /// a sync that failed, what can be read need not be on the disk, and a second sync says nothing of it.
    fn found_out(&mut self, writes: &Writes) -> CommitOutcome {
        let lacked_room = matches!(self.disk.failure(), Some(StoreError::OutOfSpace));
        self.reopen_if_there_is_space();
        if !lacked_room || self.disk.failure().is_some() {
            return CommitOutcome::Unknown;
        }
        // Any one of them would do, as they are applied together; all are looked at because one may change nothing.
        let mut applied = writes.iter().map(|(key, value)| {
            let found = self.disk.get(key);
            found.map(|found| found == *value)
        });
        match applied.try_fold(true, |all, one| one.map(|one| all && one)) {
            Ok(true) => match self.disk.apply(writes) {
                Ok(()) => CommitOutcome::Durable,
                Err(cause) => {
                    self.disk.fail(cause);
                    CommitOutcome::Unknown
                }
            },
            Ok(false) => CommitOutcome::DiskFull,
            Err(_) => CommitOutcome::Unknown,
        }
    }

    fn reopen_if_there_is_space(&mut self) {
        let out_of_space = matches!(self.disk.failure(), Some(StoreError::OutOfSpace));
        if out_of_space && !self.reserve.is_touched() {
            self.disk.reopen();
        }
    }
}

fn answer_all(group: Vec<Request>, answer: impl Fn() -> Answer) {
    for request in group {
        // Whoever asked may have stopped waiting.
        drop(request.answer.send(answer()));
    }
}

/// Whether all expectations hold, given what the group will have written by then.
fn holds(disk: &impl Disk, writes: &Writes, expects: &[Expect]) -> Result<bool, StoreError> {
    for expect in expects {
        let found = match writes.get(&expect.key) {
            Some(written) => written.clone(),
            None => disk.get(&expect.key)?,
        };
        if found != expect.value {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
