//! The data folder of one daemon: who may use it, and in which format the store in it is.
//!
//! It must not know what an engine keeps in its own folder.
//!
//! ```text
//! LOCK                 locked by the running daemon
//! store/FORMAT         `foedus-store 1 sled`
//! store/sled/          the engine's own files
//! store.copying/       a copy into this folder that has not come to its end (`offline`)
//! store.compacting/    a store that is being written anew, or the one before that (`offline`)
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{EngineKind, StoreError};

/// What a copy into a data folder is called until it is whole.
pub const COPYING: &str = "store.copying";

/// Where a store is written anew, and where the one before it goes.
pub const COMPACTING: &str = "store.compacting";

/// The format written, and the newest one that is read.
const FORMAT_VERSION: u32 = 1;

/// A data folder that this process, and no other, may use. Clones share the lock; it goes with the last one.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
    /// The lock is the operating system's: it ends with the process, however that ends.
    _lock: Arc<File>,
}

impl DataFolder {
    /// Takes the folder, creating it (for its owner only) if it is missing.
    pub fn lock(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        created.map_err(|error| StoreError::io(&path, error))?;
        let lock_path = path.join("LOCK");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = options
            .open(&lock_path)
            .map_err(|error| StoreError::io(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder {
                path,
                _lock: Arc::new(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(StoreError::io(lock_path, error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which engine wrote the store that is there.
    pub fn engine(&self) -> Result<EngineKind, StoreError> {
        let store = self.path.join("store");
        if !store.exists() {
            let path = self.path.clone();
            return Err(StoreError::NoStore { path });
        }
        read_format(&store.join("FORMAT"))
    }

    /// Takes the folder if there is a store in it, and makes nothing.
    pub fn lock_store(path: &Path) -> Result<Self, StoreError> {
        match path.join("store").try_exists() {
            Ok(true) => Self::lock(path),
            Ok(false) => Err(StoreError::NoStore {
                path: path.to_owned(),
            }),
            Err(error) => Err(StoreError::io(path, error)),
        }
    }

    /// The engine's folder of the store, after a look at its format; `create` makes an engine's folder
    /// if there is no store yet.
    ///
    /// A new store is made beside its place, synced and moved there, so that a store that is in its place is whole:
    /// a crash before the move leaves nothing but a folder that the next start removes.
    pub(super) fn store(
        &self,
        engine: EngineKind,
        create: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<PathBuf, StoreError> {
        let store = self.path.join("store");
        let name = engine.to_string();
        if store
            .try_exists()
            .map_err(|error| StoreError::io(&store, error))?
        {
            check_format(&store.join("FORMAT"), engine)?;
            // What was compacted is in its place, or was never finished.
            remove_if_there(&self.path.join(COMPACTING))?;
            return Ok(store.join(name));
        }
        if self.path.join(COPYING).exists() {
            let path = self.path.clone();
            return Err(StoreError::HalfCopied { path });
        }
        let making = self.path.join("store.making");
        remove_if_there(&making)?;
        let made = DirBuilder::new().mode(0o700).create(&making);
        made.map_err(|error| StoreError::io(&making, error))?;
        create(&making.join(&name))?;
        write_format(&making.join("FORMAT"), engine)
            .and_then(|()| sync_tree(&making))
            .and_then(|()| fs::rename(&making, &store))
            .and_then(|()| sync_folder(&self.path))
            .map_err(|error| StoreError::io(&store, error))?;
        Ok(store.join(name))
    }
}

fn write_format(path: &Path, engine: EngineKind) -> io::Result<()> {
    File::create_new(path)?
        .write_all(format!("foedus-store {FORMAT_VERSION} {engine}\n").as_bytes())
}

/// Removes a folder with all that is in it.
pub fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(path, error)),
        _ => Ok(()),
    }
}

fn check_format(path: &Path, wanted: EngineKind) -> Result<(), StoreError> {
    let found = read_format(path)?;
    if found == wanted {
        Ok(())
    } else {
        Err(StoreError::OtherEngine { found, wanted })
    }
}

fn read_format(path: &Path) -> Result<EngineKind, StoreError> {
    let unreadable = || StoreError::FormatUnreadable {
        path: path.to_owned(),
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {
            return Err(unreadable());
        }
        Err(error) => return Err(StoreError::io(path, error)),
    };
    let line = text.strip_suffix('\n').ok_or_else(unreadable)?;
    let rest = line.strip_prefix("foedus-store ").ok_or_else(unreadable)?;
    let (version, engine) = rest.split_once(' ').unwrap_or((rest, ""));
    // The version comes first: a newer one may say what follows in another way.
    match version.parse::<u32>().map_err(|_| unreadable())? {
        FORMAT_VERSION => {}
        0 => return Err(unreadable()),
        found => {
            return Err(StoreError::FormatNewer {
                found,
                known: FORMAT_VERSION,
            });
        }
    }
    engine.parse().map_err(|_| unreadable())
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder durable with all that is in it.
pub fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(path)
}

#[cfg(test)]
mod tests;
