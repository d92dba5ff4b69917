//! What the engines do, through the daemon's own commit: one thread that writes, a sync for each group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use foedus_daemon::store::{DataFolder, Engine, EngineKind, Store as _, StoreOptions};
use foedus_federation::batch::{Batch, CommitOutcome};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::StoreLimits;
use crate::bench::bounds::{ENGINE_LISTS, IN_FLIGHT, LIST_MESSAGES};
use crate::bench::failed::Failed;

/// A message as it is stored: its text, header and salt. So a list stays under what sled is given between two syncs.
pub(super) const STORED_BYTES: usize = 480;

/// Entries of one value of the store.
pub(super) const RUN_MESSAGES: usize = 16;

/// Measures an engine in a folder of its own.
pub fn measure(kind: EngineKind, time: Duration) -> Result<StoreLimits, Failed> {
    let folder = tempfile::tempdir()?;
    let options = StoreOptions {
        engine: kind,
        ..StoreOptions::default()
    };
    let engine = Engine::open(&DataFolder::lock(folder.path())?, &options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()?;
    let keys = Arc::new(AtomicU64::new(0));
    let commits = |pairs, bytes, at_a_time| {
        let work = Work {
            engine: engine.clone(),
            keys: Arc::clone(&keys),
            pairs,
            bytes,
        };
        rate(&runtime, &work, at_a_time, time)
    };
    let in_turn = commits(1, STORED_BYTES, 1)?;
    let together = commits(1, STORED_BYTES, IN_FLIGHT)?;
    let runs = LIST_MESSAGES / RUN_MESSAGES;
    let lists = commits(runs, RUN_MESSAGES * STORED_BYTES, ENGINE_LISTS)?;
    Ok(StoreLimits {
        in_turn,
        together,
        in_lists: lists * LIST_MESSAGES as f64,
    })
}

/// What is committed again and again.
#[derive(Debug, Clone)]
struct Work {
    engine: Engine,
    keys: Arc<AtomicU64>,
    pairs: usize,
    bytes: usize,
}

fn rate(runtime: &Runtime, work: &Work, at_a_time: usize, time: Duration) -> Result<f64, Failed> {
    let began = Instant::now();
    let committed: u64 = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..at_a_time {
            tasks.spawn(work.clone().repeat(began + time));
        }
        let mut sum = 0;
        while let Some(ended) = tasks.join_next().await {
            sum += ended.map_err(|_| Failed::Panicked)??;
        }
        Ok::<u64, Failed>(sum)
    })?;
    Ok(committed as f64 / began.elapsed().as_secs_f64())
}

impl Work {
    async fn repeat(self, until: Instant) -> Result<u64, Failed> {
        let mut count = 0;
        while Instant::now() < until {
            let pair = |_| {
                let key = self.keys.fetch_add(1, Ordering::SeqCst);
                (key.to_be_bytes().to_vec(), noise(key, self.bytes))
            };
            let batch = Batch {
                puts: (0..self.pairs).map(pair).collect(),
                ..Batch::default()
            };
            match self.engine.try_commit(batch).await? {
                CommitOutcome::Durable => count += 1,
                other => return Err(Failed::Commit(other)),
            }
        }
        Ok(count)
    }
}

/// Bytes that do not compress.
pub(super) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut word = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..bytes.div_ceil(8)).flat_map(|_| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        word.to_le_bytes()
    });
    words.take(bytes).collect()
}
