//! The connections of the API: accepted, bounded, shaken hands with, and served until they end or the daemon
//! stops.
//!
//! Own accept loops, since one that a library runs knows no limits. Knows nothing of calls.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
use crate::bounds::api::{
    ACCEPT_PAUSE, CLOSE_GRACE, CONNECTION_WINDOW_BYTES, HANDSHAKE_TIMEOUT, HEADER_LIST_BYTES_MAX,
    PING_INTERVAL, PING_TIMEOUT, SEND_BUFFER_BYTES_MAX, SOCKET_CONNECTIONS_MAX,
    STREAM_WINDOW_BYTES, STREAMS_PER_CONNECTION_MAX, TCP_CONNECTIONS_MAX,
    TCP_CONNECTIONS_PER_SOURCE_MAX,
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
        let open = Open::new(SOCKET_CONNECTIONS_MAX, SOCKET_CONNECTIONS_MAX);
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
                server.socket_connection(stream).await;
                drop(place);
            });
        }
    }

    async fn socket_connection(self, stream: UnixStream) {
        let uid = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                tracing::warn!(%error, "who is on the administration socket can't be told");
                return;
            }
        };
        let peer = Peer::Socket {
            uid,
            allowed: uid == self.uid || uid == 0,
        };
        self.serve(TokioIo::new(stream), peer).await;
    }

    /// Takes connections over TCP until the daemon stops; with TLS, unless there is no `tls`.
    pub async fn accept_tcp(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let open = Open::new(TCP_CONNECTIONS_MAX, TCP_CONNECTIONS_PER_SOURCE_MAX);
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
                server.tcp_connection(stream, tls).await;
                drop(place);
            });
        }
    }

    async fn tcp_connection(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection of the API was gone at once");
            return;
        }
        let Some(tls) = tls else {
            return self.serve(TokioIo::new(stream), Peer::Tcp).await;
        };
        match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(TokioIo::new(stream), Peer::Tcp).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake of the API failed"),
            Err(_) => tracing::debug!("a handshake of the API took too long"),
        }
    }

    /// Serves one connection. When the daemon stops its calls may end within the grace; then it is dropped,
    /// for a dead client would hold it for as long as it likes.
    async fn serve(self, stream: impl Read + Write + Unpin, peer: Peer) {
        let gate = Gate::new(self.runtime, self.routes, peer);
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
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(CLOSE_GRACE, connection.as_mut()).await.ok()
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection of the API broke");
        }
    }
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
    let pause: Duration = ACCEPT_PAUSE;
    tokio::time::sleep(pause).await;
}

/// The connections that are open, counted in all and for each source.
#[derive(Debug, Clone)]
struct Open {
    total_max: usize,
    per_source_max: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    sources: BTreeMap<IpAddr, usize>,
}

/// A place of one connection, given back when dropped.
#[derive(Debug)]
struct Place {
    counts: Arc<Mutex<Counts>>,
    source: Option<IpAddr>,
}

impl Open {
    fn new(total_max: usize, per_source_max: usize) -> Self {
        Self {
            total_max,
            per_source_max,
            counts: Arc::default(),
        }
    }

    fn admit(&self, address: Option<IpAddr>) -> Option<Place> {
        // Whoever is on this machine is not told apart: all of its programs come from one address.
        let source = address
            .map(source_of)
            .filter(|source| !source.is_loopback());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_source = source.and_then(|source| counts.sources.get(&source).copied());
        if counts.total >= self.total_max || of_source.unwrap_or(0) >= self.per_source_max {
            return None;
        }
        counts.total += 1;
        if let Some(source) = source {
            *counts.sources.entry(source).or_default() += 1;
        }
        Some(Place {
            counts: self.counts.clone(),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
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

/// An IPv4 address, or a /64 in IPv6, of which one host commonly has all addresses.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) if address.is_loopback() => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_source() {
        let open = Open::new(3, 2);
        let from = |text: &str| Some(text.parse().expect("an address"));
        let one = open.admit(from("192.0.2.1")).expect("room");
        let two = open.admit(from("192.0.2.1")).expect("room");
        assert!(
            open.admit(from("192.0.2.1")).is_none(),
            "the third of one source"
        );
        let three = open.admit(from("2001:db8::1")).expect("room");
        assert!(open.admit(from("192.0.2.9")).is_none(), "the fourth in all");
        drop(one);
        assert!(open.admit(from("2001:db8::2")).is_some());
        drop((two, three));
        let counts = open.counts.lock().expect("not poisoned");
        assert_eq!((counts.total, counts.sources.len()), (0, 0));
    }

    #[test]
    fn a_network_of_one_host_is_one_source() {
        let source = |text: &str| source_of(text.parse().expect("an address"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
