//! `foedusd store check`: reads everything that is stored, and says whether it fits together.

use std::path::Path;

use foedus_federation::inspection::Report;

use super::{Held, OfflineError, Progress, hold};
use crate::runtime::{StartError, inspect, key_files};
use crate::store::{EngineKind, StoreOptions};

/// What was found.
#[derive(Debug)]
pub struct Checked {
    /// Which engine keeps the store.
    pub engine: EngineKind,
    /// What was looked at, and what does not fit.
    pub report: Report,
    /// Why a daemon would not start, if it would not.
    pub start: Option<StartError>,
}

impl Checked {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.report.faults_found == 0 && self.start.is_none()
    }
}

/// Reads everything. What is stored stays as it is.
pub async fn check(
    data: &Path,
    options: &StoreOptions,
    progress: &mut Progress,
) -> Result<Checked, OfflineError> {
    let Held {
        folder,
        kind,
        engine,
    } = hold(data, options)?;
    let files = key_files(folder.path());
    let inspected = inspect(engine, &files, &mut progress.of("checked")).await?;
    Ok(Checked {
        engine: kind,
        report: inspected.report,
        start: inspected.start,
    })
}
