//! What needs a yes.

use crate::id::{ChannelId, MemberId, NoteHash, OrgId};
use crate::name::{Handle, Sentence};
use crate::state::{InvitationId, Offer};
use crate::time::Timestamp;

/// Somebody who asked, or who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// A member.
    Member(MemberId),
    /// Somebody at the administration socket, in nobody's name, by their user id.
    Operator(u32),
    /// A partner. It asks; it never decides.
    Partner(OrgId),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// To share one of our channels.
    Share {
        /// With whom.
        partner: Handle,
        /// Under which terms.
        offer: Offer,
        /// With what was written before.
        history: bool,
        /// What for.
        purpose: Sentence,
    },
    /// To take up a partner's invitation, with the channel that came with it.
    Peer {
        /// Who invited.
        partner: OrgId,
        /// Theirs.
        invitation: InvitationId,
        /// The channel.
        offer: Option<Offer>,
    },
    /// To join a channel that a partner offers.
    Join {
        /// Who opened it.
        host: OrgId,
        /// The revision that is put to us.
        charter: NoteHash,
        /// What it comes to.
        offer: Offer,
    },
}

impl RequestKind {
    /// The terms that it asks for, if it is about a channel.
    pub fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Share { offer, .. } | Self::Join { offer, .. } => Some(offer),
            Self::Peer { offer, .. } => offer.as_ref(),
        }
    }

    /// The channel that it is about.
    pub fn channel(&self) -> Option<ChannelId> {
        self.offer().map(|offer| offer.channel)
    }
}

/// What has become of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has decided.
    Waiting,
    /// Yes.
    Approved {
        /// Who said so.
        by: Person,
        /// When.
        at: Timestamp,
    },
    /// No.
    Declined {
        /// Who said so.
        by: Person,
        /// When.
        at: Timestamp,
        /// Why, in their words.
        reason: Sentence,
    },
    /// Taken back, or what it was about is gone.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

/// Something that needs a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub kind: RequestKind,
    /// Who asks.
    pub by: Person,
    /// Since when.
    pub at: Timestamp,
    /// What has become of it.
    pub state: RequestState,
}

impl Request {
    /// Whether it can still be decided at `now`.
    pub fn is_waiting(&self) -> bool {
        self.state == RequestState::Waiting
    }

    /// Whether it waited too long: until its own time was up, or that of what it asks for.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let ends = self.kind.offer().and_then(|offer| offer.ends);
        let too_late = now >= self.at.plus_millis(crate::bounds::REQUEST_MILLIS)
            || ends.is_some_and(|ends| now >= ends);
        self.is_waiting() && too_late
    }
}
