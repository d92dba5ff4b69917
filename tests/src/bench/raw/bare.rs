//! What the engines do by themselves: their own batches, and a sync that makes each durable. On one thread, without the
//! daemon's writer, its expectations and its checks.

use std::fs::File;
use std::time::Duration;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use foedus_daemon::store::EngineKind;

use super::engine::{RUN_MESSAGES, STORED_BYTES, noise};
use super::{BareLimits, a_second};
use crate::bench::bounds::LIST_MESSAGES;
use crate::bench::failed::Failed;

/// Pairs of one batch, and bytes of each value.
type Shape = (usize, usize);

const ONE: Shape = (1, STORED_BYTES);
const LIST: Shape = (LIST_MESSAGES / RUN_MESSAGES, RUN_MESSAGES * STORED_BYTES);

/// Measures an engine in a folder of its own.
pub fn measure(kind: EngineKind, time: Duration) -> Result<BareLimits, Failed> {
    let folder = tempfile::tempdir()?;
    let mut keys = 0_u64;
    let mut pairs = |(count, bytes): Shape| {
        (0..count)
            .map(|_| {
                keys += 1;
                (keys.to_be_bytes(), noise(keys, bytes))
            })
            .collect::<Vec<_>>()
    };
    let (in_turn, lists) = match kind {
        EngineKind::Sled => {
            let db = sled::Config::new()
                .path(folder.path())
                .flush_every_ms(None)
                .open()?;
            // sled's own flush makes nothing durable on Linux.
            let file = File::options().write(true).open(folder.path().join("db"))?;
            let mut write = |shape| -> Result<(), Failed> {
                let mut batch = sled::Batch::default();
                for (key, value) in pairs(shape) {
                    batch.insert(&key, value);
                }
                db.apply_batch(batch)?;
                db.flush()?;
                Ok(file.sync_data()?)
            };
            (rate(time, ONE, &mut write)?, rate(time, LIST, &mut write)?)
        }
        EngineKind::Fjall => {
            let database = Database::builder(folder.path()).worker_threads(1).open()?;
            let keyspace = database.keyspace("bare", KeyspaceCreateOptions::default)?;
            let mut write = |shape| -> Result<(), Failed> {
                let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
                for (key, value) in pairs(shape) {
                    batch.insert(&keyspace, key, value);
                }
                Ok(batch.commit()?)
            };
            (rate(time, ONE, &mut write)?, rate(time, LIST, &mut write)?)
        }
    };
    Ok(BareLimits {
        in_turn,
        in_lists: lists * LIST_MESSAGES as f64,
    })
}

fn rate(
    time: Duration,
    shape: Shape,
    write: &mut dyn FnMut(Shape) -> Result<(), Failed>,
) -> Result<f64, Failed> {
    let mut failed = Ok(());
    let rate = a_second(time, || {
        if failed.is_ok() {
            failed = write(shape);
        }
    });
    failed.map(|()| rate)
}
