//! Channels as this organisation's policy sees them, and the projects that they hang on.
//!
//! What a charter says in full, and what was written, is not here.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AuthorId, ChannelId, OrgId, ProjectId, RequestNumber};
use crate::name::{ChannelName, Handle, Label, Sentence};
use crate::state::InvitationId;
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capabilities, EndCause};

/// What one side puts before the other about a channel: what an approval says yes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Which channel.
    pub channel: ChannelId,
    /// The undertaking that it is for, as the host calls it.
    pub project: Label,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// What may be done in it.
    pub capabilities: Capabilities,
}

/// Who inside the organisation can find a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Every member can find, read and join it.
    Public,
    /// Only who was added.
    Private,
    /// A conversation between named people. Nobody is added to it.
    Direct,
}

/// That a channel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub cause: EndCause,
    /// When, by this organisation's clock.
    pub at: Timestamp,
}

/// With whom a channel is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sharing {
    /// With nobody.
    Local,
    /// This organisation, its host, has offered it and goes on writing to it alone.
    Offering {
        /// To whom.
        handle: Handle,
        /// The organisation behind the handle, once it is a confirmed partner.
        partner: Option<OrgId>,
        /// By which invitation, if they were no partner yet.
        invitation: Option<InvitationId>,
        /// The approved request.
        request: RequestNumber,
        /// What was before is shared too.
        history: bool,
        /// The terms.
        offer: Offer,
    },
    /// A partner offered it, and an administrator said yes to exactly these terms. Nothing can
    /// be written to it until its charter is sealed.
    Joining {
        /// Who opened it.
        host: OrgId,
        /// The terms that were approved.
        offer: Offer,
    },
    /// Under a charter in force.
    Shared {
        /// Who seals its charter.
        host: OrgId,
        /// Everybody in it, this organisation and the host among them.
        participants: BTreeMap<OrgId, Access>,
        /// When it ends.
        ends: Option<Timestamp>,
        /// That it has ended.
        ended: Option<Ended>,
    },
}

/// A channel of this organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// What this organisation calls it.
    pub name: ChannelName,
    /// The random bytes in its id, if this organisation opened it: its charter states them.
    pub nonce: Option<[u8; 16]>,
    /// What it is about, for our own people.
    pub topic: Sentence,
    /// Who can find it.
    pub visibility: Visibility,
    /// With whom it is shared.
    pub sharing: Sharing,
    /// The undertaking that it belongs to.
    pub project: Option<ProjectId>,
    /// Put away: it can be read, and nothing is added. Local channels only.
    pub archived: bool,
}

impl Channel {
    /// Whether nothing may be written to it any more: it was ended, or its time is up by the
    /// clock, whether or not anybody has noted that yet.
    pub fn is_ended(&self, now: Timestamp) -> bool {
        match &self.sharing {
            Sharing::Shared { ends, ended, .. } => {
                ended.is_some() || ends.is_some_and(|ends| now >= ends)
            }
            Sharing::Joining { offer, .. } => offer.ends.is_some_and(|ends| now >= ends),
            Sharing::Local | Sharing::Offering { .. } => false,
        }
    }

    /// Whether its end was noted, so that no clock is asked any more.
    pub fn is_over(&self) -> bool {
        matches!(&self.sharing, Sharing::Shared { ended: Some(_), .. })
    }

    /// Whether it is, or was, under a charter.
    pub fn is_shared(&self) -> bool {
        matches!(self.sharing, Sharing::Shared { .. })
    }
}

/// That a member is, or was, in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Who they are to the channel. Kept when they leave, so that what they wrote is theirs
    /// again when they come back.
    pub author: AuthorId,
    /// In it now.
    pub present: bool,
}

/// A named undertaking with an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// What people call it. Unique.
    pub name: Label,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// With whom.
    pub partners: BTreeSet<OrgId>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The later end that we put before the participants of channels that we host, while not
    /// everybody has agreed to it.
    pub extended_to: Option<Timestamp>,
    /// Whether people here made it, or shared a channel of ours for it; else it came with a channel
    /// of somebody else.
    pub ours: bool,
}
