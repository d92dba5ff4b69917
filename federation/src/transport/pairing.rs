//! Pairing: how an invited organisation answers an invitation, at both ends; and how partners that have renewed their
//! keys find each other again.
//!
//! It has its own protocol name, its own limits and its own code, and shares none with links: what
//! a stranger can reach is this file. It carries notes as bytes and knows nothing of what they
//! say; the reply is given out only after the caller has verified who the inviter is.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foedus_proto::federation::v1 as proto;
use http::Uri;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use proto::pairing_service_client::PairingServiceClient;
use proto::pairing_service_server::{PairingService, PairingServiceServer};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tonic::{Request, Response, Status};

use super::accept::{AcceptedPairing, prepare};
use super::http2::{Caller, Tasks, TasksOwner};
use super::link::{OutOfReach, Reach};
use super::tls::{PAIRING_PROTOCOL, Tls, peer_key, unused_server_name};
use crate::bounds::IDENTITY_CHAIN_NOTES_MAX;
use crate::bounds::transport as bounds;
use crate::key::VerifyingKey;

/// Longest message in the direction of the inviter.
const REPLY_MESSAGE_BYTES_MAX: usize =
    bounds::PAIRING_ANNOUNCE_BYTES_MAX + bounds::PAIRING_WRAPPING_BYTES_MAX;
const _: () = assert!(bounds::PAIRING_REPLY_BYTES_MAX <= bounds::PAIRING_ANNOUNCE_BYTES_MAX);
/// Longest message in the direction of the invited side.
const ANSWER_MESSAGE_BYTES_MAX: usize =
    bounds::PAIRING_IDENTITY_BYTES_MAX + bounds::PAIRING_WRAPPING_BYTES_MAX;

/// The inviter's reply was taken durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyAccepted {
    /// The inviter's endpoints note.
    pub endpoints: Vec<u8>,
}

/// Why a reply is not taken, as far as a stranger may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingRefusal {
    /// It fits no open invitation: unknown, for somebody else, malformed, wrong proof; or the inviter's
    /// rules say no. They are one answer, so that nobody learns which invitations exist.
    #[error("the reply fits no open invitation")]
    Refused,
    /// Somebody else answered first. Only who proves to hold the invitation is told this and the next two.
    #[error("the invitation was answered already")]
    Used,
    /// The inviter took the invitation back.
    #[error("the invitation was revoked")]
    Revoked,
    /// It has run out by the inviter's clock.
    #[error("the invitation has expired")]
    Expired,
    /// Not now. The same reply may be sent again later.
    #[error("the inviter is busy; try again later")]
    Busy,
}

/// What the inviter's daemon does for pairing.
pub trait PairingHost: Send + Sync + 'static {
    /// Our identity chain, each a signed note, oldest first.
    fn identify(&self) -> impl Future<Output = Vec<Vec<u8>>> + Send;

    /// A reply that came over a connection whose other end has proved `peer`. Returns once the
    /// outcome is durable. It is asked at most once a connection, and may be dropped unfinished
    /// when the connection's time is over: the same reply may come again.
    fn reply(
        &self,
        peer: VerifyingKey,
        reply: Vec<u8>,
    ) -> impl Future<Output = Result<ReplyAccepted, PairingRefusal>> + Send;

    /// Who somebody, whose connection has proved `peer`, is from now on: its identity chain, oldest note first. Whoever
    /// it is, the answer is the same. It is asked at most once a connection.
    fn announce(
        &self,
        peer: VerifyingKey,
        identity: Vec<Vec<u8>>,
    ) -> impl Future<Output = ()> + Send;
}

/// Serves one accepted pairing connection until it ends, for `limit` at most
/// ([`bounds::PAIRING_TIMEOUT`] outside of tests).
pub async fn serve<H: PairingHost>(accepted: AcceptedPairing, host: Arc<H>, limit: Duration) {
    let AcceptedPairing {
        key,
        peer: _,
        stream,
        slot: _held_to_the_end,
    } = accepted;
    let calls = Calls {
        peer: key,
        host,
        identified: AtomicBool::new(false),
        replied: AtomicBool::new(false),
        announced: AtomicBool::new(false),
    };
    let service = PairingServiceServer::new(calls)
        .max_decoding_message_size(REPLY_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(ANSWER_MESSAGE_BYTES_MAX);
    let tasks = Tasks::default();
    let _owner = TasksOwner(tasks.clone());
    let mut builder = server::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(bounds::PAIRING_WINDOW_BYTES)
        .initial_connection_window_size(bounds::PAIRING_WINDOW_BYTES)
        .max_concurrent_streams(1)
        .max_header_list_size(bounds::HEADER_LIST_BYTES_MAX)
        .max_send_buf_size(ANSWER_MESSAGE_BYTES_MAX);
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    // A stranger's broken connection and its time limit are one to us.
    let _over = timeout(limit, connection).await.is_err();
}

/// The calls of one pairing connection: each once.
struct Calls<H> {
    peer: VerifyingKey,
    host: Arc<H>,
    identified: AtomicBool,
    replied: AtomicBool,
    announced: AtomicBool,
}

fn once(done: &AtomicBool) -> Result<(), Status> {
    if done.swap(true, Ordering::Relaxed) {
        return Err(Status::resource_exhausted("once a connection"));
    }
    Ok(())
}

#[tonic::async_trait]
impl<H: PairingHost> PairingService for Calls<H> {
    async fn identify(
        &self,
        _request: Request<proto::IdentifyRequest>,
    ) -> Result<Response<proto::IdentifyResponse>, Status> {
        once(&self.identified)?;
        let identity = self.host.identify().await;
        Ok(Response::new(proto::IdentifyResponse { identity }))
    }

    async fn reply(
        &self,
        request: Request<proto::ReplyRequest>,
    ) -> Result<Response<proto::ReplyResponse>, Status> {
        use proto::reply_response::Outcome;
        once(&self.replied)?;
        let proto::ReplyRequest { reply } = request.into_inner();
        let outcome = if reply.len() > bounds::PAIRING_REPLY_BYTES_MAX {
            Err(PairingRefusal::Refused)
        } else {
            self.host.reply(self.peer, reply).await
        };
        let outcome = match outcome {
            Ok(ReplyAccepted { endpoints }) => Outcome::Accepted(proto::Accepted { endpoints }),
            Err(refusal) => Outcome::Refused(refusal.into()),
        };
        Ok(Response::new(proto::ReplyResponse {
            outcome: Some(outcome),
        }))
    }

    async fn announce(
        &self,
        request: Request<proto::AnnounceRequest>,
    ) -> Result<Response<proto::AnnounceResponse>, Status> {
        once(&self.announced)?;
        let proto::AnnounceRequest { identity } = request.into_inner();
        if identity.len() <= IDENTITY_CHAIN_NOTES_MAX {
            self.host.announce(self.peer, identity).await;
        }
        Ok(Response::new(proto::AnnounceResponse {}))
    }
}

/// Why pairing over the network failed.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The address leads nowhere, or nobody listens there.
    #[error("could not connect to the inviter")]
    Connect(#[source] io::Error),
    /// The address is on this machine or on its own network segment.
    #[error(transparent)]
    OutOfReach(#[from] OutOfReach),
    /// No TLS 1.3 with an Ed25519 key and our protocol at the other end.
    #[error("the TLS handshake with the inviter failed")]
    Handshake(#[source] io::Error),
    /// Our own TLS configuration is unusable.
    #[error("the TLS configuration is unusable")]
    Configuration(#[source] rustls::Error),
    /// HTTP/2 did not come up.
    #[error("the inviter closed the connection")]
    Http(#[source] hyper::Error),
    /// A call failed.
    #[error("the inviter did not answer as expected")]
    Call(#[source] Box<Status>),
    /// It took too long.
    #[error("the inviter did not answer in time")]
    Timeout,
    /// Our reply is longer than any reply may be.
    #[error("expected a reply of at most {bytes_max} bytes, found {found_bytes}")]
    ReplyTooLong {
        /// How long it may be.
        bytes_max: usize,
        /// How long it is.
        found_bytes: usize,
    },
    /// The inviter answered with what means nothing.
    #[error("the inviter's answer has no meaning")]
    InvalidAnswer,
    /// The inviter did not take the reply.
    #[error(transparent)]
    Refused(#[from] PairingRefusal),
}

/// A connection to whoever answers at an invitation's address. Nothing of the invitation has been
/// said, and nothing can be said before [`UnverifiedInviter::verify`].
pub struct UnverifiedInviter {
    key: VerifyingKey,
    identity: Vec<Vec<u8>>,
    caller: PairingServiceClient<Caller>,
    _owner: TasksOwner,
    deadline: Instant,
}

/// An inviter of whom the caller has verified that it is the one who invited.
pub struct VerifiedInviter(UnverifiedInviter);

/// Dials the inviter at `address` (`host:port`) and asks who it is. All of pairing, up to the
/// answer to the reply, takes at most `limit`. An address outside of `reach` is not dialled.
pub async fn identify(
    tls: &Tls,
    reach: Reach,
    address: &str,
    limit: Duration,
) -> Result<UnverifiedInviter, PairError> {
    let deadline = Instant::now() + limit;
    timeout_at(deadline, open(tls, reach, address, deadline))
        .await
        .map_err(|_| PairError::Timeout)?
}

async fn open(
    tls: &Tls,
    reach: Reach,
    address: &str,
    deadline: Instant,
) -> Result<UnverifiedInviter, PairError> {
    let config = tls.pairing_client().map_err(PairError::Configuration)?;
    let stream = reach.connect(address).await?.map_err(PairError::Connect)?;
    prepare(&stream).map_err(PairError::Connect)?;
    let stream = TlsConnector::from(config)
        .connect(unused_server_name(), stream)
        .await
        .map_err(PairError::Handshake)?;
    let state = stream.get_ref().1;
    let key = peer_key(state.peer_certificates())
        .filter(|_| state.alpn_protocol() == Some(PAIRING_PROTOCOL))
        .ok_or_else(|| PairError::Handshake(io::ErrorKind::InvalidData.into()))?;

    let tasks = Tasks::default();
    let owner = TasksOwner(tasks.clone());
    let mut builder = client::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(bounds::PAIRING_WINDOW_BYTES)
        .initial_connection_window_size(bounds::PAIRING_WINDOW_BYTES)
        .max_header_list_size(bounds::HEADER_LIST_BYTES_MAX);
    let (requests, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(PairError::Http)?;
    hyper::rt::Executor::execute(&tasks, async move {
        // How it ended shows at the calls.
        let _broken = connection.await.is_err();
    });
    let origin = Uri::from_static("http://foedus.invalid");
    let mut caller = PairingServiceClient::with_origin(Caller(requests), origin)
        .max_decoding_message_size(ANSWER_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(REPLY_MESSAGE_BYTES_MAX);
    let answer = caller
        .identify(proto::IdentifyRequest {})
        .await
        .map_err(call_error)?;
    let proto::IdentifyResponse { identity } = answer.into_inner();
    Ok(UnverifiedInviter {
        key,
        identity,
        caller,
        _owner: owner,
        deadline,
    })
}

impl UnverifiedInviter {
    /// Verifies the inviter: `check` gets its identity chain (signed notes, oldest first) and the
    /// key that it has proved. It must find that the chain is of the organisation that the
    /// invitation names and certifies that key; what it returns is handed on.
    pub fn verify<T, E>(
        self,
        check: impl FnOnce(&[Vec<u8>], VerifyingKey) -> Result<T, E>,
    ) -> Result<(VerifiedInviter, T), E> {
        let found = check(&self.identity, self.key)?;
        Ok((VerifiedInviter(self), found))
    }
}

impl VerifiedInviter {
    /// Sends the reply to the invitation. On success the inviter has stored it durably.
    pub async fn reply(self, reply: Vec<u8>) -> Result<ReplyAccepted, PairError> {
        use proto::reply_response::Outcome;
        let Self(UnverifiedInviter {
            mut caller,
            _owner,
            deadline,
            ..
        }) = self;
        let (bytes_max, found_bytes) = (bounds::PAIRING_REPLY_BYTES_MAX, reply.len());
        if found_bytes > bytes_max {
            return Err(PairError::ReplyTooLong {
                bytes_max,
                found_bytes,
            });
        }
        let answer = timeout_at(deadline, caller.reply(proto::ReplyRequest { reply }))
            .await
            .map_err(|_| PairError::Timeout)?
            .map_err(call_error)?;
        let proto::ReplyResponse { outcome } = answer.into_inner();
        match outcome.ok_or(PairError::InvalidAnswer)? {
            Outcome::Accepted(proto::Accepted { endpoints }) => Ok(ReplyAccepted { endpoints }),
            Outcome::Refused(refused) => Err(refused.try_into()?),
        }
    }
}

impl VerifiedInviter {
    /// Says who we are from now on: our identity chain, oldest note first. What the other end makes of it shows when it
    /// is dialled next.
    pub async fn announce(self, identity: Vec<Vec<u8>>) -> Result<(), PairError> {
        let Self(UnverifiedInviter {
            mut caller,
            _owner,
            deadline,
            ..
        }) = self;
        timeout_at(
            deadline,
            caller.announce(proto::AnnounceRequest { identity }),
        )
        .await
        .map_err(|_| PairError::Timeout)?
        .map_err(call_error)?;
        Ok(())
    }
}

fn call_error(status: Status) -> PairError {
    PairError::Call(Box::new(status))
}

impl From<PairingRefusal> for proto::Refused {
    fn from(refusal: PairingRefusal) -> Self {
        let reason = match refusal {
            PairingRefusal::Refused => proto::RefusalReason::Refused,
            PairingRefusal::Used => proto::RefusalReason::Used,
            PairingRefusal::Revoked => proto::RefusalReason::Revoked,
            PairingRefusal::Expired => proto::RefusalReason::Expired,
            PairingRefusal::Busy => proto::RefusalReason::Busy,
        };
        Self {
            reason: reason.into(),
        }
    }
}

impl TryFrom<proto::Refused> for PairError {
    type Error = PairError;

    fn try_from(refused: proto::Refused) -> Result<Self, PairError> {
        let proto::Refused { reason } = refused;
        match proto::RefusalReason::try_from(reason).map_err(|_| PairError::InvalidAnswer)? {
            proto::RefusalReason::Unspecified => Err(PairError::InvalidAnswer),
            proto::RefusalReason::Refused => Ok(PairingRefusal::Refused.into()),
            proto::RefusalReason::Used => Ok(PairingRefusal::Used.into()),
            proto::RefusalReason::Revoked => Ok(PairingRefusal::Revoked.into()),
            proto::RefusalReason::Expired => Ok(PairingRefusal::Expired.into()),
            proto::RefusalReason::Busy => Ok(PairingRefusal::Busy.into()),
        }
    }
}
