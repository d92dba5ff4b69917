//! Load for the story: members who post as fast as they can, and readers who are killed again and again.
//!
//! Both go by what `foedus` says, and by the rules that `foedus help` gives to programs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::bounds::{
    DEMO_LOAD_PAUSE, DEMO_TAIL_KILLS_MAX, DEMO_TAIL_LINES_MAX, DEMO_UNACKNOWLEDGED_MAX,
};
use crate::demo::processes::Processes;
use crate::demo::screen::Said;
use crate::demo::stage::{Ran, Side, typed};
use crate::demo::teller::eventually;

/// How many lines of what a load said are shown.
const LINES_SHOWN: usize = 2;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A `foedus post --lines` under way.
pub struct Load {
    processes: Processes,
    name: String,
    command: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    texts: Arc<Mutex<Vec<String>>>,
    writer: JoinHandle<()>,
    reader: JoinHandle<Vec<String>>,
    errors: JoinHandle<String>,
}

impl Load {
    /// Begins to post, as `member`, texts that begin with `prefix`.
    pub fn start(
        processes: &Processes,
        side: &Side,
        member: &str,
        channel: &str,
        prefix: &str,
    ) -> anyhow::Result<Self> {
        let arguments = ["--as", member, "post", channel, "--lines"];
        let name = format!("{member} who posts");
        let command = side.foedus(&arguments);
        Self::of(processes, &name, command, typed(&arguments), prefix)
    }

    /// The same by any program that posts each line that it reads, and prints `Posted: ` for each.
    pub fn of(
        processes: &Processes,
        name: &str,
        mut command: Command,
        typed: String,
        prefix: &str,
    ) -> anyhow::Result<Self> {
        let pipes = processes.start(name, command.stdin(Stdio::piped()))?;
        let input = pipes.input.context("no pipe")?;
        let output = pipes.output.context("no pipe")?;
        let mut errors = pipes.errors.context("no pipe")?;
        let stop = Arc::<AtomicBool>::default();
        let acknowledged = Arc::<AtomicUsize>::default();
        let texts = Arc::<Mutex<Vec<String>>>::default();
        let writer = Writer {
            input,
            prefix: prefix.to_owned(),
            stop: Arc::clone(&stop),
            acknowledged: Arc::clone(&acknowledged),
            texts: Arc::clone(&texts),
        };
        let counting = Arc::clone(&acknowledged);
        Ok(Self {
            processes: processes.clone(),
            name: name.to_owned(),
            command: format!("{typed} < {prefix}.txt"),
            stop,
            acknowledged,
            texts,
            writer: thread::spawn(move || writer.run()),
            reader: thread::spawn(move || count_posted(output, &counting)),
            errors: thread::spawn(move || {
                let mut text = String::new();
                // What can't be read was not said.
                errors.read_to_string(&mut text).ok();
                text
            }),
        })
    }

    /// Waits until so many more are acknowledged than were.
    pub fn goes_on(&self, count: usize) -> anyhow::Result<()> {
        let wanted = self.acknowledged.load(Ordering::SeqCst) + count;
        eventually(|| {
            let found = self.acknowledged.load(Ordering::SeqCst);
            ensure!(
                found >= wanted,
                "of {wanted} messages of {}, {found} were acknowledged",
                self.name
            );
            Ok(())
        })
    }

    /// Ends it, or waits until it has ended because its daemon did; what it said at last, and the texts that were
    /// acknowledged.
    pub fn finish(self) -> anyhow::Result<(Ran, Vec<String>)> {
        self.stop.store(true, Ordering::SeqCst);
        self.writer.join().ok().context("the writer panicked")?;
        eventually(|| {
            ensure!(
                self.processes.has_ended(&self.name)?,
                "`{}` does not end",
                self.command
            );
            Ok(())
        })?;
        let exit = self.processes.kill(&self.name).unwrap_or(-1);
        let mut lines = self.reader.join().ok().context("the reader panicked")?;
        let errors = self.errors.join().ok().context("the reader panicked")?;
        lines.extend(errors.lines().map(str::to_owned));
        let count = self.acknowledged.load(Ordering::SeqCst);
        let mut texts = lock(&self.texts).clone();
        ensure!(
            count <= texts.len(),
            "{count} of {} are acknowledged",
            texts.len()
        );
        texts.truncate(count);
        let said = Said {
            command: self.command,
            output: format!("…\n{}", lines.join("\n")),
        };
        Ok((Ran { said, exit }, texts))
    }
}

/// Counts what is acknowledged; the last lines that were said.
fn count_posted(output: ChildStdout, acknowledged: &AtomicUsize) -> Vec<String> {
    let mut last = Vec::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.starts_with("Posted: ") {
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        if last.len() == LINES_SHOWN {
            last.remove(0);
        }
        last.push(line);
    }
    last
}

struct Writer {
    input: ChildStdin,
    prefix: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Writer {
    /// Writes lines until told to stop or until nobody reads.
    fn run(mut self) {
        let mut sent = 0;
        while !self.stop.load(Ordering::SeqCst) {
            if sent >= self.acknowledged.load(Ordering::SeqCst) + DEMO_UNACKNOWLEDGED_MAX {
                thread::sleep(DEMO_LOAD_PAUSE);
                continue;
            }
            sent += 1;
            let text = format!("{} {sent:05}.", self.prefix);
            // Noted first: what is sent may be acknowledged the moment after.
            lock(&self.texts).push(text.clone());
            if writeln!(self.input, "{text}").is_err() {
                return;
            }
        }
    }
}

/// A `foedus tail` that is killed at random points and taken up again from its last cursor.
pub struct Tail {
    /// How `foedus` is asked, without where to begin.
    pub command: String,
    processes: Processes,
    name: String,
    stop: Arc<AtomicBool>,
    read: Arc<Mutex<Read>>,
    runner: JoinHandle<anyhow::Result<()>>,
}

/// What a tail has read.
#[derive(Debug, Default)]
struct Read {
    /// Texts of messages up to the last cursor line.
    texts: Vec<String>,
    /// Those after it.
    pending: Vec<String>,
    cursor: String,
    kills: usize,
}

impl Tail {
    /// Begins to follow `channel` from its start.
    pub fn start(
        processes: &Processes,
        side: &Side,
        member: &str,
        channel: &str,
        chance: Chance,
    ) -> Self {
        let name = format!("{member} who reads");
        let follow: Vec<String> = ["--output", "json", "--as", member, "tail", channel]
            .map(str::to_owned)
            .into();
        let (stop, read) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Read>>::default());
        let runner = Runner {
            processes: processes.clone(),
            side: side.clone(),
            name: name.clone(),
            arguments: follow,
            stop: Arc::clone(&stop),
            read: Arc::clone(&read),
            chance,
        };
        Self {
            command: format!("foedus --output json --as {member} tail {channel}"),
            processes: processes.clone(),
            name,
            stop,
            read,
            runner: thread::spawn(move || runner.run()),
        }
    }

    /// The texts that were read for good, and how often it was killed on the way.
    pub fn read(&self) -> (Vec<String>, usize) {
        let read = lock(&self.read);
        (read.texts.clone(), read.kills)
    }

    /// Ends it for good.
    pub fn finish(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        eventually(|| {
            // Perhaps it was being started.
            self.processes.kill(&self.name);
            ensure!(self.runner.is_finished(), "`{}` does not end", self.command);
            Ok(())
        })?;
        self.runner.join().ok().context("the reader panicked")?
    }
}

struct Runner {
    processes: Processes,
    side: Side,
    name: String,
    arguments: Vec<String>,
    stop: Arc<AtomicBool>,
    read: Arc<Mutex<Read>>,
    chance: Chance,
}

impl Runner {
    fn run(mut self) -> anyhow::Result<()> {
        while !self.stop.load(Ordering::SeqCst) {
            let from = match lock(&self.read).cursor.as_str() {
                "" => "start".to_owned(),
                cursor => cursor.to_owned(),
            };
            let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
            arguments.extend(["--from", &from]);
            let mut command = self.side.foedus(&arguments);
            let pipes = self
                .processes
                .start(&self.name, command.stderr(Stdio::null()))?;
            // Killed for ever, it would never catch up on a slow machine.
            let rests = lock(&self.read).kills >= DEMO_TAIL_KILLS_MAX;
            let lines = match rests {
                true => usize::MAX,
                false => 1 + self.chance.below(DEMO_TAIL_LINES_MAX),
            };
            let killed = self.follow(pipes.output.context("no pipe")?, lines)?;
            self.processes.kill(&self.name);
            let mut read = lock(&self.read);
            // What came after the last cursor comes again.
            read.pending.clear();
            read.kills += usize::from(killed);
            drop(read);
            // Ended by itself: its daemon is not there yet.
            if !killed {
                thread::sleep(DEMO_LOAD_PAUSE);
            }
        }
        Ok(())
    }

    /// Reads so many lines, and kills it; `false` if it ended before.
    fn follow(&self, output: ChildStdout, lines: usize) -> anyhow::Result<bool> {
        let mut left = lines;
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The last line of a tail that was killed may be half of one.
            let Ok(item) = serde_json::from_str::<Value>(&line) else {
                return Ok(false);
            };
            lock(&self.read).take(&item)?;
            left -= 1;
            if left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Read {
    fn take(&mut self, item: &Value) -> anyhow::Result<()> {
        let text = |field: &str| item[field].as_str().map(str::to_owned);
        match item["item"].as_str() {
            Some("cursor") => {
                self.texts.append(&mut self.pending);
                self.cursor = text("cursor").context("a cursor line without a cursor")?;
            }
            Some("event") if item["kind"] == "posted" => {
                self.pending
                    .push(text("text").context("a message without text")?);
            }
            Some(_) => {}
            None => bail!("a line of a tail names its item: {item}"),
        }
        Ok(())
    }
}

/// Chance that can be repeated: xorshift from a seed.
#[derive(Debug, Clone, Copy)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn of(seed: u32) -> Self {
        // Zero would stay zero.
        Self(u64::from(seed) << 1 | 1)
    }

    /// A number from 0 to below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 32) % limit as u64).expect("below a usize")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Chance, Read};

    #[test]
    fn what_came_after_the_last_cursor_is_not_read_yet() {
        let mut read = Read::default();
        for item in [
            json!({"item": "event", "kind": "posted", "text": "one"}),
            json!({"item": "event", "kind": "joined", "text": ""}),
            json!({"item": "cursor", "cursor": "here"}),
            json!({"item": "event", "kind": "posted", "text": "two"}),
        ] {
            read.take(&item).expect("as `foedus help tail` says");
        }
        assert_eq!(read.texts, ["one"]);
        assert_eq!(read.pending, ["two"]);
        assert_eq!(read.cursor, "here");
        assert!(read.take(&json!({"text": "three"})).is_err());
    }

    #[test]
    fn chance_is_below_its_limit_and_can_be_repeated() {
        let draw = |seed| {
            let mut chance = Chance::of(seed);
            (0..100).map(|_| chance.below(7)).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        assert!(draw(0).iter().all(|number| *number < 7));
    }
}
