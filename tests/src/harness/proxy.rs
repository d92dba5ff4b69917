//! The network in front of one daemon: a relay for TCP that can be cut, dammed and mended.
//!
//! A partner is told the relay's address and not the daemon's, so that what is done here is done to the link.
//! Knows nothing of what it carries.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How the network is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Network {
    /// Nothing goes through, and what was connected breaks.
    pub cut: bool,
    /// What goes to the daemon waits, and the connections stay.
    pub dammed_towards: bool,
    /// What comes from the daemon waits, and the connections stay.
    pub dammed_away: bool,
    /// By how much every piece is late.
    pub delay: Duration,
}

/// A relay in front of one address.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    target: watch::Sender<SocketAddr>,
    counted: Arc<Counted>,
    runtime: Option<Runtime>,
}

/// What went through.
#[derive(Debug, Default)]
struct Counted {
    connections: AtomicU64,
    bytes_towards: AtomicU64,
    bytes_away: AtomicU64,
}

/// Which way a pump works.
#[derive(Debug, Clone, Copy)]
enum Way {
    Towards,
    Away,
}

impl Proxy {
    /// Begins to relay to `target`, where perhaps nobody listens yet.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), target)
    }

    /// The same, at an address of one's choice.
    ///
    /// # Panics
    ///
    /// If somebody has it.
    #[must_use]
    pub fn start_at(address: SocketAddr, target: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (network, watching) = watch::channel(Network::default());
        let (target, leads_to) = watch::channel(target);
        let counted = Arc::new(Counted::default());
        runtime.spawn(relay(listener, leads_to, watching, Arc::clone(&counted)));
        Self {
            address,
            network,
            target,
            counted,
            runtime: Some(runtime),
        }
    }

    /// What partners dial.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks all connections and lets no new one through.
    pub fn cut(&self) {
        self.set(|network| network.cut = true);
    }

    /// Holds back what goes one way or both; the connections stay.
    pub fn dam(&self, towards: bool, away: bool) {
        self.set(|network| (network.dammed_towards, network.dammed_away) = (towards, away));
    }

    /// Makes every piece late by `delay`.
    pub fn delay(&self, delay: Duration) {
        self.set(|network| network.delay = delay);
    }

    /// From now on new connections lead there.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// The network is as at first, wherever it leads.
    pub fn mend(&self) {
        self.set(|network| *network = Network::default());
    }

    /// How many connections reached the daemon so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counted.connections.load(Ordering::SeqCst)
    }

    /// How many bytes went to the daemon and came from it.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        let counted = &self.counted;
        (
            counted.bytes_towards.load(Ordering::SeqCst),
            counted.bytes_away.load(Ordering::SeqCst),
        )
    }

    fn set(&self, change: impl FnOnce(&mut Network)) {
        self.network.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn relay(
    listener: TcpListener,
    target: watch::Receiver<SocketAddr>,
    network: watch::Receiver<Network>,
    counted: Arc<Counted>,
) {
    loop {
        let Ok((caller, _)) = listener.accept().await else {
            continue;
        };
        if network.borrow().cut {
            continue;
        }
        tokio::spawn(connection(
            caller,
            *target.borrow(),
            network.clone(),
            Arc::clone(&counted),
        ));
    }
}

async fn connection(
    caller: TcpStream,
    target: SocketAddr,
    mut network: watch::Receiver<Network>,
    counted: Arc<Counted>,
) {
    // Nobody there: the caller sees its connection close, as it would without us.
    let Ok(daemon) = TcpStream::connect(target).await else {
        return;
    };
    counted.connections.fetch_add(1, Ordering::SeqCst);
    for stream in [&caller, &daemon] {
        // Without it small frames wait for acknowledgements; a socket that refuses is about to break.
        stream.set_nodelay(true).ok();
    }
    let (from_caller, to_caller) = caller.into_split();
    let (from_daemon, to_daemon) = daemon.into_split();
    let (watching, counting) = (network.clone(), Arc::clone(&counted));
    let towards = pump(from_caller, to_daemon, Way::Towards, watching, counting);
    let away = pump(
        from_daemon,
        to_caller,
        Way::Away,
        network.clone(),
        Arc::clone(&counted),
    );
    tokio::select! {
        // Each end closes in its own time.
        _ = async { tokio::join!(towards, away) } => {}
        _ = network.wait_for(|network| network.cut) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: Way,
    mut network: watch::Receiver<Network>,
    counted: Arc<Counted>,
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let delay = network.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let open = |network: &Network| match way {
            Way::Towards => !network.dammed_towards,
            Way::Away => !network.dammed_away,
        };
        if network.wait_for(open).await.is_err() {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
        let counter = match way {
            Way::Towards => &counted.bytes_towards,
            Way::Away => &counted.bytes_away,
        };
        counter.fetch_add(length as u64, Ordering::SeqCst);
    }
    // The other end learns that nothing more comes; one that is gone need not.
    to.shutdown().await.ok();
}
