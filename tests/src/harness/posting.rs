//! Load: a member posts numbered messages, one after the other, and notes which of them were acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::command::{Foedus, with_json};
use super::{SOON, eventually};

/// How many messages may wait for their acknowledgement.
const UNACKNOWLEDGED_MAX: u64 = 64;

/// The same where it does not end by itself: enough for there to be always one, and few, for the same reason.
const UNACKNOWLEDGED_ENDLESS_MAX: u64 = 8;

/// How many are posted beyond those that the test waits for: enough to be under way when it has seen these, and no
/// more, as all of them have to be read again and again later.
const BEYOND: u64 = 300;

/// A `foedus post --lines` under way.
#[derive(Debug)]
pub struct Posting {
    child: Child,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    wanted: Arc<AtomicU64>,
    texts: Arc<Mutex<Vec<String>>>,
    writer: Option<JoinHandle<()>>,
    reader: Option<JoinHandle<()>>,
}

impl Posting {
    /// Begins to post `<prefix>-000000` and on.
    #[must_use]
    pub fn start(foedus: &Foedus, channel: &str, prefix: &str) -> Self {
        Self::start_with(foedus, channel, prefix, 0, UNACKNOWLEDGED_MAX)
    }

    /// The same, and goes on until it is finished: whatever is done meanwhile is done under load.
    #[must_use]
    pub fn start_endless(foedus: &Foedus, channel: &str, prefix: &str) -> Self {
        let unacknowledged_max = UNACKNOWLEDGED_ENDLESS_MAX;
        Self::start_with(foedus, channel, prefix, u64::MAX, unacknowledged_max)
    }

    fn start_with(
        foedus: &Foedus,
        channel: &str,
        prefix: &str,
        wanted: u64,
        unacknowledged_max: u64,
    ) -> Self {
        let mut child = foedus
            .command(&with_json(&["post", channel, "--lines"]))
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let input = child.stdin.take().expect("it is a pipe");
        let output = child.stdout.take().expect("it is a pipe");
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let wanted = Arc::new(AtomicU64::new(wanted));
        let texts = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer {
            input,
            prefix: prefix.to_owned(),
            stop: Arc::clone(&stop),
            acknowledged: Arc::clone(&acknowledged),
            wanted: Arc::clone(&wanted),
            unacknowledged_max,
            texts: Arc::clone(&texts),
        };
        let counting = Arc::clone(&acknowledged);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).expect("one object a line");
                let durable = answer["entry_refs"].as_array().expect("a list").len();
                counting.fetch_add(durable as u64, Ordering::SeqCst);
            }
        });
        Self {
            child,
            stop,
            acknowledged,
            wanted,
            texts,
            writer: Some(thread::spawn(move || writer.run())),
            reader: Some(reader),
        }
    }

    /// How many were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until at least so many are acknowledged.
    #[track_caller]
    pub fn reaches(&self, count: u64) {
        self.wanted.fetch_max(count, Ordering::SeqCst);
        eventually("messages to be acknowledged", SOON, || {
            let found = self.acknowledged();
            if found >= count {
                Ok(())
            } else {
                Err(format!("{found} of {count}"))
            }
        });
    }

    /// Ends it, and gives the texts that were acknowledged. Whether the daemon still lives does not matter.
    #[must_use]
    pub fn finish(mut self) -> Vec<String> {
        self.end();
        let count = usize::try_from(self.acknowledged()).expect("not that many");
        let mut texts = self.texts.lock().expect("nobody panicked with it").clone();
        assert!(count <= texts.len(), "more was acknowledged than sent");
        texts.truncate(count);
        texts
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in [self.writer.take(), self.reader.take()] {
            if thread.is_some_and(|thread| thread.join().is_err()) && !thread::panicking() {
                panic!("a thread of the load panicked");
            }
        }
        self.child.wait().expect("it is ours");
    }
}

impl Drop for Posting {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.child.kill().ok();
        self.end();
    }
}

struct Writer {
    input: ChildStdin,
    prefix: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    wanted: Arc<AtomicU64>,
    unacknowledged_max: u64,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Writer {
    /// Writes lines until told to stop or until nobody reads.
    fn run(mut self) {
        let mut sent: u64 = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let unacknowledged = sent - self.acknowledged.load(Ordering::SeqCst);
            let wanted = self.wanted.load(Ordering::SeqCst);
            let enough = sent >= wanted.saturating_add(BEYOND);
            if enough || unacknowledged >= self.unacknowledged_max {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            let text = format!("{}-{sent:06}", self.prefix);
            // Noted first: what is sent may be acknowledged the moment after.
            let mut texts = self.texts.lock().expect("nobody panicked with it");
            texts.push(text.clone());
            drop(texts);
            if writeln!(self.input, "{text}").is_err() {
                return;
            }
            sent += 1;
        }
    }
}
