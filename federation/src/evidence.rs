//! Evidence: what a partner sent, once its signatures, hashes and encodings were checked.
//!
//! Checking costs time and needs only what is passed in, so it runs outside the machines, in
//! parallel. Only the functions here make these types; a machine that takes one need not ask
//! again. They must not know any machine's state.

use std::sync::Arc;

use foedus_policy::id::{ChannelId, OrgId};

use crate::frame::{Ack, Frame, Goodbye, Subscribe};
use crate::identity::IdentityChain;
use crate::snapshot::OrgSnapshot;

mod entries;
mod hello;
mod notes;

pub use entries::{CheckedEntries, InvalidEntries, SignedPart};
pub use hello::{CheckedHello, InvalidHello};
pub use notes::{CheckedNotes, CountingKeys, GovernanceNote, InvalidNotes, RefusedGovernanceNote};

/// Whose identity is known: own, partners' and introduced ones.
pub type KnownIdentities<'a> = &'a dyn Fn(OrgId) -> Option<Arc<IdentityChain>>;

/// A frame of which everything was checked that needs no machine's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedFrame {
    /// The first frame.
    Hello(Box<CheckedHello>),
    /// Notes about one channel.
    Notes(Arc<CheckedNotes>),
    /// A subscription.
    Subscribe(Box<Subscribe>),
    /// Our subscription began at a position that the partner does not know.
    UnknownCursor(ChannelId),
    /// Entries.
    Entries(Arc<CheckedEntries>),
    /// An acknowledgement.
    Ack(Ack),
    /// The last frame.
    Goodbye(Goodbye),
}

/// Why a frame is refused, and with it the link that brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedFrame {
    /// The hello.
    #[error(transparent)]
    Hello(#[from] InvalidHello),
    /// Notes.
    #[error(transparent)]
    Notes(#[from] InvalidNotes),
    /// Entries.
    #[error(transparent)]
    Entries(#[from] InvalidEntries),
}

impl CheckedFrame {
    /// Checks a frame that was sent to us, by what the organisation knows of others.
    pub fn check(frame: Frame, org: &OrgSnapshot) -> Result<Self, RefusedFrame> {
        let known = |id: OrgId| org.identity(id);
        Ok(match frame {
            Frame::Hello(hello) => {
                let us = org.org().ok_or(InvalidHello::Peering)?;
                Self::Hello(Box::new(CheckedHello::check(&hello, us)?))
            }
            Frame::Notes(notes) => Self::Notes(Arc::new(CheckedNotes::check(&notes, &known)?)),
            Frame::Subscribe(subscribe) => Self::Subscribe(Box::new(subscribe)),
            Frame::UnknownCursor(channel) => Self::UnknownCursor(channel),
            Frame::Entries(entries) => {
                Self::Entries(Arc::new(CheckedEntries::check(entries, &known)?))
            }
            Frame::Ack(ack) => Self::Ack(ack),
            Frame::Goodbye(goodbye) => Self::Goodbye(goodbye),
        })
    }
}
