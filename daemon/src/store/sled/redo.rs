//! A batch too large for one sync, applied all or none in several.
//!
//! ```text
//! r ‖ index    a write to come: 0 ‖ key, or 1 ‖ length of key ‖ key ‖ value
//! R            how many there are; from when it is durable the batch is
//! ```

use sled::Db;

use super::super::StoreError;
use super::SledHandle;
use super::pieces::{Raw, steps};

const MARK: &[u8] = b"R";
const REMOVE: u8 = 0;
const PUT: u8 = 1;

fn redo_key(index: u32) -> Vec<u8> {
    [b"r".as_slice(), &index.to_be_bytes()].concat()
}

/// Applies the writes, all or none, durably.
pub fn write(handle: &SledHandle, raw: &[Raw]) -> Result<(), StoreError> {
    let redo: Vec<Raw> = (0u32..)
        .zip(raw)
        .map(|(index, raw)| (redo_key(index), Some(encode(raw))))
        .collect();
    // A crash in here: redo pairs without a mark. The next opening removes them, nothing was applied.
    for step in steps(&redo) {
        handle.step(step)?;
    }
    let count = u32::try_from(raw.len()).expect("a batch has a few thousand keys");
    handle.step(&[(MARK.to_vec(), Some(count.to_be_bytes().to_vec()))])?;
    // A crash from here on: the next opening does what follows.
    apply(handle, raw)
}

/// Finishes what a crash cut off.
pub fn recover(handle: &SledHandle) -> Result<(), StoreError> {
    if let Some(count) = handle.db.get(MARK)? {
        let damaged = |_| damaged();
        let count = u32::from_be_bytes(count.as_ref().try_into().map_err(damaged)?);
        let raw: Result<Vec<Raw>, StoreError> =
            (0..count).map(|index| decode(&handle.db, index)).collect();
        return apply(handle, &raw?);
    }
    clear(handle)
}

/// Writes what the mark vouches for. Doing it again does no harm.
fn apply(handle: &SledHandle, raw: &[Raw]) -> Result<(), StoreError> {
    for step in steps(raw) {
        handle.step(step)?;
    }
    handle.step(&[(MARK.to_vec(), None)])?;
    clear(handle)
}

/// Removes redo pairs that no mark vouches for.
fn clear(handle: &SledHandle) -> Result<(), StoreError> {
    let pairs: Result<Vec<Raw>, sled::Error> = handle
        .db
        .scan_prefix(b"r")
        .keys()
        .map(|key| key.map(|key| (key.to_vec(), None)))
        .collect();
    for step in steps(&pairs?) {
        handle.step(step)?;
    }
    Ok(())
}

fn damaged() -> StoreError {
    StoreError::Sled(sled::Error::Corruption { at: None, bt: () })
}

fn encode((key, value): &Raw) -> Vec<u8> {
    match value {
        None => [&[REMOVE], key.as_slice()].concat(),
        Some(value) => {
            let length = u16::try_from(key.len()).expect("a key has at most 514 bytes here");
            [&[PUT], length.to_be_bytes().as_slice(), key, value].concat()
        }
    }
}

fn decode(db: &Db, index: u32) -> Result<Raw, StoreError> {
    let found = db.get(redo_key(index))?.ok_or_else(damaged)?;
    match found.split_first().ok_or_else(damaged)? {
        (&REMOVE, key) => Ok((key.to_vec(), None)),
        (&PUT, rest) => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (key, value) = rest.split_at_checked(length).ok_or_else(damaged)?;
            Ok((key.to_vec(), Some(value.to_vec())))
        }
        _ => Err(damaged()),
    }
}
