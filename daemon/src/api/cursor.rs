//! The cursor of a stream: for each channel the arrival up to which it was dealt with, in one opaque text.

use std::collections::BTreeMap;

use foedus_federation::frame::Cursor;
use foedus_policy::id::{ChannelId, RunId};

use super::page;
use super::refusal::Refusal;
use crate::bounds::api::SUBSCRIPTION_CHANNELS_MAX;

const KIND: &str = "cursor";
const ROW_BYTES: usize = 32 + 16 + 8 + 2;

/// Where a reader stands in one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// The last arrival that was dealt with as a whole.
    pub cursor: Cursor,
    /// Entries of the next one that were dealt with, too.
    pub skip: u16,
}

/// The text of where a reader stands in all channels of a stream.
pub fn write(stands: &BTreeMap<ChannelId, Stand>) -> String {
    let mut bytes = Vec::with_capacity(stands.len() * ROW_BYTES);
    for (channel, stand) in stands {
        bytes.extend_from_slice(channel.as_bytes());
        bytes.extend_from_slice(stand.cursor.run.as_bytes());
        bytes.extend_from_slice(&stand.cursor.arrival.to_be_bytes());
        bytes.extend_from_slice(&stand.skip.to_be_bytes());
    }
    page::seal(KIND, &bytes)
}

/// What such a text says.
pub fn read(text: &str) -> Result<BTreeMap<ChannelId, Stand>, Refusal> {
    let invalid = || {
        Refusal::malformed(
            "CURSOR_INVALID",
            "this is no cursor that a stream gave",
            "begin without one: from the start, or from now",
        )
    };
    let bytes = page::open(KIND, text).ok_or_else(invalid)?;
    if bytes.len() % ROW_BYTES != 0 || bytes.len() / ROW_BYTES > SUBSCRIPTION_CHANNELS_MAX {
        return Err(invalid());
    }
    let stands = bytes.chunks_exact(ROW_BYTES).map(row);
    stands.collect::<Option<_>>().ok_or_else(invalid)
}

fn row(bytes: &[u8]) -> Option<(ChannelId, Stand)> {
    let cursor = Cursor {
        run: RunId(bytes.get(32..48)?.try_into().ok()?),
        arrival: u64::from_be_bytes(bytes.get(48..56)?.try_into().ok()?),
    };
    let skip = u16::from_be_bytes(bytes.get(56..)?.try_into().ok()?);
    Some((
        ChannelId(bytes.get(..32)?.try_into().ok()?),
        Stand { cursor, skip },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        let stand = |number: u8| Stand {
            cursor: Cursor {
                run: RunId([number; 16]),
                arrival: u64::from(number) << 40,
            },
            skip: u16::from(number),
        };
        let full = (0..SUBSCRIPTION_CHANNELS_MAX).map(|number| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            (ChannelId(id), stand(number as u8))
        });
        for stands in [
            BTreeMap::new(),
            [(ChannelId([1; 32]), stand(3))].into(),
            full.collect(),
        ] {
            assert_eq!(read(&write(&stands)), Ok(stands));
        }
        for bad in [
            "",
            "x",
            &page::seal("members", b""),
            &page::seal(KIND, &[1; 57]),
        ] {
            assert_eq!(read(bad).expect_err(bad).reason, "CURSOR_INVALID");
        }
    }
}
