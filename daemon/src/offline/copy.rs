//! `foedusd store copy`: another data folder with the same keys and the same store, of the same engine or the other.
//!
//! ```text
//! TO/store.copying/store/    being written; a daemon refuses the folder
//! TO/keys/                   copied when the store is whole and compared
//! TO/store/                  moved here last, in one step: from then on it can be used
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Held, OfflineError, Progress, hold, open};
use crate::store::{
    COPYING, DataFolder, EngineKind, StoreOptions, compare_stores, copy_store, remove_if_there,
    sync_folder, sync_tree,
};

const KEYS: &str = "keys";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Keys of the store.
    pub pairs: u64,
    /// The engine of the copy.
    pub engine: EngineKind,
    /// Where it is.
    pub to: PathBuf,
}

/// Copies the store in `data` and the organisation's key files into the folder `to`, which is empty, or does not exist,
/// or holds what a copy left that was cut off. What is copied from stays as it is.
pub async fn copy(
    data: &Path,
    to: &Path,
    engine: Option<EngineKind>,
    options: &StoreOptions,
    progress: &mut Progress,
) -> Result<Copied, OfflineError> {
    let from = hold(data, options)?;
    if !may_be_filled(to).map_err(|error| OfflineError::io(to, error))? {
        let path = to.to_owned();
        return Err(OfflineError::TargetTaken { path });
    }
    let target = DataFolder::lock(to)?;
    let copying = to.join(COPYING);
    // What was cut off is begun anew.
    remove_if_there(&copying)?;
    remove_if_there(&to.join(KEYS))?;
    let engine = engine.unwrap_or(from.kind);
    let pairs = fill(&from, &copying, engine, options, progress).await?;
    let put = copy_keys(from.folder.path(), to)
        .and_then(|()| sync_tree(&copying))
        // A crash before this: a copy that is not finished. After it: one that is.
        .and_then(|()| fs::rename(copying.join("store"), to.join("store")))
        .and_then(|()| sync_folder(to));
    put.map_err(|error| OfflineError::io(to, error))?;
    remove_if_there(&copying)?;
    drop(target);
    Ok(Copied {
        pairs,
        engine,
        to: to.to_owned(),
    })
}

/// Writes all pairs of a store into a new one in a data folder of its own, and holds one against the other.
pub(super) async fn fill(
    from: &Held,
    folder: &Path,
    engine: EngineKind,
    options: &StoreOptions,
    progress: &mut Progress,
) -> Result<u64, OfflineError> {
    let folder = DataFolder::lock(folder)?;
    let to = open(&folder, engine, options)?;
    let pairs = copy_store(&from.engine, &to, &mut progress.of("copied")).await?;
    // Closed and opened: what is compared is what is on the disk.
    drop(to);
    let to = open(&folder, engine, options)?;
    compare_stores(&from.engine, &to, &mut progress.of("compared")).await?;
    Ok(pairs)
}

/// Whether a folder is missing, empty, or left by a copy that was cut off.
fn may_be_filled(to: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name());
    }
    let cut_off = names.iter().any(|name| name == COPYING);
    Ok(names
        .iter()
        .all(|name| name == COPYING || name == "LOCK" || cut_off && name == KEYS))
}

/// Copies the organisation's key files, for their owner alone. Before `init` there are none.
fn copy_keys(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (from.join(KEYS), to.join(KEYS));
    if !from.try_exists()? {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(&to)?;
    for entry in fs::read_dir(&from)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut copy = options.open(to.join(entry.file_name()))?;
        io::copy(&mut File::open(entry.path())?, &mut copy)?;
        copy.flush()?;
        copy.sync_all()?;
    }
    sync_folder(&to)
}
