//! What the story is played on: a folder, two daemons, and the cables between them. All of it goes away at the end,
//! also on Ctrl-C, unless it is to be left.

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, bail};

use crate::bounds::{
    DEMO_END_LOOKS_MAX, DEMO_END_PAUSE, DEMO_LOOK_PAUSE, DEMO_WAIT_MAX, LOG_SHOWN_LINES_MAX,
};
use crate::demo::processes::Processes;
use crate::demo::screen::{Said, Screen};

/// One organisation's place.
#[derive(Debug, Clone)]
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
    /// What was started and has to be ended.
    pub processes: Processes,
    folder: PathBuf,
    left: AtomicBool,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What to show.
    pub said: Said,
    /// Its exit code.
    pub exit: i32,
}

impl Stage {
    /// Makes the folder and starts the cables and both daemons, for the command of xtask that is called `name`.
    pub fn set_up(name: &'static str, programs: PathBuf) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("foedus-{name}-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("{} can't be made", folder.display()))?;
        let processes = Processes::default();
        clean_up_on_interrupt(name, processes.clone(), folder.clone())?;
        let side = |name, handle| -> anyhow::Result<Side> {
            Ok(Side {
                name,
                handle,
                advertised: free_port()?,
                listens: free_port()?,
                folder: folder.join(name),
                programs: programs.clone(),
            })
        };
        // From here on all of it goes when this does, however the story ends.
        let stage = Self {
            acme: side("Acme", "acme.example")?,
            globex: side("Globex", "globex.example")?,
            processes,
            folder: folder.clone(),
            left: AtomicBool::new(false),
        };
        stage
            .processes
            .undisturbed(|| stage.write_configurations())?;
        stage.mend_cables()?;
        stage.start(&stage.acme)?;
        stage.start(&stage.globex)?;
        Ok(stage)
    }

    fn write_configurations(&self) -> anyhow::Result<()> {
        for side in [&self.acme, &self.globex] {
            fs::create_dir(&side.folder)?;
            fs::write(side.folder.join("foedusd.toml"), side.configuration())?;
        }
        Ok(())
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
            let ended = self.processes.has_ended(side.name)?;
            if ended || began.elapsed() > DEMO_WAIT_MAX {
                bail!(
                    "the daemon of {} does not answer\n{}",
                    side.name,
                    side.last_logged()
                );
            }
            thread::sleep(DEMO_LOOK_PAUSE);
        }
        Ok(())
    }

    /// Starts a daemon anew, with further lines in the table `[api]` of its configuration.
    pub fn restart_with(&self, side: &Side, lines: &str) -> anyhow::Result<()> {
        self.kill(side);
        let configuration = side.configuration() + lines;
        fs::write(side.place("foedusd.toml"), configuration)?;
        self.start(side)
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

    /// The files of an organisation that hold `wanted`, by name, and how many bytes were searched.
    pub fn files_holding(&self, side: &Side, wanted: &str) -> anyhow::Result<(Vec<String>, usize)> {
        let (mut holding, mut searched) = (Vec::new(), 0);
        let mut folders = vec![side.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let (kind, path) =
                    entry.and_then(|entry| Ok((entry.file_type()?, entry.path())))?;
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    // One that the daemon has removed meanwhile holds nothing any more.
                    let bytes = fs::read(&path).unwrap_or_default();
                    searched += bytes.len();
                    let mut windows = bytes.windows(wanted.len());
                    if windows.any(|window| window == wanted.as_bytes()) {
                        let name = path.strip_prefix(&side.folder).unwrap_or(&path);
                        holding.push(name.display().to_string());
                    }
                }
            }
        }
        Ok((holding, searched))
    }

    /// Leaves everything running, and says how to go on and how to end it.
    pub fn leave(&self, screen: &Screen) {
        println!();
        screen
            .prose("Both daemons go on running. In one terminal you are Acme, in another Globex; `kill %1` ends the tail:");
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
        let ids = |names: [&str; 2]| names.map(|name| self.processes.id(name)).join(" ");
        let cables = [&self.acme, &self.globex].map(Side::cable);
        screen.prose(
            "Four processes run: the two relays that are the network between them, and the two daemons, which finish \
             what they are at.",
        );
        println!("\n  # To end both, and to remove what they stored");
        println!("  kill {}", ids([&cables[0], &cables[1]]));
        let daemons = ids([self.acme.name, self.globex.name]);
        println!("  kill {daemons}");
        // What is removed under a daemon that still writes would come back.
        println!(
            "  for daemon in {daemons}; do for look in $(seq {DEMO_END_LOOKS_MAX}); do \
             kill -0 $daemon 2> /dev/null || break; sleep {}; done; done",
            DEMO_END_PAUSE.as_secs_f64()
        );
        println!("  rm -r {}", self.folder.display());
        self.left.store(true, Ordering::Relaxed);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.left.load(Ordering::Relaxed) {
            self.processes.end_all(|| remove(&self.folder));
        }
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

    /// `foedus` at this organisation's daemon.
    pub fn foedus(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.programs.join("foedus"));
        command.args(arguments).env("FOEDUS_SERVER", self.server());
        command
    }

    /// A program in this organisation's folder, with nothing of the environment that could lead elsewhere.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy().to_lowercase();
            if known.starts_with("foedus_") || known.ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A file of this organisation's.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
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
pub fn typed(arguments: &[&str]) -> String {
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

/// An address of this machine on which nobody listens.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

fn clean_up_on_interrupt(
    name: &'static str,
    processes: Processes,
    folder: PathBuf,
) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        processes.end_all(|| {
            remove(&folder);
            eprintln!("\ncargo xtask {name}: interrupted; both daemons are ended and what they stored is removed");
            // As a shell says of a command that SIGINT ended.
            std::process::exit(130)
        });
    })
    .context("signals can't be handled")
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!("cargo xtask: {} is left behind: {error}", folder.display());
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
