//! The life of one daemon: what is bound and opened before anything runs, and how all of it ends.
//!
//! `build` takes the data folder, binds every port and opens the store, or does none of it; `spawn` lets it run;
//! `run` waits for a signal and drains within the grace. Every task is owned by something that waits for it.

mod exit;
mod listeners;
mod remedy;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Facts;
use crate::config::Config;
use crate::links;
use crate::metrics::{self, Metrics};
use crate::runtime::{self, Built, Parts, Runtime, StartError, key_files};
use crate::store::{DataFolder, Engine, StoreError};

pub use exit::ExitStatus;
pub(crate) use exit::{of_io as exit_of_io, of_store as exit_of_store};
pub use listeners::{BindError, Listeners};
pub(crate) use remedy::of_store as remedy_of_store;
pub use remedy::{of_config as remedy_of_config, remedy};
pub use signals::Signals;

/// A daemon that holds everything that it needs and runs nothing.
#[derive(Debug)]
pub struct Daemon {
    built: Built,
    listeners: Listeners,
    config: Config,
    metrics: Arc<Metrics>,
    folder: DataFolder,
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Running {
    runtime: Runtime,
    fronts: TaskTracker,
    stopping: CancellationToken,
    grace: Duration,
    _folder: DataFolder,
}

/// Why a daemon can't be.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The data folder can't be had, or the store in it.
    #[error("the data folder can't be used")]
    Store(#[from] StoreError),
    /// An address can't be had.
    #[error("an address can't be listened on")]
    Bind(#[from] BindError),
    /// What is in the data folder can't be used.
    #[error("the organisation in the data folder can't be used")]
    Start(#[from] StartError),
}

/// How a daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to, and everything was finished.
    Drained,
    /// It was asked to, and something was cut off when the grace was over. What was acknowledged is durable.
    CutOff,
    /// The store failed.
    StoreFailed,
}

/// Takes and opens what the configuration names. An error leaves nothing behind but folders.
pub async fn build(config: Config) -> Result<Daemon, BuildError> {
    // First: whoever holds the folder may use the socket in it, too.
    let folder = DataFolder::lock(&config.data)?;
    let listeners = Listeners::bind(&config).await?;
    let metrics = Arc::<Metrics>::default();
    let opening = (folder.clone(), config.store);
    let store = tokio::task::spawn_blocking(move || Engine::open(&opening.0, &opening.1))
        .await
        .expect("opening a store panics only on damage, which ends the process")?;
    let parts = Parts {
        store,
        keys: key_files(folder.path()),
        addresses: config.link.advertise.clone(),
        metrics: metrics.clone(),
        reach: links::reach(listeners.link.as_ref()),
    };
    let built = runtime::build(parts).await?;
    Ok(Daemon {
        built,
        listeners,
        config,
        metrics,
        folder,
    })
}

impl Daemon {
    /// Where everything listens, as bound.
    #[must_use]
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Lets everything run.
    pub fn spawn(self) -> Running {
        let Self {
            built,
            listeners,
            config,
            metrics,
            folder,
        } = self;
        let runtime = built.spawn();
        let stopping = runtime.stopping();
        let fronts = TaskTracker::new();
        let link_address = listeners.link_address();
        let Listeners {
            link,
            metrics: metrics_listener,
            api,
        } = listeners;
        links::spawn(
            &runtime,
            link,
            config.link.connections_per_source_max,
            links::Terms {
                bytes_per_second_max: config.link.bytes_per_second_max,
                ..links::Terms::default()
            },
            &fronts,
        );
        if let Some(listener) = metrics_listener {
            fronts.spawn(metrics::server::serve(listener, metrics, stopping.clone()));
        }
        let facts = Facts {
            store_engine: config.store.engine.to_string(),
            data: folder.path().to_owned(),
            link_listen_addresses: link_address.iter().map(ToString::to_string).collect(),
            disk_reserve_bytes: config.store.disk_reserve_bytes,
            store_advised_bytes: config.store_advised_bytes,
        };
        api.spawn(runtime.clone(), facts, &fronts);
        fronts.close();
        Running {
            runtime,
            fronts,
            stopping,
            grace: config.drain_grace,
            _folder: folder,
        }
    }
}

impl Running {
    /// What runs, to ask it.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Waits until `stop` ends or the store fails, and then drains.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Ended {
        let failed = self.runtime.failed();
        let store_failed = tokio::select! {
            () = stop => false,
            () = failed.cancelled() => true,
        };
        let drained = self.drain().await;
        match (store_failed, drained) {
            (true, _) => Ended::StoreFailed,
            (false, true) => Ended::Drained,
            (false, false) => Ended::CutOff,
        }
    }

    /// First whoever asks things, then whoever answers, within the grace. The store closes with its last user.
    async fn drain(self) -> bool {
        let Self {
            runtime,
            fronts,
            stopping,
            grace,
            _folder,
        } = self;
        stopping.cancel();
        timeout(grace, async {
            fronts.wait().await;
            runtime.drain().await;
        })
        .await
        .is_ok()
    }
}

#[cfg(test)]
mod tests;
