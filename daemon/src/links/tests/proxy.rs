//! A piece of the network that can be cut: whoever is dialled through it is reached, or not.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Takes connections at its own address and passes them on, while it is whole.
pub(super) struct Proxy {
    address: String,
    target: Arc<Mutex<Option<String>>>,
    whole: watch::Sender<bool>,
    ended: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let target = Arc::<Mutex<Option<String>>>::default();
        let whole = watch::Sender::new(true);
        let (tell_ended, ended) = watch::channel(0);
        let task = tokio::spawn(run(listener, target.clone(), whole.subscribe(), tell_ended));
        Self {
            address,
            target,
            whole,
            ended,
            task,
        }
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    pub(super) fn forward_to(&self, address: &str) {
        *self.target.lock().expect("no test panics here") = Some(address.to_owned());
    }

    /// What goes through it breaks, and nothing gets through any more.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Waits until so many more connections have come through it and ended.
    pub(super) async fn carried(&self, count: u64) {
        let mut ended = self.ended.clone();
        let before = *ended.borrow();
        let waited = ended.wait_for(|ended| *ended >= before + count).await;
        drop(waited.expect("it runs"));
    }

    /// How many connections have come through it and ended.
    pub(super) fn count(&self) -> u64 {
        *self.ended.borrow()
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    listener: TcpListener,
    target: Arc<Mutex<Option<String>>>,
    whole: watch::Receiver<bool>,
    ended: watch::Sender<u64>,
) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((mut from, _)) = listener.accept().await {
        let target = target.lock().expect("no test panics here").clone();
        let (Some(target), true) = (target, *whole.borrow()) else {
            continue;
        };
        let (mut whole, ended) = (whole.clone(), ended.clone());
        connections.spawn(async move {
            let Ok(mut to) = TcpStream::connect(target).await else {
                return;
            };
            tokio::select! {
                _ = copy_bidirectional(&mut from, &mut to) => {}
                _ = whole.wait_for(|whole| !whole) => {}
            }
            ended.send_modify(|ended| *ended += 1);
        });
    }
}
