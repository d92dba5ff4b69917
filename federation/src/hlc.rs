//! Hybrid logical time: a wall clock's milliseconds that never go back, and a counter.
//!
//! Knows no clock; what a wall clock said comes in as an argument.

use std::fmt;

use foedus_policy::time::Timestamp;

use crate::bounds::CLOCK_AHEAD_MILLIS_MAX;

/// Bits of the counter, the lower part of the number.
const COUNTER_BITS: u32 = 16;

/// The latest time of which 48 bits can tell the milliseconds, in the year 10889.
const MILLIS_MAX: u64 = (1 << 48) - 1;

/// A hybrid logical time: 48 bits of milliseconds since 1970-01-01T00:00:00Z, then 16 bits of
/// counter. Compared as one number, so that a counter that overflows counts a millisecond on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Before any entry.
    pub const ZERO: Self = Self(0);

    /// The latest that can be named.
    pub const MAX: Self = Self(u64::MAX);

    /// The first moment of a millisecond. Times past the year 10889 count as its last
    /// millisecond.
    pub const fn at(wall: Timestamp) -> Self {
        let millis = if wall.0 > MILLIS_MAX {
            MILLIS_MAX
        } else {
            wall.0
        };
        Self(millis << COUNTER_BITS)
    }

    /// The milliseconds, as a point in time.
    pub const fn wall(self) -> Timestamp {
        Timestamp(self.0 >> COUNTER_BITS)
    }

    /// The counter within the millisecond.
    pub const fn counter(self) -> u16 {
        self.0 as u16
    }

    /// The time of the next entry: what the wall clock says, or the next number after `last` if
    /// that is not later.
    ///
    /// Greater than `last`, except that the latest nameable time stays where it is: such a clock
    /// writes nothing that counts any more. No remote time can move a clock there.
    #[must_use]
    pub fn tick(last: Self, wall: Timestamp) -> Self {
        Self::at(wall).max(Self(last.0.saturating_add(1)))
    }

    /// Where our clock stands after it has seen `remote`: at the later of both, but moved by
    /// `remote` to at most 5 minutes after the wall clock.
    #[must_use]
    pub fn observe(last: Self, remote: Self, wall: Timestamp) -> Self {
        let latest = Self::at(wall.plus_millis(CLOCK_AHEAD_MILLIS_MAX));
        last.max(remote.min(latest))
    }

    /// Whether this lies more than 5 minutes after the wall clock, so that the entry is held
    /// until it is due.
    pub fn is_ahead(self, wall: Timestamp) -> bool {
        self.wall() > wall.plus_millis(CLOCK_AHEAD_MILLIS_MAX)
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.wall().0, self.counter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_tick_grows_whatever_the_clock_says() {
        assert_eq!(Hlc::tick(Hlc::ZERO, NOON), Hlc::at(NOON));
        assert_eq!(Hlc::tick(Hlc::at(NOON), NOON), Hlc(Hlc::at(NOON).0 + 1));
        let back = Hlc::tick(Hlc::at(NOON), NOON.minus_millis(60_000));
        assert_eq!((back.wall(), back.counter()), (NOON, 1));
        let mut last = Hlc::ZERO;
        for _ in 0..70_000 {
            let next = Hlc::tick(last, NOON);
            assert!(next > last);
            last = next;
        }
        assert_eq!(last.wall(), NOON.plus_millis(1));
    }

    #[test]
    fn a_remote_time_moves_the_clock_by_five_minutes_at_most() {
        let own = Hlc::at(NOON);
        let near = Hlc::at(NOON.plus_millis(1_000));
        assert_eq!(Hlc::observe(own, near, NOON), near);
        let far = Hlc::observe(own, Hlc::MAX, NOON);
        assert_eq!(far.wall(), NOON.plus_millis(300_000));
        assert_eq!(Hlc::observe(own, Hlc::ZERO, NOON), own);
        let ahead = Hlc::at(NOON.plus_millis(900_000));
        assert_eq!(Hlc::observe(ahead, Hlc::MAX, NOON), ahead);
    }

    #[test]
    fn ahead_is_more_than_five_minutes() {
        assert!(!Hlc::at(NOON.plus_millis(300_000)).is_ahead(NOON));
        assert!(Hlc::at(NOON.plus_millis(300_001)).is_ahead(NOON));
        assert!(!Hlc::observe(Hlc::ZERO, Hlc::MAX, NOON).is_ahead(NOON));
    }

    #[test]
    fn nothing_overflows() {
        let end = Timestamp(u64::MAX);
        assert_eq!(Hlc::at(end).wall(), Timestamp(MILLIS_MAX));
        assert_eq!(Hlc::tick(Hlc::MAX, end), Hlc::MAX);
        assert_eq!(Hlc::observe(Hlc::MAX, Hlc::MAX, end), Hlc::MAX);
        assert!(!Hlc::MAX.is_ahead(end));
    }
}
