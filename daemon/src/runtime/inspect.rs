//! Reads a whole store, and has the core say whether it fits together. Nothing runs and nothing is written.

use std::sync::Arc;

use foedus_federation::inspection::{Inspection, Report};
use foedus_federation::transport::Pins;
use foedus_policy::id::RunId;
use tokio_util::sync::CancellationToken;

use super::scope::Ground;
use super::{Clock, StartError, our_keys, stored_organisation};
use crate::identity_files::IdentityFiles;
use crate::metrics::Metrics;
use crate::store::{Engine, Pages, StoreError};

/// What an inspection of a store found.
#[derive(Debug)]
pub struct Inspected {
    /// What is stored.
    pub report: Report,
    /// Why a daemon would not start on it, if it would not.
    pub start: Option<StartError>,
}

/// Reads everything. `told` is called now and then with how many keys it were so far.
pub async fn inspect(
    store: Engine,
    files: &IdentityFiles,
    told: &mut dyn FnMut(u64),
) -> Result<Inspected, StoreError> {
    let ground = Ground {
        store: store.clone(),
        clock: Clock::start(),
        metrics: Arc::<Metrics>::default(),
        failed: CancellationToken::new(),
    };
    let (ours, start) = match organisation(&ground, files).await {
        Ok(ours) => (ours, None),
        Err(StartError::Store(error)) => return Err(error),
        Err(error) => (None, Some(error)),
    };
    let mut inspection = Inspection::begin(ours);
    let mut pages = Pages::of(&store);
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            let report = inspection.end();
            return Ok(Inspected { report, start });
        }
        for (key, value) in &page {
            if let Some(read) = inspection.read_before(key) {
                let rows = ground.rows(&[read]).await?;
                inspection.begin_channel(key, rows.into_iter().flatten().collect());
            }
            inspection.take(key, value);
        }
        told(pages.pairs);
    }
}

type Organisation = (
    Arc<foedus_federation::org::OrgSnapshot>,
    Arc<foedus_federation::org::OurKeys>,
);

/// The organisation and its keys, as a start would have them; none before `init`.
async fn organisation(
    ground: &Ground,
    files: &IdentityFiles,
) -> Result<Option<Organisation>, StartError> {
    let snapshot = stored_organisation(ground, RunId([0; 16])).await?;
    if snapshot.org().is_none() {
        return Ok(None);
    }
    let ours = our_keys(files, &snapshot, &Arc::<Pins>::default())?;
    Ok(Some((snapshot, ours.keys)))
}
