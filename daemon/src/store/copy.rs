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
    /// The store to copy into could not be read.
    #[error("the store to copy into could not be read")]
    ReadBack(#[source] StoreError),
    /// The store to copy into could not be written.
    #[error("the store to copy into could not be written")]
    Write(#[source] StoreError),
    /// The store to copy into did not make a batch durable.
    #[error("the store to copy into answered {0:?} instead of writing")]
    NotDurable(CommitOutcome),
    /// The copy does not hold what was copied.
    #[error("the copy is not the same as the store that it was made from, from pair {pair} on")]
    Differs {
        /// How many pairs come before.
        pair: u64,
    },
}

/// Copies every pair and returns how many there were. `told` is called now and then with how many it were so far.
///
/// Nothing may write to either meanwhile. A copy that ended with an error, or was cut off, leaves a part behind: throw that
/// store away and copy into a new one.
pub async fn copy_store(
    from: &Engine,
    to: &Engine,
    told: &mut dyn FnMut(u64),
) -> Result<u64, CopyError> {
    let end = key_after_all();
    if !to
        .scan(&[], &end, 1, false)
        .await
        .map_err(CopyError::ReadBack)?
        .is_empty()
    {
        return Err(CopyError::TargetNotEmpty);
    }
    let mut pages = Pages::of(from);
    loop {
        let page = pages.next().await.map_err(CopyError::Read)?;
        if page.is_empty() {
            return Ok(pages.pairs);
        }
        told(pages.pairs);
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

/// Reads both to their ends and holds one against the other.
pub async fn compare_stores(
    from: &Engine,
    to: &Engine,
    told: &mut dyn FnMut(u64),
) -> Result<(), CopyError> {
    let (mut pages, mut copies) = (Pages::of(from), Pages::of(to));
    loop {
        let pair = pages.pairs;
        let page = pages.next().await.map_err(CopyError::Read)?;
        if copies.next().await.map_err(CopyError::ReadBack)? != page {
            return Err(CopyError::Differs { pair });
        }
        if page.is_empty() {
            return Ok(());
        }
        told(pages.pairs);
    }
}

/// A store from its first pair to its last, a page at a time.
pub struct Pages<'a> {
    engine: &'a Engine,
    start: Key,
    /// How many pairs were read.
    pub pairs: u64,
}

impl<'a> Pages<'a> {
    /// From the first pair on.
    pub fn of(engine: &'a Engine) -> Self {
        Self {
            engine,
            start: Key::new(),
            pairs: 0,
        }
    }

    /// The next pairs; none after the last.
    pub async fn next(&mut self) -> Result<Vec<(Key, Value)>, StoreError> {
        let end = key_after_all();
        let page = self
            .engine
            .scan(&self.start, &end, COPY_PAGE_PAIRS_MAX, false);
        let page = page.await?;
        if let Some((last, _)) = page.last() {
            // The first key after the last one seen.
            self.start = [last.as_slice(), &[0]].concat();
        }
        self.pairs += u64::try_from(page.len()).expect("a page is a few hundred pairs");
        Ok(page)
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
