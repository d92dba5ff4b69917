//! Finds the daemon, connects to it, and says who is asking.

use std::cell::Cell;
use std::env;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use foedus_proto::api::v1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use crate::bounds;
use crate::failure::{Exit, Failure};

/// Where a daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// Its administration socket.
    Socket(PathBuf),
    /// Its API over TCP, in the clear; on this machine only.
    Clear(String),
    /// Its API over TCP with TLS.
    Tls(String),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            Self::Clear(authority) => write!(f, "http://{authority}"),
            Self::Tls(authority) => write!(f, "https://{authority}"),
        }
    }
}

impl Server {
    /// Reads `unix:/path`, `http://host:port` or `https://host:port`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let invalid = || {
            Failure::usage(
                format!("`{text}` names no daemon"),
                "give unix:/path/of/the/socket, https://host:port, or http://localhost:port",
            )
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(invalid())
            } else {
                Ok(Self::Socket(path.into()))
            };
        }
        let (authority, server): (&str, fn(String) -> Self) =
            if let Some(rest) = text.strip_prefix("https://") {
                (rest, Self::Tls)
            } else if let Some(rest) = text.strip_prefix("http://") {
                (rest, Self::Clear)
            } else {
                return Err(invalid());
            };
        let authority = authority.trim_end_matches('/');
        let parsed: tonic::codegen::http::uri::Authority =
            authority.parse().map_err(|_| invalid())?;
        if parsed.port_u16().is_none() || authority.contains('@') {
            return Err(invalid());
        }
        if text.starts_with("http://") && !is_loopback(parsed.host()) {
            return Err(Failure {
                reason: "CLEARTEXT".to_owned(),
                ..Failure::usage(
                    format!("{text} would send the token in the clear over the network"),
                    "use https://, or http:// with an address of this machine",
                )
            });
        }
        Ok(server(authority.to_owned()))
    }

    /// The administration socket of a daemon with its default paths.
    pub fn default_socket() -> Result<Self, Failure> {
        let folder = absolute("XDG_RUNTIME_DIR")
            .or_else(|| absolute("XDG_DATA_HOME"))
            .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
            .ok_or_else(|| {
                Failure::usage(
                    "there is no telling where the daemon's socket is: neither XDG_RUNTIME_DIR nor HOME is set",
                    "give --server unix:/path/of/the/socket",
                )
            })?;
        Ok(Self::Socket(folder.join("foedus/admin.sock")))
    }
}

/// The folder that an environment variable names; relative ones are ignored, as XDG demands.
pub fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Who is asking whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The daemon.
    pub server: Server,
    /// The secret of a token. Empty: none.
    pub token: String,
    /// The member to act as, over the socket. Empty: the socket's administrator.
    pub act_as: String,
    /// A file with the certificates to trust instead of the system's, for TLS.
    pub certificates: Option<PathBuf>,
    /// How long a call may take.
    pub timeout: Duration,
    /// The idempotency key that was given.
    pub idempotency_key: Option<String>,
}

/// Adds to each call who is asking.
#[derive(Debug, Clone)]
pub struct Credentials {
    authorization: Option<MetadataValue<Ascii>>,
    act_as: Option<MetadataValue<Ascii>>,
}

impl Credentials {
    fn new(settings: &Settings) -> Result<Self, Failure> {
        let mut authorization = None;
        if !settings.token.is_empty() {
            let mut value: MetadataValue<Ascii> =
                format!("Bearer {}", settings.token).parse().map_err(|_| {
                    Failure::usage(
                        "the token holds characters that no token has",
                        "copy it again, as it was shown",
                    )
                })?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        let mut act_as = None;
        if !settings.act_as.is_empty() {
            act_as = Some(settings.act_as.parse().map_err(|_| {
                Failure::usage(
                    "--as names no member",
                    "give the name before the @ of the member's address",
                )
            })?);
        }
        if act_as.is_some() && !matches!(settings.server, Server::Socket(_)) {
            return Err(Failure::usage(
                format!(
                    "--as works over the administration socket only, not over {}",
                    settings.server
                ),
                "use the member's own token instead",
            ));
        }
        if authorization.is_some() && matches!(settings.server, Server::Socket(_)) {
            return Err(Failure::usage(
                format!("a token works over TCP only, not over {}", settings.server),
                "leave the token out and name a member with --as, or name the API with --server",
            ));
        }
        Ok(Self {
            authorization,
            act_as,
        })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        if let Some(value) = &self.act_as {
            request.metadata_mut().insert("foedus-as", value.clone());
        }
        Ok(request)
    }
}

/// What the clients of the API's services send through.
pub type Service = InterceptedService<Channel, Credentials>;

/// A connection to a daemon.
#[derive(Debug)]
pub struct Session {
    service: Service,
    timeout: Duration,
    idempotency_key: String,
    idempotency_key_used: Cell<bool>,
    of_a_member: bool,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $function:ident: $module:ident::$client:ident,)+) => {
        impl Session {
            $(
                $(#[$doc])*
                pub fn $function(&self) -> v1::$module::$client<Service> {
                    v1::$module::$client::new(self.service.clone())
                }
            )+
        }
    };
}

clients!(
    /// The organisation itself.
    organisation: organisation_service_client::OrganisationServiceClient,
    /// Invitations.
    invitations: invitation_service_client::InvitationServiceClient,
    /// Partners.
    partners: partner_service_client::PartnerServiceClient,
    /// Requests.
    requests: request_service_client::RequestServiceClient,
    /// Channels.
    channels: channel_service_client::ChannelServiceClient,
    /// Projects.
    projects: project_service_client::ProjectServiceClient,
    /// Members.
    members: member_service_client::MemberServiceClient,
    /// Tokens.
    tokens: token_service_client::TokenServiceClient,
    /// Messages.
    messages: message_service_client::MessageServiceClient,
    /// The logs of channels.
    logs: log_service_client::LogServiceClient,
    /// The audit log.
    audit: audit_service_client::AuditServiceClient,
    /// The clock.
    clock: clock_service_client::ClockServiceClient,
    /// What is wrong with the daemon.
    doctor: doctor_service_client::DoctorServiceClient,
);

impl Session {
    /// Connects.
    pub async fn open(settings: &Settings) -> Result<Self, Failure> {
        let credentials = Credentials::new(settings)?;
        let idempotency_key = match &settings.idempotency_key {
            Some(key) => key.clone(),
            None => random_key()?,
        };
        let connecting = connect(settings);
        let channel = tokio::time::timeout(settings.timeout, connecting)
            .await
            .map_err(|_| Failure {
                exit: Exit::Unavailable,
                outcome_unknown: false,
                ..Failure::timeout(settings.timeout.as_secs_f64())
            })??;
        Ok(Self {
            of_a_member: credentials.authorization.is_some() || credentials.act_as.is_some(),
            service: InterceptedService::new(channel, credentials),
            timeout: settings.timeout,
            idempotency_key,
            idempotency_key_used: Cell::new(false),
        })
    }

    /// Whether a member is asking, and not whoever is at the socket in nobody's name.
    pub fn is_of_a_member(&self) -> bool {
        self.of_a_member
    }

    /// The key under which what this command creates is created once.
    pub fn idempotency_key(&self) -> String {
        self.idempotency_key_used.set(true);
        self.idempotency_key.clone()
    }

    /// Waits for a call, as long as `--timeout` allows.
    pub async fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => Ok(answer?.into_inner()),
            Err(_) => Err(Failure::timeout(self.timeout.as_secs_f64())),
        }
    }

    /// Waits for the next message of a stream, as long as `--timeout` allows; `None` at its end.
    pub async fn next<T>(&self, stream: &mut tonic::Streaming<T>) -> Result<Option<T>, Failure> {
        match tokio::time::timeout(self.timeout, stream.message()).await {
            Ok(message) => Ok(message?),
            Err(_) => Err(Failure::timeout(self.timeout.as_secs_f64())),
        }
    }

    /// Adds to `failure` how to repeat the command, if it may have been done all the same.
    pub fn explain(&self, mut failure: Failure) -> Failure {
        if failure.outcome_unknown && self.idempotency_key_used.get() {
            let separator = if failure.fix.is_empty() { "" } else { "; " };
            failure.fix.push_str(&format!(
                "{separator}it may have been done: repeated with --idempotency-key {} it is not done twice",
                self.idempotency_key
            ));
        }
        failure
    }
}

async fn connect(settings: &Settings) -> Result<Channel, Failure> {
    let unreachable = |error| Failure::unreachable(&settings.server.to_string(), &error);
    match &settings.server {
        Server::Socket(path) => {
            let path = path.clone();
            let connector = tower::service_fn(move |_| {
                let path = path.clone();
                async move { UnixStream::connect(path).await.map(TokioIo::new) }
            });
            // The name is only what HTTP/2 calls the other end; the connector does not look at it.
            alive(Endpoint::from_static("http://foedus.invalid"))
                .connect_with_connector(connector)
                .await
                .map_err(unreachable)
        }
        Server::Clear(_) => {
            let endpoint =
                Endpoint::from_shared(settings.server.to_string()).map_err(unreachable)?;
            alive(endpoint).connect().await.map_err(unreachable)
        }
        Server::Tls(_) => {
            // Two providers in one program panic at first use; this names the one that we mean.
            // An error only says that it was named before.
            drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
            let endpoint =
                Endpoint::from_shared(settings.server.to_string()).map_err(unreachable)?;
            let endpoint = alive(endpoint)
                .tls_config(tls(settings)?)
                .map_err(unreachable)?;
            endpoint.connect().await.map_err(unreachable)
        }
    }
}

fn alive(endpoint: Endpoint) -> Endpoint {
    endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(bounds::PING_INTERVAL)
        .keep_alive_timeout(bounds::PING_TIMEOUT)
        .keep_alive_while_idle(true)
}

fn tls(settings: &Settings) -> Result<ClientTlsConfig, Failure> {
    match &settings.certificates {
        None => Ok(ClientTlsConfig::new().with_native_roots()),
        Some(path) => {
            let pem = std::fs::read(path).map_err(|source| {
                Failure::io(format_args!("cannot read {}", path.display()), &source)
            })?;
            Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
        }
    }
}

fn random_key() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(
            Exit::Software,
            format!("the system gives no random bytes: {error}"),
            "",
        )
    })?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_named_in_three_ways() {
        let check = |text: &str, expected: Server| {
            let parsed = Server::parse(text).expect("names a daemon");
            assert_eq!(parsed, expected);
        };
        check(
            "unix:/run/foedus/admin.sock",
            Server::Socket("/run/foedus/admin.sock".into()),
        );
        check(
            "https://acme.example:7443",
            Server::Tls("acme.example:7443".to_owned()),
        );
        check(
            "https://acme.example:7443/",
            Server::Tls("acme.example:7443".to_owned()),
        );
        check(
            "http://localhost:7080",
            Server::Clear("localhost:7080".to_owned()),
        );
        check(
            "http://127.0.0.1:7080",
            Server::Clear("127.0.0.1:7080".to_owned()),
        );
        check("http://[::1]:7080", Server::Clear("[::1]:7080".to_owned()));
    }

    #[test]
    fn other_texts_name_no_daemon() {
        for text in [
            "",
            "unix:",
            "acme.example",
            "https://acme.example",
            "https://",
            "ftp://acme.example:21",
            "https://user@acme.example:1",
            "https://acme.example:7443/path",
        ] {
            let failure = Server::parse(text).expect_err(text);
            assert_eq!(failure.exit, Exit::Usage, "{text}");
        }
    }

    #[test]
    fn a_token_never_crosses_the_network_in_the_clear() {
        for text in [
            "http://acme.example:80",
            "http://10.0.0.1:80",
            "http://localhost.evil.example:80",
        ] {
            assert_eq!(Server::parse(text).expect_err(text).reason, "CLEARTEXT");
        }
    }

    fn settings(server: &str, token: &str, act_as: &str) -> Settings {
        Settings {
            server: Server::parse(server).expect("names a daemon"),
            token: token.to_owned(),
            act_as: act_as.to_owned(),
            certificates: None,
            timeout: Duration::from_secs(1),
            idempotency_key: None,
        }
    }

    #[test]
    fn each_call_says_who_is_asking() {
        let mut credentials = Credentials::new(&settings("unix:/s", "", "anna")).expect("fine");
        let request = credentials.call(Request::new(())).expect("never refuses");
        assert_eq!(request.metadata().get("foedus-as").expect("there"), "anna");
        assert!(request.metadata().get("authorization").is_none());

        let mut credentials =
            Credentials::new(&settings("https://a.example:1", "secret", "")).expect("fine");
        let request = credentials.call(Request::new(())).expect("never refuses");
        assert_eq!(
            request.metadata().get("authorization").expect("there"),
            "Bearer secret"
        );
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn acting_as_somebody_needs_the_socket() {
        let failure =
            Credentials::new(&settings("https://a.example:1", "t", "anna")).expect_err("refused");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(Credentials::new(&settings("unix:/s", "to\nken", "")).is_err());
    }
}
