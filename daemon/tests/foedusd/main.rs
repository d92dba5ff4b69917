//! The program itself: what it prints, with which status it ends, and that a signal ends it in order.

mod damage;
mod notify;
mod serving;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn foedusd(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foedusd"));
    command
        .env_clear()
        .env("HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = foedusd(home).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A home whose daemon listens wherever there is room.
fn home() -> tempfile::TempDir {
    home_with("")
}

/// As [`home`], with more in its configuration.
fn home_with(more: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join(".config/foedus");
    fs::create_dir_all(&folder).expect("made");
    fs::write(
        folder.join("foedusd.toml"),
        format!("[link]\nlisten = \"127.0.0.1:0\"\n{more}"),
    )
    .expect("written");
    home
}

/// Starts and waits until it says that it is ready.
fn start(home: &Path) -> Child {
    let mut child = foedusd(home).spawn().expect("it runs");
    let log = child.stderr.take().expect("piped");
    let mut lines = BufReader::new(log).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line.contains("foedusd is ready")));
    assert!(ready, "it said nothing of being ready");
    // What it says later must have somebody who takes it.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn terminate(child: &Child) {
    let id = i32::try_from(child.id()).expect("a process id");
    let process = rustix::process::Pid::from_raw(id).expect("not zero");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
}

/// Whoever asks for two things at once is told so, and neither is done.
#[test]
fn a_command_with_what_stands_alone_is_refused() {
    let home = tempfile::tempdir().expect("a folder");
    for alone in ["--check-config", "--print-default-config"] {
        let (status, printed, said) = run(home.path(), &[alone, "store", "compact"]);
        assert_eq!((status, printed.as_str()), (Some(64), ""), "{said}");
        assert!(said.contains("--check-config"), "{said}");
    }
}

#[test]
fn the_default_configuration_is_printed_and_holds() {
    let home = tempfile::tempdir().expect("a folder");
    let (status, printed, _) = run(home.path(), &["--print-default-config"]);
    assert_eq!(status, Some(0));
    let file = home.path().join("foedusd.toml");
    fs::write(&file, printed).expect("written");
    let file = file.to_str().expect("UTF-8");
    let (status, said, _) = run(home.path(), &["--config", file, "--check-config"]);
    assert_eq!((status, said), (Some(0), format!("{file} has no fault\n")));
    let (status, said, _) = run(home.path(), &["--check-config"]);
    assert_eq!(
        (status, said.as_str()),
        (
            Some(0),
            "there is no configuration file, and the defaults have no fault\n"
        )
    );
    assert!(
        !home.path().join(".local").exists(),
        "checking makes nothing"
    );
}

#[test]
fn all_faults_of_a_configuration_are_said_at_once() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("foedusd.toml");
    fs::write(&file, "colour = 1\n[store]\nengine = \"oracle\"\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    let (status, _, said) = run(home.path(), &["--config", file]);
    assert_eq!(status, Some(78));
    for fault in [
        "2 faults",
        "colour: there is no such key",
        "store.engine: expected one of",
    ] {
        assert!(said.contains(fault), "{said}");
    }
    let (status, _, said) = run(home.path(), &["--bogus"]);
    assert_eq!(status, Some(64), "{said}");
}

#[test]
fn a_signal_ends_it_in_order_and_a_second_daemon_is_refused() {
    let home = home();
    let mut child = start(home.path());
    let (status, _, said) = run(home.path(), &[]);
    assert_eq!(status, Some(69));
    assert!(said.contains("in use by another daemon"), "{said}");
    let socket = home.path().join(".local/share/foedus/admin.sock");
    let mode = fs::metadata(&socket)
        .expect("it listens")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(!socket.exists());
    let mut child = start(home.path());
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_taken_port_is_said_with_its_key() {
    let home = home();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let file = home.path().join("taken.toml");
    fs::write(&file, format!("[link]\nlisten = \"{address}\"\n")).expect("written");
    let (status, _, said) = run(home.path(), &["--config", file.to_str().expect("UTF-8")]);
    assert_eq!(status, Some(69));
    assert!(said.contains("link.listen"), "{said}");
    assert!(!home.path().join(".local/share/foedus/store").exists());
}

/// The commands that a help page lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn each_command_shows_an_example_and_has_a_manual_page() {
    let home = home();
    let folder = home.path().join("man8");
    let to = folder.to_str().expect("UTF-8");
    let (status, said, _) = run(home.path(), &["man", "--to", to]);
    assert_eq!(status, Some(0));
    let mut above: Vec<Vec<String>> = vec![Vec::new()];
    let mut pages = 0;
    while let Some(words) = above.pop() {
        let mut line: Vec<&str> = words.iter().map(String::as_str).collect();
        line.push("--help");
        let (status, help, _) = run(home.path(), &line);
        assert_eq!(status, Some(0));
        above.extend(
            listed(&help)
                .into_iter()
                .map(|name| [words.as_slice(), &[name]].concat()),
        );
        let name = [&["foedusd".to_owned()], words.as_slice()].concat();
        let page = fs::read_to_string(folder.join(format!("{}.8", name.join("-"))));
        let page = page.unwrap_or_else(|error| panic!("{name:?} has no page: {error}"));
        assert!(page.contains(".SH \"EXIT STATUS\"\n"), "{name:?}: {page}");
        pages += 1;
        let called = words.join(" ");
        let shown = help.split_once("\nExample").map(|(_, rest)| rest);
        let shown = shown.is_some_and(|rest| {
            let mut lines = rest.lines().map(str::trim);
            lines.any(|line| line.starts_with("foedusd ") && line.contains(&called))
        });
        assert!(shown, "no example of {called}: {help}");
        assert!(page.contains(".SH EXAMPLES\n"), "{name:?}: {page}");
        assert_eq!(page.matches("it was asked to end").count(), 1, "{page}");
    }
    assert_eq!(said, format!("Wrote {pages} manual pages to {to}.\n"));
    assert!(pages >= 6, "only {pages} commands were found");
}
