//! What our wall clock is good for.
//!
//! Of the two clocks of a daemon one tells the time and may leap, and the other never leaps and
//! tells no time. Together they tell that the first one leapt. Whoever sees both can see that: no
//! machine has to wait until another has said so.
//!
//! It must not know what is done by the clock, nor who says that it is right again.

use foedus_policy::state::Leap;
use foedus_policy::time::{Now, Timestamp};

use crate::bounds::{CLOCK_DRIFT_MILLIS_MAX, CLOCK_LEAP_MILLIS};

/// What is known of our clock. The default: nothing, and it is relied on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reliance {
    /// What both clocks said when the wall clock was last relied on.
    pub relied: Option<Now>,
    /// Since this start neither a partner's clock agreed nor did an administrator say so.
    pub in_doubt: bool,
}

/// What our clock is good for at one moment. The default: it is the year 1970, and nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// It is this time at least: by this is done what can't be taken back.
    pub surely: Timestamp,
    /// It is this time at most: what is to stop by then has stopped.
    pub perhaps: Timestamp,
    /// The clock leapt, and nobody has said since that it is right.
    pub is_paused: bool,
    /// An end by the clock may be recorded.
    pub may_end: bool,
}

impl Reliance {
    /// What it should be by now, if that can be told.
    fn expected(&self, now: Now) -> Option<Timestamp> {
        let relied = self.relied?;
        let passed = now.steady_millis.saturating_sub(relied.steady_millis);
        Some(relied.wall.plus_millis(passed))
    }

    /// Milliseconds between what the wall clock says and what it should say.
    fn drift(&self, now: Now) -> u64 {
        let expected = self.expected(now);
        expected.map_or(0, |expected| now.wall.0.abs_diff(expected.0))
    }

    /// That the clock leapt, if it did.
    pub fn leap(&self, now: Now, at_start: bool) -> Option<Leap> {
        let leapt = self.drift(now) > CLOCK_LEAP_MILLIS;
        let expected = self.expected(now).filter(|_| leapt)?;
        Some(Leap {
            expected,
            found: now.wall,
            at_start,
        })
    }

    /// Whether what is relied on is to be counted anew: clocks are put right by less than a leap.
    pub fn is_stale(&self, now: Now) -> bool {
        self.relied.is_none() || self.drift(now) > CLOCK_DRIFT_MILLIS_MAX
    }

    /// What partners are told that it is: of a clock that leapt, what it should be. Else somebody
    /// who says the same could have us believe that it is right.
    pub fn told(&self, now: Now, noted: bool) -> Timestamp {
        let is_paused = self.read(now, noted).is_paused;
        let expected = self.expected(now).filter(|_| is_paused);
        expected.unwrap_or(now.wall)
    }

    /// What the clock is good for now, if `noted` says whether a leap was noted before.
    pub fn read(&self, now: Now, noted: bool) -> Reading {
        let is_paused = noted || self.drift(now) > CLOCK_LEAP_MILLIS;
        let expected = self.expected(now).filter(|_| is_paused);
        let other = expected.unwrap_or(now.wall);
        Reading {
            surely: now.wall.min(other),
            perhaps: now.wall.max(other),
            is_paused,
            may_end: !is_paused && !self.in_doubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;
    const NOON: Timestamp = Timestamp(1_800_000_000_000);

    fn at(wall: Timestamp, steady_millis: u64) -> Now {
        Now {
            wall,
            steady_millis,
        }
    }

    fn relied() -> Reliance {
        Reliance {
            relied: Some(at(NOON, HOUR)),
            in_doubt: false,
        }
    }

    #[track_caller]
    fn check(now: Now, paused: bool, surely: Timestamp, perhaps: Timestamp) {
        let reading = relied().read(now, false);
        let expected = Reading {
            surely,
            perhaps,
            is_paused: paused,
            may_end: !paused,
        };
        assert_eq!(reading, expected, "at {now:?}");
        assert_eq!(relied().leap(now, true).is_some(), paused);
    }

    #[test]
    fn time_that_passes_is_no_leap() {
        let later = NOON.plus_millis(1_000 * HOUR);
        check(at(later, 1_001 * HOUR), false, later, later);
    }

    #[test]
    fn a_leap_is_more_than_two_days_either_way() {
        let due = NOON.plus_millis(HOUR);
        let step = 48 * HOUR;
        let (ahead, behind) = (due.plus_millis(step), due.minus_millis(step));
        check(at(ahead, 2 * HOUR), false, ahead, ahead);
        check(at(behind, 2 * HOUR), false, behind, behind);
        let (ahead, behind) = (ahead.plus_millis(1), behind.minus_millis(1));
        check(at(ahead, 2 * HOUR), true, due, ahead);
        check(at(behind, 2 * HOUR), true, behind, due);
    }

    #[test]
    fn a_leap_that_was_noted_lasts_when_the_clock_is_back() {
        let back = at(NOON.plus_millis(HOUR), 2 * HOUR);
        let reading = relied().read(back, true);
        assert!(reading.is_paused && !reading.may_end);
        assert_eq!((reading.surely, reading.perhaps), (back.wall, back.wall));
    }

    #[test]
    fn after_a_start_nothing_ends_by_the_clock_until_somebody_agrees() {
        let started = Reliance {
            in_doubt: true,
            ..relied()
        };
        let reading = started.read(at(NOON, HOUR), false);
        assert!(!reading.is_paused && !reading.may_end);
    }

    #[test]
    fn what_nobody_ever_relied_on_can_not_leap() {
        let new = Reliance::default();
        assert_eq!(new.leap(at(NOON, 0), true), None);
        assert!(new.is_stale(at(NOON, 0)) && new.read(at(NOON, 0), false).may_end);
    }

    #[test]
    fn a_clock_that_is_put_right_is_counted_from_anew() {
        let due = |off| at(NOON.plus_millis(HOUR + off), 2 * HOUR);
        assert!(!relied().is_stale(due(HOUR)));
        assert!(relied().is_stale(due(HOUR + 1)));
    }
}
