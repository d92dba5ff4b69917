//! Whole systems for tests: real daemons with keys, disks and TLS of their own, the `foedus` program to ask
//! them with, and the network between them, which can be cut.
//!
//! A test asks and looks only as people and partners can: by commands, by the network, and by what lies on the
//! disk of a daemon that has ended. Whatever a test starts ends with it. Nothing sleeps for a time that was
//! guessed: a test waits for a condition, and a deadline says when to give up and what was seen last.

pub mod call;
pub mod chance;
pub mod client;
pub mod clock;
pub mod command;
pub mod daemon;
pub mod disk;
pub mod interrupt;
pub mod organisation;
pub mod posting;
pub mod preloaded;
pub mod programs;
pub mod proxy;
pub mod raw_link;
pub mod restless;
pub mod tail;
pub mod two;

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at something that is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(25);

/// What a machine that is busy with other tests does in time.
pub const SOON: Duration = Duration::from_secs(30);

/// What may take a reconnect after the longest silence that links bear.
pub const LATER: Duration = Duration::from_secs(60);

/// Looks again and again until `look` finds what it is for, and gives that. At the deadline the test fails, and
/// says what was waited for and what was there instead.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) if began.elapsed() > within => {
                panic!("waited {within:?} for {what}; instead: {instead}")
            }
            Err(_) => thread::sleep(LOOK_PAUSE),
        }
    }
}

/// For [`eventually`]: `Ok` if `found` is `wanted`.
pub fn is<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{found:?}"))
    }
}
