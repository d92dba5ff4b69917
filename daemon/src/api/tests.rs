//! The services as a client sees them: a real client over a real socket, the runtime over a store in memory.

use std::path::PathBuf;
use std::time::Duration;

use foedus_federation::transport::Reach;
use foedus_proto::api::v1;
use foedus_proto::api::v1::audit_service_client::AuditServiceClient;
use foedus_proto::api::v1::channel_service_client::ChannelServiceClient;
use foedus_proto::api::v1::invitation_service_client::InvitationServiceClient;
use foedus_proto::api::v1::log_service_client::LogServiceClient;
use foedus_proto::api::v1::member_service_client::MemberServiceClient;
use foedus_proto::api::v1::message_service_client::MessageServiceClient;
use foedus_proto::api::v1::organisation_service_client::OrganisationServiceClient;
use foedus_proto::api::v1::partner_service_client::PartnerServiceClient;
use foedus_proto::api::v1::project_service_client::ProjectServiceClient;
use foedus_proto::api::v1::request_service_client::RequestServiceClient;
use foedus_proto::api::v1::token_service_client::TokenServiceClient;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_util::task::TaskTracker;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::runtime::{Parts, build, key_files};
use crate::store::Engine;
use crate::store::memory::{MemoryEngine, VirtualDisk};

mod examining;
mod exports;
mod messages;
mod pages;
mod people;
mod sharing;
mod streams;
mod tcp;

/// A daemon, as far as the API needs one.
struct Daemon {
    folder: TempDir,
    engine: MemoryEngine,
    runtime: Runtime,
    tasks: TaskTracker,
    tcp: Option<SocketAddr>,
}

/// Calls with the headers of one caller.
#[derive(Clone)]
struct Headers(Vec<(&'static str, String)>);

impl tonic::service::Interceptor for Headers {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in &self.0 {
            let value = value.parse().expect("printable");
            request.metadata_mut().insert(*name, value);
        }
        Ok(request)
    }
}

type Calls = InterceptedService<Channel, Headers>;

/// One caller.
#[derive(Clone)]
struct Client(Calls);

macro_rules! services {
    ($($name:ident: $client:ident,)+) => {
        impl Client {
            $(fn $name(&self) -> $client<Calls> { $client::new(self.0.clone()) })+
        }
    };
}

services!(
    organisation: OrganisationServiceClient,
    members: MemberServiceClient,
    tokens: TokenServiceClient,
    channels: ChannelServiceClient,
    messages: MessageServiceClient,
    requests: RequestServiceClient,
    invitations: InvitationServiceClient,
    partners: PartnerServiceClient,
    projects: ProjectServiceClient,
    audit: AuditServiceClient,
    logs: LogServiceClient,
);

impl Daemon {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::start_with(folder, MemoryEngine::new(VirtualDisk::new()), None).await
    }

    async fn start_with(folder: TempDir, engine: MemoryEngine, tcp: Option<TcpConfig>) -> Self {
        let parts = Parts {
            store: Engine::Memory(engine.clone()),
            keys: key_files(folder.path()),
            addresses: vec!["acme.example:7433".to_owned()],
            metrics: Arc::default(),
            reach: Reach::Everywhere,
        };
        let runtime = build(parts).await.expect("it can be read").spawn();
        let config = ApiConfig {
            socket: folder.path().join("run/admin.sock"),
            tcp,
        };
        let bound = config.bind().await.expect("it can be bound");
        let facts = Facts {
            store_engine: "memory".to_owned(),
            data: folder.path().to_owned(),
            link_listen_addresses: Vec::new(),
            disk_reserve_bytes: 0,
            store_advised_bytes: 1 << 30,
        };
        let (tcp, tasks) = (bound.tcp_address(), TaskTracker::new());
        bound.spawn(runtime.clone(), facts, &tasks);
        Self {
            folder,
            engine,
            runtime,
            tasks,
            tcp,
        }
    }

    /// Acme, with the administrator Anna, Bob, and the channel `launch` in which both are.
    async fn acme() -> Self {
        let daemon = Self::start().await;
        daemon.make_acme().await;
        daemon
    }

    async fn make_acme(&self) {
        let init = v1::InitRequest {
            handle: "acme.example".to_owned(),
            administrator: "anna".to_owned(),
            ..v1::InitRequest::default()
        };
        let operator = self.client(None).await;
        operator.organisation().init(init).await.expect("made");
        add_member(&operator, "bob").await;
        let anna = self.client(Some("anna")).await;
        create_channel(&anna, "launch").await;
        let join = v1::JoinChannelRequest {
            channel: "launch".to_owned(),
            ..v1::JoinChannelRequest::default()
        };
        let bob = self.client(Some("bob")).await;
        bob.channels().join_channel(join).await.expect("joined");
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("run/admin.sock")
    }

    /// Somebody on the administration socket.
    async fn client(&self, as_member: Option<&str>) -> Client {
        let path = self.socket();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://foedus.invalid")
            .connect_with_connector(connector)
            .await
            .expect("the socket is there");
        let headers = as_member.map(|name| ("foedus-as", name.to_owned()));
        let headers = Headers(headers.into_iter().collect());
        Client(InterceptedService::new(channel, headers))
    }

    /// Another API over the same runtime, to look into.
    fn api(&self) -> Api {
        let facts = Facts {
            store_engine: "memory".to_owned(),
            data: self.folder.path().to_owned(),
            link_listen_addresses: Vec::new(),
            disk_reserve_bytes: 0,
            store_advised_bytes: 1 << 30,
        };
        Api::new(self.runtime.clone(), facts, None, self.tasks.clone())
    }

    /// Stops, and waits for everything.
    async fn stop(self) -> (TempDir, MemoryEngine) {
        self.runtime.drain().await;
        self.tasks.close();
        let waited = tokio::time::timeout(Duration::from_secs(10), self.tasks.wait());
        waited.await.expect("all tasks end");
        (self.folder, self.engine)
    }
}

async fn add_member(client: &Client, name: &str) -> v1::Member {
    let request = v1::AddMemberRequest {
        name: name.to_owned(),
        ..v1::AddMemberRequest::default()
    };
    let added = client.members().add_member(request).await.expect("added");
    added.into_inner().member.expect("who")
}

async fn create_channel(client: &Client, name: &str) -> v1::Channel {
    let request = v1::CreateChannelRequest {
        name: name.to_owned(),
        ..v1::CreateChannelRequest::default()
    };
    let created = client.channels().create_channel(request).await;
    created
        .expect("created")
        .into_inner()
        .channel
        .expect("which")
}

fn posting(channel: &str, text: &str) -> v1::PostRequest {
    v1::PostRequest {
        channel: channel.to_owned(),
        text: text.to_owned(),
        ..v1::PostRequest::default()
    }
}

async fn post(client: &Client, text: &str) -> String {
    let posted = client.messages().post(posting("launch", text)).await;
    posted.expect("posted").into_inner().entry_ref
}

/// How a call was refused: by code and reason. Every refusal has both, a sentence, and most say what to do.
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> (Code, String) {
    let status = answer.expect_err("a refusal");
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no reason in {status:?}"));
    assert_eq!(info.domain, "foedus");
    assert!(!status.message().is_empty());
    assert!(info.metadata.contains_key("rule") && info.metadata.contains_key("fix"));
    (status.code(), info.reason)
}

fn reason<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> String {
    refused(answer).1
}
