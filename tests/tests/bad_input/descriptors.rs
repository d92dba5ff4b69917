//! A daemon that may open no more files: whoever comes meanwhile waits, and it goes on as soon as it can.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use foedus_tests::harness::daemon::{Daemon, Place, free_port};
use foedus_tests::harness::raw_link::{PAIRING, say};
use foedus_tests::harness::{LATER, SOON, eventually};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// What the daemon may have open: some more than it needs for itself.
const OPEN_FILES_MAX: u32 = 96;

/// More connections than that, and fewer than the daemon holds of strangers.
const CONNECTIONS: u8 = 150;

/// What is seen of a daemon's metrics, which serves no other connection meanwhile.
fn metrics(address: SocketAddr) -> Result<String, String> {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    ask().map_err(|error: std::io::Error| error.to_string())
}

/// How often the system could give the daemon no connection, as its metrics say.
fn system_errors(address: SocketAddr) -> Result<u64, String> {
    let text = metrics(address)?;
    let line = text
        .lines()
        .find(|line| line.contains("outcome=\"system_error\""));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.ok_or(text)
}

/// Silent connections to the link port, each from an address of its own: from one the daemon holds but few.
fn connect(runtime: &Runtime, to: SocketAddr) -> Vec<tokio::net::TcpStream> {
    let connect = async |number: u8| {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = Ipv4Addr::new(127, 255, 1, number);
        socket.bind((from, 0).into()).expect("loopback is ours");
        socket
            .connect(to)
            .await
            .expect("the system takes it for the daemon")
    };
    runtime.block_on(async {
        let mut held = Vec::new();
        for number in 1..=CONNECTIONS {
            held.push(connect(number).await);
        }
        held
    })
}

/// How many files and connections a process has open.
fn open_files(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd"));
    open.map_or(0, Iterator::count)
}

#[test]
fn a_daemon_without_descriptors_waits_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut place = Place::new(folder.path().join("acme"));
    place.open_files_max = Some(OPEN_FILES_MAX);
    let link = place.link;
    let SocketAddr::V4(own) = link else {
        panic!("the harness listens on IPv4");
    };
    let scraped = free_port(*own.ip());
    let text = place.configuration_text();
    let mut daemon = Daemon::new(place);
    let configuration = daemon.place.configuration();
    fs::write(
        &configuration,
        format!("{text}\n[metrics]\nlisten = \"{scraped}\"\n"),
    )
    .expect("it can be written");
    daemon.start();
    let foedus = daemon.place.foedus();
    foedus.must(&["init", "acme.example", "--administrator", "alice"]);
    assert_eq!(system_errors(scraped), Ok(0));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let pid = daemon.pid().expect("it runs");
    let full = usize::try_from(OPEN_FILES_MAX).expect("small");
    let mut held = connect(&runtime, link);
    eventually(
        "the daemon to have all open that it may",
        LATER,
        || match open_files(pid) {
            open if open >= full => Ok(()),
            open => {
                // Whoever says nothing is closed after a while. Others come.
                held = connect(&runtime, link);
                Err(format!("{open} are open"))
            }
        },
    );
    drop(held);

    eventually("the errors to be counted", LATER, || {
        match system_errors(scraped) {
            Ok(0) => Err("none".to_owned()),
            counted => counted.map(drop),
        }
    });
    eventually("the link port to be served again", LATER, || {
        let taken = say(link, &[7; 32], PAIRING, &[]);
        taken
            .shook_hands
            .then_some(())
            .ok_or_else(|| format!("{taken:?}"))
    });
    foedus.named("alice").must(&["member", "add", "anna"]);
    let left = metrics(scraped).expect("served");
    assert!(left.starts_with("HTTP/1.1 200"), "{left}");
}
