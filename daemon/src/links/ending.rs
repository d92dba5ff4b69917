//! Why a session with a partner ended: what people read of it, and what the partner is told.
//!
//! Knows nothing of what comes after.

use std::fmt;

use foedus_federation::evidence::RefusedFrame;
use foedus_federation::frame::Goodbye;
use foedus_federation::link::Breach;
use foedus_federation::transport::LinkFailure;

use crate::runtime::chain;

/// Why a session ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The daemon stops, or our keys were renewed.
    Stopped,
    /// There may be no link with this partner any more: it was suspended, say.
    KeptOut,
    /// Another connection is kept.
    Replaced,
    /// The connection ended.
    Failed(LinkFailure),
    /// The partner sent what is no evidence.
    Refused(RefusedFrame),
    /// The partner's frames hold, but not one after another.
    Broken(Breach),
    /// The machine said so.
    Closed(Goodbye),
    /// This side is too slow.
    Restart(&'static str),
    /// Nothing is shared with the partner any more.
    NothingShared,
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("the daemon stops"),
            Self::KeptOut => {
                formatter.write_str("the partner is suspended, denied or disconnected here")
            }
            Self::Replaced => formatter.write_str("another connection is kept"),
            // What lies under it speaks of sockets and TLS in words of its own, which help nobody.
            Self::Failed(failure @ LinkFailure::Lost(_)) => write!(formatter, "{failure}"),
            Self::Failed(failure) => formatter.write_str(&chain(failure)),
            Self::Refused(refused) => write!(
                formatter,
                "the partner broke the protocol: {}",
                chain(refused)
            ),
            Self::Closed(Goodbye::Restart) => formatter.write_str("closed by the partner"),
            Self::Closed(Goodbye::Refused) => formatter.write_str(
                "the partner refuses this organisation: it has disconnected, suspended or denied it",
            ),
            Self::Closed(Goodbye::Version) => formatter.write_str("no version in common"),
            Self::Closed(Goodbye::NothingShared) => {
                formatter.write_str("closed by the partner, who knows of nothing to share; it looks in again within ten minutes")
            }
            // The partner says that we broke it, or that ours is a second link: its own log says more.
            Self::Closed(_) => formatter.write_str("closed by the partner"),
            Self::Broken(breach) => write!(formatter, "the partner broke the protocol: {breach}"),
            Self::Restart(reason) => formatter.write_str(reason),
            Self::NothingShared => formatter.write_str("nothing is shared any more"),
        }
    }
}

impl Ending {
    /// What the partner is told.
    pub(super) fn goodbye(&self) -> Goodbye {
        match self {
            Self::Stopped | Self::Restart(_) | Self::Failed(_) => Goodbye::Restart,
            Self::Replaced => Goodbye::Duplicate,
            Self::KeptOut => Goodbye::Refused,
            Self::Refused(_) | Self::Broken(_) => Goodbye::Protocol,
            Self::Closed(goodbye) => *goodbye,
            Self::NothingShared => Goodbye::NothingShared,
        }
    }

    /// Whether one of the two said that nothing is shared any more.
    pub(super) fn is_agreed(&self) -> bool {
        matches!(
            self,
            Self::NothingShared | Self::Closed(Goodbye::NothingShared)
        )
    }
}
