//! From a partner's frames to evidence: checked outside the machines, several at a time, and handed on in the order
//! in which they came.

use std::pin::Pin;
use std::sync::Arc;

use foedus_federation::evidence::{CheckedFrame, RefusedFrame};
use foedus_federation::frame::Frame;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::{LinkFailure, Received};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::{mpsc, watch};

use crate::bounds::{CHECKED_INLINE_ENTRIES_MAX, CHECKS_PER_LINK_MAX, FRAME_COUNTED_BYTES_MIN};

/// What comes of one frame.
pub(super) enum Inbound {
    Frame(Box<CheckedFrame>),
    Refused(RefusedFrame),
    Failed(LinkFailure),
}

type Check = Pin<Box<dyn Future<Output = Inbound> + Send>>;

/// The frames of one connection.
pub(super) struct Frames {
    receiver: mpsc::Receiver<Result<Frame, LinkFailure>>,
    org: watch::Receiver<Arc<OrgSnapshot>>,
    checks: FuturesOrdered<Check>,
    ended: bool,
    received: Received,
    /// What had come over the connection when the last frame was taken.
    counted: u64,
    /// What came since it was last asked.
    bytes: u64,
}

impl Frames {
    pub(super) fn new(
        receiver: mpsc::Receiver<Result<Frame, LinkFailure>>,
        received: Received,
        org: watch::Receiver<Arc<OrgSnapshot>>,
    ) -> Self {
        Self {
            received,
            counted: 0,
            receiver,
            org,
            checks: FuturesOrdered::new(),
            ended: false,
            bytes: 0,
        }
    }

    /// How much came since this was last asked.
    pub(super) fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// A small frame costs more than its bytes, and one may have come with the bytes that were counted before.
    fn count(&mut self) {
        let before = std::mem::replace(&mut self.counted, self.received.bytes());
        let bytes = self
            .counted
            .saturating_sub(before)
            .max(FRAME_COUNTED_BYTES_MIN);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The next frame; `None` at the end. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<Inbound> {
        loop {
            let room = !self.ended && self.checks.len() < CHECKS_PER_LINK_MAX;
            tokio::select! {
                Some(inbound) = self.checks.next() => return Some(inbound),
                arrived = self.receiver.recv(), if room => match arrived {
                    Some(Ok(frame)) => {
                        self.count();
                        self.checks.push_back(check(frame, self.org.borrow().clone()));
                    }
                    Some(Err(failure)) => {
                        self.ended = true;
                        self.checks.push_back(Box::pin(async { Inbound::Failed(failure) }));
                    }
                    None => self.ended = true,
                },
                else => return None,
            }
        }
    }
}

fn check(frame: Frame, org: Arc<OrgSnapshot>) -> Check {
    if is_light(&frame) {
        // A hand-over to another thread costs more than such a check.
        return Box::pin(async move { of(CheckedFrame::check(frame, &org)) });
    }
    let checked = tokio::task::spawn_blocking(move || of(CheckedFrame::check(frame, &org)));
    // A check refuses and does not panic: it ends without an answer only while everything stops.
    Box::pin(async move {
        checked
            .await
            .unwrap_or(Inbound::Failed(LinkFailure::Closed))
    })
}

fn of(checked: Result<CheckedFrame, RefusedFrame>) -> Inbound {
    match checked {
        Ok(frame) => Inbound::Frame(Box::new(frame)),
        Err(refused) => Inbound::Refused(refused),
    }
}

fn is_light(frame: &Frame) -> bool {
    match frame {
        Frame::Entries(entries) => {
            let count: usize = entries.parts.iter().map(|part| part.entries.len()).sum();
            count <= CHECKED_INLINE_ENTRIES_MAX
        }
        Frame::Hello(_) | Frame::Notes(_) => false,
        Frame::Subscribe(_) | Frame::UnknownCursor(_) | Frame::Ack(_) | Frame::Goodbye(_) => true,
    }
}
