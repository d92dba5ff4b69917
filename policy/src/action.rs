//! What can be asked of the organisation, by whom, and (in `outcome`) what comes of it.
//!
//! Names come in as the text that somebody typed or sent; `decide` checks them. What was checked
//! before (signatures, proofs, words) comes in as a fact. Knows nothing of requests over the
//! API or frames of a link.

mod outcome;

use std::collections::BTreeMap;

use crate::id::{ChannelId, MemberId, NoteHash, OrgId, ProjectId, RequestNumber, TokenId};
use crate::state::{InvitationId, Leap, Offer, PartnerMode, Scopes};
use crate::time::Timestamp;
use crate::vocabulary::{Access, Capabilities, Capability, EndCause};

pub use outcome::{Given, Outcome, TokenText};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Somebody on the administration socket.
    Operator {
        /// Their user id on this machine.
        uid: u32,
        /// In whose name they act. Then they may what that member may; otherwise what an
        /// administrator may.
        as_member: Option<MemberId>,
    },
    /// The bearer of a member's token.
    Member {
        /// Whose.
        member: MemberId,
        /// What the token is good for.
        scopes: Scopes,
    },
    /// A partner, or who would become one, by the key that it proved to hold.
    Partner(OrgId),
    /// The organisation's own daemon: its clock, or what its channels found verified.
    System,
}

impl Actor {
    /// The member that acts, or in whose name somebody does, if any.
    pub const fn member(&self) -> Option<MemberId> {
        match *self {
            Self::Operator { as_member, .. } => as_member,
            Self::Member { member, .. } => Some(member),
            Self::Partner(_) | Self::System => None,
        }
    }
}

/// An invitation that somebody here took up: what its text says, and what its inviter showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedInvitation {
    /// Which.
    pub invitation: InvitationId,
    /// Who invites.
    pub inviter: OrgId,
    /// What they call themselves.
    pub handle: String,
    /// Their public root key, by the identity that was shown and checked.
    pub root: [u8; 32],
    /// Whom they expect.
    pub expects: Option<String>,
    /// From when on it can't be answered.
    pub expires: Timestamp,
    /// The channel that comes with it; `None` also if its text was not a valid name.
    pub offer: Option<Offer>,
    /// The six words of the two roots and the secret.
    pub words: [String; 6],
}

/// An answer to an invitation of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which.
    pub invitation: InvitationId,
    /// Who answers.
    pub partner: OrgId,
    /// What they call themselves.
    pub handle: String,
    /// Their public root key, by the identity that came with it and was checked.
    pub root: [u8; 32],
    /// Its signature holds and it proves knowledge of the secret.
    pub proof_holds: bool,
    /// The six words of the two roots and the secret.
    pub words: [String; 6],
}

/// What a channel's charter says about a write, as the channel's own machine reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharterFacts {
    /// What this organisation may do in the channel.
    pub access: Access,
    /// What the revision grants.
    pub capabilities: Capabilities,
}

/// When what is shared ends: somebody has to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// At this time, which is also the project's; the same if the project exists.
    At(Timestamp),
    /// With its project, which exists.
    WithProject,
    /// Not by itself, and its project neither.
    Never,
}

impl Ends {
    /// The time that is named.
    pub const fn at(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::WithProject | Self::Never => None,
        }
    }
}

/// Which of the organisation's operational keys are made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewedKeys {
    /// The one that authenticates links.
    Link,
    /// The one that signs notes and checkpoints.
    Sign,
    /// Both.
    All,
}

impl RenewedKeys {
    /// The text form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Sign => "sign",
            Self::All => "all",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To make the organisation. Once.
    Init {
        /// Its id.
        org: OrgId,
        /// Its public root key.
        root: [u8; 32],
        /// What it calls itself.
        handle: String,
        /// What it shows to people.
        display_name: String,
        /// The name of its first administrator.
        administrator: String,
    },
    /// To make operational keys anew, by an identity note of this serial. Changes nothing here: who
    /// the organisation is stays as it was.
    RenewKeys {
        /// Which.
        keys: RenewedKeys,
        /// The serial of the note that names them.
        serial: u64,
    },
    /// To add a person.
    AddMember {
        /// Their name.
        name: String,
        /// What others are shown.
        display_name: String,
        /// As an administrator.
        administrator: bool,
    },
    /// To end a person's membership. They leave every channel, and their tokens die.
    DeactivateMember {
        /// Who.
        member: MemberId,
    },
    /// To make a token.
    CreateToken {
        /// In whose name it will act.
        member: MemberId,
        /// What people call it.
        name: String,
        /// What for.
        scopes: Scopes,
        /// Until when.
        expires: Option<Timestamp>,
    },
    /// To take a token back.
    RevokeToken {
        /// Which.
        token: TokenId,
    },
    /// To open a local channel.
    CreateChannel {
        /// What to call it.
        name: String,
        /// What it is about.
        topic: String,
        /// Only for who is added.
        private: bool,
    },
    /// To call a channel otherwise.
    RenameChannel {
        /// Which.
        channel: ChannelId,
        /// What to call it.
        name: String,
    },
    /// To put a local channel away: it can be read, and nothing is added. Or to take it up again.
    ArchiveChannel {
        /// Which.
        channel: ChannelId,
        /// Away.
        archived: bool,
    },
    /// To join a public channel.
    JoinChannel {
        /// Which.
        channel: ChannelId,
    },
    /// To leave a channel.
    LeaveChannel {
        /// Which.
        channel: ChannelId,
    },
    /// To bring somebody into a channel.
    AddChannelMember {
        /// Which.
        channel: ChannelId,
        /// Whom.
        member: MemberId,
    },
    /// To ask that a channel be shared with a partner.
    ShareChannel {
        /// Which.
        channel: ChannelId,
        /// The partner's handle.
        partner: String,
        /// The project's name. One that is new is made when the request is approved.
        project: String,
        /// When it ends.
        ends: Ends,
        /// What may be done in it.
        capabilities: Capabilities,
        /// With what was written before.
        history: bool,
        /// What for, in words.
        purpose: String,
    },
    /// To invite a partner without a channel.
    InvitePartner {
        /// Whom; nobody named: whoever brings it.
        handle: Option<String>,
    },
    /// To say yes to a request.
    ApproveRequest {
        /// Which.
        number: RequestNumber,
        /// The six words, where a partner comes with it.
        words: Option<String>,
        /// What to call the channel, where one comes with it.
        channel_name: Option<String>,
        /// Whether only those who are added may find that channel.
        private: bool,
    },
    /// To say no to a request.
    DeclineRequest {
        /// Which.
        number: RequestNumber,
        /// Why.
        reason: String,
    },
    /// To take one's own request back.
    WithdrawRequest {
        /// Which.
        number: RequestNumber,
    },
    /// To take an invitation back that nobody answered yet.
    RevokeInvitation {
        /// Which.
        invitation: InvitationId,
    },
    /// To take up a partner's invitation; makes a request.
    AcceptInvitation(Box<AcceptedInvitation>),
    /// To take note of the answer to an invitation of ours. The first one uses it up.
    RecordReply(Box<Reply>),
    /// To say that it was the right one who answered.
    ConfirmPartner {
        /// Who.
        partner: OrgId,
        /// The six words.
        words: Option<String>,
    },
    /// To put a pattern on the allow list, off the deny list if it is there.
    AllowPartner {
        /// A handle, `*.` and a handle, or an org id.
        pattern: String,
    },
    /// To put a pattern on the deny list, off the allow list if it is there.
    DenyPartner {
        /// A handle, `*.` and a handle, or an org id.
        pattern: String,
    },
    /// To take a pattern off either list.
    ForgetPattern {
        /// A handle, `*.` and a handle, or an org id.
        pattern: String,
    },
    /// To say whom one would have as a partner.
    SetPartnerMode {
        /// Whom.
        mode: PartnerMode,
    },
    /// To take note that a partner put a charter before us.
    OfferReceived {
        /// Who opened the channel.
        host: OrgId,
        /// The revision, by its text.
        charter: NoteHash,
        /// What it comes to.
        offer: Offer,
        /// It says more than an offer can (others take part, say, or limits are unusual), so
        /// that no earlier yes covers it.
        beyond_offer: bool,
    },
    /// To take note that a channel's first charter is in force.
    ChannelSealed {
        /// Which.
        channel: ChannelId,
        /// Who seals it.
        host: OrgId,
        /// Everybody in it.
        participants: BTreeMap<OrgId, Access>,
        /// When it ends.
        ends: Option<Timestamp>,
    },
    /// To end a shared channel for this organisation.
    EndChannel {
        /// Which.
        channel: ChannelId,
        /// Why.
        cause: EndCause,
    },
    /// To begin a project before anything is shared for it.
    CreateProject {
        /// What to call it.
        name: String,
        /// When it ends.
        ends: Ends,
    },
    /// To have a project end later: a further revision of each channel that we host for it is put
    /// before its participants, and holds for those that agree.
    ExtendProject {
        /// Which.
        project: ProjectId,
        /// When it ends then.
        until: Timestamp,
    },
    /// To end a project, with all channels that are shared for it.
    EndProject {
        /// Which.
        project: ProjectId,
    },
    /// To say that a partner's root key was compared with what it says by another way.
    VerifyPartner {
        /// Who.
        partner: OrgId,
        /// The two are the same.
        matches: bool,
    },
    /// To stop everything to and from a partner.
    SuspendPartner {
        /// Who.
        partner: OrgId,
    },
    /// To go on with a suspended partner.
    ResumePartner {
        /// Who.
        partner: OrgId,
    },
    /// To end a peering, or to turn away who has not been approved yet.
    DisconnectPartner {
        /// Who.
        partner: OrgId,
    },
    /// To let invitations and requests that waited too long expire.
    ExpireDue,
    /// To take note that our clock leapt.
    ClockLeapt(Leap),
    /// To take note that our clock is right as far as a partner's can tell, after a leap over a
    /// start.
    ClockAgreed {
        /// Whose; nobody's: it is where it should be again.
        partner: Option<OrgId>,
    },
    /// To say that our clock is right.
    ConfirmClock {
        /// What it said when that was said.
        shown: Timestamp,
    },
    /// To write to a channel. Changes nothing here; the channel takes the author from the permit, and only from it.
    Write {
        /// Which.
        channel: ChannelId,
        /// By which right.
        capability: Capability,
        /// What its charter says; `None` in a channel without one.
        charter: Option<CharterFacts>,
    },
    /// To read a channel. Changes nothing here.
    Read {
        /// Which.
        channel: ChannelId,
    },
    /// To take a channel away with all that proves it. Changes nothing here.
    ExportChannel {
        /// Which.
        channel: ChannelId,
        /// With what readers are not shown: what was taken back, or counts for nobody.
        all_bodies: bool,
    },
    /// To take the audit log away with what proves it. Changes nothing here.
    ExportAudit,
}
