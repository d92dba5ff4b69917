//! The accept loop of the one port that serves partners and pairing.
//!
//! It takes a connection, gives it a slot, and lets a task of its own shake hands, so that no
//! silent stranger holds up anybody. What comes out is authenticated; it knows nothing of what
//! is said then. Whoever speaks another protocol or has no pinned key gets no answer.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foedus_policy::id::OrgId;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::source::Source;
use super::tls::Tls;
use crate::bounds::transport as bounds;
use crate::key::VerifyingKey;

mod handshake;
mod slots;

use handshake::Handshake;
use slots::{Admission, Slots};

/// How many connections are held, and how long they may take to say who they are.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Most connections that have not proved a pinned key. A quarter of them is kept for sources
    /// from which a pinned key last came.
    pub connections_max: usize,
    /// Most of those from one source.
    pub connections_per_source_max: usize,
    /// Most live links of one partner.
    pub links_per_partner_max: usize,
    /// From arrival to the end of the handshake.
    pub handshake_timeout: Duration,
}

impl Default for AcceptLimits {
    fn default() -> Self {
        Self {
            connections_max: bounds::CONNECTIONS_MAX,
            connections_per_source_max: bounds::CONNECTIONS_PER_SOURCE_MAX,
            links_per_partner_max: bounds::LINKS_PER_PARTNER_MAX,
            handshake_timeout: bounds::HANDSHAKE_TIMEOUT,
        }
    }
}

/// What became of connections since the start. Strangers are counted, not logged one by one.
#[derive(Debug, Default)]
pub struct AcceptCounters {
    /// Arrived.
    pub arrived: AtomicU64,
    /// Proved a pinned key.
    pub links: AtomicU64,
    /// Proved some key, for pairing.
    pub pairings: AtomicU64,
    /// Closed because all slots were taken by connections that have finished their handshake.
    pub refused_full: AtomicU64,
    /// Closed before the end of their handshake to make room for a newer one.
    pub displaced: AtomicU64,
    /// Took too long to shake hands.
    pub timed_out: AtomicU64,
    /// Spoke another protocol, had no pinned key, or forged a signature.
    pub failed: AtomicU64,
    /// A partner's, beyond its number of live links.
    pub refused_partner: AtomicU64,
    /// Times the system could not give us a connection (no descriptor, no memory).
    pub system_errors: AtomicU64,
}

/// An authenticated connection.
#[derive(Debug)]
pub enum Accepted {
    /// From a partner.
    Link(AcceptedLink),
    /// From anybody who wants to answer an invitation.
    Pairing(AcceptedPairing),
}

/// A connection of a partner, whose pinned key was proved.
#[derive(Debug)]
pub struct AcceptedLink {
    /// Whose.
    pub partner: OrgId,
    /// The key that was proved.
    pub key: VerifyingKey,
    /// Where it came from.
    pub peer: SocketAddr,
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) place: LinkPlace,
}

/// A connection for pairing, whose key was proved but means nothing yet.
#[derive(Debug)]
pub struct AcceptedPairing {
    /// The key that was proved.
    pub key: VerifyingKey,
    /// Where it came from.
    pub peer: SocketAddr,
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) slot: Slot,
}

/// The accept loop, bound to a port.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    tls: watch::Receiver<Arc<Tls>>,
    limits: AcceptLimits,
    counters: Arc<AcceptCounters>,
    accepted: mpsc::Sender<Accepted>,
    shared: Arc<Shared>,
}

/// What slots, handshakes and the loop have in common.
#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    slots: Slots,
    displace: BTreeMap<u64, CancellationToken>,
    links: BTreeMap<OrgId, usize>,
}

impl Shared {
    /// The state stays consistent at every point at which a panic could leave it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the bounded number of unproved connections; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.slots.release(self.id);
        state.displace.remove(&self.id);
    }
}

/// One of the bounded number of links of one partner; given back when dropped.
#[derive(Debug)]
pub(super) struct LinkPlace {
    partner: OrgId,
    shared: Arc<Shared>,
}

impl Drop for LinkPlace {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(count) = state.links.get_mut(&self.partner) {
            *count -= 1;
            if *count == 0 {
                state.links.remove(&self.partner);
            }
        }
    }
}

impl Acceptor {
    /// An accept loop over `listener` that proves itself by the newest value of `tls`, and the
    /// queue of what it accepts. Nothing is accepted before [`Acceptor::run`].
    pub fn new(
        listener: TcpListener,
        tls: watch::Receiver<Arc<Tls>>,
        limits: AcceptLimits,
    ) -> (Self, mpsc::Receiver<Accepted>) {
        let (accepted, queue) = mpsc::channel(bounds::ACCEPTED_QUEUE_MAX);
        let state = State {
            slots: Slots::new(limits.connections_max, limits.connections_per_source_max),
            displace: BTreeMap::new(),
            links: BTreeMap::new(),
        };
        let shared = Arc::new(Shared(Mutex::new(state)));
        let counters = Arc::default();
        (
            Self {
                listener,
                tls,
                limits,
                counters,
                accepted,
                shared,
            },
            queue,
        )
    }

    /// What became of connections so far, and goes on to.
    pub fn counters(&self) -> Arc<AcceptCounters> {
        Arc::clone(&self.counters)
    }

    /// Where it listens.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts until `stop` is cancelled or nobody takes what is accepted. Then the port is closed
    /// and unfinished handshakes are dropped; what was handed over lives on.
    pub async fn run(self, stop: CancellationToken) {
        let mut handshakes = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.accepted.closed() => break,
                Some(_) = handshakes.join_next() => {}
                arrived = self.listener.accept() => match arrived {
                    Ok((stream, peer)) => self.arrived(stream, peer, &mut handshakes),
                    Err(error) => self.pause(&error, &stop).await,
                },
            }
        }
        handshakes.shutdown().await;
    }

    /// A connection that broke before we took it is nothing; when the system can give us none,
    /// trying again at once would only burn time.
    async fn pause(&self, error: &io::Error, stop: &CancellationToken) {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return;
        }
        count(&self.counters.system_errors);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(bounds::ACCEPT_PAUSE) => {}
        }
    }

    fn arrived(&self, stream: TcpStream, peer: SocketAddr, handshakes: &mut JoinSet<()>) {
        count(&self.counters.arrived);
        let Some((slot, displaced)) = self.slot(Source::of(peer.ip())) else {
            count(&self.counters.refused_full);
            return;
        };
        let handshake = Handshake {
            peer,
            slot,
            tls: Arc::clone(&self.tls.borrow()),
            limits: self.limits,
            counters: Arc::clone(&self.counters),
            accepted: self.accepted.clone(),
        };
        handshakes.spawn(async move {
            tokio::select! {
                biased;
                () = displaced.cancelled() => {}
                () = handshake.run(stream) => {}
            }
        });
    }

    fn slot(&self, source: Source) -> Option<(Slot, CancellationToken)> {
        let mut state = self.shared.lock();
        let Admission::Admitted { id, displaced } = state.slots.admit(source) else {
            return None;
        };
        if let Some(token) = displaced.and_then(|id| state.displace.remove(&id)) {
            count(&self.counters.displaced);
            token.cancel();
        }
        let token = CancellationToken::new();
        state.displace.insert(id, token.clone());
        Some((
            Slot {
                id,
                shared: Arc::clone(&self.shared),
            },
            token,
        ))
    }
}

/// What the HTTP layer would not set on a stream that it is handed.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(bounds::TCP_KEEPALIVE_IDLE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
