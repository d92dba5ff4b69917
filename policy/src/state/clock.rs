//! Whether this organisation's clock can be relied on.
//!
//! Knows no clock: that one leapt was found by whoever reads it.

use crate::time::Timestamp;

/// That our clock leapt: until somebody says that it is right, nothing is done by it that can't be
/// taken back, and nothing is written to what is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    /// What it should have said, by how much time had passed; after a start, what it said when the
    /// daemon last relied on it.
    pub expected: Timestamp,
    /// What it said.
    pub found: Timestamp,
    /// It leapt while the daemon was down, or had leapt before: then a partner whose clock agrees
    /// is as good as an administrator.
    pub at_start: bool,
}
