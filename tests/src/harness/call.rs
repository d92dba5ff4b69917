//! A link that a test holds in a partner's place: it hears what the daemon says, and says what no daemon would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foedus_proto::federation::v1 as proto;
use foedus_proto::federation::v1::frame::Kind;
use h2::client::{self, SendRequest};
use h2::{RecvStream, SendStream};
use http::Request;
use prost::Message as _;
use prost::bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::SOON;
use super::raw_link::{LINK, configuration, framed, frames};

/// One call of `Connect` under way.
#[derive(Debug)]
pub struct Call {
    runtime: Runtime,
    // While it is held the connection stays.
    _requests: SendRequest<Bytes>,
    says: SendStream<Bytes>,
    answers: RecvStream,
    bytes: Vec<u8>,
    heard: Vec<Kind>,
    over: bool,
}

/// A frame of the side that dials, as bytes.
#[must_use]
pub fn encoded(kind: Kind) -> Vec<u8> {
    let frame = Some(proto::Frame { kind: Some(kind) });
    proto::ConnectRequest { frame }.encode_to_vec()
}

impl Call {
    /// Dials a daemon with somebody's link key.
    ///
    /// # Panics
    ///
    /// If it does not take the call.
    #[must_use]
    #[track_caller]
    pub fn dial(address: SocketAddr, seed: &[u8; 32]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let dialled = async {
            let stream = TcpStream::connect(address).await.ok()?;
            let name = ServerName::try_from("foedus.invalid").expect("a name");
            let connector = TlsConnector::from(Arc::new(configuration(seed, LINK)));
            let stream = connector.connect(name, stream).await.ok()?;
            let (requests, connection) = client::handshake(stream).await.ok()?;
            tokio::spawn(connection);
            let mut requests = requests.ready().await.ok()?;
            let path = "http://foedus.invalid/foedus.federation.v1.LinkService/Connect";
            let request = Request::post(path)
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(())
                .expect("a request");
            let (response, says) = requests.send_request(request, false).ok()?;
            let answers = response.await.ok()?.into_body();
            Some((requests, says, answers))
        };
        let dialled = runtime.block_on(async { timeout(SOON, dialled).await });
        let (requests, says, answers) = dialled
            .expect("the daemon answers in time")
            .expect("the daemon takes the call of its partner");
        Self {
            runtime,
            _requests: requests,
            says,
            answers,
            bytes: Vec::new(),
            heard: Vec::new(),
            over: false,
        }
    }

    /// Says something. That the other end has gone shows in what is heard.
    pub fn say(&mut self, kind: Kind) {
        self.say_bytes(&encoded(kind));
    }

    /// Says what may be no frame.
    pub fn say_bytes(&mut self, message: &[u8]) {
        self.says.send_data(framed(message).into(), false).ok();
    }

    /// Listens until `found` finds something in all that was heard.
    ///
    /// # Panics
    ///
    /// If the call ends before, or nothing of the kind is said.
    #[track_caller]
    pub fn hears<T>(&mut self, what: &str, found: impl Fn(&[Kind]) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = found(&self.heard) {
                return found;
            }
            let left = SOON.saturating_sub(began.elapsed());
            assert!(
                !self.over && !left.is_zero(),
                "the daemon was to say {what}, and said {:?}",
                self.heard
            );
            self.listen(left);
        }
    }

    /// Listens until the daemon ends the call; all that was heard.
    ///
    /// # Panics
    ///
    /// If it lets the call go on.
    #[must_use]
    #[track_caller]
    pub fn ends(mut self) -> Vec<Kind> {
        let began = Instant::now();
        while !self.over {
            let left = SOON.saturating_sub(began.elapsed());
            assert!(!left.is_zero(), "the call goes on: {:?}", self.heard);
            self.listen(left);
        }
        self.heard
    }

    /// Takes what comes next, if anything comes in time.
    fn listen(&mut self, left: Duration) {
        let answers = &mut self.answers;
        let next = self
            .runtime
            .block_on(async { timeout(left, answers.data()).await });
        match next {
            Err(_) => {}
            Ok(Some(Ok(piece))) => {
                self.bytes.extend_from_slice(&piece);
                self.heard = frames(&self.bytes);
                // Without room it could say no more. A call that is over needs none.
                answers.flow_control().release_capacity(piece.len()).ok();
            }
            Ok(Some(Err(_)) | None) => self.over = true,
        }
    }
}
