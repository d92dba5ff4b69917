//! How far into an engine a trace leads. A cut shows nothing of what the engine never did: a small load fills neither
//! fjall's table in memory nor sled's first segment.
//!
//! The one file here that knows how engines name their files.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use foedus_daemon::bounds::SLED_SEGMENT_BYTES;
use foedus_daemon::store::EngineKind;

use super::trace::{Act, Record};

/// Texts of the bulk: close to the longest that may be posted.
pub const BULK_TEXT_BYTES: u64 = 16_000;

/// How many messages of the bulk have so many bytes.
#[must_use]
pub fn bulk_messages(bytes: u64) -> u64 {
    bytes / BULK_TEXT_BYTES
}

/// What an engine is seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// sled.
    Sled {
        /// Segments of its file that were written to.
        segments: usize,
    },
    /// fjall.
    Fjall {
        /// Tables of our pairs.
        tables: usize,
        /// Journals that were begun.
        journals: usize,
        /// Journals that were removed, as tables hold all that is in them.
        removed: usize,
    },
}

impl Reach {
    /// How far these records lead.
    #[must_use]
    pub fn of(records: &[Record], engine: EngineKind) -> Self {
        let mut open = HashMap::<i32, &Path>::new();
        let (mut segments, mut tables, mut journals) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut removed = BTreeSet::<&Path>::new();
        for Record { act, .. } in records {
            match act {
                Act::Started => open.clear(),
                Act::Opened { file, path, .. } => {
                    open.insert(*file, path);
                }
                Act::Duplicated { file, of } => {
                    if let Some(path) = open.get(of) {
                        open.insert(*file, path);
                    }
                }
                Act::Wrote { file, offset, data } => {
                    let Some(path) = open.get(file) else { continue };
                    if path.ends_with("sled/db") {
                        let segment = SLED_SEGMENT_BYTES as u64;
                        let last = offset + data.len().saturating_sub(1) as u64;
                        segments.extend(offset / segment..=last / segment);
                    }
                    if is_table(path) {
                        tables.insert(*path);
                    }
                    if is_journal(path) {
                        journals.insert(*path);
                    }
                }
                Act::Removed(path) if is_journal(path) => {
                    removed.insert(path);
                }
                _ => {}
            }
        }
        match engine {
            EngineKind::Fjall => Self::Fjall {
                tables: tables.len(),
                journals: journals.len(),
                removed: removed.len(),
            },
            EngineKind::Sled => Self::Sled {
                segments: segments.len(),
            },
        }
    }

    /// Whether it leads to whatever an engine does in the long run.
    #[must_use]
    pub fn is_far(&self) -> bool {
        match self {
            Self::Sled { segments } => *segments >= 2,
            Self::Fjall {
                tables,
                journals,
                removed,
            } => *tables >= 1 && *journals >= 2 && *removed >= 1,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sled { segments } => write!(formatter, "{segments} segments"),
            Self::Fjall {
                tables,
                journals,
                removed,
            } => write!(
                formatter,
                "{tables} tables, {journals} journals, {removed} of them removed"
            ),
        }
    }
}

/// A table of a keyspace other than fjall's own list of them, which is the first.
fn is_table(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().collect();
    matches!(parts.as_slice(), [.., keyspaces, keyspace, tables, _]
        if *keyspaces == "keyspaces" && *keyspace != "0" && *tables == "tables")
}

fn is_journal(path: &Path) -> bool {
    path.extension() == Some("jnl".as_ref())
        && path
            .parent()
            .is_some_and(|folder| folder.ends_with("fjall"))
}

#[cfg(test)]
mod tests;
