//! Named contexts: a daemon and who one is there, kept in a file that only its owner may read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::connection::absolute;
use crate::failure::{Exit, Failure};

/// A daemon and who one is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// As for `--server`.
    pub server: String,
    /// As for `--token`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// As for `--as`.
    #[serde(default, rename = "as", skip_serializing_if = "String::is_empty")]
    pub act_as: String,
    /// As for `--ca`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// All contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one in use when no other is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// By name.
    #[serde(default)]
    pub contexts: BTreeMap<String, Context>,
}

/// The file that holds the contexts.
pub fn file() -> Result<PathBuf, Failure> {
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("foedus/contexts.toml"))
        .ok_or_else(|| {
            Failure::usage(
                "there is no place for contexts: HOME is not set",
                "set HOME or XDG_CONFIG_HOME",
            )
        })
}

impl Contexts {
    /// Reads the file; a file that is not there holds no contexts.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let cannot_read =
            |source| Failure::io(format_args!("cannot read {}", path.display()), &source);
        let opened = match fs::File::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(cannot_read(error)),
        };
        let mode = opened.metadata().map_err(cannot_read)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Failure::new(
                Exit::Configuration,
                format!(
                    "{} holds tokens and others may read it (mode {:04o})",
                    path.display(),
                    mode & 0o7777
                ),
                format!("chmod 600 {}", path.display()),
            ));
        }
        let mut text = String::new();
        opened
            .take(bounds::CONTEXT_FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(cannot_read)?;
        toml::from_str(&text).map_err(|error| {
            Failure::new(
                Exit::Configuration,
                format!(
                    "{} is not a file of contexts: {}",
                    path.display(),
                    error.message()
                ),
                "correct it, or move it away and set the contexts anew with `foedus context set`",
            )
        })
    }

    /// Writes the file, as a whole or not at all, readable by its owner only.
    pub fn store(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("contexts are tables of texts");
        write_private(path, text.as_bytes())
            .map_err(|source| Failure::io(format_args!("cannot write {}", path.display()), &source))
    }

    /// The context called `name`.
    pub fn get(&self, name: &str) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                format!("there is no context `{name}`"),
                "see `foedus context list`, or make it with `foedus context set`",
            )
        })
    }
}

/// Replaces the file at `path` in one step: whoever reads it, also after a crash, finds the old
/// bytes or the new ones. Only its owner may read it.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"))?
        .to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = folder.join(name);
    let written = write_and_sync(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The error that counts is the first one; what is left of the file harms nobody.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    fs::File::open(folder)?.sync_all()
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Contexts {
        let anna = Context {
            server: "https://acme.example:7443".to_owned(),
            token: "fdt_secret".to_owned(),
            ..Context::default()
        };
        let admin = Context {
            server: "unix:/run/foedus/admin.sock".to_owned(),
            act_as: "boss".to_owned(),
            ca: Some("/ca.pem".into()),
            ..Context::default()
        };
        Contexts {
            current: Some("anna".to_owned()),
            contexts: [("anna".to_owned(), anna), ("admin".to_owned(), admin)].into(),
        }
    }

    #[test]
    fn what_is_stored_is_loaded_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("foedus/contexts.toml");
        assert_eq!(Contexts::load(&path), Ok(Contexts::default()));
        two().store(&path).expect("stored");
        assert_eq!(Contexts::load(&path), Ok(two()));
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left: Vec<_> = fs::read_dir(folder.path().join("foedus"))
            .expect("there")
            .collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("contexts.toml");
        two().store(&path).expect("stored");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
        let failure = Contexts::load(&path).expect_err("refused");
        assert_eq!(failure.exit, Exit::Configuration);
        assert!(failure.fix.starts_with("chmod 600"), "{}", failure.fix);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("contexts.toml");
        write_private(&path, b"[contexts.a]\nserver = \"unix:/s\"\ntokn = \"x\"\n")
            .expect("written");
        let failure = Contexts::load(&path).expect_err("refused");
        assert_eq!(failure.exit, Exit::Configuration);
        assert!(failure.what.contains("tokn"), "{}", failure.what);
    }
}
