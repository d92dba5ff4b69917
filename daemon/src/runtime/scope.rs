//! Answers what one step loop asks: reads and commits.
//!
//! Knows the store and the loop; not which machine it is, and not what becomes of effects.

use std::sync::Arc;

use foedus_federation::batch::{Batch, CommitOutcome, Key, Read, Value};
use foedus_federation::bounds::STEP_INPUTS_MAX;
use foedus_federation::damaged::Damaged;
use foedus_federation::steploop::{Answer, Ask, Machine, Rows, StepLoop};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::message::{Held, Message, Replies};
use crate::bounds::SCAN_PAIRS_MAX;
use crate::metrics::Metrics;
use crate::store::{Engine, Store, StoreError};

/// What every scope is hosted with.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) store: Engine,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    /// Cancelled when the store can't serve any more: nothing is left but to stop.
    pub(super) failed: CancellationToken,
}

/// One step loop with what answers it.
pub(super) struct Scope<M: Machine> {
    step_loop: StepLoop<M>,
    ground: Ground,
    asked: Option<Ask>,
    /// Of the inputs that are under way.
    held: Vec<Held>,
    uncertain: bool,
    damaged: Option<Damaged>,
}

impl<M: Machine> Scope<M> {
    pub(super) fn new(setup: M::Setup, ground: Ground) -> Self {
        Self {
            step_loop: StepLoop::new(setup),
            ground,
            asked: None,
            held: Vec::new(),
            uncertain: false,
            damaged: None,
        }
    }

    pub(super) fn push(&mut self, input: M::Input) {
        self.step_loop.push(input);
    }

    /// Queues one message and whatever else waits: they share a step, and so a commit.
    pub(super) fn take<Done, Refused>(
        &mut self,
        message: Message<M::Input, Done, Refused>,
        inputs: &mut mpsc::Receiver<Message<M::Input, Done, Refused>>,
        replies: &mut Replies<Done, Refused>,
    ) {
        let mut next = Some(message);
        let mut room = STEP_INPUTS_MAX;
        while let Some(Message { input, reply, held }) = next {
            if let Some((reply, waiting)) = reply {
                replies.insert(reply, waiting);
            }
            if held.is_some() {
                self.held.push(held);
            }
            self.push(input);
            room -= 1;
            next = if room == 0 {
                None
            } else {
                inputs.try_recv().ok()
            };
        }
    }

    /// Whether some commit of this scope had an outcome that nobody knows. Such a scope is kept: the loop
    /// remembers it, and a loop that begins anew would not.
    pub(super) fn is_uncertain(&self) -> bool {
        self.uncertain
    }

    /// Whether the scope could not be read when it was last tried.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.is_some()
    }

    /// Goes on by one answer. Effects in `out` are to be carried out before the next call. Returns whether the
    /// loop waits for another answer, and not for inputs.
    pub(super) async fn advance(&mut self, out: &mut Vec<M::Effect>) -> bool {
        let answer = match self.asked.take() {
            None => None,
            Some(Ask::Read(reads)) => Some(self.ground.read(&reads).await),
            Some(Ask::Commit(batch)) => Some(self.commit(batch).await),
        };
        let now = self.ground.clock.now();
        self.asked = self.step_loop.advance(now, answer, out);
        if self.asked.is_none() {
            self.held.clear();
        }
        match self.step_loop.take_damage() {
            // It is tried again and again; a human is told once.
            Some(damage) if self.damaged.as_ref() == Some(&damage) => {}
            Some(damage) => {
                let error: &(dyn std::error::Error + 'static) = &damage;
                tracing::error!(error, "what is stored can't be read");
                self.damaged = Some(damage);
            }
            None if self.step_loop.settled().is_some() => self.damaged = None,
            None => {}
        }
        self.asked.is_some()
    }

    async fn commit(&mut self, batch: Batch) -> Answer {
        let begun = std::time::Instant::now();
        let outcome = match self.ground.store.try_commit(batch).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let outcome = error.outcome();
                // That the disk is full is told to whoever asks, for as long as it is.
                if outcome != CommitOutcome::DiskFull {
                    tracing::error!(error = %chain(&error), "a commit failed");
                }
                if is_final(&error) {
                    self.ground.failed.cancel();
                }
                outcome
            }
        };
        self.uncertain |= outcome == CommitOutcome::Unknown;
        self.ground.metrics.committed(outcome, begun.elapsed());
        Answer::Committed(outcome)
    }
}

impl Ground {
    /// Answers reads, in their order.
    pub(super) async fn read(&self, reads: &[Read]) -> Answer {
        match self.rows(reads).await {
            Ok(rows) => Answer::Rows(rows),
            // The commits say so; it opens by itself when there is room.
            Err(StoreError::OutOfSpace) => {
                self.metrics.found_no_room();
                Answer::DiskFull
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "a read failed");
                if is_final(&error) {
                    self.failed.cancel();
                }
                Answer::ReadFailed
            }
        }
    }

    /// What reads return, in their order.
    pub(super) async fn rows(&self, reads: &[Read]) -> Result<Vec<Rows>, StoreError> {
        let mut rows = Vec::with_capacity(reads.len());
        for read in reads {
            rows.push(match read {
                Read::Scan {
                    start,
                    end,
                    limit,
                    reverse,
                } if *limit > SCAN_PAIRS_MAX => {
                    self.pages(start.clone(), end.clone(), *limit, *reverse)
                        .await?
                }
                Read::Scan {
                    start,
                    end,
                    limit,
                    reverse,
                } => self.store.scan(start, end, *limit, *reverse).await?,
                Read::Get(key) => {
                    let value = self.store.get(key).await?;
                    value
                        .into_iter()
                        .map(|value| (key.clone(), value))
                        .collect()
                }
            });
        }
        Ok(rows)
    }

    /// A scan beyond what an engine takes at once. Only a scope's own state is read so, and only while nothing
    /// else writes to it, so that the pages are of one state.
    async fn pages(
        &self,
        mut start: Key,
        mut end: Key,
        limit: usize,
        reverse: bool,
    ) -> Result<Rows, StoreError> {
        let mut rows: Vec<(Key, Value)> = Vec::new();
        loop {
            let wanted = SCAN_PAIRS_MAX.min(limit - rows.len());
            let page = self.store.scan(&start, &end, wanted, reverse).await?;
            let full = page.len() == wanted;
            if let Some((last, _)) = page.last() {
                if reverse {
                    end = last.clone();
                } else {
                    // The least key after it.
                    start = [last.as_slice(), &[0]].concat();
                }
            }
            rows.extend(page);
            if !full || rows.len() >= limit {
                return Ok(rows);
            }
        }
    }
}

/// Whether the store will answer nothing else until it is opened again.
fn is_final(error: &StoreError) -> bool {
    matches!(error, StoreError::Failed { .. } | StoreError::Stopped)
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::{MemoryEngine, VirtualDisk};
    use foedus_federation::batch::Batch;

    #[tokio::test]
    async fn a_scan_without_a_limit_is_read_in_pages() {
        let ground = Ground {
            store: Engine::Memory(MemoryEngine::new(VirtualDisk::new())),
            clock: Clock::start(),
            metrics: Arc::default(),
            failed: CancellationToken::new(),
        };
        let count = 70_000_u32;
        let keys: Vec<u32> = (0..count).collect();
        for keys in keys.chunks(2_000) {
            let puts = keys.iter().map(|key| (key.to_be_bytes().to_vec(), vec![1]));
            let batch = Batch {
                puts: puts.collect(),
                ..Batch::default()
            };
            let outcome = ground.store.try_commit(batch).await.expect("stored");
            assert_eq!(outcome, CommitOutcome::Durable);
        }
        let scan = |reverse| Read::Scan {
            start: vec![0],
            end: vec![0xff],
            limit: usize::MAX,
            reverse,
        };
        let rows = ground.rows(&[scan(false), scan(true)]).await.expect("read");
        let ascending: Vec<&Key> = rows[0].iter().map(|(key, _)| key).collect();
        let descending: Vec<&Key> = rows[1].iter().rev().map(|(key, _)| key).collect();
        assert_eq!(ascending.len(), 70_000);
        assert!(ascending.is_sorted());
        assert_eq!(ascending, descending);
        // Each read has its answer, in their order.
        let [none, one] = [u32::MAX, 7].map(|key| key.to_be_bytes().to_vec());
        let few = Read::Scan {
            start: one.clone(),
            end: vec![0xff],
            limit: 2,
            reverse: false,
        };
        let reads = [Read::Get(none), few, Read::Get(one)];
        let rows = ground.rows(&reads).await.expect("read");
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [0, 2, 1]);
        assert_eq!(rows[1][..1], rows[2][..]);
    }
}
