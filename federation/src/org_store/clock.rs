//! The mirror of a leap of our clock.

use foedus_policy::state::Leap;
use foedus_policy::time::Timestamp;
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize};

use super::field::Flag;

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct LeapRow {
    expected: u64,
    found: u64,
    at_start: Flag,
}

impl From<&Leap> for LeapRow {
    fn from(leap: &Leap) -> Self {
        let Leap {
            expected,
            found,
            at_start,
        } = leap;
        Self {
            expected: expected.0,
            found: found.0,
            at_start: (*at_start).into(),
        }
    }
}

impl From<LeapRow> for Leap {
    fn from(row: LeapRow) -> Self {
        let LeapRow {
            expected,
            found,
            at_start,
        } = row;
        Self {
            expected: Timestamp(expected),
            found: Timestamp(found),
            at_start: at_start.into(),
        }
    }
}
