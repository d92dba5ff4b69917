//! Rules about our clock: what waits while nobody can rely on it, and who may say that it is right.

use super::Asked;
use crate::reason::Reason;

impl Asked<'_> {
    /// What rests on the clock alone and can't be taken back waits while the clock is in doubt.
    pub(super) fn clock_holds(&self) -> Result<(), Reason> {
        match self.state.leap() {
            Some(_) => Err(Reason::ClockPaused),
            None => Ok(()),
        }
    }

    /// To let what waited too long expire. It is not looked for while the clock is in doubt.
    pub(super) fn expire_due(&self) -> Result<(), Reason> {
        self.caller.daemon()?;
        self.clock_holds()
    }

    /// What ends by this is ended for good, so somebody stands for it by name.
    pub(super) fn confirm_clock(&self) -> Result<(), Reason> {
        self.caller.named_administrator().map(drop)
    }
}
