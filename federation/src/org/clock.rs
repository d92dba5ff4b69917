//! Our clock, as the organisation watches it: leaps are found, written down and audited; the time is
//! kept so that a leap over a start is found; and partners and administrators say that it is right.

use foedus_policy::action::Action;
use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::OrgId;
use foedus_policy::time::{Now, Timestamp};

use super::store::{CLOCK, note_key};
use super::{Effect, Org};
use crate::bounds::{CLOCK_AGREES_MILLIS, CLOCK_KEPT_MILLIS};
use crate::clock::Reliance;
use crate::steploop::Step;
use crate::stored::{ClockKept, Record};

/// What one run knows of its clock.
#[derive(Debug)]
pub(super) struct Watch {
    /// The clock was looked at since the start.
    begun: bool,
    /// When the time was last written down.
    kept_steady_millis: Option<u64>,
}

impl Watch {
    /// `begun`: this run wrote the time down before.
    pub(super) fn new(begun: bool) -> Self {
        Self {
            begun,
            kept_steady_millis: None,
        }
    }
}

impl Org {
    /// Looks at the clock, before anything is decided by it. Returns what is to be decided by: of two
    /// times that it may be, the earlier.
    pub(super) fn watch_clock(&mut self, now: Now, step: &mut Step<'_, Effect>) -> Now {
        if self.ours.is_some() && self.state().identity().is_some() {
            let at_start = !std::mem::replace(&mut self.watch.begun, true);
            let leap = self.snapshot.reliance.leap(now, at_start);
            let noted = self.state().leap();
            let surely = self.cautious(now);
            match (leap, noted) {
                (Some(leap), None) => self.system(surely, &Action::ClockLeapt(leap), step),
                // What an earlier run noted may be over, or have become a leap over a start.
                (Some(leap), Some(noted)) if at_start && !noted.at_start => {
                    self.system(surely, &Action::ClockLeapt(leap), step);
                }
                (None, Some(_)) if at_start => self.clock_agrees(now, None, step),
                (None, None) if self.snapshot.reliance.is_stale(now) => self.rely(now),
                _ => {}
            }
        }
        self.cautious(now)
    }

    /// What is decided by, and written down: a clock that leapt ahead makes no time that stays.
    pub(super) fn cautious(&self, now: Now) -> Now {
        Now {
            wall: self.snapshot.clock(now).surely,
            ..now
        }
    }

    fn rely(&mut self, now: Now) {
        self.snapshot.reliance.relied = Some(now);
        self.changed = true;
    }

    /// Writes down that the clock is relied on, now and then. A crash loses a minute of that.
    pub(super) fn keep_time(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let kept = self.watch.kept_steady_millis;
        let due =
            kept.is_none_or(|kept| now.steady_millis.saturating_sub(kept) >= CLOCK_KEPT_MILLIS);
        if due && self.ours.is_some() && !self.snapshot.clock(now).is_paused {
            self.write_time(now, step);
        }
    }

    fn write_time(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.watch.kept_steady_millis = Some(now.steady_millis);
        let kept = ClockKept {
            wall: now.wall.0,
            run: self.run.0,
            steady_millis: now.steady_millis,
            in_doubt: self.snapshot.reliance.in_doubt.into(),
        };
        step.put(note_key(CLOCK, &[]), kept.to_value());
    }

    /// A partner said hello when our steady clock said `steady_millis`, and its wall clock `wall`.
    pub(super) fn clock_heard(
        &mut self,
        now: Now,
        partner: OrgId,
        wall: Timestamp,
        steady_millis: u64,
        step: &mut Step<'_, Effect>,
    ) {
        let is_heard = carrier_allowed(self.state(), partner).is_ok();
        // Since then our clock may have leapt.
        let theirs = wall.plus_millis(now.steady_millis.saturating_sub(steady_millis));
        if is_heard && theirs.0.abs_diff(now.wall.0) <= CLOCK_AGREES_MILLIS {
            self.clock_agrees(now, Some(partner), step);
        }
    }

    /// Our clock is right as far as a partner, or what was written down, can tell. What leapt while
    /// we ran is for an administrator to look at.
    fn clock_agrees(&mut self, now: Now, partner: Option<OrgId>, step: &mut Step<'_, Effect>) {
        let leap = self.state().leap();
        if leap.is_some_and(|leap| !leap.at_start) && partner.is_some() {
            return;
        }
        // That the clock goes on where it stopped is nobody's word.
        let ends_doubt = self.snapshot.reliance.in_doubt && partner.is_some();
        if leap.is_none() && !ends_doubt {
            return;
        }
        let surely = self.cautious(now);
        if leap.is_some() {
            self.system(surely, &Action::ClockAgreed { partner }, step);
        }
        self.clock_is_right(now, partner.is_none(), step);
    }

    /// From now on the clock is relied on as it goes now.
    pub(super) fn clock_is_right(&mut self, now: Now, in_doubt: bool, step: &mut Step<'_, Effect>) {
        self.snapshot.reliance = Reliance {
            relied: Some(now),
            in_doubt,
        };
        self.changed = true;
        self.write_time(now, step);
    }

    /// Whether the daemon may look for what is due.
    pub(super) fn is_clock_paused(&self) -> bool {
        self.state().leap().is_some()
    }
}
