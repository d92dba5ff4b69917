//! What is given to an act that is applied, and what comes of it.
//!
//! Names what was made or ended, so that whoever has to act on it can. Knows nothing of who asked
//! or of how it is told to them.

use crate::id::{
    AuthorId, ChannelId, MemberId, NoteHash, OrgId, ProjectId, RequestNumber, TokenId,
};
use crate::state::{InvitationId, Secret};
use crate::time::Timestamp;
use crate::vocabulary::EndCause;

/// What comes from outside into an act that is applied.
#[derive(Debug, Clone)]
pub struct Given {
    /// By the wall clock.
    pub now: Timestamp,
    /// Fresh random bytes, for this act alone.
    pub entropy: [u8; 64],
    /// Where this organisation can be reached, `host:port`, for an invitation.
    pub addresses: Vec<String>,
}

/// What came of an act, for who asked and for whoever has to act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; nothing more to say.
    Done,
    /// It was so already.
    Unchanged,
    /// The organisation exists.
    Initialised {
        /// Its first administrator.
        administrator: MemberId,
    },
    /// A person was added.
    MemberAdded {
        /// Who.
        member: MemberId,
    },
    /// A person is gone, and with them from these channels.
    MemberDeactivated {
        /// Where they were, and who they were there.
        left: Vec<(ChannelId, AuthorId)>,
    },
    /// A token was made.
    TokenCreated {
        /// Which.
        token: TokenId,
        /// Its text, this once.
        text: TokenText,
    },
    /// A channel was opened.
    ChannelCreated {
        /// Which.
        channel: ChannelId,
        /// Who opened it, and who they are there.
        joined: Option<(MemberId, AuthorId)>,
    },
    /// A member came into a channel.
    Joined {
        /// Which.
        channel: ChannelId,
        /// Who.
        member: MemberId,
        /// Who they are there.
        author: AuthorId,
    },
    /// A member left a channel.
    Left {
        /// Which.
        channel: ChannelId,
        /// Who.
        member: MemberId,
        /// Who they were there.
        author: AuthorId,
    },
    /// A request waits for an answer.
    Requested {
        /// Which.
        number: RequestNumber,
    },
    /// An invitation is to be handed over.
    Invited {
        /// Which.
        invitation: InvitationId,
        /// What its bearer must know. Also in the state.
        secret: Secret,
    },
    /// A charter is to be drawn up and put before a partner, for this channel of ours.
    OfferChannel {
        /// Which.
        channel: ChannelId,
        /// Before whom.
        partner: OrgId,
    },
    /// Somebody answered an invitation and waits for our confirmation.
    Replied {
        /// Who.
        partner: OrgId,
    },
    /// A peering is to be: links with it may be.
    PartnerActive {
        /// With whom.
        partner: OrgId,
        /// Our channels for which a charter is to be put before it.
        offers: Vec<ChannelId>,
    },
    /// Our consent to this charter is to be signed: an administrator said yes to it.
    ConsentNow {
        /// For which channel.
        channel: ChannelId,
        /// Which revision.
        charter: NoteHash,
    },
    /// Our "no" to this charter is final; its host may be told.
    OfferDeclined {
        /// For which channel.
        channel: ChannelId,
        /// Which revision.
        charter: NoteHash,
    },
    /// A project was begun.
    ProjectCreated {
        /// Which.
        project: ProjectId,
    },
    /// A revision that ends later is to be drawn up for these channels of ours, and put before
    /// their participants.
    ExtendChannels {
        /// Which; none if nothing is shared for the project, which then ends later at once.
        channels: Vec<ChannelId>,
        /// When they would end.
        until: Timestamp,
    },
    /// These shared channels ended for this organisation.
    Ended {
        /// Which, and why.
        channels: Vec<(ChannelId, EndCause)>,
    },
    /// A partner was suspended: its connections are to be closed.
    PartnerSuspended {
        /// Who.
        partner: OrgId,
        /// The channels shared with it.
        channels: Vec<ChannelId>,
    },
    /// A partner may be talked to again.
    PartnerResumed {
        /// Who.
        partner: OrgId,
    },
    /// A peering is over: its connections are to be closed.
    PartnerDisconnected {
        /// Who.
        partner: OrgId,
        /// The channels that ended by it.
        ended: Vec<ChannelId>,
    },
}

/// The text of a new token. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(pub(crate) String);

impl TokenText {
    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}
