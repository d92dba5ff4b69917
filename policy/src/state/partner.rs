//! Partners, the invitations that lead to them, and the rules about whom to have as one.

use std::fmt;

use crate::id::{InvitationId, OrgId, RequestNumber};
use crate::name::Handle;
use crate::state::Offer;
use crate::time::Timestamp;

/// 32 bytes that must not be shown: their `Debug` form hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What has become of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// May be answered, once.
    Open,
    /// Answered.
    Used {
        /// By whom.
        by: OrgId,
    },
    /// Taken back.
    Revoked,
    /// Not answered in time.
    Expired,
}

/// An invitation that this organisation gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who knows it may answer. Kept because the six words are drawn from it.
    pub secret: Secret,
    /// Whom it is for; `None`: whoever brings it, as far as the partner rules go.
    pub expects: Option<Handle>,
    /// Where this organisation could be reached when it was given out, `host:port`.
    pub addresses: Vec<String>,
    /// From when on it can't be answered.
    pub expires: Timestamp,
    /// What has become of it.
    pub state: InvitationState,
    /// The request whose approval made it.
    pub request: Option<RequestNumber>,
    /// The channel that comes with it.
    pub offer: Option<Offer>,
}

/// How far the two organisations have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartnerState {
    /// They answered our invitation; our administrator has not confirmed who it was.
    Replied,
    /// We took up their invitation; our administrator has not approved.
    Accepted,
    /// Approved here. A link may be.
    Active,
    /// Nothing of theirs is taken and nothing goes to them until resumed.
    Suspended,
    /// Over. A new invitation would begin anew.
    Disconnected,
}

/// An organisation that this one has, or is about to have, a peering with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// What it calls itself.
    pub handle: Handle,
    /// Its public root key, as pinned at pairing.
    pub root: [u8; 32],
    /// How far it has come.
    pub state: PartnerState,
    /// An administrator compared the six words.
    pub verified: bool,
    /// By which invitation, of ours or of theirs.
    pub invitation: InvitationId,
    /// What both sides must see.
    pub words: [String; 6],
    /// Since when it has been a partner, or has asked to be one.
    pub since: Timestamp,
}

/// Whom this organisation would have as a partner at all. Each still needs an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartnerMode {
    /// No one new.
    Nobody,
    /// Those on the allow list.
    #[default]
    Listed,
    /// Anyone who is not on the deny list.
    AnyoneAfterApproval,
}

impl PartnerMode {
    /// The text form.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Listed => "listed",
            Self::AnyoneAfterApproval => "anyone-after-approval",
        }
    }
}

/// What the rules say of a pattern. Where two patterns match, deny wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// On the allow list.
    Allow,
    /// On the deny list.
    Deny,
}
