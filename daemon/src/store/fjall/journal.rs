//! fjall's journals, looked through before fjall reads them.
//!
//! fjall 3.1 means to let go of a last batch that a crash left half written, and does when it finds no end of it. Where
//! the end is there and something before it is not (a disk writes sectors in any order), it refuses the whole store:
//! `ChecksumMismatch`, `InsufficientLength` or `TooManyItems`. And where a batch in the *middle* can't be read, it takes
//! that for the end, and drops all that follows without a word. So both are decided here:
//!
//! - Each batch is synced before the next one is begun, so only the last one can be half written, and nobody was told of
//!   it. It is cut off.
//! - A whole batch behind one that is not says that something which had been made durable is damaged. The same does
//!   anything at the end of a journal that is not the newest: it was synced before the next one was made. Nothing is
//!   changed then, and the store is not opened.
//!
//! ```text
//! batch   01 ‖ number of items: u32 ‖ sequence: u64 ‖ items ‖ 03 ‖ XXH3 of the items: u64 ‖ "FJL" 03
//! item    02 ‖ kind: u8 ‖ compression: u8 ‖ keyspace: u64 ‖ bytes of key: u16 ‖ of value: u32 ‖ as stored: u32 ‖ key ‖ value
//! item    04 ‖ keyspace: u64
//! ```
//!
//! Numbers are little-endian; compression is 0, for none is built in; after the last batch there may be zeros.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::super::StoreError;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8; 4] = b"FJL\x03";

/// Kinds of values: there, gone, gone weakly, elsewhere.
const KINDS: [u8; 4] = [0, 1, 2, 4];

const COMPRESSION_NONE: u8 = 0;

/// As much as is read and compared at a time.
const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Where the batches of the newest journal end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The journal's number.
    pub journal: u64,
    /// Bytes of it that are whole batches.
    pub bytes: u64,
}

/// What the journals are found to hold.
#[derive(Debug)]
pub struct Found {
    /// Where they end; `None` if there is none.
    pub tip: Option<Tip>,
    /// The newest one, if a crash left something behind its last whole batch.
    torn: Option<PathBuf>,
}

impl Found {
    /// Cuts off what a crash left half written, durably.
    pub fn mend(self) -> Result<(), StoreError> {
        let (Some(tip), Some(path)) = (self.tip, self.torn) else {
            return Ok(());
        };
        // A crash in here: cut off or not, and if not, found so again.
        let cut = OpenOptions::new().write(true).open(&path).and_then(|file| {
            file.set_len(tip.bytes)?;
            file.sync_all()
        });
        cut.map_err(|error| StoreError::io(path, error))?;
        tracing::info!(
            "the last commit before a crash was half written; nobody was told of it, and it is taken out"
        );
        Ok(())
    }
}

/// Looks through all journals, the oldest first, and changes nothing.
pub fn look(folder: &Path) -> Result<Found, StoreError> {
    let journals = journals(folder).map_err(|error| StoreError::io(folder, error))?;
    let mut found = Found {
        tip: None,
        torn: None,
    };
    let mut newest_sequence = None;
    for (index, (journal, path)) in journals.iter().enumerate() {
        // One at a time: fjall begins another one at some 64 MB.
        let bytes = read(path).map_err(|error| StoreError::io(path, error))?;
        let (whole, sequence) = whole(&bytes);
        newest_sequence = newest_sequence.max(sequence);
        let rest = without_zeros(&bytes[whole..]);
        let is_newest = index + 1 == journals.len();
        let torn = !rest.is_empty();
        let whole_bytes = u64::try_from(whole).expect("a length fits");
        if torn && (!is_newest || has_batch_after(rest, newest_sequence)) {
            return Err(StoreError::JournalDamaged {
                path: path.clone(),
                at: whole_bytes,
            });
        }
        found.tip = Some(Tip {
            journal: *journal,
            bytes: whole_bytes,
        });
        found.torn = torn.then(|| path.clone());
    }
    Ok(found)
}

/// The journals, the oldest first. Other names are fjall's business.
fn journals(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jnl"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            journals.push((number, entry.path()));
        }
    }
    journals.sort_unstable();
    Ok(journals)
}

/// What a journal says, without most of the zeros after it: fjall makes a journal 64 MB long at once, and most hold little.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut piece, mut bytes, mut zeros) = ([0; ZEROS.len()], Vec::new(), 0);
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            return Ok(bytes);
        }
        if is_zeros(&piece[..length]) {
            zeros += length;
        } else {
            bytes.resize(bytes.len() + zeros, 0);
            bytes.extend_from_slice(&piece[..length]);
            zeros = 0;
        }
    }
}

/// What comes before the last piece that is all zeros.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let written = bytes
        .chunks(ZEROS.len())
        .rposition(|piece| !is_zeros(piece));
    let end = written.map_or(0, |piece| (piece + 1) * ZEROS.len());
    &bytes[..end.min(bytes.len())]
}

/// Compared as a whole, as looking at each byte takes its time.
fn is_zeros(piece: &[u8]) -> bool {
    piece == &ZEROS[..piece.len()]
}

/// How many bytes of a journal are whole batches, and the sequence of the last of them.
fn whole(bytes: &[u8]) -> (usize, Option<u64>) {
    let (mut at, mut newest) = (0, None);
    while let Some((sequence, length)) = batch(&bytes[at..]) {
        at += length;
        newest = newest.max(Some(sequence));
    }
    (at, newest)
}

/// Whether somewhere in `rest` a whole batch begins that was written after all before it. What a person wrote may look
/// like a batch, but not like one whose sequence is still to come, unless by guessing it.
fn has_batch_after(rest: &[u8], newest: Option<u64>) -> bool {
    // The first byte is where no whole batch begins.
    (1..rest.len())
        .filter(|at| rest[*at] == START)
        .filter_map(|at| batch(&rest[at..]))
        .any(|(sequence, _)| Some(sequence) > newest)
}

/// The whole batch that begins here: its sequence and its length.
fn batch(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut left = bytes;
    (take(&mut left)? == [START]).then_some(())?;
    let items = u32::from_le_bytes(take(&mut left)?);
    let sequence = u64::from_le_bytes(take(&mut left)?);
    let begin = left;
    for _ in 0..items {
        item(&mut left)?;
    }
    let items = &begin[..begin.len() - left.len()];
    (take(&mut left)? == [END]).then_some(())?;
    let hash = u64::from_le_bytes(take(&mut left)?);
    let is_whole = take(&mut left)? == *TRAILER && !items.is_empty() && hash == xxh3_64(items);
    is_whole.then_some((sequence, bytes.len() - left.len()))
}

/// Goes past one item.
fn item(left: &mut &[u8]) -> Option<()> {
    match take(left)? {
        [ITEM] => {
            let [kind, compression] = take(left)?;
            take::<8>(left)?;
            let key = usize::from(u16::from_le_bytes(take(left)?));
            let value = u32::from_le_bytes(take(left)?);
            let stored = u32::from_le_bytes(take(left)?);
            let known = KINDS.contains(&kind) && compression == COMPRESSION_NONE && value == stored;
            known.then_some(())?;
            let length = key.checked_add(usize::try_from(stored).ok()?)?;
            *left = left.get(length..)?;
        }
        [CLEAR] => {
            take::<8>(left)?;
        }
        _ => return None,
    }
    Some(())
}

fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*taken)
}
