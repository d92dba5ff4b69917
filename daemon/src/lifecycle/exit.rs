//! With which status the process ends, after sysexits.h.

use std::io::ErrorKind;
use std::process::ExitCode;

use super::{BindError, BuildError, Ended};
use crate::api::ApiConfigError;
use crate::config::ConfigError;
use crate::identity_files::KeyFileError;
use crate::runtime::StartError;
use crate::store::StoreError;

/// Exit statuses of `foedusd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// It was asked to end, and did.
    Ok = 0,
    /// The command line is wrong.
    Usage = 64,
    /// What is stored can't be read, or does not belong together.
    Data = 65,
    /// There is no store to work on.
    NoInput = 66,
    /// Another daemon has the data folder or an address.
    Unavailable = 69,
    /// It is a fault of the program.
    Software = 70,
    /// The operating system refused.
    System = 71,
    /// What should be made is there already.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// A file or folder may not be used, or a key may be read by others.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

impl From<&BuildError> for ExitStatus {
    fn from(error: &BuildError) -> Self {
        match error {
            BuildError::Store(error) => of_store(error),
            BuildError::Bind(BindError::Tcp { source, .. }) => of_io(source.kind()),
            BuildError::Bind(BindError::Api(error)) => of_api(error),
            BuildError::Start(error) => match error {
                StartError::Store(error) => of_store(error),
                StartError::Damaged(_) | StartError::OtherKey { .. } => Self::Data,
                StartError::Link(_) => Self::Software,
                StartError::Key(error) => match error {
                    KeyFileError::Missing { .. } | KeyFileError::Content { .. } => Self::Data,
                    KeyFileError::Exposed { .. } => Self::Permission,
                    KeyFileError::Io { source, .. } => of_io(source.kind()),
                },
            },
        }
    }
}

impl From<&ConfigError> for ExitStatus {
    fn from(error: &ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied => Self::Permission,
                _ => Self::Config,
            },
            ConfigError::Syntax { .. } | ConfigError::Faults { .. } => Self::Config,
        }
    }
}

impl From<Ended> for ExitStatus {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Drained | Ended::CutOff => Self::Ok,
            Ended::StoreFailed => Self::Io,
        }
    }
}

pub(crate) fn of_store(error: &StoreError) -> ExitStatus {
    match error {
        StoreError::Locked { .. } => ExitStatus::Unavailable,
        StoreError::FormatNewer { .. }
        | StoreError::FormatUnreadable { .. }
        | StoreError::CutShort { .. }
        | StoreError::JournalDamaged { .. }
        | StoreError::HalfCopied { .. }
        | StoreError::Sled(sled::Error::Corruption { .. }) => ExitStatus::Data,
        StoreError::OtherEngine { .. } => ExitStatus::Config,
        StoreError::NoStore { .. } => ExitStatus::NoInput,
        StoreError::Io { source, .. } => of_io(source.kind()),
        _ => ExitStatus::Io,
    }
}

fn of_api(error: &ApiConfigError) -> ExitStatus {
    match error {
        ApiConfigError::Cleartext { .. } | ApiConfigError::Pem { .. } | ApiConfigError::Tls(_) => {
            ExitStatus::Config
        }
        ApiConfigError::SocketTaken { .. } => ExitStatus::Unavailable,
        ApiConfigError::Socket { source, .. } | ApiConfigError::Tcp { source, .. } => {
            of_io(source.kind())
        }
    }
}

pub(crate) fn of_io(kind: ErrorKind) -> ExitStatus {
    match kind {
        ErrorKind::PermissionDenied => ExitStatus::Permission,
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => ExitStatus::Unavailable,
        _ => ExitStatus::Io,
    }
}
