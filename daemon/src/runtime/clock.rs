//! The two clocks of the daemon. Nothing else reads one for a decision.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use foedus_policy::time::{Now, Timestamp};

/// Reads both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose steady time begins now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// What both clocks say.
    #[must_use]
    pub fn now(&self) -> Now {
        let steady = self.started.elapsed().as_millis();
        Now {
            wall: wall(),
            steady_millis: u64::try_from(steady).unwrap_or(u64::MAX),
        }
    }
}

/// What the wall clock says; before 1970 it says 1970.
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp(u64::try_from(millis).unwrap_or(u64::MAX))
}
