//! One real `foedusd`: its folder, configuration and process.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foedus_daemon::store::EngineKind;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::command::Foedus;
use super::programs::program;
use super::{SOON, eventually};

/// Where a daemon keeps its things and listens.
#[derive(Debug, Clone)]
pub struct Place {
    /// All of it is in here.
    pub folder: PathBuf,
    /// Where it takes links.
    pub link: SocketAddr,
    /// Where it serves the API.
    pub api: SocketAddr,
    /// Where it serves its metrics.
    pub metrics: SocketAddr,
    /// What it tells partners to dial.
    pub advertise: String,
    /// The engine of its store; `None` for the default.
    pub engine: Option<EngineKind>,
    /// So much of its disk stays free.
    pub disk_reserve_bytes: u64,
    /// What its store should take at most; `None` for the default.
    pub store_advised_bytes: Option<u64>,
    /// What one partner may send in a second; `None` for the default.
    pub bytes_per_second_max: Option<u64>,
    /// What is in its environment besides what it needs.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// The user that it runs as; `None` for whoever runs the test.
    pub uid: Option<u32>,
    /// How many files and connections it may have open; `None` for as many as the test.
    pub open_files_max: Option<u32>,
}

/// A daemon, running or not.
#[derive(Debug)]
pub struct Daemon {
    /// Where it is.
    pub place: Place,
    process: Option<Child>,
}

/// The processes that this program started and has not waited for yet. Whoever starts one or waits for its end holds the
/// lock, so that a number in here is no other process's.
static STARTED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn started() -> MutexGuard<'static, BTreeSet<u32>> {
    // Whoever panicked with it left the numbers as they are.
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends all daemons of this program at once, and lets nobody start another; then does what ends the program.
pub fn end_all(then: impl FnOnce() -> Infallible) -> ! {
    let started = started();
    for id in started.iter() {
        if let Some(pid) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
            // One that has just ended is as good.
            kill_process(pid, Signal::KILL).ok();
        }
    }
    match then() {}
}

/// How a daemon ended, if it has.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let mut started = started();
    let status = child.try_wait().expect("our own child can be looked at");
    if status.is_some() {
        started.remove(&child.id());
    }
    status
}

/// An address of this machine that no other test uses: each daemon gets a loopback address of its own, so that a
/// port that was free stays free while its daemon is down.
fn own_address() -> Ipv4Addr {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id();
    let number = TAKEN.fetch_add(1, Ordering::SeqCst);
    let third = u8::try_from(process / 256 % 250).expect("below 250") + 2;
    let fourth = u8::try_from(process % 250).expect("below 250") + 2;
    let second = u8::try_from(number % 250).expect("below 250") + 2;
    Ipv4Addr::new(127, second, third, fourth)
}

/// A port that is free on `address`.
#[must_use]
pub fn free_port(address: Ipv4Addr) -> SocketAddr {
    let [port] = free_ports(address);
    port
}

/// Ports that are free on `address`, each another one.
fn free_ports<const N: usize>(address: Ipv4Addr) -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((address, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("it is bound"))
}

impl Place {
    /// A place under `folder`, which is made.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("the folder can be made");
        let address = own_address();
        // All at once: one after the other may be the same.
        let [link, api, metrics] = free_ports(address);
        Self {
            folder,
            link,
            api,
            metrics,
            advertise: link.to_string(),
            engine: None,
            disk_reserve_bytes: 1024 * 1024,
            store_advised_bytes: None,
            bytes_per_second_max: None,
            environment: Vec::new(),
            uid: None,
            open_files_max: None,
        }
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The administration socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("admin.sock")
    }

    /// The configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("foedusd.toml")
    }

    /// What the daemon says of itself.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("foedusd.log")
    }

    /// The configuration as text.
    #[must_use]
    pub fn configuration_text(&self) -> String {
        let engine = self.engine.map(|name| format!("engine = \"{name}\"\n"));
        let advised = self.store_advised_bytes;
        let advised = advised.map(|bytes| format!("advised_bytes = {bytes}\n"));
        let pace = self.bytes_per_second_max;
        let pace = pace.map(|bytes| format!("bytes_per_second_max = {bytes}\n"));
        format!(
            "data = {data:?}\n\n\
             [store]\ndisk_reserve_bytes = {reserve}\n{engine}{advised}\n\
             [link]\nlisten = \"{link}\"\nadvertise = [\"{advertise}\"]\n{pace}\n\
             [api]\nlisten = \"{api}\"\nsocket = {socket:?}\n\n\
             [metrics]\nlisten = \"{metrics}\"\n",
            data = self.data(),
            reserve = self.disk_reserve_bytes,
            engine = engine.unwrap_or_default(),
            advised = advised.unwrap_or_default(),
            link = self.link,
            advertise = self.advertise,
            pace = pace.unwrap_or_default(),
            api = self.api,
            socket = self.socket(),
            metrics = self.metrics,
        )
    }

    /// What its daemon answers to whoever reads its metrics; it may serve no other connection meanwhile.
    ///
    /// # Errors
    ///
    /// Says why there is no answer.
    pub fn scraped(&self) -> Result<String, String> {
        let ask = || {
            let mut stream = TcpStream::connect(self.metrics)?;
            stream.set_read_timeout(Some(SOON))?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        ask().map_err(|error: std::io::Error| error.to_string())
    }

    /// One of its metrics, by its name and labels as they are written; none if there is no such line.
    ///
    /// # Errors
    ///
    /// Says why there is no answer.
    pub fn metric(&self, name: &str) -> Result<Option<i64>, String> {
        let text = self.scraped()?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let whole = |value: &str| value.parse().map_err(|_| format!("{name} is {value:?}"));
        value.map(whole).transpose()
    }

    /// `foedus`, for this daemon's administrator.
    #[must_use]
    pub fn foedus(&self) -> Foedus {
        Foedus::by_socket(&self.socket(), &self.folder)
    }

    /// Another user may not reach where programs are built, and gets a copy.
    fn program(&self) -> PathBuf {
        let built = program("foedusd");
        if self.uid.is_none() {
            return built;
        }
        let copy = self.folder.join("foedusd");
        if !copy.exists() {
            fs::copy(built, &copy).expect("it can be copied");
        }
        copy
    }

    /// `foedusd`, ready to be started.
    #[must_use]
    pub fn command(&self) -> Command {
        let program = self.program();
        let mut command = match self.open_files_max {
            None => Command::new(program),
            Some(most) => {
                let mut shell = Command::new("/bin/sh");
                let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
                shell.arg("-c").arg(script).arg(program);
                shell
            }
        };
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
            .env_clear()
            .env("HOME", &self.folder)
            .env("TZ", "UTC")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .arg("--config")
            .arg(self.configuration())
            .stdin(Stdio::null());
        command
    }
}

/// Runs `foedusd store` with the words, and gives how it ended with what it said to programs and to people.
#[track_caller]
#[must_use]
pub fn store_command(place: &Place, words: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = place.command();
    command.args(["store", "--output", "json"]).args(words);
    let output = command.output().expect("foedusd can be started");
    let told = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), told, said)
}

impl Daemon {
    /// A daemon that does not run yet, with its configuration written.
    #[must_use]
    pub fn new(place: Place) -> Self {
        let daemon = Self {
            place,
            process: None,
        };
        daemon.configure();
        daemon
    }

    /// Writes the configuration of its place, as it holds from the next start on.
    fn configure(&self) {
        let text = self.place.configuration_text();
        fs::write(self.place.configuration(), text).expect("the configuration can be written");
    }

    /// Starts it anew, as another configuration says.
    #[track_caller]
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Place)) {
        self.stop();
        change(&mut self.place);
        self.configure();
        self.start();
    }

    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start(&mut self) {
        if let Err(why) = self.try_start() {
            panic!("{why}");
        }
    }

    /// The same, for a daemon that may not start.
    ///
    /// # Errors
    ///
    /// Says how it ended, or that it does not answer, with the end of its log.
    pub fn try_start(&mut self) -> Result<(), String> {
        self.launch();
        let foedus = self.place.foedus();
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Err(self.told(&format!("it ended with {status}")));
            }
            match foedus.try_json(&["status"]) {
                Ok(_) => return Ok(()),
                Err(answer) if began.elapsed() > SOON => return Err(self.told(&answer.err)),
                Err(_) => std::thread::sleep(super::LOOK_PAUSE),
            }
        }
    }

    /// Starts it, and waits for nothing.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.place.log())
            .expect("a file for the log");
        let mut started = started();
        let child = self
            .place
            .command()
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("foedusd can be started");
        started.insert(child.id());
        self.process = Some(child);
    }

    /// Its process, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Kills it at once, as a power cut of its process would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let mut started = started();
            // Neither fails for a child that was not waited for.
            child.kill().expect("our own child can be killed");
            child.wait().expect("our own child can be waited for");
            started.remove(&child.id());
        }
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.process.take().expect("it runs");
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM).expect("our own child can be signalled");
        let status = eventually("the daemon to end after SIGTERM", SOON, || {
            ended(&mut child).ok_or_else(|| tail_of(&self.place.log()))
        });
        assert!(status.success(), "{status}: {}", tail_of(&self.place.log()));
        status
    }

    /// Waits until something else has killed it.
    #[track_caller]
    pub fn is_killed(&mut self) {
        let mut child = self.process.take().expect("it runs");
        let status = eventually("the daemon to be killed", SOON, || {
            ended(&mut child).ok_or_else(|| tail_of(&self.place.log()))
        });
        let signal = status.signal();
        assert_eq!(
            signal,
            Some(Signal::KILL.as_raw()),
            "it ended with {status}"
        );
    }

    /// Does it run?
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        ended(self.process.as_mut()?)
    }

    /// `what` happened, and the end of the log.
    fn told(&self, what: &str) -> String {
        format!("{what}\n{}", tail_of(&self.place.log()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!(
                "--- end of {}\n{}",
                self.place.log().display(),
                tail_of(&self.place.log())
            );
        }
    }
}

/// Starts what should not start, waits for its end, and gives how it ended with what it said.
#[track_caller]
#[must_use]
pub fn fails_to_start(mut command: Command) -> (Option<i32>, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("foedusd can be started");
    let began = std::time::Instant::now();
    let limit = Duration::from_secs(20);
    while child.try_wait().expect("it is ours").is_none() {
        if began.elapsed() > limit {
            child.kill().expect("it is ours");
            let output = child.wait_with_output().expect("it is ours");
            panic!("it did not end within {limit:?}, and said: {output:?}");
        }
        std::thread::sleep(super::LOOK_PAUSE);
    }
    let output = child.wait_with_output().expect("it is ours");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The last lines of a log.
fn tail_of(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
