//! The connections of the API: accepted, bounded, shaken hands with, and served until they end or the daemon
//! stops.
//!
//! Own accept loops, since one that a library runs knows no limits. Knows nothing of calls.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use foedus_federation::transport::Source;
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use super::caller::Peer;
use super::gate::Gate;
use crate::bounds::ACCEPT_PAUSE;
use crate::bounds::api::{
    CLOSE_GRACE, CONNECTION_WINDOW_BYTES, HANDSHAKE_TIMEOUT, HEADER_LIST_BYTES_MAX, PING_INTERVAL,
    PING_TIMEOUT, SEND_BUFFER_BYTES_MAX, SOCKET_CONNECTIONS_MAX, STREAM_WINDOW_BYTES,
    STREAMS_PER_CONNECTION_MAX, TCP_CONNECTIONS_MAX, TCP_CONNECTIONS_PER_SOURCE_MAX,
    TCP_UNPROVED_CONNECTIONS_MAX, UNPROVED_TIMEOUT,
};
use crate::runtime::Runtime;

/// What serves connections.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub runtime: Runtime,
    pub routes: Routes,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    /// The user id that the daemon runs under.
    pub uid: u32,
}

impl Server {
    /// Takes connections from the administration socket until the daemon stops.
    pub async fn accept_socket(self, listener: UnixListener) {
        let open = Open::new(Limits {
            total_max: SOCKET_CONNECTIONS_MAX,
            unproved_max: SOCKET_CONNECTIONS_MAX,
            per_source_max: SOCKET_CONNECTIONS_MAX,
        });
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            let Some(place) = open.admit(None) else {
                tracing::warn!("the administration socket has all the connections that it takes");
                continue;
            };
            let server = self.clone();
            self.tasks.spawn(async move {
                server.socket_connection(stream, place).await;
            });
        }
    }

    async fn socket_connection(self, stream: UnixStream, mut place: Place) {
        let uid = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                tracing::warn!(%error, "who is on the administration socket can't be told");
                return;
            }
        };
        let peer = Peer::Socket {
            uid,
            allowed: may_use_socket(uid, self.uid),
        };
        // Who it is is known from the beginning.
        place.prove();
        self.serve(TokioIo::new(stream), peer, place).await;
    }

    /// Takes connections over TCP until the daemon stops; with TLS, unless there is no `tls`.
    pub async fn accept_tcp(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let open = Open::new(Limits {
            total_max: TCP_CONNECTIONS_MAX,
            unproved_max: TCP_UNPROVED_CONNECTIONS_MAX,
            per_source_max: TCP_CONNECTIONS_PER_SOURCE_MAX,
        });
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            let Some(place) = open.admit(Some(address.ip())) else {
                tracing::debug!(source = %address.ip(), "no room for a connection of the API");
                continue;
            };
            let (server, tls) = (self.clone(), tls.clone());
            self.tasks.spawn(async move {
                server.tcp_connection(stream, tls, place).await;
            });
        }
    }

    async fn tcp_connection(self, stream: TcpStream, tls: Option<TlsAcceptor>, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection of the API was gone at once");
            return;
        }
        let Some(tls) = tls else {
            return self.serve(TokioIo::new(stream), Peer::Tcp, place).await;
        };
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = place.displaced.cancelled() => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.serve(TokioIo::new(stream), Peer::Tcp, place).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake of the API failed"),
            Err(_) => tracing::debug!("a handshake of the API took too long"),
        }
    }

    /// Serves one connection. When the daemon stops its calls may end within the grace; then it is dropped, for a
    /// dead client would hold it for as long as it likes. So is a connection on which nobody shows in time that it
    /// may ask anything.
    async fn serve(self, stream: impl Read + Write + Unpin, peer: Peer, mut place: Place) {
        let proved = CancellationToken::new();
        let gate = Gate::new(self.runtime, self.routes, peer, proved.clone());
        let mut http = hyper::server::conn::http2::Builder::new(Calls(self.tasks));
        http.timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES_MAX);
        let connection = http.serve_connection(stream, TowerToHyperService::new(gate));
        tokio::pin!(connection);
        let time_is_up = tokio::time::sleep(UNPROVED_TIMEOUT);
        tokio::pin!(time_is_up);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break Some(ended),
                () = self.stop.cancelled() => {}
                () = proved.cancelled(), if !place.proved => {
                    place.prove();
                    continue;
                }
                () = place.displaced.cancelled(), if !place.proved => {
                    tracing::debug!("a connection of the API showed no token, and another needed its place");
                    break None;
                }
                () = time_is_up.as_mut(), if !place.proved => {
                    tracing::debug!("a connection of the API showed no token in time");
                }
            }
            connection.as_mut().graceful_shutdown();
            break tokio::time::timeout(CLOSE_GRACE, connection.as_mut())
                .await
                .ok();
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection of the API broke");
        }
    }
}

/// Who may use the administration socket: who runs the daemon, and root, who could become that one anyway.
fn may_use_socket(caller: u32, daemon: u32) -> bool {
    caller == daemon || caller == 0
}

/// Where the calls of connections run: whoever drains the daemon waits for them.
#[derive(Debug, Clone)]
struct Calls(TaskTracker);

impl<F> hyper::rt::Executor<F> for Calls
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, call: F) {
        self.0.spawn(call);
    }
}

/// Errors of `accept` pass: a connection that was gone at once, or no descriptor left.
async fn pause(error: &io::Error) {
    tracing::warn!(%error, "the API can't accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
struct Limits {
    total_max: usize,
    /// Of these, such on which nobody has shown who it is.
    unproved_max: usize,
    per_source_max: usize,
}

/// The connections that are open, counted in all and for each source.
#[derive(Debug, Clone)]
struct Open {
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    arrived: u64,
    /// Those on which nobody has shown who it is, in the order in which they came.
    unproved: BTreeMap<u64, CancellationToken>,
    sources: BTreeMap<Source, usize>,
}

/// A place of one connection, given back when dropped.
#[derive(Debug)]
struct Place {
    counts: Arc<Mutex<Counts>>,
    number: u64,
    source: Option<Source>,
    proved: bool,
    /// Cancelled when a newer connection takes the place, as nobody has shown who it is on this one.
    displaced: CancellationToken,
}

impl Open {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            counts: Arc::default(),
        }
    }

    fn admit(&self, address: Option<IpAddr>) -> Option<Place> {
        let Limits {
            total_max,
            unproved_max,
            per_source_max,
        } = self.limits;
        // Whoever is on this machine is not told apart: all of its programs come from one address.
        let source = address
            .filter(|address| !address.to_canonical().is_loopback())
            .map(Source::of);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = source.and_then(|source| counts.sources.get(&source).copied());
        if counts.total >= total_max || of_source.unwrap_or(0) >= per_source_max {
            return None;
        }
        // Whoever says nothing makes room for who may have something to say: a crowd keeps nobody out.
        if counts.unproved.len() >= unproved_max
            && let Some((_, oldest)) = counts.unproved.pop_first()
        {
            oldest.cancel();
        }
        let (number, displaced) = (counts.arrived, CancellationToken::new());
        counts.arrived += 1;
        counts.total += 1;
        counts.unproved.insert(number, displaced.clone());
        if let Some(source) = source {
            *counts.sources.entry(source).or_default() += 1;
        }
        Some(Place {
            counts: self.counts.clone(),
            number,
            source,
            proved: false,
            displaced,
        })
    }
}

impl Place {
    /// From now on it is the place of somebody who may ask.
    fn prove(&mut self) {
        if !std::mem::replace(&mut self.proved, true) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.unproved.remove(&self.number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.prove();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(source) = self.source
            && let Some(count) = counts.sources.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                counts.sources.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_for_the_daemons_user_and_root_only() {
        for (caller, daemon, expected) in [
            (1000, 1000, true),
            (0, 1000, true),
            (0, 0, true),
            (1001, 1000, false),
            (1000, 0, false),
            (u32::MAX, 1000, false),
        ] {
            assert_eq!(
                may_use_socket(caller, daemon),
                expected,
                "{caller} {daemon}"
            );
        }
    }

    #[test]
    fn places_are_bounded_in_all_for_strangers_and_for_each_source() {
        let open = Open::new(Limits {
            total_max: 3,
            unproved_max: 2,
            per_source_max: 2,
        });
        let from = |text: &str| Some(text.parse().expect("an address"));
        let mut one = open.admit(from("192.0.2.1")).expect("room");
        one.prove();
        let two = open.admit(from("192.0.2.1")).expect("room");
        assert!(
            open.admit(from("192.0.2.1")).is_none(),
            "the third of one source"
        );
        let mut three = open.admit(from("2001:db8::1")).expect("room");
        drop(one);
        let four = open.admit(from("192.0.2.9")).expect("room");
        let is_displaced = |place: &Place| place.displaced.is_cancelled();
        assert!(is_displaced(&two), "the oldest that nobody knows");
        assert!(!is_displaced(&three) && !is_displaced(&four));
        three.prove();
        assert!(
            open.admit(from("2001:db8::2")).is_none(),
            "the fourth in all"
        );
        drop(two);
        let five = open.admit(from("2001:db8::2")).expect("room");
        drop((three, four, five));
        let counts = open.counts.lock().expect("not poisoned");
        assert_eq!(
            (counts.total, counts.unproved.len(), counts.sources.len()),
            (0, 0, 0)
        );
    }
}
