//! A reader that must not miss or repeat anything: `foedus tail`, killed and taken up again.
//!
//! It goes by the rule that `foedus help tail` gives to programs: what stands after the last cursor line is thrown
//! away, and the tail goes on from that cursor.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::command::{Foedus, with_json};
use super::{LATER, eventually};

/// A tail, and what it has read for good.
#[derive(Debug)]
pub struct Tail {
    foedus: Foedus,
    channel: String,
    read: Arc<Mutex<Read>>,
    running: Option<(Child, JoinHandle<()>)>,
}

/// What a tail has read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Up to the last cursor line.
    events: Vec<Value>,
    /// After it.
    pending: Vec<Value>,
    /// The last cursor. Empty: none.
    cursor: String,
    /// Organisations that left the channel.
    departures: Vec<Value>,
    /// The channel ended.
    ended: bool,
}

impl Tail {
    /// A tail from the beginning, which runs.
    #[must_use]
    pub fn start(foedus: &Foedus, channel: &str) -> Self {
        let mut tail = Self {
            foedus: foedus.clone(),
            channel: channel.to_owned(),
            read: Arc::default(),
            running: None,
        };
        tail.go_on();
        tail
    }

    /// Goes on from the last cursor.
    pub fn go_on(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let from = self.lock().from();
        let arguments = with_json(&["tail", &self.channel, "--from", &from]);
        let mut command = self.foedus.command(&arguments);
        let mut child = command.spawn().expect("the program can be started");
        let output = child.stdout.take().expect("it is a pipe");
        let read = Arc::clone(&self.read);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The last line of a tail that was killed may be half of one.
                let Ok(item) = serde_json::from_str::<Value>(&line) else {
                    return;
                };
                read.lock().expect("nobody panicked with it").take(item);
            }
        });
        self.running = Some((child, reader));
    }

    /// Kills it, wherever it is, and throws away what came after the last cursor.
    pub fn kill(&mut self) {
        if let Some((mut child, reader)) = self.running.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
            reader.join().expect("the reader does not panic");
        }
        self.lock().forget_pending();
    }

    /// Waits until it ends by itself, because its channel did.
    #[track_caller]
    pub fn ends(&mut self) {
        let (mut child, reader) = self.running.take().expect("it runs");
        let status = eventually("the tail to end with its channel", LATER, || {
            let status = child.try_wait().expect("it is ours");
            status.ok_or_else(|| "it goes on".to_owned())
        });
        reader.join().expect("the reader does not panic");
        assert!(status.success(), "{status}");
        assert!(self.lock().ended, "it ended without saying why");
    }

    /// The references of the events that were read for good, in order.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        let read = self.lock();
        let references = read.events.iter().filter_map(|e| e["entry_ref"].as_str());
        references.map(str::to_owned).collect()
    }

    /// The texts of what was posted and read for good, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.lock().texts()
    }

    /// Who was said to have left the channel, in order.
    #[must_use]
    pub fn departures(&self) -> Vec<Value> {
        self.lock().departures.clone()
    }

    /// How many events were read for good.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().events.len()
    }

    /// Waits until it has read a message with this text for good.
    #[track_caller]
    pub fn reads(&self, text: &str) {
        eventually(&format!("the tail to read {text:?}"), LATER, || {
            let read = self.lock();
            if read.events.iter().any(|event| event["text"] == text) {
                return Ok(());
            }
            Err(format!(
                "{} events, the last: {:?}",
                read.events.len(),
                read.events.last()
            ))
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().expect("nobody panicked with it")
    }
}

impl Read {
    /// Where to go on.
    pub(super) fn from(&self) -> String {
        match self.cursor.as_str() {
            "" => "start".to_owned(),
            cursor => cursor.to_owned(),
        }
    }

    /// The texts of what was posted and read for good, in order.
    pub(super) fn texts(&self) -> Vec<String> {
        super::organisation::texts_of(&self.events)
    }

    /// Throws away what came after the last cursor: it comes again.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// Takes one line.
    pub(super) fn take(&mut self, item: Value) {
        match item["item"].as_str() {
            Some("cursor") => {
                self.events.append(&mut self.pending);
                self.cursor = super::organisation::text(&item, "cursor");
            }
            Some("event") => self.pending.push(item),
            Some("participant_left") => self.departures.push(item),
            Some("channel_ended") => {
                self.ended = true;
                self.events.append(&mut self.pending);
            }
            _ => {}
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        if let Some((mut child, reader)) = self.running.take() {
            child.kill().ok();
            child.wait().ok();
            reader.join().ok();
        }
    }
}
