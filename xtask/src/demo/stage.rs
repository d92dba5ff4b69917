//! What the story is played on: a folder, two daemons, and the cables between them. All of it goes away at the end,
//! also on Ctrl-C, unless it is to be left.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::bounds::{DEMO_WAIT_MAX, LOG_SHOWN_LINES_MAX};
use crate::demo::screen::{Said, Screen};

/// Between two looks at something that is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// One organisation's place.
#[derive(Debug)]
pub struct Side {
    /// What the reader calls it.
    pub name: &'static str,
    /// Its handle.
    pub handle: &'static str,
    /// The address that partners dial: this end of the cable.
    pub advertised: SocketAddr,
    listens: SocketAddr,
    folder: PathBuf,
    programs: PathBuf,
}

/// The daemons, cables and their folder.
#[derive(Debug)]
pub struct Stage {
    /// The host.
    pub acme: Side,
    /// The invited.
    pub globex: Side,
    folder: PathBuf,
    processes: Processes,
}

/// What we started and have to end, by name.
#[derive(Debug, Clone, Default)]
struct Processes(Arc<Mutex<BTreeMap<String, Child>>>);

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What to show.
    pub said: Said,
    /// Its exit code.
    pub exit: i32,
}

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Child>> {
        // A thread that panicked with it leaves the children still to be ended.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        // A group of its own: Ctrl-C is for us, and we end what we started.
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} can't be started"))?;
        self.lock().insert(name.to_owned(), child);
        Ok(())
    }

    fn kill(&self, name: &str) {
        let child = self.lock().remove(name);
        child.into_iter().for_each(end);
    }

    fn kill_all(&self) {
        std::mem::take(&mut *self.lock())
            .into_values()
            .for_each(end);
    }
}

/// Ends a child of ours at once. One that has ended already is as good.
fn end(mut child: Child) {
    child.kill().ok();
    child.wait().ok();
}

impl Stage {
    /// Makes the folder and starts the cables and both daemons.
    pub fn set_up(programs: PathBuf) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("foedus-demo-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        let processes = Processes::default();
        clean_up_on_interrupt(processes.clone(), folder.clone())?;
        let side = |name, handle: &'static str| -> anyhow::Result<Side> {
            let folder = folder.join(name);
            fs::create_dir(&folder)?;
            Ok(Side {
                name,
                handle,
                advertised: free_port()?,
                listens: free_port()?,
                folder,
                programs: programs.clone(),
            })
        };
        let stage = Self {
            acme: side("Acme", "acme.example")?,
            globex: side("Globex", "globex.example")?,
            folder: folder.clone(),
            processes,
        };
        for side in [&stage.acme, &stage.globex] {
            fs::write(side.folder.join("foedusd.toml"), side.configuration())?;
        }
        let started = stage.mend_cables().and_then(|()| {
            stage.start(&stage.acme)?;
            stage.start(&stage.globex)
        });
        if let Err(error) = started {
            stage.clear();
            return Err(error);
        }
        Ok(stage)
    }

    /// Starts a daemon and waits until it answers.
    pub fn start(&self, side: &Side) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(side.log())?;
        let mut command = Command::new(side.programs.join("foedusd"));
        command
            .arg("--config")
            .arg(side.folder.join("foedusd.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.processes.start(side.name, &mut command)?;
        let began = Instant::now();
        while side.run(&["status"])?.exit != 0 {
            let ended = match self.processes.lock().get_mut(side.name) {
                Some(child) => child.try_wait()?,
                None => bail!("interrupted"),
            };
            if ended.is_some() || began.elapsed() > DEMO_WAIT_MAX {
                bail!(
                    "the daemon of {} does not answer\n{}",
                    side.name,
                    side.last_logged()
                );
            }
            thread::sleep(LOOK_PAUSE);
        }
        Ok(())
    }

    /// Kills a daemon at once (SIGKILL).
    pub fn kill(&self, side: &Side) {
        self.processes.kill(side.name);
    }

    /// Cuts the network between the two.
    pub fn cut_cables(&self) {
        for side in [&self.acme, &self.globex] {
            self.processes.kill(&side.cable());
        }
    }

    /// Connects the two.
    pub fn mend_cables(&self) -> anyhow::Result<()> {
        let ourselves = std::env::current_exe().context("where this program is")?;
        for side in [&self.acme, &self.globex] {
            let mut command = Command::new(&ourselves);
            command
                .arg("cable")
                .arg(side.advertised.to_string())
                .arg(side.listens.to_string())
                .stdin(Stdio::null());
            self.processes.start(&side.cable(), &mut command)?;
        }
        Ok(())
    }

    /// The end of what the daemons logged, when something went wrong.
    pub fn show_logs(&self, screen: &Screen) {
        for side in [&self.acme, &self.globex] {
            screen.one(
                side.name,
                &Said {
                    command: format!("tail {}", side.log().display()),
                    output: side.last_logged(),
                },
            );
        }
    }

    /// Ends everything and removes the folder.
    pub fn clear(&self) {
        self.processes.kill_all();
        remove(&self.folder);
    }

    /// Leaves everything running, and says how to go on and how to end it.
    pub fn leave(&self, screen: &Screen) {
        println!();
        screen
            .prose("Both daemons go on running. In one terminal you are Acme, in another Globex:");
        for (side, member, channel) in [
            (&self.acme, "anna", "support"),
            (&self.globex, "gwen", "acme-support"),
        ] {
            println!("\n  # {}", side.name);
            println!("  export PATH=\"{}:$PATH\"", side.programs.display());
            println!("  export FOEDUS_SERVER=\"{}\"", side.server());
            println!("  foedus status");
            println!("  foedus --as {member} tail {channel} --from start &");
            println!(
                "  foedus --as {member} post {channel} \"Hello from {}.\"",
                side.name
            );
        }
        let processes = self.processes.lock();
        let ids: Vec<String> = processes
            .values()
            .map(|child| child.id().to_string())
            .collect();
        println!("\n  # To end both, and to remove what they stored");
        println!(
            "  kill {} && rm -r {}",
            ids.join(" "),
            self.folder.display()
        );
    }
}

impl Side {
    fn configuration(&self) -> String {
        format!(
            "data = {:?}\n\n[link]\nlisten = \"{}\"\nadvertise = [\"{}\"]\n\n[api]\nsocket = {:?}\n",
            self.folder.join("data"),
            self.listens,
            self.advertised,
            self.folder.join("admin.sock"),
        )
    }

    fn server(&self) -> String {
        format!("unix:{}", self.folder.join("admin.sock").display())
    }

    fn cable(&self) -> String {
        format!("the cable to {}", self.name)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("foedusd.log")
    }

    fn last_logged(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_SHOWN_LINES_MAX)..].join("\n")
    }

    /// `foedus` at this organisation's daemon, with nothing of the environment that could lead elsewhere.
    pub fn foedus(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("foedus"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FOEDUS_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("FOEDUS_SERVER", self.server())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `foedus` to its end.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<Ran> {
        let output = self
            .foedus(arguments)
            .output()
            .context("foedus can't be started")?;
        Ok(ran(arguments, &output))
    }
}

/// What came of a command.
pub fn ran(arguments: &[&str], output: &std::process::Output) -> Ran {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    Ran {
        said: Said {
            command: typed(arguments),
            output: String::from_utf8_lossy(&text).into_owned(),
        },
        exit: output.status.code().unwrap_or(-1),
    }
}

/// A command as one would type it.
fn typed(arguments: &[&str]) -> String {
    let words = arguments.iter().map(|word| {
        let plain = |character: char| character.is_alphanumeric() || "-_./:+=".contains(character);
        if !word.is_empty() && word.chars().all(plain) {
            (*word).to_owned()
        } else {
            format!("\"{word}\"")
        }
    });
    format!("foedus {}", words.collect::<Vec<_>>().join(" "))
}

fn free_port() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

fn clean_up_on_interrupt(processes: Processes, folder: PathBuf) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        // Held to the end, so that nothing is started after this.
        let mut children = processes.lock();
        std::mem::take(&mut *children).into_values().for_each(end);
        remove(&folder);
        eprintln!("\ncargo xtask demo: interrupted; both daemons are ended and what they stored is removed");
        // As a shell says of a command that SIGINT ended.
        std::process::exit(130);
    })
    .context("signals can't be handled")
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!(
            "cargo xtask demo: {} is left behind: {error}",
            folder.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn what_is_shown_can_be_typed() {
        let words = ["--as", "anna", "post", "launch", "The date is set."];
        assert_eq!(
            typed(&words),
            "foedus --as anna post launch \"The date is set.\""
        );
    }
}
