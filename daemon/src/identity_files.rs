//! The organisation's secret keys as files: `keys/root.key`, `keys/link.key`, `keys/sign.key`; and, while one is being
//! renewed, `keys/link.key.next` and `keys/sign.key.next`.
//!
//! Each holds the 32-byte seed of one Ed25519 key as one line of text, readable by its owner only. Knows
//! nothing of what a key signs. A seed is wiped from memory when it is dropped and is never printed.
//!
//! ```text
//! foedus-key-v1 sign <52 letters>
//! ```

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use foedus_federation::key::SigningKey;
use foedus_policy::id::{base32, from_base32};
use zeroize::Zeroizing;

use crate::bounds::KEY_FILE_BYTES_MAX;

const FORMAT: &str = "foedus-key-v1";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Signs the identity note only; may be kept elsewhere once the organisation exists.
    Root,
    /// Authenticates links.
    Link,
    /// Signs all other notes and checkpoints.
    Sign,
}

impl KeyRole {
    /// All roles, in the order in which their files are made.
    pub const ALL: [Self; 3] = [Self::Root, Self::Link, Self::Sign];

    const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Link => "link",
            Self::Sign => "sign",
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The seed of one key.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// The bytes. They are the key.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key pair.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(seed)")
    }
}

/// Why a key can't be had from its file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("{} is missing: put it back from backup, the organisation can't be itself without it", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// Others on this machine can read the key, or write it.
    #[error(
        "{} has mode {mode:03o}, so others on this machine can get at the key: run `chmod 600` on it, \
         and think about whether somebody has read it", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold a key of this role.
    #[error("{} does not hold the {role} key: expected one line, `{FORMAT} {role} …`", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        role: KeyRole,
    },
}

/// The folder of the key files.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    folder: PathBuf,
}

impl IdentityFiles {
    /// The key files of a data folder.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self {
            folder: data.join("keys"),
        }
    }

    /// Where the key of a role is.
    #[must_use]
    pub fn path(&self, role: KeyRole) -> PathBuf {
        self.folder.join(format!("{role}.key"))
    }

    /// Where the key is that is to take the place of the one in use.
    fn next_path(&self, role: KeyRole) -> PathBuf {
        self.folder.join(format!("{role}.key.next"))
    }

    /// The seed of one key.
    pub fn load(&self, role: KeyRole) -> Result<Seed, KeyFileError> {
        Self::read(self.path(role), role)
    }

    /// Draws a key that is to take the place of the one in use. Its file is durable when this returns; one that an
    /// earlier attempt left is overwritten.
    pub fn make_next(
        &self,
        role: KeyRole,
        draw: impl Fn() -> [u8; 32],
    ) -> Result<Seed, KeyFileError> {
        let path = self.next_path(role);
        let seed = Seed(Zeroizing::new(draw()));
        write(&path, &seed, role)
            .and_then(|()| self.sync())
            .map_err(|source| KeyFileError::Io { path, source })?;
        Ok(seed)
    }

    /// The seed that is to take the place of the one in use, if there is one.
    pub fn load_next(&self, role: KeyRole) -> Result<Option<Seed>, KeyFileError> {
        match Self::read(self.next_path(role), role) {
            Ok(seed) => Ok(Some(seed)),
            Err(KeyFileError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the next key in the place of the one in use, whose file is gone then.
    pub fn take_next(&self, role: KeyRole) -> Result<(), KeyFileError> {
        let path = self.path(role);
        fs::rename(self.next_path(role), &path)
            .and_then(|()| self.sync())
            .map_err(|source| KeyFileError::Io { path, source })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder).and_then(|folder| folder.sync_all())
    }

    fn read(path: PathBuf, role: KeyRole) -> Result<Seed, KeyFileError> {
        let failed = |source| KeyFileError::Io {
            path: path.clone(),
            source,
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(KeyFileError::Missing { path });
            }
            Err(error) => return Err(failed(error)),
        };
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed { path, mode });
        }
        let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX));
        let longest = u64::try_from(KEY_FILE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = (&mut file).take(longest).read_to_string(&mut text);
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(KeyFileError::Content { path, role });
            }
            Err(error) => return Err(failed(error)),
        }
        parse(&text, role).ok_or(KeyFileError::Content { path, role })
    }

    /// The seeds of all roles. A key whose file is missing is drawn, and its file is durable before this
    /// returns: a crash in between leaves some of the files, which the next call takes as they are.
    pub fn load_or_create(&self, draw: impl Fn() -> [u8; 32]) -> Result<[Seed; 3], KeyFileError> {
        let failed = |source| KeyFileError::Io {
            path: self.folder.clone(),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.folder).map_err(failed)?;
        for role in KeyRole::ALL {
            match self.load(role) {
                Ok(_) => {}
                Err(KeyFileError::Missing { path }) => {
                    let seed = Seed(Zeroizing::new(draw()));
                    write(&path, &seed, role)
                        .map_err(|source| KeyFileError::Io { path, source })?;
                }
                Err(error) => return Err(error),
            }
        }
        self.sync().map_err(failed)?;
        if let Some(parent) = self.folder.parent() {
            let synced = File::open(parent).and_then(|folder| folder.sync_all());
            synced.map_err(failed)?;
        }
        Ok([
            self.load(KeyRole::Root)?,
            self.load(KeyRole::Link)?,
            self.load(KeyRole::Sign)?,
        ])
    }
}

/// A whole file comes into being, or none: a crash leaves at most the unfinished one beside it.
fn write(path: &Path, seed: &Seed, role: KeyRole) -> io::Result<()> {
    let making = path.with_extension("making");
    match fs::remove_file(&making) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&making)?;
    let text = Zeroizing::new(format!("{FORMAT} {role} {}\n", base32(seed.expose())));
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&making, path)
}

fn parse(text: &str, role: KeyRole) -> Option<Seed> {
    let rest = text.trim_end().strip_prefix(FORMAT)?.strip_prefix(' ')?;
    let encoded = rest.strip_prefix(role.name())?.strip_prefix(' ')?;
    let bytes = Zeroizing::new(from_base32(encoded)?);
    let seed: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Seed(Zeroizing::new(seed)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files() -> (tempfile::TempDir, IdentityFiles) {
        let data = tempfile::tempdir().expect("a folder");
        let files = IdentityFiles::of(data.path());
        (data, files)
    }

    #[test]
    fn what_was_made_is_read_back_and_made_once() {
        let (_data, files) = files();
        let [root, link, sign] = files.load_or_create(|| [7; 32]).expect("made");
        assert_eq!(root.expose(), &[7; 32]);
        assert_eq!(link.expose(), sign.expose());
        let again = files.load_or_create(|| [8; 32]).expect("there");
        assert!(again.iter().all(|seed| seed.expose() == &[7; 32]));
        let mode = fs::metadata(files.path(KeyRole::Sign))
            .expect("a file")
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_crash_between_two_files_is_repaired() {
        let (_data, files) = files();
        files.load_or_create(|| [7; 32]).expect("made");
        fs::remove_file(files.path(KeyRole::Sign)).expect("it was there");
        fs::write(files.path(KeyRole::Sign).with_extension("making"), "fo").expect("written");
        let [root, _, sign] = files.load_or_create(|| [8; 32]).expect("repaired");
        assert_eq!((root.expose(), sign.expose()), (&[7; 32], &[8; 32]));
    }

    #[test]
    fn the_next_key_takes_the_place_of_the_one_in_use() {
        let (_data, files) = files();
        files.load_or_create(|| [7; 32]).expect("made");
        assert!(files.load_next(KeyRole::Link).expect("none").is_none());
        for drawn in [[8; 32], [9; 32]] {
            files.make_next(KeyRole::Link, || drawn).expect("made");
        }
        let kept = files.load(KeyRole::Link).expect("there");
        assert_eq!(kept.expose(), &[7; 32], "until it is taken");
        files.take_next(KeyRole::Link).expect("taken");
        let kept = files.load(KeyRole::Link).expect("there");
        assert_eq!(kept.expose(), &[9; 32]);
        assert!(files.load_next(KeyRole::Link).expect("none").is_none());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_data, files) = files();
        files.load_or_create(|| [7; 32]).expect("made");
        let path = files.path(KeyRole::Link);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");
        let refused = files.load(KeyRole::Link).expect_err("exposed");
        assert!(matches!(refused, KeyFileError::Exposed { mode: 0o640, .. }));
        assert!(refused.to_string().contains("chmod 600"));
    }

    #[test]
    fn what_is_no_key_of_the_role_is_refused() {
        let (_data, files) = files();
        files.load_or_create(|| [7; 32]).expect("made");
        let link = fs::read(files.path(KeyRole::Link)).expect("a file");
        for content in [
            link.as_slice(),
            b"",
            b"foedus-key-v1 sign aa\n",
            b"\xff\xff",
        ] {
            fs::write(files.path(KeyRole::Sign), content).expect("written");
            let refused = files.load(KeyRole::Sign).expect_err("no key");
            assert!(matches!(
                refused,
                KeyFileError::Content {
                    role: KeyRole::Sign,
                    ..
                }
            ));
        }
        fs::remove_file(files.path(KeyRole::Sign)).expect("it was there");
        assert!(matches!(
            files.load(KeyRole::Sign),
            Err(KeyFileError::Missing { .. })
        ));
    }
}
