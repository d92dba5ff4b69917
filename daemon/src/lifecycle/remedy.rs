//! What to do about a daemon that does not start, in words for whoever reads its last line.
//!
//! Knows errors and no files: what is wrong and where is said by the error itself.

use std::io::ErrorKind;

use super::{BindError, BuildError};
use crate::api::ApiConfigError;
use crate::config::ConfigError;
use crate::identity_files::KeyFileError;
use crate::runtime::StartError;
use crate::store::StoreError;

/// What would let the daemon start. `None`: the error itself says so, or nobody but its makers can help.
#[must_use]
pub fn remedy(error: &BuildError) -> Option<&'static str> {
    match error {
        BuildError::Store(error) | BuildError::Start(StartError::Store(error)) => of_store(error),
        BuildError::Bind(BindError::Tcp { source, .. }) => of_address(source.kind()),
        BuildError::Bind(BindError::Api(error)) => of_api(error),
        BuildError::Start(StartError::Key(error)) => of_key(error),
        BuildError::Start(_) => None,
    }
}

/// What would make the configuration readable. `None`: the error lists what is wrong in it.
#[must_use]
pub fn of_config(error: &ConfigError) -> Option<&'static str> {
    let ConfigError::Unreadable { source, .. } = error else {
        return None;
    };
    Some(match source.kind() {
        ErrorKind::NotFound => {
            "make it, with `foedusd --print-default-config` for example, or name another with --config"
        }
        ErrorKind::PermissionDenied => {
            "let the user that runs the daemon read it, with `chmod` or `chown`"
        }
        _ => "see that it is a text file on a disk that works, or name another with --config",
    })
}

pub(crate) fn of_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Locked { .. } => Some(
            "end the other daemon, or give this one a folder of its own with `data` in its configuration or --data",
        ),
        StoreError::FormatUnreadable { .. } => Some("put that file back from backup"),
        StoreError::CutShort { .. }
        | StoreError::JournalDamaged { .. }
        | StoreError::Sled(sled::Error::Corruption { .. }) => {
            Some("see whether the disk is sound, and put the data folder back from backup")
        }
        StoreError::HalfCopied { .. } => Some(
            "run `foedusd store copy` into it again, or remove the folder: what was copied from is as it was",
        ),
        StoreError::NoStore { .. } => {
            Some("name the folder with --data, or the configuration that names it with --config")
        }
        StoreError::OtherEngine { .. } => Some(
            "set `store.engine` to the engine that wrote it, or make a copy for the other one with `foedusd store copy`",
        ),
        StoreError::Io { .. } => Some(
            "see that the folder is there, on a disk that works, and belongs to the user that runs the daemon",
        ),
        _ => None,
    }
}

fn of_address(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::AddrInUse => Some(
            "end what listens there (`ss -ltnp` names it), or give the key that is named another address",
        ),
        ErrorKind::AddrNotAvailable => Some(
            "give the key that is named an address of this machine, or 0.0.0.0 for all of them",
        ),
        ErrorKind::PermissionDenied => Some(
            "give the key that is named a port from 1024 on, or let the service manager grant the right to low ports",
        ),
        _ => None,
    }
}

fn of_api(error: &ApiConfigError) -> Option<&'static str> {
    match error {
        ApiConfigError::SocketTaken { .. } => {
            Some("end the other daemon, or give this one another socket with `api.socket`")
        }
        ApiConfigError::Socket { .. } => Some(
            "see that the folder of the socket is there and belongs to the user that runs the daemon, or give `api.socket` \
             another path",
        ),
        ApiConfigError::Tcp { source, .. } => of_address(source.kind()),
        _ => None,
    }
}

fn of_key(error: &KeyFileError) -> Option<&'static str> {
    match error {
        KeyFileError::Io { .. } => Some(
            "see that it is there, is what it should be, and belongs to the user that runs the daemon",
        ),
        KeyFileError::Content { .. } => Some("put it back from backup"),
        // These say so themselves.
        KeyFileError::Missing { .. } | KeyFileError::Exposed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::identity_files::KeyRole;
    use crate::lifecycle::ExitStatus;

    #[track_caller]
    fn check(error: impl Into<BuildError>, expected: &str) {
        let told = remedy(&error.into()).unwrap_or_default();
        assert!(told.contains(expected), "{expected:?} is not in {told:?}");
    }

    #[test]
    fn a_configuration_that_cannot_be_read_says_what_to_do() {
        let told = |kind| {
            let path = PathBuf::from("/somewhere");
            let source = io::Error::from(kind);
            let error = ConfigError::Unreadable { path, source };
            let expected = match kind {
                ErrorKind::PermissionDenied => ExitStatus::Permission,
                _ => ExitStatus::Config,
            };
            assert_eq!(ExitStatus::from(&error), expected);
            of_config(&error).unwrap_or_default()
        };
        assert!(told(ErrorKind::NotFound).contains("--print-default-config"));
        assert!(told(ErrorKind::PermissionDenied).contains("chmod"));
        assert!(told(ErrorKind::IsADirectory).contains("--config"));
        let faults = Vec::new();
        assert_eq!(of_config(&ConfigError::Faults { path: None, faults }), None);
    }

    #[test]
    fn what_an_operator_can_mend_says_how() {
        let path = || PathBuf::from("/somewhere");
        let failed = |kind: ErrorKind| io::Error::from(kind);
        check(StoreError::Locked { path: path() }, "end the other daemon");
        check(StoreError::FormatUnreadable { path: path() }, "from backup");
        check(StoreError::CutShort { path: path() }, "from backup");
        let listen = "127.0.0.1:1".parse().expect("an address");
        for (kind, expected) in [
            (ErrorKind::AddrInUse, "ss -ltnp"),
            (ErrorKind::AddrNotAvailable, "an address of this machine"),
            (ErrorKind::PermissionDenied, "1024"),
        ] {
            let source = failed(kind);
            check(
                BindError::Api(ApiConfigError::Tcp { listen, source }),
                expected,
            );
        }
        let taken = ApiConfigError::SocketTaken { path: path() };
        check(BindError::Api(taken), "api.socket");
        let source = failed(ErrorKind::PermissionDenied);
        check(
            StartError::Key(KeyFileError::Io {
                path: path(),
                source,
            }),
            "belongs to the user",
        );
        let role = KeyRole::Sign;
        check(
            StartError::Key(KeyFileError::Content { path: path(), role }),
            "from backup",
        );
    }
}
