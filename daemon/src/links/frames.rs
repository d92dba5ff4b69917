//! From a partner's frames to evidence: checked outside the machines, several at a time, and handed on in the order
//! in which they came.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use foedus_federation::evidence::{CheckedFrame, RefusedFrame};
use foedus_federation::frame::Frame;
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::{LinkFailure, Received};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::bounds::{
    CHECKED_INLINE_ENTRIES_MAX, CHECKS_PER_LINK_MAX, FRAME_COUNTED_BYTES_MIN,
    LINK_INBOUND_BYTES_MAX,
};

/// What comes of one frame.
pub(super) enum Inbound {
    /// Evidence, and what it holds of what the partner may have waiting.
    Frame(Box<CheckedFrame>, Arc<OwnedSemaphorePermit>),
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
    /// Arrived, with what it holds while it waits here; it is not looked at before there is room for it.
    arrived: Option<(Frame, u32)>,
    /// Bytes that may wait, of all connections with the partner.
    room: Arc<Semaphore>,
    received: Received,
    /// What had come over the connection when the last frame was taken.
    counted: u64,
    /// What had come when it was last asked how much.
    asked: u64,
    /// What small frames that came since then cost beside their bytes.
    surcharge: u64,
}

impl Frames {
    pub(super) fn new(
        receiver: mpsc::Receiver<Result<Frame, LinkFailure>>,
        received: Received,
        org: watch::Receiver<Arc<OrgSnapshot>>,
        room: Arc<Semaphore>,
    ) -> Self {
        Self {
            arrived: None,
            room,
            received,
            counted: 0,
            receiver,
            org,
            checks: FuturesOrdered::new(),
            ended: false,
            asked: 0,
            surcharge: 0,
        }
    }

    /// How much came since this was last asked, in frames or beside them.
    pub(super) fn take_bytes(&mut self) -> u64 {
        let bytes = self.received.bytes();
        let before = std::mem::replace(&mut self.asked, bytes);
        let surcharge = std::mem::take(&mut self.surcharge);
        bytes.saturating_sub(before).saturating_add(surcharge)
    }

    /// How much came in all.
    pub(super) fn received_bytes(&self) -> u64 {
        self.received.bytes()
    }

    /// Nothing more is read for so long.
    pub(super) fn hold(&self, time: Duration) {
        self.received.hold_until(Instant::now() + time);
    }

    /// What came since the last frame. A small frame costs more than its bytes, and one may have come with the bytes that
    /// were counted before.
    fn count(&mut self) -> u64 {
        let bytes = self.received.bytes();
        let came = bytes.saturating_sub(std::mem::replace(&mut self.counted, bytes));
        let cost = came.max(FRAME_COUNTED_BYTES_MIN);
        self.surcharge = self.surcharge.saturating_add(cost - came);
        cost
    }

    /// The next frame; `None` at the end. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<Inbound> {
        loop {
            let room =
                !self.ended && self.arrived.is_none() && self.checks.len() < CHECKS_PER_LINK_MAX;
            let bytes = self.arrived.as_ref().map_or(0, |(_, bytes)| *bytes);
            tokio::select! {
                Some(inbound) = self.checks.next() => return Some(inbound),
                Ok(held) = self.room.clone().acquire_many_owned(bytes), if self.arrived.is_some() => {
                    if let Some((frame, _)) = self.arrived.take() {
                        self.checks.push_back(check(frame, self.org.borrow().clone(), held));
                    }
                }
                arrived = self.receiver.recv(), if room => match arrived {
                    Some(Ok(frame)) => {
                        // The largest frame has room when nothing else waits.
                        let bytes = self.count().min(LINK_INBOUND_BYTES_MAX as u64);
                        let bytes = u32::try_from(bytes).expect("the bound is of 32 bits");
                        self.arrived = Some((frame, bytes));
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

fn check(frame: Frame, org: Arc<OrgSnapshot>, held: OwnedSemaphorePermit) -> Check {
    if is_light(&frame) {
        // A hand-over to another thread costs more than such a check.
        return Box::pin(async move { of(CheckedFrame::check(frame, &org), held) });
    }
    let checked = tokio::task::spawn_blocking(move || of(CheckedFrame::check(frame, &org), held));
    // A check refuses and does not panic: it ends without an answer only while everything stops.
    Box::pin(async move {
        checked
            .await
            .unwrap_or(Inbound::Failed(LinkFailure::Closed))
    })
}

fn of(checked: Result<CheckedFrame, RefusedFrame>, held: OwnedSemaphorePermit) -> Inbound {
    match checked {
        Ok(frame) => Inbound::Frame(Box::new(frame), Arc::new(held)),
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
