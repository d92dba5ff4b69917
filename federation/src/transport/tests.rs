//! The transport over real TLS on loopback: honest ends, and hostile ones.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foedus_policy::id::{OrgId, RunId};
use foedus_policy::time::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::frame::{Frame, Goodbye, Hello};

mod accept;
mod hostile;
mod link;
mod pairing;
mod raw;
mod resumption;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Org {
    id: OrgId,
    pins: Arc<Pins>,
    tls: Arc<Tls>,
}

impl Org {
    fn new(number: u8) -> Self {
        let pins = Arc::<Pins>::default();
        let tls = Tls::new(&[number; 32], Arc::clone(&pins)).expect("a seed is a key");
        Self {
            id: OrgId([number; 32]),
            pins,
            tls: Arc::new(tls),
        }
    }

    fn pin(&self, others: &[&Self]) {
        let pins: BTreeMap<_, _> = others.iter().map(|org| (org.tls.key(), org.id)).collect();
        self.pins.replace(pins);
    }

    fn hello(&self) -> Hello {
        Hello {
            version_min: 1,
            version_max: 1,
            run: RunId([self.id.0[0]; 16]),
            wall: Timestamp(1),
            identity: vec![vec![1, 2, 3]],
            endpoints: vec![4],
            peering: vec![5],
        }
    }
}

/// Two organisations that have pinned each other's keys.
fn partners() -> (Org, Org) {
    let (acme, globex) = (Org::new(1), Org::new(2));
    acme.pin(&[&globex]);
    globex.pin(&[&acme]);
    (acme, globex)
}

struct Listening {
    address: SocketAddr,
    accepted: mpsc::Receiver<Accepted>,
    counters: Arc<AcceptCounters>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _tls: watch::Sender<Arc<Tls>>,
}

impl Listening {
    fn address(&self) -> String {
        self.address.to_string()
    }

    async fn link(&mut self) -> AcceptedLink {
        match within(self.accepted.recv()).await {
            Some(Accepted::Link(link)) => link,
            other => panic!("expected a link, found {other:?}"),
        }
    }

    async fn pairing(&mut self) -> AcceptedPairing {
        match within(self.accepted.recv()).await {
            Some(Accepted::Pairing(pairing)) => pairing,
            other => panic!("expected a pairing connection, found {other:?}"),
        }
    }
}

/// Limits that loopback, one source, can be tested with.
fn loopback_limits() -> AcceptLimits {
    AcceptLimits {
        connections_per_source_max: usize::MAX,
        ..AcceptLimits::default()
    }
}

async fn listen_with(tls: &Arc<Tls>, limits: AcceptLimits) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let (sender, tls) = watch::channel(Arc::clone(tls));
    let (acceptor, accepted) = Acceptor::new(listener, tls, limits);
    let address = acceptor.local_address().expect("it is bound");
    let counters = acceptor.counters();
    let stop = CancellationToken::new();
    let task = tokio::spawn(acceptor.run(stop.clone()));
    Listening {
        address,
        accepted,
        counters,
        stop,
        task,
        _tls: sender,
    }
}

async fn listen(org: &Org) -> Listening {
    listen_with(&org.tls, loopback_limits()).await
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it happens in time")
}

/// Waits until a counter has a value.
async fn reaches(counter: &AtomicU64, value: u64) {
    within(async {
        while counter.load(Ordering::Relaxed) < value {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// An open link from `dialler` to `dialled`, hellos taken.
async fn linked_with(
    dialler: &Org,
    dialled: &Org,
    settings: LinkSettings,
) -> (LinkSession, LinkSession, Listening) {
    let mut listening = listen(dialled).await;
    let address = listening.address();
    let (ours, theirs) = tokio::join!(
        dial(
            &dialler.tls,
            dialled.id,
            &address,
            dialler.hello(),
            settings
        ),
        async {
            let accepted = listening.link().await;
            serve(accepted, &dialled.tls, dialled.hello(), settings).await
        }
    );
    let (mut ours, mut theirs) = (ours.expect("a link"), theirs.expect("a link"));
    assert_eq!(
        frame(&mut ours).await,
        Frame::Hello(Box::new(dialled.hello()))
    );
    assert_eq!(
        frame(&mut theirs).await,
        Frame::Hello(Box::new(dialler.hello()))
    );
    (ours, theirs, listening)
}

async fn linked(dialler: &Org, dialled: &Org) -> (LinkSession, LinkSession, Listening) {
    linked_with(dialler, dialled, LinkSettings::default()).await
}

async fn frame(session: &mut LinkSession) -> Frame {
    within(session.receiver.recv())
        .await
        .expect("the link is open")
        .expect("a frame")
}

async fn failure(session: &mut LinkSession) -> LinkFailure {
    within(session.receiver.recv())
        .await
        .expect("the reason is given")
        .expect_err("the link ends")
}

async fn send(session: &LinkSession, frame: Frame) {
    within(session.sender.send(frame))
        .await
        .expect("the link is open");
}

/// Dials and expects that no link comes of it, at whichever step that shows.
async fn refused(dialler: &Org, partner: OrgId, address: &str) -> DialError {
    within(dial(
        &dialler.tls,
        partner,
        address,
        dialler.hello(),
        LinkSettings::default(),
    ))
    .await
    .expect_err("no link")
}
