//! How pairs lie in sled: values cut into pieces that keep sled's pages small.
//!
//! ```text
//! v ‖ key            0 ‖ value                  a value of one piece
//! v ‖ key            1 ‖ number of pieces       a larger one
//! p ‖ key ‖ index    a piece of it
//! r ‖ index, R       `redo`
//! ```
//!
//! The index has a fixed length, so no two keys share a piece.

use sled::Db;

use foedus_federation::batch::Value;

use super::super::StoreError;
use super::super::writer::Writes;
use crate::bounds::{SLED_PIECE_BYTES_MAX, SLED_STEP_BYTES_MAX, SLED_STEP_PAIRS_MAX};

/// A write as sled gets it.
pub type Raw = (Vec<u8>, Option<Vec<u8>>);

const WHOLE: u8 = 0;
const CUT: u8 = 1;

/// Where a key's value, or the number of its pieces, is.
pub fn head_key(key: &[u8]) -> Vec<u8> {
    [b"v", key].concat()
}

fn piece_key(key: &[u8], index: u8) -> Vec<u8> {
    [b"p", key, &[index]].concat()
}

/// The value behind a head.
pub fn value(db: &Db, key: &[u8], head: &[u8]) -> Result<Value, StoreError> {
    let damaged = || StoreError::Sled(sled::Error::Corruption { at: None, bt: () });
    match head.split_first() {
        Some((&WHOLE, value)) => Ok(value.to_vec()),
        Some((&CUT, &[pieces])) => {
            let mut value = Value::new();
            for index in 0..pieces {
                value.extend_from_slice(&db.get(piece_key(key, index))?.ok_or_else(damaged)?);
            }
            Ok(value)
        }
        _ => Err(damaged()),
    }
}

/// How many pieces lie under a key, apart from its head.
fn pieces_now(db: &Db, key: &[u8]) -> Result<u8, StoreError> {
    Ok(match db.get(head_key(key))?.as_deref() {
        Some(&[CUT, pieces]) => pieces,
        _ => 0,
    })
}

/// The writes as sled gets them, and the removal of pieces that are no longer there.
pub fn cut(db: &Db, writes: &Writes) -> Result<Vec<Raw>, StoreError> {
    let mut raw = Vec::new();
    for (key, value) in writes {
        let before = pieces_now(db, key)?;
        let mut now = 0;
        match value {
            None => raw.push((head_key(key), None)),
            Some(value) if value.len() < SLED_PIECE_BYTES_MAX => {
                raw.push((head_key(key), Some([&[WHOLE], value.as_slice()].concat())));
            }
            Some(value) => {
                for piece in value.chunks(SLED_PIECE_BYTES_MAX) {
                    raw.push((piece_key(key, now), Some(piece.to_vec())));
                    now += 1;
                }
                raw.push((head_key(key), Some(vec![CUT, now])));
            }
        }
        raw.extend((now..before).map(|index| (piece_key(key, index), None)));
    }
    Ok(raw)
}

/// The writes in the order given, in parts that are each small enough for one sync.
pub fn steps(mut raw: &[Raw]) -> impl Iterator<Item = &[Raw]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |(key, value): &&Raw| {
            bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            bytes <= SLED_STEP_BYTES_MAX
        };
        let count = raw
            .iter()
            .take(SLED_STEP_PAIRS_MAX)
            .take_while(fits)
            .count();
        let (step, rest) = raw.split_at(count);
        raw = rest;
        (count > 0).then_some(step)
    })
}
