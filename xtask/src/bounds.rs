//! Limits of what the commands do and show.

/// How much of a log is shown when its step failed.
pub const LOG_SHOWN_LINES_MAX: usize = 60;

/// How many simulated worlds the test command looks at.
pub const TEST_SEEDS: u64 = 300;
