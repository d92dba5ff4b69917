//! What can be wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is wrong at one key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// There is no such key.
    #[error("there is no such key; known here: {known}")]
    UnknownKey {
        /// The keys that there are.
        known: String,
    },
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: &'static str,
    },
    /// A number out of range.
    #[error("expected a number from {min} to {max}, found {found}")]
    Range {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
        /// What is there.
        found: i64,
    },
    /// None of the words that are known.
    #[error("expected one of {known}, found {found:?}")]
    Choice {
        /// The words.
        known: String,
        /// What is there.
        found: String,
    },
    /// A file that can't be read.
    #[error("{} can't be read: {kind}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// No address to listen on.
    #[error("expected an IP address and a port, such as {example}, found {found:?}")]
    Address {
        /// One that would do for this key.
        example: &'static str,
        /// What is there.
        found: String,
    },
    /// No address to be dialled at.
    #[error("expected host and port, such as foedus.acme.example:7433, found {found:?}")]
    Endpoint {
        /// What is there.
        found: String,
    },
    /// Too many.
    #[error("expected at most {max}, found {found}")]
    TooMany {
        /// The most.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// An empty path.
    #[error("expected a path, found nothing")]
    EmptyPath,
    /// One of two keys that belong together.
    #[error("is needed, as {0} is given")]
    NeededWith(&'static str),
    /// An API for the network without TLS.
    #[error("is needed with tls_key, as the API would be served without TLS beyond this machine")]
    TlsNeeded,
    /// No default to be found.
    #[error("is needed, as neither XDG_DATA_HOME nor HOME is set")]
    NoHome,
}

/// One fault, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, with its sections: `api.listen`.
    pub key: String,
    /// What is wrong.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.key, self.kind)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{} is no TOML", name(path.as_ref()))]
    Syntax {
        /// Which.
        path: Option<PathBuf>,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The file says what can't be done.
    #[error("{} has {}:{}", name(path.as_ref()), count(faults), list(faults))]
    Faults {
        /// Which.
        path: Option<PathBuf>,
        /// All of them.
        faults: Vec<Fault>,
    },
}

fn name(path: Option<&PathBuf>) -> String {
    path.map_or_else(
        || "the configuration".to_owned(),
        |path| path.display().to_string(),
    )
}

fn count(faults: &[Fault]) -> String {
    match faults.len() {
        1 => "a fault".to_owned(),
        number => format!("{number} faults"),
    }
}

fn list(faults: &[Fault]) -> String {
    faults
        .iter()
        .fold(String::new(), |text, fault| format!("{text}\n  {fault}"))
}
