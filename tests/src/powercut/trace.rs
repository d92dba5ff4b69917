//! What the recorder wrote: each change that a daemon made to its files, and each sync, in their order.
//!
//! The layout is in `recorder.c`. It must not know what the files mean.

use std::path::PathBuf;

/// Something that the daemon did. Files are named by the numbers by which its process knew them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A process began: the numbers of the one before mean nothing any more.
    Started,
    /// A file or folder was opened, and made if `flags` say so.
    Opened {
        /// Its number.
        file: i32,
        /// Where.
        path: PathBuf,
        /// `O_CREAT`, `O_TRUNC` and the like.
        flags: u64,
    },
    /// A file got one more number.
    Duplicated {
        /// The new one.
        file: i32,
        /// The one before.
        of: i32,
    },
    /// A number means nothing any more.
    Closed(i32),
    /// Bytes were written.
    Wrote {
        /// Into which file.
        file: i32,
        /// Where in it.
        offset: u64,
        /// What.
        data: Vec<u8>,
    },
    /// A file got another length.
    Cut {
        /// Which.
        file: i32,
        /// The length.
        length: u64,
    },
    /// A sync of a file or a folder began.
    SyncBegins(i32),
    /// It ended well.
    SyncEnded(i32),
    /// A file got another path.
    Renamed {
        /// The one before.
        from: PathBuf,
        /// The new one.
        to: PathBuf,
    },
    /// A file has this path no more.
    Removed(PathBuf),
    /// A folder was made.
    FolderMade(PathBuf),
    /// A folder was removed.
    FolderRemoved(PathBuf),
    /// Something that is not followed here: what is known of the disk is no more what it holds.
    Unknown(String),
}

/// An act, and where its record ends in the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whoever saw the trace this long, or longer, came after the act.
    pub end: u64,
    /// What was done.
    pub act: Act,
}

/// Kind, number, offset, length, length of the text.
const HEAD_BYTES: usize = 1 + 4 + 8 + 8 + 4;

/// Reads a trace. The last record may be half of one: the daemon was killed.
///
/// # Panics
///
/// If the trace is none.
#[must_use]
pub fn read(trace: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some((act, end)) = read_one(trace, at) {
        let end_of_record = u64::try_from(end).expect("a length fits");
        records.push(Record {
            end: end_of_record,
            act,
        });
        at = end;
    }
    records
}

fn read_one(trace: &[u8], at: usize) -> Option<(Act, usize)> {
    let head = trace.get(at..at + HEAD_BYTES)?;
    let number = |range: std::ops::Range<usize>| {
        let mut bytes = [0; 8];
        bytes[..range.len()].copy_from_slice(&head[range]);
        u64::from_le_bytes(bytes)
    };
    let file = i32::from_le_bytes(head[1..5].try_into().expect("four bytes"));
    let (kind, offset, length) = (head[0], number(5..13), number(13..21));
    let text_end = at + HEAD_BYTES + usize::try_from(number(21..25)).expect("a short text");
    let text = trace.get(at + HEAD_BYTES..text_end)?;
    let text = std::str::from_utf8(text)
        .expect("paths are UTF-8")
        .to_owned();
    let mut end = text_end;
    let act = match kind {
        1 => Act::Opened {
            file,
            path: text.into(),
            flags: offset,
        },
        2 => Act::Closed(file),
        3 => {
            end += usize::try_from(length).expect("a length fits");
            let data = trace.get(text_end..end)?.to_vec();
            Act::Wrote { file, offset, data }
        }
        4 => Act::Cut {
            file,
            length: offset,
        },
        5 => Act::SyncBegins(file),
        6 => Act::SyncEnded(file),
        7 => {
            let (from, to) = text.split_once('\n').expect("two paths");
            let (from, to) = (from.into(), to.into());
            Act::Renamed { from, to }
        }
        8 => Act::Removed(text.into()),
        9 => Act::FolderMade(text.into()),
        10 => Act::FolderRemoved(text.into()),
        11 => Act::Unknown(format!("a link: {text}")),
        12 => Act::Unknown(text),
        13 => Act::Duplicated {
            file,
            of: i32::try_from(offset).expect("a number of a file"),
        },
        14 => Act::Started,
        other => panic!("no record has kind {other}, at {at} of the trace"),
    };
    Some((act, end))
}

#[cfg(test)]
mod tests;
