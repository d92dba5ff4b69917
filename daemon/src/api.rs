//! The API of the organisation's own people: `foedus.api.v1` over the administration socket and over TCP.
//!
//! A request becomes an act or a read: acts are decided by the machines behind [`Runtime`], reads by the policy
//! on the snapshot, here. Kept here is only what a restart may forget: the answers that make a repeated call
//! harmless, how many streams are open, and what the disk was last found to hold.
//!
//! It must not know engines, links or how anything is stored beyond what readers of the core ask for.

mod audit;
mod caller;
mod channel;
mod clock;
mod cursor;
mod doctor;
mod export;
mod gate;
mod history;
mod invitation;
mod member;
mod message;
mod organisation;
mod page;
mod parse;
mod partner;
mod project;
mod refusal;
mod repeat;
mod request;
mod serve;
mod show;
mod streams;
mod subscribe;
mod token;

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use foedus_federation::batch::{Read, Reading};
use foedus_federation::channel::ChannelView;
use foedus_federation::damaged::Damaged;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::steploop::Rows;
use foedus_policy::id::ChannelId;
use foedus_policy::reason::Reason;
use foedus_policy::time::Timestamp;
use foedus_proto::api::v1;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;

pub use refusal::Refusal;

use crate::bounds::api::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::runtime::Runtime;
use caller::Caller;
use organisation::Sizes;
use repeat::Repeats;
use streams::Streams;

/// Where the API is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// The administration socket.
    pub socket: PathBuf,
    /// Over TCP, if at all.
    pub tcp: Option<TcpConfig>,
}

/// Where the API is served over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key. Needed unless the address is this machine's own (loopback).
    pub tls: Option<TlsFiles>,
}

/// Files in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why the API can't be served as configured.
#[derive(Debug, thiserror::Error)]
pub enum ApiConfigError {
    /// Tokens would cross the network in the clear.
    #[error(
        "the API on {listen} needs TLS: only on this machine's own addresses it may be without"
    )]
    Cleartext {
        /// The address.
        listen: SocketAddr,
    },
    /// The certificate or the key can't be read.
    #[error("cannot read {}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// They don't belong together, or are no use.
    #[error("certificate and key of the API can't be used")]
    Tls(#[source] rustls::Error),
    /// Another daemon answers on the socket.
    #[error("another daemon answers on {} (api.socket)", path.display())]
    SocketTaken {
        /// The socket.
        path: PathBuf,
    },
    /// The socket can't be made.
    #[error("cannot listen on {} (api.socket)", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The address is in use or not ours.
    #[error("cannot listen on {listen} (api.listen)")]
    Tcp {
        /// The address.
        listen: SocketAddr,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// What the API says of the daemon and can't see for itself.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The storage engine.
    pub store_engine: String,
    /// The data folder, to say how much it takes and how much is left.
    pub data: PathBuf,
    /// Where links are accepted.
    pub link_listen_addresses: Vec<String>,
    /// Below so many free bytes, nothing is taken any more.
    pub disk_reserve_bytes: u64,
    /// What the store should take at most.
    pub store_advised_bytes: u64,
}

/// The listeners, bound; nothing is served yet.
pub struct Bound {
    socket: UnixListener,
    socket_path: PathBuf,
    tcp: Option<(TcpListener, Option<TlsAcceptor>)>,
}

impl ApiConfig {
    /// Reads the certificate without binding anything.
    pub fn check(&self) -> Result<(), ApiConfigError> {
        self.tcp
            .as_ref()
            .map_or(Ok(()), |tcp| tcp.acceptor().map(drop))
    }

    /// Binds the socket and the address. A socket on which nobody answers is replaced.
    pub async fn bind(&self) -> Result<Bound, ApiConfigError> {
        let tcp = match &self.tcp {
            None => None,
            Some(tcp) => {
                let acceptor = tcp.acceptor()?;
                let listener = TcpListener::bind(tcp.listen).await;
                let listener = listener.map_err(|source| ApiConfigError::Tcp {
                    listen: tcp.listen,
                    source,
                })?;
                Some((listener, acceptor))
            }
        };
        Ok(Bound {
            socket: bind_socket(&self.socket).await?,
            socket_path: self.socket.clone(),
            tcp,
        })
    }
}

impl TcpConfig {
    fn acceptor(&self) -> Result<Option<TlsAcceptor>, ApiConfigError> {
        let Some(files) = &self.tls else {
            return match self.listen.ip().is_loopback() {
                true => Ok(None),
                false => Err(ApiConfigError::Cleartext {
                    listen: self.listen,
                }),
            };
        };
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |source| ApiConfigError::Pem { path, source }
        };
        let certificates = CertificateDer::pem_file_iter(&files.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(pem(&files.certificate))?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(pem(&files.key))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(certificates, key)
            })
            .map_err(ApiConfigError::Tls)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

async fn bind_socket(path: &Path) -> Result<UnixListener, ApiConfigError> {
    let failed = |source| ApiConfigError::Socket {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    if tokio::net::UnixStream::connect(path).await.is_ok() {
        return Err(ApiConfigError::SocketTaken {
            path: path.to_owned(),
        });
    }
    // What an earlier run left behind; never anything but a socket.
    if let Ok(found) = std::fs::symlink_metadata(path)
        && std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
    {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Who calls is checked on each connection; this keeps others from even trying.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tls = self.tcp.as_ref().is_some_and(|(_, tls)| tls.is_some());
        f.debug_struct("Bound")
            .field("socket", &self.socket_path)
            .field("tcp", &self.tcp_address())
            .field("tls", &tls)
            .finish()
    }
}

impl Bound {
    /// Where the API is served over TCP.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.tcp.as_ref()?;
        listener.local_addr().ok()
    }

    /// Serves, until the runtime stops; `tasks` has everything that is then to be waited for.
    pub fn spawn(self, runtime: Runtime, facts: Facts, tasks: &TaskTracker) {
        let api_listen = self.tcp_address().map(|address| address.to_string());
        let server = serve::Server {
            stop: runtime.stopping(),
            routes: Api::new(runtime.clone(), facts, api_listen, tasks.clone()).routes(),
            runtime,
            tasks: tasks.clone(),
            uid: rustix::process::geteuid().as_raw(),
        };
        if let Some((listener, tls)) = self.tcp {
            tasks.spawn(server.clone().accept_tcp(listener, tls));
        }
        let (listener, path) = (self.socket, self.socket_path);
        tasks.spawn(async move {
            server.accept_socket(listener).await;
            // The next daemon would replace it; this is for whoever looks meanwhile.
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::debug!(%error, "the administration socket could not be removed");
            }
        });
    }
}

/// All services. Clones share what they keep.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    runtime: Runtime,
    facts: Facts,
    api_listen: Option<String>,
    repeats: Repeats,
    streams: Streams,
    /// What the data folder takes and what is left, and when that was measured.
    sizes: tokio::sync::Mutex<Option<(Instant, Sizes)>>,
    /// What goes on when its caller is gone: whoever drains the daemon waits for it.
    tasks: TaskTracker,
}

/// The organisation as one call sees it, and the time by which that is judged.
#[derive(Debug, Clone)]
struct Seen {
    org: Arc<OrgSnapshot>,
    now: Timestamp,
}

impl Api {
    fn new(runtime: Runtime, facts: Facts, api_listen: Option<String>, tasks: TaskTracker) -> Self {
        Self {
            inner: Arc::new(Inner {
                runtime,
                facts,
                api_listen,
                repeats: Repeats::default(),
                streams: Streams::default(),
                sizes: tokio::sync::Mutex::default(),
                tasks,
            }),
        }
    }

    fn routes(self) -> Routes {
        let (health_reporter, health) = tonic_health::server::health_reporter();
        let (stopping, failed) = (self.runtime().stopping(), self.runtime().failed());
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = failed.cancelled() => {}
            }
            let not_serving = ServingStatus::NotServing;
            health_reporter.set_service_status("", not_serving).await;
        });
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(foedus_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .expect("the build checked the descriptors");
        macro_rules! services {
            ($($module:ident::$server:ident,)+) => {{
                let mut routes = Routes::builder();
                routes.add_service(health).add_service(reflection);
                $(routes.add_service(
                    v1::$module::$server::new(self.clone())
                        .max_decoding_message_size(REQUEST_BYTES_MAX)
                        .max_encoding_message_size(RESPONSE_BYTES_MAX),
                );)+
                routes.routes().prepare()
            }};
        }
        services!(
            organisation_service_server::OrganisationServiceServer,
            invitation_service_server::InvitationServiceServer,
            partner_service_server::PartnerServiceServer,
            request_service_server::RequestServiceServer,
            channel_service_server::ChannelServiceServer,
            project_service_server::ProjectServiceServer,
            member_service_server::MemberServiceServer,
            token_service_server::TokenServiceServer,
            message_service_server::MessageServiceServer,
            audit_service_server::AuditServiceServer,
            log_service_server::LogServiceServer,
            clock_service_server::ClockServiceServer,
            doctor_service_server::DoctorServiceServer,
        )
    }

    fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    fn seen(&self) -> Seen {
        // What a clock that leapt says has ended is not told as ended.
        let org = self.runtime().snapshot();
        let now = org.clock(self.runtime().now()).surely;
        Seen { org, now }
    }

    /// Whether a caller whose call goes on may still do so: asked again before each piece of what it gets or brings,
    /// for tokens are revoked and members deactivated meanwhile. Who it is, is found out anew.
    fn again(&self, caller: &mut Caller) -> Result<Seen, Refusal> {
        if self.runtime().stopping().is_cancelled() {
            return Err(Refusal::stopping());
        }
        if caller.deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(Refusal::deadline());
        }
        let seen = self.seen();
        // As at the gate: a clock that goes back must not bring a token back to life.
        let latest = seen.org.clock(self.runtime().now()).perhaps;
        caller.actor = caller.credential.actor(seen.state(), latest)?;
        Ok(seen)
    }

    /// What reads return, in their order.
    async fn read(&self, reads: &[Read]) -> Result<Vec<Rows>, Refusal> {
        Ok(self.runtime().rows(reads).await?)
    }

    /// What a reader finds, once it was given all that it needs.
    async fn found<T>(
        &self,
        mut advance: impl FnMut(Vec<Rows>) -> Result<Reading<T>, Damaged>,
    ) -> Result<T, Refusal> {
        let mut rows = Vec::new();
        loop {
            match advance(rows)? {
                Reading::Read(reads) => rows = self.read(&reads).await?,
                Reading::Ready(found) => return Ok(found),
            }
        }
    }

    /// What is true of a channel.
    async fn view(&self, channel: ChannelId) -> Result<Arc<ChannelView>, Refusal> {
        Ok(self.watch(channel).await?.borrow_and_update().clone())
    }

    async fn watch(
        &self,
        channel: ChannelId,
    ) -> Result<tokio::sync::watch::Receiver<Arc<ChannelView>>, Refusal> {
        let runtime = self.runtime();
        match runtime.view(channel).await {
            Some(view) => Ok(view),
            None if runtime.stopping().is_cancelled() => Err(Refusal::stopping()),
            None if !runtime.snapshot().state.channels().contains_key(&channel) => {
                Err(Reason::ChannelUnknown.into())
            }
            None => Err(foedus_federation::steploop::Failure::Damaged.into()),
        }
    }
}

/// The services' traits, each call handed to the function of the same name.
macro_rules! service {
    ($service:path { $($call:ident: $request:ident => $response:ident,)* } $($streams:tt)*) => {
        #[tonic::async_trait]
        impl $service for Api {
            $(
                async fn $call(
                    &self,
                    request: tonic::Request<v1::$request>,
                ) -> Result<tonic::Response<v1::$response>, tonic::Status> {
                    let (caller, request) = super::taken(request)?;
                    let answer = Api::$call(self, &caller, request).await;
                    Ok(tonic::Response::new(answer?))
                }
            )*
            $($streams)*
        }
    };
}
use service;

/// Who calls, and what for.
fn taken<T>(request: tonic::Request<T>) -> Result<(Caller, T), Refusal> {
    let caller = request.extensions().get::<Caller>().cloned();
    // The gate puts it there; without it nothing is answered.
    let caller =
        caller.ok_or_else(|| Refusal::internal("CALLER_UNKNOWN", "nobody knows who calls"))?;
    Ok((caller, request.into_inner()))
}

#[cfg(test)]
mod tests;
