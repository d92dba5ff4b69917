//! A member who posts, and what it was told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::super::reach::BULK_TEXT_BYTES;
use super::{CHANNEL, Promise, length};
use crate::harness::chance::Chance;
use crate::harness::command::{Foedus, with_json};
use crate::harness::{SOON, eventually};

/// How many messages of one writer may wait for their acknowledgement.
const UNACKNOWLEDGED_MAX: usize = 16;

/// The longest message that is not bulk: longer than a page of any engine.
const TEXT_BYTES_MAX: u64 = 7_000;

/// Between two messages of a writer that waits for the end of its daemon: there is always something to write, and not
/// all the more to read on a machine that is slow.
const PAUSE: Duration = Duration::from_millis(2);

/// How much a writer posts.
#[derive(Debug, Clone, Copy)]
pub enum Count {
    /// So many messages of all lengths, and then so many long ones.
    Messages {
        /// Of all lengths.
        short: u64,
        /// Of the bulk.
        bulk: u64,
    },
    /// So many, and then one now and then, until the daemon is gone.
    UntilItEnds {
        /// Of all lengths, as fast as they are taken.
        short: u64,
    },
}

/// A `foedus post --lines` under way.
pub struct Writer {
    child: Child,
    sender: JoinHandle<Vec<String>>,
    reader: JoinHandle<Vec<(u64, Promise)>>,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    /// Begins to post; each text begins with the name, so that it is the only one of its kind.
    pub fn start(
        foedus: &Foedus,
        trace: &Path,
        name: &str,
        count: Count,
        mut chance: Chance,
    ) -> Self {
        let mut child = foedus
            .command(&with_json(&["post", CHANNEL, "--lines"]))
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut input = child.stdin.take().expect("it is a pipe");
        let output = child.stdout.take().expect("it is a pipe");
        let (sent, waiting) = mpsc::sync_channel(UNACKNOWLEDGED_MAX);
        let name = name.to_owned();
        let (short, bulk, all) = match count {
            Count::Messages { short, bulk } => (short, bulk, short + bulk),
            Count::UntilItEnds { short } => (short, 0, u64::MAX),
        };
        let sender = thread::spawn(move || {
            let mut texts = Vec::new();
            for number in 0..all {
                if number >= short + bulk {
                    thread::sleep(PAUSE);
                }
                let length = match number % 16 {
                    _ if number >= short && bulk > 0 => BULK_TEXT_BYTES,
                    0 => chance.between(1_000, TEXT_BYTES_MAX),
                    _ => chance.between(1, 300),
                };
                let padding = "x".repeat(usize::try_from(length).expect("it is short"));
                let text = format!("{name}.{number}.{padding}");
                // Noted first: of what can't be sent as a whole, something may have been.
                texts.push(text.clone());
                // It ends with the daemon, which the reader notices too.
                if sent.send(text.clone()).is_err() || writeln!(input, "{text}").is_err() {
                    break;
                }
            }
            texts
        });
        let trace = trace.to_owned();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let counting = Arc::clone(&acknowledged);
        let reader = thread::spawn(move || {
            let mut promises = Vec::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).expect("one object a line");
                let count = answer["entry_refs"].as_array().expect("a list").len();
                let length = length(&trace);
                for text in waiting.iter().take(count) {
                    promises.push((length, Promise::Message(text)));
                }
                counting.fetch_add(count as u64, Ordering::SeqCst);
            }
            promises
        });
        Self {
            child,
            sender,
            reader,
            acknowledged,
        }
    }

    /// Waits until so many are acknowledged.
    #[track_caller]
    pub fn reaches(&self, count: u64) {
        eventually("messages to be acknowledged", SOON, || {
            let found = self.acknowledged.load(Ordering::SeqCst);
            (found >= count)
                .then_some(())
                .ok_or_else(|| format!("{found} of {count}"))
        });
    }

    /// What was sent, and what was acknowledged: of a writer whose daemon lived to the end, all.
    #[track_caller]
    pub fn end(mut self, lived: bool) -> (Vec<String>, Vec<(u64, Promise)>) {
        let texts = self.sender.join().expect("no panic");
        let promises = self.reader.join().expect("no panic");
        let ended = self.child.wait().expect("our own child can be waited for");
        assert_eq!(ended.success(), lived, "{ended}");
        assert!(
            !lived || texts.len() == promises.len(),
            "all were acknowledged"
        );
        (texts, promises)
    }
}
