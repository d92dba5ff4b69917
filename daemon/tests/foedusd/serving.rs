//! A daemon that serves: what it logs and counts, what needs no token, and how it drains.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foedus_proto::api::v1;
use foedus_proto::api::v1::channel_service_client::ChannelServiceClient;
use foedus_proto::api::v1::message_service_client::MessageServiceClient;
use foedus_proto::api::v1::organisation_service_client::OrganisationServiceClient;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;

use super::{foedusd, home, home_with, start, terminate};

/// What a stop may take; the configuration that holds if nothing is said.
const GRACE: Duration = Duration::from_secs(10);

pub async fn connect(home: &Path) -> Channel {
    try_connect(home).await.expect("the socket is there")
}

async fn try_connect(home: &Path) -> Option<Channel> {
    let path: PathBuf = home.join(".local/share/foedus/admin.sock");
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://foedus.invalid")
        .connect_with_connector(connector)
        .await
        .ok()
}

pub fn as_anna<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let anna = "anna".parse().expect("printable");
    request.metadata_mut().insert("foedus-as", anna);
    request
}

/// An organisation with Anna in a channel.
pub async fn make_acme(channel: &Channel) {
    let init = v1::InitRequest {
        handle: "acme.example".to_owned(),
        administrator: "anna".to_owned(),
        ..v1::InitRequest::default()
    };
    let mut organisation = OrganisationServiceClient::new(channel.clone());
    organisation.init(init).await.expect("made");
    let create = v1::CreateChannelRequest {
        name: "launch".to_owned(),
        ..v1::CreateChannelRequest::default()
    };
    let mut channels = ChannelServiceClient::new(channel.clone());
    channels
        .create_channel(as_anna(create))
        .await
        .expect("created");
}

/// Everything that a daemon logs from its start to its end.
fn logged(more: &str) -> Vec<String> {
    let home = home_with(more);
    let mut child = foedusd(home.path()).spawn().expect("it runs");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = Vec::new();
    for line in log.lines() {
        let line = line.expect("UTF-8");
        if line.contains("foedusd is ready") {
            terminate(&child);
        }
        said.push(line);
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(said.len() >= 3, "{said:?}");
    said
}

#[test]
fn what_is_logged_can_be_read_by_people_and_by_programs() {
    for line in logged("") {
        let mut words = line.split_whitespace();
        let time = words.next().unwrap_or_default();
        assert!(time.ends_with('Z') && time.contains('T'), "{line}");
        let level = words.next().unwrap_or_default();
        assert!(["INFO", "WARN", "ERROR"].contains(&level), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    for line in logged("[log]\nformat = \"json\"\n") {
        let read: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(read[field].is_string(), "{field} is missing in {line}");
        }
    }
}

#[test]
fn what_is_counted_can_be_fetched() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("bound");
    drop(free);
    let home = home_with(&format!("[metrics]\nlisten = \"{address}\"\n"));
    let mut child = start(home.path());
    let mut stream = TcpStream::connect(address).expect("it listens");
    let ask = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("foedus_build_info{"), "{answer}");
    assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn health_and_reflection_answer_before_there_is_an_organisation() {
    let home = home();
    let mut child = start(home.path());
    let channel = connect(home.path()).await;
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest::default())
        .await;
    assert_eq!(health.expect("answered").into_inner().status, 1);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = ServerReflectionClient::new(channel)
        .server_reflection_info(futures_util::stream::iter([list]))
        .await;
    let answer = answers.expect("answered").into_inner().message().await;
    let answer = answer.expect("a message").expect("one").message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = answer else {
        panic!("expected services, found {answer:?}");
    };
    let names: Vec<String> = services.service.into_iter().map(|one| one.name).collect();
    for name in ["foedus.api.v1.MessageService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Asked to end in the midst of everything, the daemon answers what it took, tells streams, and ends within the grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_no_answer_and_keeps_its_grace() {
    let home = home();
    let mut child = start(home.path());
    let channel = connect(home.path()).await;
    make_acme(&channel).await;
    let messages = MessageServiceClient::new(channel.clone());
    let mut stream = messages
        .clone()
        .subscribe(as_anna(v1::SubscribeRequest::default()))
        .await
        .expect("it follows")
        .into_inner();
    let mut posts = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let mut messages = messages.clone();
        posts.spawn(async move {
            let mut stored = Vec::new();
            loop {
                let text = format!("{writer}: {}", stored.len());
                let post = v1::PostRequest {
                    channel: "launch".to_owned(),
                    text: text.clone(),
                    ..v1::PostRequest::default()
                };
                match messages.post(as_anna(post)).await {
                    Ok(_) => stored.push(text),
                    Err(status) => return (stored, status),
                }
            }
        });
    }
    // All of it is under way: each writer has had answers, and the stream brings them.
    let mut seen = 0;
    while seen < 64 {
        let list = stream.message().await.expect("it goes on");
        seen += list.expect("it goes on").items.len();
    }
    terminate(&child);
    let begun = Instant::now();
    let told = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(told.code(), Code::Unavailable, "{told:?}");
    let reason = told.get_details_error_info().map(|info| info.reason);
    assert_eq!(reason.as_deref(), Some("STOPPING"), "{told:?}");
    let mut stored = Vec::new();
    while let Some(ended) = posts.join_next().await {
        let (texts, status) = ended.expect("no panic");
        // Refused with a reason, or not taken any more: both may be asked again. The client calls it an internal
        // error when the connection is told to go away, in order, before the call is sent.
        let is_sent_away = status.message().contains("h2 protocol error");
        assert!(
            matches!(
                status.code(),
                Code::Unavailable | Code::Cancelled | Code::Unknown
            ) || (status.code() == Code::Internal && is_sent_away),
            "{status:?}"
        );
        stored.extend(texts);
    }
    assert!(stored.len() > 8, "{}", stored.len());
    let status = tokio::task::spawn_blocking(move || child.wait().expect("it ends"));
    assert_eq!(status.await.expect("no panic").code(), Some(0));
    assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());

    let mut child = start(home.path());
    let found = texts(home.path()).await.expect("read");
    for text in &stored {
        let count = found.iter().filter(|known| *known == text).count();
        assert_eq!(count, 1, "{text}");
    }
    terminate(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Everything that can be read in the channel; none if the daemon does not answer.
pub async fn texts(home: &Path) -> Option<Vec<String>> {
    let mut messages = MessageServiceClient::new(try_connect(home).await?);
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = v1::ListHistoryRequest {
            channel: "launch".to_owned(),
            page_token,
            ..v1::ListHistoryRequest::default()
        };
        let page = messages.list_history(as_anna(list)).await;
        let page = page.ok()?.into_inner();
        found.extend(page.messages.into_iter().map(|message| message.text));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(found);
        }
    }
}

/// How often a stranger says what nobody asked for.
const UNASKED: usize = 10_000;

/// What comes first on a connection of HTTP/2 (RFC 9113, 3.4), and then answers to pings that nobody sent.
fn unasked_answers() -> Vec<u8> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let answer = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], b"unasked!".as_slice()].concat();
    [PREFACE, SETTINGS, &answer.repeat(UNASKED)].concat()
}

/// Sends what nobody asked for, and returns when all of it was taken: then a ping after it is answered.
fn say_unasked(address: std::net::SocketAddr) {
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0], b"the end.".as_slice()].concat();
    let answer = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], b"the end.".as_slice()].concat();
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(GRACE)).expect("a time");
    stream
        .write_all(&[unasked_answers(), ping].concat())
        .expect("taken");
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    while !said.windows(answer.len()).any(|found| found == answer) {
        let read = stream.read(&mut piece).expect("it goes on");
        assert_ne!(read, 0, "it ended before the end: {said:?}");
        said.extend_from_slice(&piece[..read]);
    }
}

#[test]
fn a_stranger_does_not_write_the_log() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("bound");
    drop(free);
    for level in ["info", "trace"] {
        let home = home_with(&format!(
            "[api]\nlisten = \"{address}\"\n[log]\nlevel = \"{level}\"\n"
        ));
        let mut child = foedusd(home.path()).spawn().expect("it runs");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let ready = lines.any(|line| line.is_ok_and(|line| line.contains("foedusd is ready")));
        assert!(ready, "it said nothing of being ready");
        let further = std::thread::spawn(move || lines.map_while(Result::ok).count());
        say_unasked(address);
        terminate(&child);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        let further = further.join().expect("no panic");
        assert!(further < UNASKED / 100, "{further} lines at {level}");
    }
}
