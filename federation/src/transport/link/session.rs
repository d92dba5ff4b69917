//! The life of an open link: frames in, frames out, and its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use foedus_policy::id::OrgId;
use foedus_proto::federation::v1 as proto;
use futures_util::stream::{Stream, StreamExt, unfold};
use prost::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Code, Status};

use super::{Ending, LinkCloser, LinkFailure, LinkSettings};
use crate::bounds::FRAME_BYTES_MAX;
use crate::bounds::transport::FRAMES_QUEUE_MAX;
use crate::frame::{Frame, Goodbye, Hello};
use crate::key::VerifyingKey;
use crate::transport::http2::TasksOwner;
use crate::transport::tls::Pins;
use crate::transport::wire::InvalidFrame;

/// The HTTP/2 connection, which must be polled for anything to move.
pub(super) type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;
/// What the partner sends, undecoded beyond the protocol buffers.
pub(super) type Inbound = Pin<Box<dyn Stream<Item = Result<Option<proto::Frame>, Status>> + Send>>;

/// Room for what wraps a frame in its message: one tag and one length.
const WRAPPING_BYTES_MAX: usize = 8;

/// What we send, in order, with the goodbye before everything that still waits.
pub(super) struct Outbound {
    frames: mpsc::Receiver<Frame>,
    closer: LinkCloser,
    ended: bool,
}

impl Outbound {
    /// The hello is the first frame in the queue.
    pub(super) fn new(hello: Hello, closer: LinkCloser) -> (mpsc::Sender<Frame>, Self) {
        let (sender, frames) = mpsc::channel(FRAMES_QUEUE_MAX);
        sender
            .try_send(Frame::Hello(Box::new(hello)))
            .expect("a new queue has room for one frame");
        (
            sender,
            Self {
                frames,
                closer,
                ended: false,
            },
        )
    }

    pub(super) fn stream<Item>(
        self,
        wrap: impl Fn(proto::Frame) -> Item + Send + 'static,
    ) -> impl Stream<Item = Item> + Send + 'static
    where
        Item: Send + 'static,
    {
        unfold((self, wrap), |(mut outbound, wrap)| async move {
            let frame = outbound.next().await?;
            Some((wrap(frame), (outbound, wrap)))
        })
    }

    async fn next(&mut self) -> Option<proto::Frame> {
        if self.ended {
            return None;
        }
        let frame = tokio::select! {
            biased;
            ending = self.closer.begun() => match ending {
                Ending::Goodbye(goodbye) => Frame::Goodbye(goodbye),
                // The partner can't help it: it is told that we come back.
                Ending::OwnOversized(_) => Frame::Goodbye(Goodbye::Restart),
                Ending::Silent => return None,
            },
            frame = self.frames.recv() => frame?,
        };
        let mut frame = frame;
        loop {
            self.ended = matches!(frame, Frame::Goodbye(_));
            let wire = proto::Frame::from(frame);
            let found_bytes = wire.encoded_len() + WRAPPING_BYTES_MAX;
            if found_bytes <= FRAME_BYTES_MAX {
                return Some(wire);
            }
            self.closer.begin(Ending::OwnOversized(found_bytes));
            frame = Frame::Goodbye(Goodbye::Restart);
        }
    }
}

/// What moves one link until it ends.
pub(super) struct Driver {
    pub(super) partner: OrgId,
    pub(super) key: VerifyingKey,
    pub(super) pins: Arc<Pins>,
    pub(super) settings: LinkSettings,
    pub(super) connection: Connection,
    pub(super) owner: TasksOwner,
    pub(super) inbound: Inbound,
    pub(super) frames: mpsc::Sender<Result<Frame, LinkFailure>>,
    pub(super) closer: LinkCloser,
}

impl Driver {
    pub(super) async fn run(self) {
        let Self {
            partner,
            key,
            pins,
            settings,
            connection,
            owner,
            mut inbound,
            frames,
            closer,
        } = self;
        let mut connection = Polled(Some(connection));
        let failure = tokio::select! {
            biased;
            // First, so that nothing is handed over once the pin is gone or the end has begun.
            () = pins.revoked(key, partner) => LinkFailure::Revoked,
            ending = closer.begun() => cause(ending),
            failure = receive(&mut inbound, &frames, &settings) => failure,
            never = connection.forever() => match never {},
        };
        let ending = ending(&failure);
        closer.begin(ending);
        if ending != Ending::Silent {
            // The goodbye leaves, and the partner ends the connection. What it still sends is
            // not looked at.
            let _too_slow = timeout(settings.close_grace, connection.end())
                .await
                .is_err();
        }
        drop((inbound, connection, owner));
        let _nobody_asks = timeout(settings.close_grace, frames.send(Err(failure)))
            .await
            .is_err();
    }
}

/// Why a link ends whose end was begun from outside the driver.
fn cause(ending: Ending) -> LinkFailure {
    match ending {
        Ending::Goodbye(_) => LinkFailure::Closed,
        Ending::Silent => LinkFailure::ClosedByPartner,
        Ending::OwnOversized(found_bytes) => LinkFailure::OwnOversized { found_bytes },
    }
}

/// How a link says that it ends for this reason.
fn ending(failure: &LinkFailure) -> Ending {
    match failure {
        LinkFailure::InvalidFrame(_) | LinkFailure::HelloTimeout => {
            Ending::Goodbye(Goodbye::Protocol)
        }
        LinkFailure::Revoked => Ending::Goodbye(Goodbye::Refused),
        LinkFailure::OwnOversized { found_bytes } => Ending::OwnOversized(*found_bytes),
        LinkFailure::Closed => Ending::Goodbye(Goodbye::Restart),
        LinkFailure::ClosedByPartner | LinkFailure::Lost(_) => Ending::Silent,
    }
}

/// Hands the partner's frames over until there are no more.
async fn receive(
    inbound: &mut Inbound,
    frames: &mpsc::Sender<Result<Frame, LinkFailure>>,
    settings: &LinkSettings,
) -> LinkFailure {
    let first = match timeout(settings.hello_timeout, inbound.next()).await {
        Ok(item) => frame(item),
        Err(_) => return LinkFailure::HelloTimeout,
    };
    let mut next = match first {
        Ok(Frame::Hello(_) | Frame::Goodbye(_)) | Err(_) => first,
        Ok(_) => return InvalidFrame::HelloExpected.into(),
    };
    loop {
        let last = match next {
            Err(failure) => return failure,
            Ok(frame) => {
                let last = matches!(frame, Frame::Goodbye(_));
                if frames.send(Ok(frame)).await.is_err() {
                    return LinkFailure::Closed;
                }
                last
            }
        };
        if last {
            return LinkFailure::ClosedByPartner;
        }
        next = match frame(inbound.next().await) {
            Ok(Frame::Hello(_)) => return InvalidFrame::HelloRepeated.into(),
            next => next,
        };
    }
}

fn frame(item: Option<Result<Option<proto::Frame>, Status>>) -> Result<Frame, LinkFailure> {
    match item {
        None => Err(LinkFailure::Lost(None)),
        Some(Err(status)) => Err(failure_of(status)),
        Some(Ok(None)) => Err(InvalidFrame::Kind.into()),
        Some(Ok(Some(frame))) => Ok(frame.try_into()?),
    }
}

/// The gRPC layer says in a status what it found in the bytes; what the connection did to it has
/// a source.
fn failure_of(status: Status) -> LinkFailure {
    use std::error::Error as _;
    match status.code() {
        Code::OutOfRange if status.source().is_none() => InvalidFrame::Oversized.into(),
        Code::Internal | Code::Unimplemented if status.source().is_none() => {
            InvalidFrame::Undecodable.into()
        }
        _ => LinkFailure::Lost(Some(Box::new(status))),
    }
}

/// A connection that is polled beside something else, whose own end means nothing.
struct Polled(Option<Connection>);

impl Polled {
    async fn end(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.await;
            self.0 = None;
        }
    }

    async fn forever(&mut self) -> Infallible {
        self.end().await;
        std::future::pending().await
    }
}
