//! From a partner's frames to evidence: checked outside the machines, several at a time, and handed on in the order
//! in which they came.

use std::pin::Pin;
use std::sync::Arc;

use foedus_federation::evidence::{CheckedFrame, RefusedFrame};
use foedus_federation::frame::{Frame, RawEntry};
use foedus_federation::org::OrgSnapshot;
use foedus_federation::transport::LinkFailure;
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
    /// What came since it was last asked.
    bytes: u64,
}

impl Frames {
    pub(super) fn new(
        receiver: mpsc::Receiver<Result<Frame, LinkFailure>>,
        org: watch::Receiver<Arc<OrgSnapshot>>,
    ) -> Self {
        Self {
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

    /// The next frame; `None` at the end. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<Inbound> {
        loop {
            let room = !self.ended && self.checks.len() < CHECKS_PER_LINK_MAX;
            tokio::select! {
                Some(inbound) = self.checks.next() => return Some(inbound),
                arrived = self.receiver.recv(), if room => match arrived {
                    Some(Ok(frame)) => {
                        self.bytes = self.bytes.saturating_add(size(&frame));
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

/// What a frame comes to, against the allowance of its partner.
fn size(frame: &Frame) -> u64 {
    let bytes: usize = match frame {
        Frame::Entries(entries) => {
            let entries = entries.parts.iter().flat_map(|part| &part.entries);
            let body = |entry: &RawEntry| entry.body.as_ref().map_or(0, |body| body.bytes.len());
            entries.map(|entry| entry.header.len() + body(entry)).sum()
        }
        Frame::Notes(notes) => {
            let notes = notes.notes.iter().chain(notes.identities.iter().flatten());
            notes.map(Vec::len).sum()
        }
        Frame::Hello(_)
        | Frame::Subscribe(_)
        | Frame::UnknownCursor(_)
        | Frame::Ack(_)
        | Frame::Goodbye(_) => 0,
    };
    u64::try_from(bytes).map_or(u64::MAX, |bytes| bytes.max(FRAME_COUNTED_BYTES_MIN))
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
