//! A daemon that may open no more files: whoever comes meanwhile waits, and it goes on as soon as it can.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use foedus_tests::harness::daemon::{Daemon, Place};
use foedus_tests::harness::raw_link::{PAIRING, say};
use foedus_tests::harness::{LATER, eventually};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// What the daemon may have open: some more than it needs for itself.
const OPEN_FILES_MAX: u32 = 96;

/// More connections than that, and fewer than the daemon holds of strangers.
const CONNECTIONS: u8 = 150;

/// How often the system could give the daemon no connection, as its metrics say.
fn system_errors(place: &Place) -> Result<i64, String> {
    let count = place.metric("foedus_connections{outcome=\"system_error\"}")?;
    count.ok_or("they are not counted".to_owned())
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
    let mut daemon = Daemon::new(place);
    daemon.start();
    let foedus = daemon.place.foedus();
    foedus.must(&["init", "acme.example", "--administrator", "alice"]);
    assert_eq!(system_errors(&daemon.place), Ok(0));

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
        match system_errors(&daemon.place) {
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
    let left = daemon.place.scraped().expect("served");
    assert!(left.starts_with("HTTP/1.1 200"), "{left}");
}
