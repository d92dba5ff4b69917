//! Points in time, as the pure crates see them: numbers that somebody else read from a clock.

use std::fmt;

/// A day of 24 hours.
pub const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds since 1970-01-01T00:00:00Z by a wall clock, leap seconds not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The earliest time that can be named.
    pub const ZERO: Self = Self(0);

    /// This time and `millis` more; the latest nameable time at most.
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This time less `millis`; the earliest nameable time at least.
    pub const fn minus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds from `earlier` to this; 0 if `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// What the clocks of the daemon say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock. It may jump, also backwards.
    pub wall: Timestamp,
    /// Milliseconds since some fixed moment of this run, by a clock that never jumps.
    pub steady_millis: u64,
}
