//! Every address that a daemon listens on, bound before anything runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::api::{ApiConfigError, Bound};
use crate::config::Config;

/// All of them.
#[derive(Debug)]
pub struct Listeners {
    /// For partners.
    pub link: Option<TcpListener>,
    /// For metrics.
    pub metrics: Option<TcpListener>,
    /// For the API.
    pub api: Bound,
}

/// What was to be listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `link.listen`.
    Link(SocketAddr),
    /// `metrics.listen`.
    Metrics(SocketAddr),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(address) => write!(formatter, "{address} (link.listen)"),
            Self::Metrics(address) => write!(formatter, "{address} (metrics.listen)"),
        }
    }
}

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// One for partners or metrics.
    #[error("cannot listen on {place}")]
    Tcp {
        /// Which.
        place: Place,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// One of the API.
    #[error("the API can't be served")]
    Api(#[from] ApiConfigError),
}

impl Listeners {
    /// Binds all. If one can't be had, none is kept.
    pub async fn bind(config: &Config) -> Result<Self, BindError> {
        Ok(Self {
            link: tcp(config.link.listen, Place::Link).await?,
            metrics: tcp(config.metrics, Place::Metrics).await?,
            api: config.api.bind().await?,
        })
    }

    /// Where metrics are served, as bound.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// Where partners connect, as bound.
    #[must_use]
    pub fn link_address(&self) -> Option<SocketAddr> {
        self.link.as_ref()?.local_addr().ok()
    }
}

async fn tcp(
    address: Option<SocketAddr>,
    place: impl FnOnce(SocketAddr) -> Place,
) -> Result<Option<TcpListener>, BindError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|source| BindError::Tcp {
        place: place(address),
        source,
    })
}
