//! What is done with a store while no daemon runs on it: `foedusd store check`, `copy` and `compact`.
//!
//! Each takes the lock of the data folder, so that none of them runs beside a daemon. It must not know what is stored:
//! whether that fits together, the core says.

mod check;
mod compact;
mod copy;
mod show;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bounds::PROGRESS_PAUSE;
use crate::lifecycle::{ExitStatus, exit_of_io, exit_of_store, remedy_of_store};
use crate::store::{CopyError, DataFolder, Engine, EngineKind, StoreError, StoreOptions};

pub use check::{Checked, check};
pub use compact::{Compacted, compact};
pub use copy::{Copied, copy};

/// Why something could not be done with a store.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The store can't be had.
    #[error("the store can't be used")]
    Store(#[from] StoreError),
    /// The store can't be copied.
    #[error("the store can't be copied")]
    Copy(#[from] CopyError),
    /// There is something else where a copy should go.
    #[error("{} is not empty", path.display())]
    TargetTaken {
        /// Where.
        path: PathBuf,
    },
    /// The file system does not exchange two folders at once.
    #[error("the file system of {} does not exchange two folders in one step", path.display())]
    CannotExchange {
        /// The data folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
}

impl OfflineError {
    fn io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        Self::Io { path, source }
    }

    /// What would let it be done.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Store(error)
            | Self::Copy(
                CopyError::Read(error) | CopyError::ReadBack(error) | CopyError::Write(error),
            ) => remedy_of_store(error),
            Self::Copy(CopyError::NotDurable(_)) => {
                Some("give the disk more room, and try again: the store is as it was")
            }
            Self::Copy(_) => Some("see whether the disk is sound: the store is as it was"),
            Self::TargetTaken { .. } => Some("name a folder that is empty or does not exist"),
            Self::CannotExchange { .. } => {
                Some("make a copy in another folder with `foedusd store copy`, and use that")
            }
            Self::Io { .. } => Some(
                "see that it is on a disk that works and has room, and belongs to the user that runs the daemon",
            ),
        }
    }
}

impl From<&OfflineError> for ExitStatus {
    fn from(error: &OfflineError) -> Self {
        match error {
            OfflineError::Store(error)
            | OfflineError::Copy(
                CopyError::Read(error) | CopyError::ReadBack(error) | CopyError::Write(error),
            ) => exit_of_store(error),
            OfflineError::Copy(_) => Self::Io,
            OfflineError::TargetTaken { .. } => Self::CannotCreate,
            OfflineError::CannotExchange { .. } => Self::System,
            OfflineError::Io { source, .. } => exit_of_io(source.kind()),
        }
    }
}

/// A store that is open, and its folder.
struct Held {
    folder: DataFolder,
    kind: EngineKind,
    engine: Engine,
}

/// Takes the folder and opens the store in it, whichever engine wrote it.
fn hold(data: &Path, options: &StoreOptions) -> Result<Held, StoreError> {
    let folder = DataFolder::lock_store(data)?;
    let kind = folder.engine()?;
    let engine = open(&folder, kind, options)?;
    Ok(Held {
        folder,
        kind,
        engine,
    })
}

/// Opens a store by the engine that is named here, whatever the options say of it.
fn open(
    folder: &DataFolder,
    engine: EngineKind,
    options: &StoreOptions,
) -> Result<Engine, StoreError> {
    let options = StoreOptions { engine, ..*options };
    Engine::open(folder, &options)
}

/// Says how far it is, not too often.
pub struct Progress {
    say: Box<dyn FnMut(&str)>,
    said: Instant,
}

impl Progress {
    /// Progress that is said so.
    pub fn new(say: impl FnMut(&str) + 'static) -> Self {
        Self {
            say: Box::new(say),
            said: Instant::now(),
        }
    }

    fn of(&mut self, doing: &'static str) -> impl FnMut(u64) + '_ {
        move |keys| {
            if self.said.elapsed() >= PROGRESS_PAUSE {
                self.said = Instant::now();
                (self.say)(&format!("{doing}: {keys} keys so far"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
