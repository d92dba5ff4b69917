//! Changes to what is known of our clock.

use super::Act;
use crate::action::Outcome;
use crate::id::OrgId;
use crate::state::{Change, Leap, Record};

impl Act<'_> {
    /// The first leap stays: what the clock should have said is counted from before it.
    pub(super) fn clock_leapt(&mut self, leap: Leap) -> Outcome {
        if self.state.leap() == Some(leap) {
            return Outcome::Unchanged;
        }
        self.put(Record::Leap(leap));
        Outcome::Done
    }

    /// A partner agrees, which is not enough if it leapt while the daemon ran; or a new start finds
    /// the clock where it should be.
    pub(super) fn clock_agreed(&mut self, partner: Option<OrgId>) -> Outcome {
        match self.state.leap() {
            Some(leap) if leap.at_start || partner.is_none() => {
                self.remove(Change::Leap);
                Outcome::Done
            }
            Some(_) | None => Outcome::Unchanged,
        }
    }

    pub(super) fn confirm_clock(&mut self) -> Outcome {
        if self.state.leap().is_some() {
            self.remove(Change::Leap);
        }
        Outcome::Done
    }
}
