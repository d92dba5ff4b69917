//! A reader that is killed at random points, in the middle of lists too, and goes on from its last cursor each time.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::LOOK_PAUSE;
use super::chance::Chance;
use super::command::{Foedus, with_json};
use super::tail::Read;

/// How many lines it reads at most before it is killed. The longest list has fewer, so that it gets on.
const LINES_MAX: u64 = 300;

/// How often it is killed. After that it reads on, so that it does not fall behind for ever on a slow machine.
const KILLS_MAX: u64 = 8;

/// A `foedus tail` without rest.
#[derive(Debug)]
pub struct RestlessTail {
    shared: Arc<Shared>,
    runner: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    foedus: Foedus,
    channel: String,
    read: Mutex<Read>,
    child: Mutex<Option<Child>>,
    kills: AtomicU64,
    stop: AtomicBool,
}

impl RestlessTail {
    /// Follows a channel from its beginning.
    #[must_use]
    pub fn start(foedus: &Foedus, channel: &str, mut chance: Chance) -> Self {
        let shared = Arc::new(Shared {
            foedus: foedus.clone(),
            channel: channel.to_owned(),
            read: Mutex::default(),
            child: Mutex::default(),
            kills: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let running = Arc::clone(&shared);
        let runner = thread::spawn(move || {
            while !running.stop.load(Ordering::SeqCst) {
                let rests = running.kills.load(Ordering::SeqCst) >= KILLS_MAX;
                running.once(if rests {
                    u64::MAX
                } else {
                    chance.between(1, LINES_MAX)
                });
            }
        });
        Self {
            shared,
            runner: Some(runner),
        }
    }

    /// The texts of what was posted and read for good, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.shared.read().texts()
    }

    /// How often it was killed so far.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.shared.kills.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().expect("nobody panicked with it")
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().expect("nobody panicked with it")
    }

    /// Goes on from the last cursor, and is killed after so many lines.
    fn once(&self, lines: u64) {
        let from = self.read().from();
        let arguments = with_json(&["tail", &self.channel, "--from", &from]);
        let mut child = self
            .foedus
            .command(&arguments)
            .spawn()
            .expect("the program can be started");
        let output = child.stdout.take().expect("it is a pipe");
        *self.child() = Some(child);
        if self.stop.load(Ordering::SeqCst) {
            // Whoever stops it may have looked before there was a child.
            self.kill();
        }
        let mut left = lines;
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The last line of a tail that was killed may be half of one.
            let Ok(item) = serde_json::from_str(&line) else {
                break;
            };
            self.read().take(item);
            left -= 1;
            if left == 0 {
                self.kills.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }
        self.kill();
        self.read().forget_pending();
        if left > 0 {
            // It ended by itself: its daemon is not there yet.
            thread::sleep(LOOK_PAUSE);
        }
    }

    fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }
}

impl Drop for RestlessTail {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.kill();
        let ended = self.runner.take().map(JoinHandle::join);
        if ended.is_some_and(|ended| ended.is_err()) && !thread::panicking() {
            panic!("a restless tail panicked");
        }
    }
}
