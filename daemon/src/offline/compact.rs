//! `foedusd store compact`: writes the store anew without what was overwritten and erased, and puts it in the place of
//! the one before.
//!
//! ```text
//! DATA/store.compacting/store/    being written
//! DATA/store/                     exchanged with it in one step, when it is whole and compared
//! ```
//!
//! A crash leaves the one store in its place or the other, and the next start removes what is beside it.

use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::copy::fill;
use super::{Held, OfflineError, Progress, hold};
use crate::disk::used_bytes;
use crate::store::{COMPACTING, EngineKind, StoreOptions, remove_if_there, sync_folder, sync_tree};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Keys of the store.
    pub pairs: u64,
    /// Its engine.
    pub engine: EngineKind,
    /// What it took on the disk.
    pub bytes_before: u64,
    /// What it takes now.
    pub bytes_after: u64,
}

/// Writes the store in `data` anew. The disk has to have room for both.
pub async fn compact(
    data: &Path,
    options: &StoreOptions,
    progress: &mut Progress,
) -> Result<Compacted, OfflineError> {
    let from = hold(data, options)?;
    let compacting = data.join(COMPACTING);
    remove_if_there(&compacting)?;
    let filled = fill(&from, &compacting, from.kind, options, progress).await;
    let pairs = match filled {
        Ok(pairs) => pairs,
        Err(error) => {
            // The store is as it was; what was begun only takes room.
            remove_if_there(&compacting)?;
            return Err(error);
        }
    };
    let Held {
        folder,
        kind,
        engine,
    } = from;
    // Closed before it is moved away; the folder stays ours.
    drop(engine);
    let store = data.join("store");
    let failed = |error| OfflineError::io(&store, error);
    let bytes_before = used_bytes(&store).map_err(failed)?;
    sync_tree(&compacting).map_err(failed)?;
    exchange(&store, &compacting.join("store")).map_err(|error| {
        use rustix::io::Errno;
        match error {
            Errno::INVAL | Errno::NOSYS | Errno::NOTSUP => OfflineError::CannotExchange {
                path: data.to_owned(),
            },
            error => failed(error.into()),
        }
    })?;
    sync_folder(&compacting)
        .and_then(|()| sync_folder(data))
        .map_err(failed)?;
    remove_if_there(&compacting)?;
    let bytes_after = used_bytes(&store).map_err(failed)?;
    drop(folder);
    Ok(Compacted {
        pairs,
        engine: kind,
        bytes_before,
        bytes_after,
    })
}

fn exchange(one: &Path, other: &Path) -> rustix::io::Result<()> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
}
