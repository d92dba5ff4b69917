//! The program itself against a daemon that passes on what a hostile partner wrote: nothing of it acts on a terminal.
//!
//! What a daemon itself refuses to take or to pass on is not its concern.

use std::convert::Infallible;
use std::pin::Pin;
use std::process::{Command, Output};
use std::task::{Context, Poll};

use foedus_proto::api::v1::{self, subscribe_item::Item};
use prost::Message;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Clears the screen, sets the title, colours, turns the direction of writing, hides, and pretends to be a line of
/// ours.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}evil\u{200b}\r\nerror:  spoofed\u{8}\u{2066}";

/// What must never reach a terminal.
fn is_inert(shown: &str) -> bool {
    !shown.chars().any(|character| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

fn hostile() -> String {
    HOSTILE.to_owned()
}

fn author() -> Option<v1::Author> {
    Some(v1::Author {
        address: hostile(),
        display_name: hostile(),
        organisation_handle: hostile(),
        ..v1::Author::default()
    })
}

fn history() -> v1::ListHistoryResponse {
    let message = v1::Message {
        entry_ref: "org_a/inc_b/1".to_owned(),
        kind: v1::EventKind::Posted.into(),
        author: author(),
        text: hostile(),
        reactions: vec![v1::Reaction {
            emoji: hostile(),
            authors: author().into_iter().collect(),
        }],
        reply_to: hostile(),
        custom_name: hostile(),
        ..v1::Message::default()
    };
    v1::ListHistoryResponse {
        messages: vec![message],
        ..v1::ListHistoryResponse::default()
    }
}

fn events() -> v1::SubscribeResponse {
    let event = |kind: v1::EventKind| v1::Event {
        entry_ref: "org_a/inc_b/1".to_owned(),
        kind: kind.into(),
        author: author(),
        channel_name: hostile(),
        text: hostile(),
        emoji: hostile(),
        custom_name: hostile(),
        ..v1::Event::default()
    };
    let ended = v1::ChannelEnded {
        channel_name: hostile(),
        cause: hostile(),
        ..v1::ChannelEnded::default()
    };
    let left = v1::ParticipantLeft {
        channel_name: hostile(),
        handle: hostile(),
        ..v1::ParticipantLeft::default()
    };
    let held = v1::Held {
        entries: 1,
        origins: vec![hostile()],
        ..v1::Held::default()
    };
    let items = [
        Item::Held(held),
        Item::ParticipantLeft(left),
        Item::ChannelEnded(ended),
        Item::Event(event(v1::EventKind::Joined)),
        Item::Event(event(v1::EventKind::Reacted)),
        Item::Event(event(v1::EventKind::Custom)),
        Item::Event(event(v1::EventKind::Posted)),
    ];
    v1::SubscribeResponse {
        items: items
            .map(|item| v1::SubscribeItem { item: Some(item) })
            .into(),
        cursor: "c1".to_owned(),
    }
}

fn partner() -> v1::Partner {
    v1::Partner {
        organisation_id: "org_a".to_owned(),
        handle: hostile(),
        link_problem: hostile(),
        endpoints: vec![hostile()],
        channels: vec![hostile()],
        protocol_version: hostile(),
        words: vec![hostile()],
        ..v1::Partner::default()
    }
}

fn request() -> v1::GetRequestResponse {
    let request = v1::Request {
        number: 1,
        name: "REQ-0001".to_owned(),
        requester: hostile(),
        partner_handle: hostile(),
        channel_name: hostile(),
        project: hostile(),
        purpose: hostile(),
        capabilities: vec![hostile()],
        words: vec![hostile()],
        decided_by: hostile(),
        decline_reason: hostile(),
        next_step: hostile(),
        ..v1::Request::default()
    };
    v1::GetRequestResponse {
        request: Some(request),
    }
}

const SERVICES: [&str; 4] = [
    "foedus.api.v1.MessageService",
    "foedus.api.v1.ChannelService",
    "foedus.api.v1.PartnerService",
    "foedus.api.v1.RequestService",
];

/// One of the services: whatever is asked, it has one answer for each call.
#[derive(Debug, Clone)]
struct Hostile<const SERVICE: usize>;

impl<const SERVICE: usize> NamedService for Hostile<SERVICE> {
    const NAME: &'static str = SERVICES[SERVICE];
}

type Called = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<const SERVICE: usize> tower::Service<http::Request<Body>> for Hostile<SERVICE> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Called;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Called {
        let path = request.uri().path().to_owned();
        let call = path.rsplit('/').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            Ok(match call.as_str() {
                "ListHistory" => answer(request, history()).await,
                // A stream of one list is the same bytes as one answer.
                "Subscribe" => answer(request, events()).await,
                "ListChannelMembers" => {
                    let member = v1::ChannelMember {
                        author: author(),
                        joined_at: None,
                    };
                    let members = v1::ListChannelMembersResponse {
                        members: vec![member],
                        ..v1::ListChannelMembersResponse::default()
                    };
                    answer(request, members).await
                }
                "ListPartners" => {
                    let partners = v1::ListPartnersResponse {
                        partners: vec![partner()],
                        ..v1::ListPartnersResponse::default()
                    };
                    answer(request, partners).await
                }
                "GetPartner" => {
                    let partner = v1::GetPartnerResponse {
                        partner: Some(partner()),
                    };
                    answer(request, partner).await
                }
                "GetRequest" => answer(request, self::request()).await,
                _ => Status::unimplemented("not here").into_http(),
            })
        })
    }
}

/// Answers whatever was asked.
async fn answer<A>(request: http::Request<Body>, answer: A) -> http::Response<Body>
where
    A: Message + Clone + Default + 'static,
{
    let codec = ProstCodec::<A, ()>::default();
    let service = tower::service_fn(move |_: Request<()>| {
        let answer = answer.clone();
        async move { Ok::<_, Status>(Response::new(answer)) }
    });
    Grpc::new(codec).unary(service, request).await
}

/// A daemon behind a socket in a folder that lasts as long as the value.
fn over_socket() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let router = Server::builder()
        .add_service(Hostile::<0>)
        .add_service(Hostile::<1>)
        .add_service(Hostile::<2>)
        .add_service(Hostile::<3>);
    tokio::spawn(router.serve_with_incoming(UnixListenerStream::new(listener)));
    (folder, format!("unix:{}", path.display()))
}

async fn foedus(server: &str, line: &str, output: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foedus"));
    command
        .args(["--server", server, "--output", output])
        .args(line.split(' '))
        .env_clear()
        .env("HOME", "/nonexistent");
    tokio::task::spawn_blocking(move || command.output().expect("it runs"))
        .await
        .expect("no panic")
}

const LINES: [&str; 6] = [
    "history launch --refs",
    "tail launch --from start --count 4",
    "channel members launch",
    "partner list",
    "partner show org_a",
    "request show 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_wrote_does_not_act_on_a_terminal() {
    let (_folder, server) = over_socket();
    for line in LINES {
        let output = foedus(&server, line, "human").await;
        let shown = String::from_utf8(output.stdout).expect("UTF-8");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        assert!(shown.contains("evil"), "{line} shows it: {shown}");
        assert!(
            shown.contains("\\u{1b}[2J"),
            "{line} shows what it is: {shown}"
        );
        assert!(is_inert(&shown), "{line}: {shown:?}");
        assert!(is_inert(&said), "{line}: {said:?}");
        // What pretends to be ours stands behind something that is.
        for pretended in shown.lines().filter(|line| line.contains("spoofed")) {
            assert!(!pretended.starts_with("error:"), "{line}: {pretended}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_it_whole_and_escaped() {
    let (_folder, server) = over_socket();
    for line in LINES {
        let output = foedus(&server, line, "json").await;
        let shown = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(is_inert(&shown), "{line}: {shown:?}");
        let values = serde_json::Deserializer::from_str(&shown).into_iter::<serde_json::Value>();
        let mut whole = false;
        for value in values {
            let value = value.expect("JSON").to_string();
            whole |= value.contains(&serde_json::Value::from(HOSTILE).to_string());
        }
        assert!(whole, "{line} loses something: {shown}");
    }
}
