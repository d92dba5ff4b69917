//! An example that follows, under way: what it prints, and what it notes about the stream.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, ensure};

use crate::demo::processes::Processes;
use crate::demo::teller::eventually;
use crate::examples::place::Place;

/// An example that follows.
pub struct Follower {
    processes: Processes,
    name: String,
    printed: Lines,
    noted: Lines,
}

impl Follower {
    /// Begins to follow from the start, or from the cursor that one before has left.
    pub fn start(processes: &Processes, place: &Place<'_>) -> anyhow::Result<Self> {
        let name = format!("{} that follows", place.language);
        let state = place.side.place("cursor");
        let state = state.to_str().context("the path is UTF-8")?;
        let follow = ["follow", place.channel, "--from-start", "--state", state];
        let pipes = processes.start(&name, &mut place.example(&follow))?;
        Ok(Self {
            processes: processes.clone(),
            name,
            printed: Lines::of(pipes.output.context("no pipe")?),
            noted: Lines::of(pipes.errors.context("no pipe")?),
        })
    }

    /// How many lines it has printed that are so.
    pub fn printed(&self, is_so: impl Fn(&str) -> bool) -> usize {
        let printed = self.printed.so_far();
        printed.iter().filter(|line| is_so(line)).count()
    }

    /// How often it has noted something that holds `text`.
    pub fn noted(&self, text: &str) -> usize {
        let noted = self.noted.so_far();
        noted.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until that is so often.
    pub fn notes(&self, text: &str, times: usize) -> anyhow::Result<()> {
        eventually(|| {
            ensure!(
                self.noted(text) >= times,
                "{} was to note {text:?} {times} times, and noted:\n{}",
                self.name,
                self.noted.so_far().join("\n")
            );
            Ok(())
        })
    }

    /// Asks it to end (SIGTERM), which it has to do in order; what it printed.
    pub fn end(self) -> anyhow::Result<Vec<String>> {
        let id = self.processes.id(&self.name);
        ensure!(!id.is_empty(), "{} is gone", self.name);
        let asked = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(asked.success(), "{} has ended by itself", self.name);
        eventually(|| {
            let ended = self.processes.has_ended(&self.name)?;
            ensure!(ended, "{} goes on after SIGTERM", self.name);
            Ok(())
        })?;
        let exit = self.processes.kill(&self.name);
        let noted = self.noted.all()?;
        ensure!(
            exit == Some(0),
            "{} ended with {exit:?}:\n{}",
            self.name,
            noted.join("\n")
        );
        self.printed.all()
    }
}

/// What comes out of a process, line by line.
struct Lines {
    read: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Lines {
    fn of(output: impl Read + Send + 'static) -> Self {
        let read = Arc::<Mutex<Vec<String>>>::default();
        let reading = Arc::clone(&read);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                lock(&reading).push(line);
            }
        });
        Self { read, reader }
    }

    fn so_far(&self) -> Vec<String> {
        lock(&self.read).clone()
    }

    /// All of them, when the process has ended.
    fn all(self) -> anyhow::Result<Vec<String>> {
        self.reader.join().ok().context("the reader panicked")?;
        Ok(std::mem::take(&mut *lock(&self.read)))
    }
}

fn lock(of: &Mutex<Vec<String>>) -> std::sync::MutexGuard<'_, Vec<String>> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
