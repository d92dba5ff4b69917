//! A real daemon under load, watched by the recorder: what it was asked for, what it acknowledged, and how long the
//! trace was by then.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use foedus_daemon::store::EngineKind;
use serde_json::Value;

use crate::harness::chance::Chance;
use crate::harness::command::{Foedus, with_json};
use crate::harness::daemon::{Daemon, Place};
use crate::harness::preloaded::library;

/// The recorder, as it is built on this machine.
const RECORDER: &str = include_str!("recorder.c");

/// Writers at once, so that commits are shared.
const WRITERS: u64 = 4;

/// The daemon is stopped and started so often.
const ROUNDS: u64 = 3;

/// How many messages of one writer may wait for their acknowledgement.
const UNACKNOWLEDGED_MAX: usize = 16;

/// The longest message: longer than a page of any engine.
const TEXT_BYTES_MAX: u64 = 7_000;

/// Where the messages go.
pub const CHANNEL: &str = "launch";

/// What was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// A message with this text is in the channel.
    Message(String),
    /// There is a channel of this name.
    Channel(String),
}

/// What a daemon did under load.
#[derive(Debug)]
pub struct Recording {
    /// The trace.
    pub trace: Vec<u8>,
    /// Its length when everything was set up.
    pub ready: u64,
    /// What was acknowledged, and the length of the trace when that was known.
    pub promises: Vec<(u64, Promise)>,
    /// Every message that was sent, acknowledged or not.
    pub sent: Vec<String>,
    /// The folder that was recorded, as it is now.
    pub data: PathBuf,
}

/// Runs a daemon on an empty folder under `folder`, and has each writer send so many messages.
#[must_use]
#[track_caller]
pub fn record(
    folder: &Path,
    engine: EngineKind,
    messages: u64,
    seed: u32,
    with_sync: bool,
) -> Recording {
    let trace = folder.join("trace");
    let mut place = Place::new(folder.join("recorded"));
    place.engine = Some(engine);
    place.environment = vec![
        ("LD_PRELOAD", library(folder, "recorder", RECORDER)),
        ("FOEDUS_RECORD_ROOT", place.data()),
        ("FOEDUS_RECORD_TRACE", trace.clone()),
    ];
    if !with_sync {
        place
            .environment
            .push(("FOEDUS_RECORD_WITHOUT_SYNC", "1".into()));
    }
    let mut daemon = Daemon::new(place);
    daemon.start();
    let foedus = daemon.place.foedus();
    foedus.must(&["init", "acme.example", "--administrator", "alice"]);
    let alice = foedus.named("alice");
    alice.must(&["member", "add", "anna"]);
    let anna = foedus.named("anna");
    anna.must(&["channel", "create", CHANNEL]);
    let ready = length(&trace);
    let (mut promises, mut sent) = (Vec::new(), Vec::new());
    let mut chance = Chance::of(seed);
    for round in 0..ROUNDS {
        let writers: Vec<Writer> = (0..WRITERS)
            .map(|writer| {
                let name = format!("{round}.{writer}");
                Writer::start(&anna, &trace, &name, messages / ROUNDS, chance.apart())
            })
            .collect();
        // Acts of administration between the messages: another scope, another shape of commit.
        for number in 0..3 {
            let name = format!("room-{round}-{number}");
            anna.must(&["channel", "create", &name]);
            promises.push((length(&trace), Promise::Channel(name)));
        }
        for writer in writers {
            let (texts, acknowledged) = writer.end();
            sent.extend(texts);
            promises.extend(acknowledged);
        }
        daemon.stop();
        if round + 1 < ROUNDS {
            daemon.start();
        }
    }
    Recording {
        trace: fs::read(&trace).expect("the trace can be read"),
        ready,
        promises,
        sent,
        data: daemon.place.data(),
    }
}

fn length(trace: &Path) -> u64 {
    fs::metadata(trace).expect("there is a trace").len()
}

/// A `foedus post --lines` under way.
struct Writer {
    child: Child,
    sender: JoinHandle<Vec<String>>,
    reader: JoinHandle<Vec<(u64, Promise)>>,
}

impl Writer {
    fn start(foedus: &Foedus, trace: &Path, name: &str, messages: u64, mut chance: Chance) -> Self {
        let mut child = foedus
            .command(&with_json(&["post", CHANNEL, "--lines"]))
            .stdin(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut input = child.stdin.take().expect("it is a pipe");
        let output = child.stdout.take().expect("it is a pipe");
        let (sent, waiting) = mpsc::sync_channel(UNACKNOWLEDGED_MAX);
        let name = name.to_owned();
        let sender = thread::spawn(move || {
            let mut texts = Vec::new();
            for number in 0..messages {
                let length = match number % 16 {
                    0 => chance.between(1_000, TEXT_BYTES_MAX),
                    _ => chance.between(1, 300),
                };
                let padding = "x".repeat(usize::try_from(length).expect("it is short"));
                let text = format!("{name}.{number}.{padding}");
                // It ends with the daemon, which the reader notices too.
                if sent.send(text.clone()).is_err() || writeln!(input, "{text}").is_err() {
                    break;
                }
                texts.push(text);
            }
            texts
        });
        let trace = trace.to_owned();
        let reader = thread::spawn(move || {
            let mut promises = Vec::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).expect("one object a line");
                let count = answer["entry_refs"].as_array().expect("a list").len();
                let length = length(&trace);
                for text in waiting.iter().take(count) {
                    promises.push((length, Promise::Message(text)));
                }
            }
            promises
        });
        Self {
            child,
            sender,
            reader,
        }
    }

    /// What was sent, and what was acknowledged.
    fn end(mut self) -> (Vec<String>, Vec<(u64, Promise)>) {
        let texts = self.sender.join().expect("no panic");
        let promises = self.reader.join().expect("no panic");
        let ended = self.child.wait().expect("our own child can be waited for");
        assert!(ended.success(), "{ended}");
        assert_eq!(texts.len(), promises.len(), "all were acknowledged");
        (texts, promises)
    }
}
