//! Limits of what the commands do and show.

use std::time::Duration;

/// How much of a log is shown when its step failed.
pub const LOG_SHOWN_LINES_MAX: usize = 60;

/// How many simulated worlds the test command looks at.
pub const TEST_SEEDS: u64 = 300;

/// How long the demo waits for what a step claims.
pub const DEMO_WAIT_MAX: Duration = Duration::from_secs(30);

/// Between two looks of the demo at something that it waits for.
pub const DEMO_LOOK_PAUSE: Duration = Duration::from_millis(50);

/// The same, where a load waits for room or for its daemon: it is to post as fast as it can.
pub const DEMO_LOAD_PAUSE: Duration = Duration::from_millis(2);

/// Between two looks of whoever ends what `--keep` left, at a process that is ending; and how many looks at most, for
/// there are machines on which nobody takes note of the end of a process, so that it seems to be there.
pub const DEMO_END_PAUSE: Duration = Duration::from_millis(100);
/// See [`DEMO_END_PAUSE`].
pub const DEMO_END_LOOKS_MAX: u32 = 300;

/// How wide the demo writes where no terminal says how wide it is.
pub const DEMO_COLUMNS_DEFAULT: usize = 160;

/// Narrower than this, two columns can't be read.
pub const DEMO_COLUMNS_MIN: usize = 80;

/// Wider than this, lines are too long to follow.
pub const DEMO_COLUMNS_MAX: usize = 180;

/// How long the whole story may take, once the programs are built.
pub const DEMO_STORY_MAX: Duration = Duration::from_secs(60);

/// How long the project in the demo lasts at least and at most. At most: so that its end can be told within the
/// story's time.
pub const DEMO_PROJECT_MIN: Duration = Duration::from_secs(18);
/// See [`DEMO_PROJECT_MIN`].
pub const DEMO_PROJECT_MAX: Duration = Duration::from_secs(42);

/// How often as long as the first act the project in the demo lasts.
pub const DEMO_PACE_FACTOR: u32 = 20;

/// How many messages a member of the demo posts before something breaks, and after.
pub const DEMO_LOAD_MESSAGES: usize = 200;

/// How many of these may wait for their acknowledgement.
pub const DEMO_UNACKNOWLEDGED_MAX: usize = 64;

/// How often a reader in the demo is killed at most.
pub const DEMO_TAIL_KILLS_MAX: usize = 12;

/// How many lines a reader in the demo reads at most before it is killed.
pub const DEMO_TAIL_LINES_MAX: usize = 500;

/// How many messages are posted by an example before its daemon, or the other one, is killed, and after.
pub const EXAMPLES_LOAD_MESSAGES: usize = 50;
