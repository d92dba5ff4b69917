//! Copies one store into another, to change the engine or to rewrite a store that has grown.
//!
//! It must not know what the keys mean.

use foedus_federation::batch::{Batch, CommitOutcome, Key, Value};

use super::{Engine, Store, StoreError, key_after_all};
use crate::bounds::{BATCH_BYTES_MAX, COPY_PAGE_PAIRS_MAX};

/// Why a store was not copied, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The store to copy into has something in it.
    #[error("the store to copy into is not empty")]
    TargetNotEmpty,
    /// The store to copy from could not be read.
    #[error("the store to copy from could not be read")]
    Read(#[source] StoreError),
    /// The store to copy into could not be written.
    #[error("the store to copy into could not be written")]
    Write(#[source] StoreError),
    /// The store to copy into did not make a batch durable.
    #[error("the store to copy into answered {0:?} instead of writing")]
    NotDurable(CommitOutcome),
}

/// Copies every pair and returns how many there were.
///
/// Nothing may write to either meanwhile. A copy that ended with an error, or was cut off, leaves a part behind: throw that
/// store away and copy into a new one.
pub async fn copy_store(from: &Engine, to: &Engine) -> Result<u64, CopyError> {
    let end = key_after_all();
    if !to
        .scan(&[], &end, 1, false)
        .await
        .map_err(CopyError::Read)?
        .is_empty()
    {
        return Err(CopyError::TargetNotEmpty);
    }
    let mut pairs_copied = 0;
    let mut start = Key::new();
    loop {
        let page = from.scan(&start, &end, COPY_PAGE_PAIRS_MAX, false).await;
        let page = page.map_err(CopyError::Read)?;
        let Some((last, _)) = page.last() else {
            return Ok(pairs_copied);
        };
        // The first key after the last one seen.
        start = last.clone();
        start.push(0);
        pairs_copied += u64::try_from(page.len()).expect("a page is a few hundred pairs");
        for puts in batches_of(page) {
            let outcome = to
                .try_commit(Batch {
                    puts,
                    ..Batch::default()
                })
                .await;
            match outcome.map_err(CopyError::Write)? {
                CommitOutcome::Durable => {}
                other => return Err(CopyError::NotDurable(other)),
            }
        }
    }
}

/// Cuts a page into batches that a store takes.
fn batches_of(page: Vec<(Key, Value)>) -> Vec<Vec<(Key, Value)>> {
    let mut batches = vec![Vec::new()];
    let mut bytes = 0;
    for (key, value) in page {
        bytes += key.len() + value.len();
        if bytes > BATCH_BYTES_MAX {
            bytes = key.len() + value.len();
            batches.push(Vec::new());
        }
        batches
            .last_mut()
            .expect("starts with one")
            .push((key, value));
    }
    batches
}

#[cfg(test)]
mod tests;
