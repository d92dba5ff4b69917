//! What the disk under a folder has left, and what a folder takes of it.
//!
//! It must not know what the folder holds, nor what follows from a disk that is full.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What `st_blocks` counts in, whatever the file system.
const BLOCK_BYTES: u64 = 512;

/// Bytes that are left for us on the disk under a folder; `None` if that can't be told, which is not the same as none.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of all files under a folder as they lie on the disk: a file may be longer than what was written of it, as
/// fjall's journals are. What is removed while it is looked takes nothing.
///
/// # Errors
///
/// If the folder, or anything in it, can't be read.
pub fn used_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = match entry.metadata() {
            Ok(found) if found.is_dir() => used_bytes(&entry.path()),
            Ok(found) => Ok(found.blocks() * BLOCK_BYTES),
            Err(error) => Err(error),
        };
        bytes += match found {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            found => found?,
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_told_is_not_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(free_bytes(folder.path()).is_some());
        let missing = folder.path().join("missing");
        assert_eq!(free_bytes(&missing), None);
        assert!(used_bytes(&missing).is_err());
    }

    #[test]
    fn a_file_takes_what_was_written_of_it_and_not_its_length() {
        const LENGTH: u64 = 64 << 20;
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("below");
        std::fs::create_dir(&below).expect("there is room");
        let file = std::fs::File::create(below.join("journal")).expect("there is room");
        file.set_len(LENGTH).expect("there is room");
        assert!(used_bytes(folder.path()).expect("it is there") < LENGTH);
        std::fs::write(folder.path().join("said"), [1; 4096]).expect("there is room");
        assert!(used_bytes(folder.path()).expect("it is there") >= 4096);
    }
}
