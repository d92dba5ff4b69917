//! Many that connect and say nothing, and some that ask and never read: they cost what is stated, and others are served.

use std::fs;
use std::future::poll_fn;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::Stdio;
use std::task::Poll;

use foedus_proto::api::v1;
use foedus_tests::harness::organisation::{Organisation, text};
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, Two};
use foedus_tests::harness::{LATER, eventually, is};
use h2::{SendStream, client};
use http::Request;
use prost::Message as _;
use prost::bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;

/// How many come.
const CROWD: u16 = 1000;

/// Files that this program has open at most.
const FILES: u64 = 4096;

/// How many ask and never read: as many streams as one caller may have.
const SILENT_READERS: usize = 64;

/// What such readers may cost together, in memory: the windows and buffers of their connections, and what any daemon
/// needs. Without a bound they would hold twice as much.
const MEMORY_MAX_KIB: u64 = 256 * 1024;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// So many connections to `target`, from as many addresses, on which nothing is said.
fn crowd(runtime: &Runtime, target: SocketAddr, hundred: u8) -> Vec<TcpStream> {
    let connect = |number: u16| async move {
        let [high, low] = number.to_be_bytes();
        let source = IpAddr::V4(Ipv4Addr::new(127, hundred, high + 1, low.max(1)));
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::new(source, 0))
            .expect("an address of this machine");
        socket.connect(target).await
    };
    let all = async {
        let mut held = Vec::new();
        for number in 0..CROWD {
            // One that is turned away at once is none that is held.
            if let Ok(stream) = connect(number).await {
                held.push(stream);
            }
        }
        held
    };
    runtime.block_on(all)
}

/// Lets this program hold as many connections as it needs, where the machine's own limit allows it: many begin with 1,024.
fn room_for_crowds() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, ..limit }).expect("below the hard limit");
    }
}

/// A member's token, over TCP.
fn token(of: &Organisation) -> String {
    let create = ["token", "create", "--for", &of.member, "--label", "laptop"];
    text(&of.administrator().json(&create), "secret")
}

#[test]
fn a_thousand_that_say_nothing_keep_nobody_out() {
    let two = Two::sharing("+1h");
    // After the daemons have begun: theirs stays what it is.
    room_for_crowds();
    let runtime = runtime();
    let place = &two.acme.daemon.place;
    let server = format!("http://{}", place.api);
    let by_token = two.acme.foedus().by_token(&server, &token(&two.acme));
    let held = [
        crowd(&runtime, place.api, 201),
        crowd(&runtime, place.link, 202),
    ];
    for held in &held {
        assert_eq!(held.len(), usize::from(CROWD), "all of them came");
    }

    // Members are served, by both doors, and so is the partner over the link that it has.
    by_token.must(&["post", LAUNCH, "By token."]);
    two.acme.member().must(&["post", LAUNCH, "By the socket."]);
    two.globex.member().must(&["post", ACME_LAUNCH, "By link."]);
    let mut texts = two.agree();
    texts.sort();
    assert_eq!(texts, ["By link.", "By the socket.", "By token."]);

    // A partner whose link broke finds its way in among them.
    two.acme.network.cut();
    two.globex.network.cut();
    by_token.must(&["post", LAUNCH, "Meanwhile."]);
    two.acme.network.mend();
    two.globex.linked_with(ACME);
    two.acme.linked_with(GLOBEX);
    assert_eq!(two.agree().len(), 4);
    drop(held);
}

/// Memory that the daemon holds, in KiB.
fn resident(of: &Organisation) -> u64 {
    let pid = of.daemon.pid().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.and_then(|size| size.trim().parse().ok())
        .expect("a size")
}

/// Connections that a daemon took at this address and still holds open. Counted by their address, as other sockets of it
/// come and go.
fn taken(at: SocketAddr) -> usize {
    let SocketAddr::V4(at) = at else {
        panic!("{at} is no IPv4 address");
    };
    // As proc_net_tcp(5) writes them: the address in the machine's own order of bytes, ESTABLISHED as 01, and no inode
    // for what waits to be taken.
    let local = format!(
        "{:08X}:{:04X}",
        u32::from_ne_bytes(at.ip().octets()),
        at.port()
    );
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let is_taken = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields[..], [_, at, _, "01", _, _, _, _, _, inode, ..] if at == local && inode != "0")
    };
    table.lines().filter(is_taken).count()
}

/// A connection on which a stream was asked for, and from which nothing is read any more.
struct SilentReader {
    _connection: client::Connection<TcpStream>,
    _stream: (Pin<Box<client::ResponseFuture>>, SendStream<Bytes>),
}

/// Asks for all of a channel, and reads nothing from then on.
async fn asks_and_never_reads(server: SocketAddr, token: String) -> SilentReader {
    let stream = TcpStream::connect(server).await.expect("it listens");
    let (requests, mut connection) = client::handshake(stream).await.expect("HTTP/2");
    let asking = async {
        let mut requests = requests.ready().await.expect("room for a call");
        let path = "http://foedus.invalid/foedus.api.v1.MessageService/Subscribe";
        let request = Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(())
            .expect("a request");
        let (response, mut body) = requests.send_request(request, false).expect("a call");
        let subscribe = v1::SubscribeRequest {
            channel: LAUNCH.to_owned(),
            cursor: String::new(),
            from_start: true,
        };
        let message = subscribe.encode_to_vec();
        let length = u32::try_from(message.len()).expect("it is short");
        let framed = [&[0], &length.to_be_bytes()[..], &message].concat();
        body.send_data(framed.into(), true).expect("it is taken");
        // Looked at once: then the request is on its way.
        let mut response = Box::pin(response);
        let looked = poll_fn(|context| Poll::Ready(response.as_mut().poll(context).is_ready()));
        let _answered = looked.await;
        (response, body)
    };
    let stream = {
        let mut asking = std::pin::pin!(asking);
        let asked = poll_fn(|context| {
            let polled = asking.as_mut().poll(context);
            // What is asked leaves with the connection.
            let _ended = Pin::new(&mut connection).poll(context).is_ready();
            polled
        })
        .await;
        // Once more, so that nothing of the request stays here.
        poll_fn(|context| {
            let _ended = Pin::new(&mut connection).poll(context).is_ready();
            Poll::Ready(())
        })
        .await;
        asked
    };
    SilentReader {
        _connection: connection,
        _stream: stream,
    }
}

#[test]
fn who_asks_and_never_reads_costs_little_and_is_ended() {
    let two = Two::sharing("+1h");
    let anna = two.acme.member();
    // Eight megabytes of history: far more than all that may be buffered for one stream.
    let mut posting = anna
        .command(&["post", LAUNCH, "--lines"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let mut lines = posting.stdin.take().expect("it is a pipe");
    for _ in 0..512 {
        writeln!(lines, "{}", "x".repeat(16_000)).expect("it reads");
    }
    drop(lines);
    assert!(posting.wait().expect("it is ours").success());
    let (runtime, place) = (runtime(), &two.acme.daemon.place);
    let (api, token) = (place.api, token(&two.acme));
    assert_eq!(taken(api), 0, "nobody else comes by TCP");
    let readers: Vec<SilentReader> = runtime.block_on(async {
        let mut readers = Vec::new();
        for _ in 0..SILENT_READERS {
            readers.push(asks_and_never_reads(api, token.clone()).await);
        }
        readers
    });
    eventually("their connections to be taken", LATER, || {
        is(taken(api), SILENT_READERS)
    });

    // Others are served, and the memory stays within its bound.
    anna.must(&["post", LAUNCH, "Meanwhile."]);
    let last = anna.json(&["history", LAUNCH, "--limit", "1"]);
    assert!(last.to_string().contains("Meanwhile."), "{last}");
    let memory = resident(&two.acme);
    assert!(memory <= MEMORY_MAX_KIB, "{memory} KiB");

    // Who answers no ping is ended, although its end is still open.
    eventually("them to be ended", LATER, || is(taken(api), 0));
    let memory = resident(&two.acme);
    assert!(memory <= MEMORY_MAX_KIB, "{memory} KiB");
    drop(readers);
}

#[test]
fn names_that_are_endless_or_hide_something_are_refused_wherever_they_are_given() {
    let two = Two::begin();
    let (anna, alice) = (two.acme.member(), two.acme.administrator());
    anna.must(&["channel", "create", "launch"]);
    let endless = "x".repeat(10_000);
    // Control characters, text that turns around, spaces of no width, and letters of other scripts that look like ours.
    let names = [
        endless.as_str(),
        "a\u{1b}[31m",
        "a\nb",
        "a\u{202e}b",
        "a\u{200b}b",
        "lаunch",
        "ｌaunch",
    ];
    for name in names {
        for (who, arguments, reasons) in [
            (&anna, vec!["channel", "create", name], ["NAME_INVALID"]),
            (
                &anna,
                vec!["channel", "rename", "launch", name],
                ["NAME_INVALID"],
            ),
            (&alice, vec!["member", "add", name], ["NAME_INVALID"]),
            (&alice, vec!["partner", "invite", name], ["HANDLE_INVALID"]),
            (&alice, vec!["partner", "allow", name], ["PATTERN_INVALID"]),
        ] {
            let refusal = who.refused(&arguments);
            assert!(
                reasons.contains(&refusal.reason.as_str()),
                "{:?}: {refusal:?}",
                &arguments[..2]
            );
            let said = [&refusal.message, &refusal.fix];
            let hides = |character: char| {
                character.is_control() || ['\u{202e}', '\u{200b}'].contains(&character)
            };
            assert!(
                said.iter()
                    .all(|text| !text.contains(hides) && text.len() < 4_000),
                "it is not given back as it came: {refusal:?}"
            );
        }
    }
    // A name without a domain is nobody's: an invitation for it could not be used.
    let share = ["channel", "share", "launch", "--with", "globex"];
    for (who, arguments) in [
        (
            &anna,
            [&share[..], &["--project", "P", "--no-end"]].concat(),
        ),
        (&alice, vec!["partner", "invite", "globex"]),
        (&alice, vec!["partner", "allow", "globex"]),
    ] {
        let refusal = who.refused(&arguments);
        assert_eq!(refusal.reason, "HANDLE_INVALID", "{refusal:?}");
        assert!(refusal.message.contains("no dot"), "{refusal:?}");
    }
    free_text_hides_nothing(&two, &names[..5]);
    projects_are_told_apart(&two, &names[5..]);
    // Nothing of it is there.
    let channels = anna.json(&["channel", "list", "--all"]);
    assert_eq!(channels["channels"].as_array().map(Vec::len), Some(1));
    let members = alice.json(&["member", "list"]);
    assert_eq!(
        members["members"].as_array().map(Vec::len),
        Some(2),
        "{members}"
    );
}

/// Texts that people show each other may be of any script; what is endless or hides something is none.
#[track_caller]
fn free_text_hides_nothing(two: &Two, texts: &[&str]) {
    let (anna, alice) = (two.acme.member(), two.acme.administrator());
    for text in texts {
        let share = ["channel", "share", "launch", "--with", GLOBEX, "--no-end"];
        for (who, arguments) in [
            (&alice, vec!["project", "create", text, "--no-end"]),
            (&alice, vec!["member", "add", "zoe", "--name", text]),
            (
                &alice,
                vec!["token", "create", "--for", "anna", "--label", text],
            ),
            (&anna, vec!["channel", "create", "garden", "--topic", text]),
            (&anna, [&share[..], &["--project", text]].concat()),
            (
                &anna,
                [&share[..], &["--project", "P", "--purpose", text]].concat(),
            ),
        ] {
            let refusal = who.refused(&arguments);
            assert_eq!(
                refusal.reason,
                "TEXT_INVALID",
                "{:?}: {refusal:?}",
                &arguments[..2]
            );
        }
    }
    for list in ["project", "request", "token"] {
        let listed = alice.json(&[list, "list"]);
        let found = listed[format!("{list}s")].as_array().map(Vec::len);
        assert_eq!(found, Some(0), "{listed}");
    }
}

/// A project is called as people write, in any script. What looks like another is another: it neither stands for the
/// one that it looks like nor takes anything from it.
#[track_caller]
fn projects_are_told_apart(two: &Two, look_alikes: &[&str]) {
    let alice = two.acme.administrator();
    alice.must(&["project", "create", "launch", "--no-end"]);
    let show = |name: &str| alice.json(&["project", "show", name])["project"].clone();
    let ours = show("launch");
    for name in look_alikes {
        let unknown = alice.refused(&["project", "show", name]);
        assert_eq!(unknown.reason, "PROJECT_UNKNOWN", "{unknown:?}");
        alice.must(&["project", "create", name, "--no-end"]);
        assert_ne!(show(name)["project_id"], ours["project_id"], "{name}");
        alice.must(&["project", "end", name, "--yes"]);
        assert_eq!(show(name)["state"], "ended", "{name}");
        assert_eq!(show("launch"), ours, "{name}");
    }
}
