//! What every call passes before it reaches a service: who calls, whether the organisation exists, and how
//! long the caller waits.
//!
//! Knows no service but by its path.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower_service::Service as _;

use super::caller::{Caller, Credential, Peer, timeout};
use super::refusal::Refusal;
use crate::bounds::api::{CALL_TIMEOUT, REQUEST_BYTES_MAX};
use crate::runtime::Runtime;

/// The calls that a daemon without an identity answers.
const WITHOUT_IDENTITY: [&str; 2] = [
    "/foedus.api.v1.OrganisationService/Init",
    "/foedus.api.v1.OrganisationService/GetStatus",
];

/// Services that anybody may ask: they say nothing about the organisation.
const FOR_ALL: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// The way of one connection's calls to the services.
#[derive(Debug, Clone)]
pub struct Gate {
    runtime: Runtime,
    routes: Routes,
    peer: Peer,
    proved: CancellationToken,
}

impl Gate {
    /// The gate for the calls of one connection. `proved` is cancelled with the first call whose caller is known.
    pub fn new(runtime: Runtime, routes: Routes, peer: Peer, proved: CancellationToken) -> Self {
        Self {
            runtime,
            routes,
            peer,
            proved,
        }
    }

    fn let_in(&self, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        if FOR_ALL.iter().any(|service| path.starts_with(service)) {
            return Ok(None);
        }
        if self.runtime.stopping().is_cancelled() {
            return Err(Refusal::stopping());
        }
        let credential = Credential::of(self.peer, headers)?;
        let deadline = timeout(headers)?.map(|wait| Instant::now() + wait);
        let snapshot = self.runtime.snapshot();
        let exists = snapshot.org().is_some();
        if !exists && !WITHOUT_IDENTITY.contains(&path) {
            return Err(foedus_policy::reason::Reason::NotInitialised.into());
        }
        // A clock that goes back must not bring a token back to life.
        let latest = snapshot.clock(self.runtime.now()).perhaps;
        let actor = credential.actor(&snapshot.state, latest)?;
        self.proved.cancel();
        Ok(Some(Caller {
            credential,
            actor,
            deadline,
        }))
    }

    async fn pass(mut self, request: Request<Incoming>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let wait = match self.let_in(parts.uri.path(), &parts.headers) {
            Ok(Some(caller)) => {
                let left = caller.deadline.map_or(CALL_TIMEOUT, |deadline| {
                    deadline
                        .saturating_duration_since(Instant::now())
                        .min(CALL_TIMEOUT)
                });
                parts.extensions.insert(caller);
                left
            }
            Ok(None) => CALL_TIMEOUT,
            Err(refusal) => return Status::from(refusal).into_http(),
        };
        let call = self.routes.call(Request::from_parts(parts, body));
        match tokio::time::timeout(wait, call).await {
            Ok(Ok(response)) => explained(response),
            Ok(Err(never)) => match never {},
            Err(_) => Status::from(Refusal::deadline()).into_http(),
        }
    }
}

/// What tonic itself refuses has no reason; of these callers are told one, too.
fn explained(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) => explain(&status).map_or(response, |told| Status::from(told).into_http()),
        None => response,
    }
}

/// The reason for a status of tonic's own about a message that it can't take; for any other, none.
pub(super) fn explain(status: &Status) -> Option<Refusal> {
    if !status.details().is_empty() {
        return None;
    }
    Some(match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => Refusal::new(
            // Not "try again later": it will never be taken.
            Code::OutOfRange,
            "MESSAGE_TOO_LARGE",
            format!("a message of the API has at most {REQUEST_BYTES_MAX} bytes"),
            "send less at a time",
        ),
        Code::Unimplemented => Refusal::new(
            Code::Unimplemented,
            "CALL_UNKNOWN",
            "this release does not know the call",
            "use a client of the daemon's release",
        ),
        Code::Internal | Code::InvalidArgument => Refusal::malformed(
            "MESSAGE_INVALID",
            format!("the message can't be read: {}", status.message()),
            "use a client of the daemon's release",
        ),
        _ => return None,
    })
}

impl tower_service::Service<Request<Incoming>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let gate = self.clone();
        Box::pin(async move { Ok(gate.pass(request).await) })
    }
}
