//! Reading records in a step. What can't be read is noted, so that the step is given up and
//! somebody told: taken for absent, it would be decided upon, and then written over.
//!
//! It must not know what any record is for.

use super::Effect;
use crate::batch::Read;
use crate::damaged::Damaged;
use crate::keys::ChannelKey;
use crate::steploop::Step;
use crate::stored::{Record, Run};

/// The record under a key, if there is one; nothing for a key that the input did not name.
pub(super) fn named_record<R: Record>(
    key: &[u8],
    step: &mut Step<'_, Effect>,
) -> Result<Option<R>, Damaged> {
    let value = step.try_get(key);
    let read = value.map(|value| R::from_value(key, value)).transpose();
    step.noted(read)
}

/// What a scan of a log's entries, or of its tiles, returned.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Entries, by sequence.
    pub headers: Vec<(u64, Vec<u8>)>,
    /// Hashes of full tiles, by number.
    pub tiles: Vec<(u64, [u8; 32])>,
}

/// What a scan of a log's entries, or of its tiles, returned; nothing if it was not named.
pub(super) fn scanned(
    read: &Read,
    step: &mut Step<'_, Effect>,
) -> Result<Option<Scanned>, Damaged> {
    let rows = step.try_scanned(read);
    let read = rows.map(|rows| {
        let mut scanned = Scanned::default();
        for (key, value) in rows {
            scanned.add(key, value)?;
        }
        Ok(scanned)
    });
    step.noted(read.transpose())
}

impl Scanned {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        if let Some((_, ChannelKey::Tile(_, tile))) = ChannelKey::parse(key) {
            let hash = value.try_into();
            let hash = hash.map_err(|_| Damaged::new(key.to_vec(), "the hash of a tile"))?;
            self.tiles.push((tile, hash));
        } else {
            let run = Run::from_value(key, value)?;
            let headers = run.entries.into_iter().map(|entry| entry.header);
            self.headers.extend((run.first..).zip(headers));
        }
        Ok(())
    }
}
