//! What the demo started and has to end: daemons, cables, and commands that run beside the story.
//!
//! Whoever starts or ends one holds the lock meanwhile, so that an interrupt finds all of them and nothing is started
//! after it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};

/// The processes, by name.
#[derive(Debug, Clone, Default)]
pub struct Processes(Arc<Mutex<Children>>);

#[derive(Debug, Default)]
struct Children {
    running: BTreeMap<String, Child>,
    /// All were ended, and nothing is started any more.
    over: bool,
}

/// The ends of the pipes of a process, where it has pipes.
#[derive(Debug)]
pub struct Pipes {
    /// What it reads.
    pub input: Option<ChildStdin>,
    /// What it says.
    pub output: Option<ChildStdout>,
    /// What it complains of.
    pub errors: Option<ChildStderr>,
}

impl Processes {
    fn lock(&self) -> MutexGuard<'_, Children> {
        // A thread that panicked with it leaves the children still to be ended.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process under a name that no other has.
    pub fn start(&self, name: &str, command: &mut Command) -> anyhow::Result<Pipes> {
        let mut children = self.lock();
        ensure!(!children.over, "{name} is not started: all is being ended");
        // A group of its own: Ctrl-C is for us, and we end what we started.
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} can't be started"))?;
        let pipes = Pipes {
            input: child.stdin.take(),
            output: child.stdout.take(),
            errors: child.stderr.take(),
        };
        let before = children.running.insert(name.to_owned(), child);
        assert!(before.is_none(), "{name} runs already");
        Ok(pipes)
    }

    /// Does what an interrupt must not come between.
    pub fn undisturbed<T>(&self, what: impl FnOnce() -> T) -> T {
        let _children = self.lock();
        what()
    }

    /// Whether a process has ended by itself, or was ended.
    pub fn has_ended(&self, name: &str) -> anyhow::Result<bool> {
        match self.lock().running.get_mut(name) {
            Some(child) => Ok(child.try_wait()?.is_some()),
            None => Ok(true),
        }
    }

    /// Ends a process at once; its exit code, if it had ended by itself.
    pub fn kill(&self, name: &str) -> Option<i32> {
        let child = self.lock().running.remove(name);
        child.and_then(end)
    }

    /// Ends all at once, and nothing is started any more; then does what an interrupt must not come between.
    pub fn end_all(&self, then: impl FnOnce()) {
        let mut children = self.lock();
        children.over = true;
        for child in std::mem::take(&mut children.running).into_values() {
            end(child);
        }
        then();
    }

    /// The id of one, for a shell. Empty if it does not run.
    pub fn id(&self, name: &str) -> String {
        let children = self.lock();
        let child = children.running.get(name);
        child.map_or_else(String::new, |child| child.id().to_string())
    }
}

/// Ends a child of ours at once. One that has ended already is as good.
fn end(mut child: Child) -> Option<i32> {
    child.kill().ok();
    child.wait().ok().and_then(|status| status.code())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::Processes;

    #[test]
    fn what_was_started_is_ended() {
        let processes = Processes::default();
        for name in ["one", "two"] {
            let mut command = Command::new("sleep");
            let command = command.arg("600").stdin(Stdio::null());
            processes.start(name, command).expect("sleep is there");
        }
        assert!(!processes.id("one").is_empty());
        assert!(!processes.has_ended("one").expect("it is ours"));
        assert_eq!(processes.kill("one"), None, "a signal is no exit code");
        assert!(processes.has_ended("one").expect("none is as good"));
        processes.end_all(|| {});
        assert_eq!(processes.id("two"), "");
        let started = processes.start("three", Command::new("sleep").arg("600"));
        assert!(started.is_err());
    }
}
