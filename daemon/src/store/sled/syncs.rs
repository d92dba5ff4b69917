//! The calls that make durable what sled wrote, one function each.
//!
//! They are apart so that a test sees which were made, and in which order: that one is missing shows nowhere else
//! but after a power cut. What is to be synced, and when, they don't know.

use std::fs::File;
use std::io;
use std::path::Path;

use super::super::folder::sync_folder;

/// What was made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// sled handed all that it holds to the system.
    Flushed,
    /// The file with the data.
    Data,
    /// Another file of sled's, whole.
    File,
    /// The names in sled's folder.
    Folder,
}

/// Makes sled write what it holds. That alone makes nothing durable.
pub fn flush(db: &sled::Db) -> sled::Result<()> {
    let flushed = db.flush().map(drop);
    note(Synced::Flushed);
    flushed
}

/// Syncs the file with the data.
pub fn data(file: &File) -> io::Result<()> {
    let synced = file.sync_data();
    note(Synced::Data);
    synced
}

/// Syncs a file that sled only reads again at its next opening.
pub fn file(path: &Path) -> io::Result<()> {
    let synced = File::open(path)?.sync_all();
    note(Synced::File);
    synced
}

/// Syncs the names in a folder.
pub fn folder(path: &Path) -> io::Result<()> {
    let synced = sync_folder(path);
    note(Synced::Folder);
    synced
}

#[cfg(not(test))]
fn note(_synced: Synced) {}

#[cfg(test)]
use super::tests::note;
