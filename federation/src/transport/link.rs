//! A link: one HTTP/2 connection between partners with one call that carries frames both ways.
//!
//! Whoever dialled, both ends hold the same [`LinkSession`]. It hands over frames of known kinds
//! and bounded sizes, the hello first, and knows nothing of what they mean. It ends itself when
//! the partner's key is no longer pinned.

use std::io;
use std::time::Duration;

use foedus_policy::id::OrgId;
use foedus_proto::federation::v1 as proto;
use proto::link_service_client::LinkServiceClient;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::Status;

use super::InvalidFrame;
use crate::bounds::transport as bounds;
use crate::frame::{Frame, Goodbye, Hello};

mod connect;
mod metered;
mod reach;
mod session;

pub use connect::{dial, serve};
pub use metered::Received;
pub use reach::{OutOfReach, Reach};

/// How long the steps of a link may take.
#[derive(Debug, Clone, Copy)]
pub struct LinkSettings {
    /// From the first packet to an open link.
    pub dial_timeout: Duration,
    /// To the call, and from the call to the partner's hello.
    pub hello_timeout: Duration,
    /// Between two pings.
    pub ping_interval: Duration,
    /// From a ping to the end of the link, if no answer comes.
    pub ping_timeout: Duration,
    /// From the decision to close to the end of the connection.
    pub close_grace: Duration,
    /// Where may be dialled.
    pub reach: Reach,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            dial_timeout: bounds::DIAL_TIMEOUT,
            hello_timeout: bounds::HELLO_TIMEOUT,
            ping_interval: bounds::PING_INTERVAL,
            ping_timeout: bounds::PING_TIMEOUT,
            close_grace: bounds::CLOSE_GRACE,
            reach: Reach::default(),
        }
    }
}

/// An open link, the same at the end that dialled and at the end that was dialled.
#[derive(Debug)]
pub struct LinkSession {
    /// Who is at the other end.
    pub partner: OrgId,
    /// Whether we dialled.
    pub dialled: bool,
    /// Takes frames for the partner. Our hello has been sent already. A goodbye is the last.
    pub sender: mpsc::Sender<Frame>,
    /// Gives the partner's frames, its hello first. At the end it gives why the link ended,
    /// unless nobody takes it in time.
    pub receiver: mpsc::Receiver<Result<Frame, LinkFailure>>,
    /// How much came over it.
    pub received: Received,
    /// Holds the link open.
    pub handle: LinkHandle,
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkFailure {
    /// The partner sent what is no frame.
    #[error("the partner broke the protocol")]
    InvalidFrame(#[from] InvalidFrame),
    /// The partner did not send its hello in time.
    #[error("the partner sent no hello in time")]
    HelloTimeout,
    /// A frame of ours was longer than a frame may be. It was not sent.
    #[error("a frame of ours had {found_bytes} bytes and could not be sent")]
    OwnOversized {
        /// How long it was.
        found_bytes: usize,
    },
    /// The partner's key is no longer pinned.
    #[error("the partner's key is no longer pinned")]
    Revoked,
    /// We closed it.
    #[error("closed by this side")]
    Closed,
    /// The partner said goodbye.
    #[error("closed by the partner")]
    ClosedByPartner,
    /// The connection broke, or ended without a goodbye.
    #[error("the connection broke")]
    Lost(#[source] Option<Box<Status>>),
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address leads nowhere, or nobody listens there.
    #[error("could not connect")]
    Connect(#[source] io::Error),
    /// The address is on this machine or on its own network segment.
    #[error(transparent)]
    OutOfReach(#[from] OutOfReach),
    /// The other end has another key than those pinned for the partner.
    #[error("the other end did not prove a key that is pinned for the partner")]
    WrongKey,
    /// The other end pins no key of ours.
    #[error(
        "it refuses this organisation: it has not confirmed it yet, or has disconnected, suspended or denied it"
    )]
    Refused,
    /// The handshake failed otherwise.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// Our own TLS configuration is unusable.
    #[error("the TLS configuration is unusable")]
    Configuration(#[source] rustls::Error),
    /// HTTP/2 did not come up.
    #[error("the other end closed the connection before the link was open")]
    Http(#[source] hyper::Error),
    /// The call was not answered with a stream.
    #[error("the other end did not open the link")]
    Call(#[source] Box<Status>),
    /// A dialled connection did not call in time, or the link was not open in time.
    #[error("the link was not open in time")]
    Timeout,
    /// The other end ended the connection without a call.
    #[error("the other end left without opening a link")]
    NoCall,
}

/// Holds a link open: when this is dropped, the connection is, at once and without a goodbye.
#[derive(Debug)]
pub struct LinkHandle {
    closer: LinkCloser,
    task: JoinHandle<()>,
    longest_end: Duration,
}

impl LinkHandle {
    /// Says goodbye and waits for the end of the connection, which comes within the grace.
    pub async fn close(mut self, goodbye: Goodbye) {
        self.closer.close(goodbye);
        // The task ends by itself; the bound is for what can't be: a runtime that starves.
        let _starved = timeout(self.longest_end, &mut self.task).await.is_err();
    }

    /// Waits for the end of the link, whatever ends it.
    pub async fn ended(&mut self) {
        let _aborted = (&mut self.task).await.is_err();
    }

    /// For those who may end the link without holding it.
    pub fn closer(&self) -> LinkCloser {
        self.closer.clone()
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the ends of one link tell each other when it is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With a goodbye.
    Goodbye(Goodbye),
    /// Without one: the partner has already left.
    Silent,
    /// Our own frame could not be sent, as it had this many bytes.
    OwnOversized(usize),
}

/// Ends a link, from anywhere.
#[derive(Debug, Clone)]
pub struct LinkCloser {
    ending: watch::Sender<Option<Ending>>,
}

impl LinkCloser {
    fn new() -> Self {
        Self {
            ending: watch::Sender::new(None),
        }
    }

    /// Begins the end of the link. From now no frame of the partner is handed over. Only the
    /// first of several goodbyes is sent.
    pub fn close(&self, goodbye: Goodbye) {
        self.begin(Ending::Goodbye(goodbye));
    }

    fn begin(&self, ending: Ending) {
        self.ending.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(ending);
            }
            first
        });
    }

    async fn begun(&self) -> Ending {
        let mut ending = self.ending.subscribe();
        match ending.wait_for(Option::is_some).await {
            Ok(found) => found.unwrap_or(Ending::Silent),
            // Cannot happen, as a sender is borrowed here; silence is the safe reading.
            Err(_) => Ending::Silent,
        }
    }
}

/// Which of two connections of one peering is kept, when both sides have dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The one that we dialled.
    Dialled,
    /// The one that the partner dialled.
    Accepted,
}

/// Of two connections of one peering the one is kept that was dialled by the organisation with
/// the smaller id, as bytes. Both sides come to the same one without a word.
pub fn kept(ours: OrgId, partner: OrgId) -> Kept {
    if ours < partner {
        Kept::Dialled
    } else {
        Kept::Accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_keep_the_same_connection() {
        let (small, large) = (OrgId([1; 32]), OrgId([2; 32]));
        assert_eq!(kept(small, large), Kept::Dialled);
        assert_eq!(kept(large, small), Kept::Accepted);
    }

    #[test]
    fn only_the_first_ending_counts() {
        let closer = LinkCloser::new();
        closer.close(Goodbye::Duplicate);
        closer.close(Goodbye::Restart);
        assert_eq!(
            *closer.ending.borrow(),
            Some(Ending::Goodbye(Goodbye::Duplicate))
        );
    }
}
