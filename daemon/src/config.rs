//! What the daemon is told: the configuration file, and the paths that hold if it says nothing.
//!
//! All faults of a file are found in one reading and reported together, each with the key that it is at. Nothing
//! is bound, opened or created here.

mod faults;
mod paths;
mod reader;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use foedus_federation::record::EndpointAddress;

use crate::api::{ApiConfig, TcpConfig, TlsFiles};
use crate::bounds::api::STORE_ADVISED_BYTES_DEFAULT;
use crate::bounds::{
    CONNECTIONS_PER_SOURCE_DEFAULT, CONNECTIONS_PER_SOURCE_MAX, DRAIN_GRACE_DEFAULT,
    DRAIN_GRACE_SECONDS_MAX, ENDPOINT_ADDRESSES_MAX, PARTNER_BYTES_PER_SECOND_DEFAULT,
    PARTNER_BYTES_PER_SECOND_MIN, STORE_CACHE_BYTES_MAX, STORE_CACHE_BYTES_MIN,
};
use crate::store::{EngineKind, StoreOptions};

pub use faults::{ConfigError, Fault, FaultKind};
pub use paths::Paths;
use reader::Reader;

/// The commented file that says what holds if nothing is said.
pub const DEFAULT_FILE: &str = include_str!("config/default.toml");

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// From where on something is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// What a person must look at.
    Error,
    /// And what may become that.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

/// Where partners connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Where links and pairing are accepted; `None`: nowhere, this side only dials.
    pub listen: Option<SocketAddr>,
    /// Where partners reach us, as our endpoints note and our invitations say.
    pub advertise: Vec<String>,
    /// Unproved connections from one source at one time.
    pub connections_per_source_max: usize,
    /// What one partner may send in a second.
    pub bytes_per_second_max: u64,
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// From where on.
    pub level: LogLevel,
}

/// All that a daemon is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that says so; `None`: there is none, and the defaults hold.
    pub file: Option<PathBuf>,
    /// Where everything is kept.
    pub data: PathBuf,
    /// How the store is opened.
    pub store: StoreOptions,
    /// What it should take at most: near it, the doctor says so.
    pub store_advised_bytes: u64,
    /// Where partners connect.
    pub link: LinkConfig,
    /// Where the API is served.
    pub api: ApiConfig,
    /// Where metrics are served over HTTP; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// How it is logged.
    pub log: LogConfig,
    /// How long a stop may take.
    pub drain_grace: Duration,
}

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`: this file, and it must be there.
    pub file: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
}

impl Config {
    /// Reads the file that the command line or else the default path names; without one at the default path,
    /// the defaults hold.
    pub fn load(overrides: &Overrides, paths: &Paths) -> Result<Self, ConfigError> {
        let (path, must_exist) = match (&overrides.file, paths.config_file()) {
            (Some(path), _) => (path.clone(), true),
            (None, Some(path)) => (path, false),
            (None, None) => return Self::parse("", None, overrides, paths),
        };
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, Some(&path), overrides, paths),
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => {
                Self::parse("", None, overrides, paths)
            }
            Err(source) => Err(ConfigError::Unreadable { path, source }),
        }
    }

    /// Reads the text of a file; `file` is where it is from, for what is said of its faults.
    pub fn parse(
        text: &str,
        file: Option<&Path>,
        overrides: &Overrides,
        paths: &Paths,
    ) -> Result<Self, ConfigError> {
        let table = text
            .parse::<toml::Table>()
            .map_err(|source| ConfigError::Syntax {
                path: file.map(Path::to_owned),
                source: Box::new(source),
            })?;
        let mut faults = Vec::new();
        let mut top = Reader::new("", table, &mut faults);
        let config = read(&mut top, overrides, paths);
        top.finish();
        match config {
            Some(config) if faults.is_empty() => Ok(Config {
                file: file.map(Path::to_owned),
                ..config
            }),
            _ => Err(ConfigError::Faults {
                path: file.map(Path::to_owned),
                faults,
            }),
        }
    }
}

/// `None` only together with a fault.
fn read(top: &mut Reader<'_>, overrides: &Overrides, paths: &Paths) -> Option<Config> {
    let said = top.path("data");
    let chosen = overrides.data.clone().or(said);
    let own_folder = chosen.is_some();
    let data = chosen.or_else(|| paths.data());
    if data.is_none() {
        top.fault("data", FaultKind::NoHome);
    }
    let data = data.unwrap_or_default();
    let (store, store_advised_bytes) = top.section("store", read_store);
    let link = top.section("link", read_link);
    // A data folder of one's own has a socket of its own, so that two daemons don't meet.
    let default_socket = match (own_folder, paths.socket()) {
        (false, Some(socket)) => socket,
        _ => data.join("admin.sock"),
    };
    let api = top.section("api", |section| read_api(section, default_socket));
    let metrics = top.section("metrics", |section| {
        section.address("listen", "127.0.0.1:9433").flatten()
    });
    let log = top.section("log", |section| LogConfig {
        format: section
            .choice(
                "format",
                &[("human", LogFormat::Human), ("json", LogFormat::Json)],
            )
            .unwrap_or_default(),
        level: section.choice("level", LEVELS).unwrap_or_default(),
    });
    let drain_grace = top.section("drain", |section| {
        let seconds = section.number("grace_seconds", 0, DRAIN_GRACE_SECONDS_MAX);
        seconds.map_or(DRAIN_GRACE_DEFAULT, Duration::from_secs)
    });
    Some(Config {
        file: None,
        data,
        store,
        store_advised_bytes,
        link: link?,
        api,
        metrics,
        log,
        drain_grace,
    })
}

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

fn read_store(section: &mut Reader<'_>) -> (StoreOptions, u64) {
    let default = StoreOptions::default();
    let engines = [("sled", EngineKind::Sled), ("fjall", EngineKind::Fjall)];
    let options = StoreOptions {
        engine: section.choice("engine", &engines).unwrap_or(default.engine),
        cache_bytes: section
            .number("cache_bytes", STORE_CACHE_BYTES_MIN, STORE_CACHE_BYTES_MAX)
            .unwrap_or(default.cache_bytes),
        disk_reserve_bytes: section
            .number("disk_reserve_bytes", 0, i64::MAX as u64)
            .unwrap_or(default.disk_reserve_bytes),
    };
    let advised = section.number("advised_bytes", 1, i64::MAX as u64);
    (options, advised.unwrap_or(STORE_ADVISED_BYTES_DEFAULT))
}

const LINK_LISTEN_DEFAULT: &str = "0.0.0.0:7433";

fn read_link(section: &mut Reader<'_>) -> Option<LinkConfig> {
    let default = LINK_LISTEN_DEFAULT.parse().expect("a constant address");
    let listen = section
        .address("listen", LINK_LISTEN_DEFAULT)
        .unwrap_or(Some(default));
    let advertise = section.strings("advertise", ENDPOINT_ADDRESSES_MAX, |text| {
        text.parse::<EndpointAddress>().is_ok()
    });
    let most = CONNECTIONS_PER_SOURCE_MAX as u64;
    let per_source = section.number("connections_per_source_max", 1, most);
    let bytes_per_second = section.number(
        "bytes_per_second_max",
        PARTNER_BYTES_PER_SECOND_MIN,
        i64::MAX as u64,
    );
    Some(LinkConfig {
        listen,
        advertise,
        connections_per_source_max: per_source
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(CONNECTIONS_PER_SOURCE_DEFAULT),
        bytes_per_second_max: bytes_per_second.unwrap_or(PARTNER_BYTES_PER_SECOND_DEFAULT),
    })
}

fn read_api(section: &mut Reader<'_>, default_socket: PathBuf) -> ApiConfig {
    let socket = section.path("socket").unwrap_or(default_socket);
    let listen = section.address("listen", "127.0.0.1:7434").flatten();
    let mut file = |name| {
        let path = section.path(name)?;
        if let Err(error) = std::fs::File::open(&path) {
            let kind = error.kind();
            let path = path.clone();
            section.fault(name, FaultKind::Unreadable { path, kind });
        }
        Some(path)
    };
    let (certificate, key) = (file("tls_certificate"), file("tls_key"));
    let in_the_clear = listen.is_some_and(|listen| !listen.ip().is_loopback());
    let tls = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        (None, None) => {
            if in_the_clear {
                section.fault("tls_certificate", FaultKind::TlsNeeded);
            }
            None
        }
        (Some(_), None) => {
            section.fault("tls_key", FaultKind::NeededWith("tls_certificate"));
            None
        }
        (None, Some(_)) => {
            section.fault("tls_certificate", FaultKind::NeededWith("tls_key"));
            None
        }
    };
    let tcp = listen.map(|listen| TcpConfig { listen, tls });
    ApiConfig { socket, tcp }
}

#[cfg(test)]
mod tests;
