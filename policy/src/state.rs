//! What the organisation knows about itself: members, partners, requests, projects, channels.
//!
//! A version is a value: a clone costs nothing, since versions share what did not change. Only
//! `apply` makes a new one; reading it back from a store is [`State::restore`]. Knows nothing of
//! how records are stored, nor of what charters say and what was written.

mod channel;
mod clock;
mod member;
mod partner;
mod record;
mod request;
mod wanted;

use imbl::OrdMap;

use crate::id::{AuthorId, ChannelId, MemberId, OrgId, ProjectId, RequestNumber, TokenId};
use crate::name::{ChannelName, Handle, Label, MemberName, Pattern};

pub use crate::id::InvitationId;
pub use channel::{Channel, Ended, Membership, Offer, Project, Sharing, Visibility};
pub use clock::Leap;
pub use member::{Identity, Member, Scopes, Token};
pub use partner::{
    Invitation, InvitationState, Listing, Partner, PartnerMode, PartnerState, Secret,
};
pub use record::{Change, Record};
pub use request::{Person, Request, RequestKind, RequestState};
pub use wanted::is_wanted;

/// One version of what the organisation knows about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    version: u64,
    identity: Option<Identity>,
    mode: PartnerMode,
    leap: Option<Leap>,
    members: OrdMap<MemberId, Member>,
    tokens: OrdMap<TokenId, Token>,
    invitations: OrdMap<InvitationId, Invitation>,
    partners: OrdMap<OrgId, Partner>,
    patterns: OrdMap<Pattern, Listing>,
    requests: OrdMap<RequestNumber, Request>,
    projects: OrdMap<ProjectId, Project>,
    channels: OrdMap<ChannelId, Channel>,
    memberships: OrdMap<(ChannelId, MemberId), Membership>,
    // By name, derived from the above.
    member_names: OrdMap<MemberName, MemberId>,
    project_names: OrdMap<Label, ProjectId>,
    channel_names: OrdMap<ChannelName, ChannelId>,
}

impl State {
    /// Which version this is. Every applied act that changes anything makes it one more.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Who this organisation is; `None` before `init`.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// This organisation's id; `None` before `init`.
    pub fn org(&self) -> Option<OrgId> {
        self.identity.as_ref().map(|identity| identity.org)
    }

    /// Whom this organisation would have as a partner.
    pub fn mode(&self) -> PartnerMode {
        self.mode
    }

    /// That our clock leapt, and nobody has said since that it is right.
    pub fn leap(&self) -> Option<Leap> {
        self.leap
    }

    /// All members, also those who left.
    pub fn members(&self) -> &OrdMap<MemberId, Member> {
        &self.members
    }

    /// All tokens, also dead ones.
    pub fn tokens(&self) -> &OrdMap<TokenId, Token> {
        &self.tokens
    }

    /// All invitations given out, also those that were answered.
    pub fn invitations(&self) -> &OrdMap<InvitationId, Invitation> {
        &self.invitations
    }

    /// All partners, in whatever state.
    pub fn partners(&self) -> &OrdMap<OrgId, Partner> {
        &self.partners
    }

    /// The allow and deny lists.
    pub fn patterns(&self) -> &OrdMap<Pattern, Listing> {
        &self.patterns
    }

    /// All requests, also decided ones, in the order in which they were made.
    pub fn requests(&self) -> &OrdMap<RequestNumber, Request> {
        &self.requests
    }

    /// All projects, also ended ones.
    pub fn projects(&self) -> &OrdMap<ProjectId, Project> {
        &self.projects
    }

    /// All channels, also ended ones.
    pub fn channels(&self) -> &OrdMap<ChannelId, Channel> {
        &self.channels
    }

    /// Who is, or was, in which channel.
    pub fn memberships(&self) -> &OrdMap<(ChannelId, MemberId), Membership> {
        &self.memberships
    }

    /// The member of this name.
    pub fn member_named(&self, name: &str) -> Option<MemberId> {
        self.member_names
            .get(&MemberName::parse(name).ok()?)
            .copied()
    }

    /// The channel that this organisation calls so.
    pub fn channel_named(&self, name: &str) -> Option<ChannelId> {
        self.channel_names
            .get(&ChannelName::parse(name).ok()?)
            .copied()
    }

    /// The project of this name.
    pub fn project_named(&self, name: &str) -> Option<ProjectId> {
        self.project_names.get(&Label::parse(name).ok()?).copied()
    }

    /// The partner that calls itself so; one that is not disconnected before one that is.
    pub fn partner_named(&self, handle: &Handle) -> Option<OrgId> {
        let named = || {
            self.partners
                .iter()
                .filter(|(_, partner)| partner.handle == *handle)
        };
        named()
            .find(|(_, partner)| partner.state != PartnerState::Disconnected)
            .or_else(|| named().next())
            .map(|(org, _)| *org)
    }

    /// Who a member is to a channel that they are in now.
    pub fn author(&self, channel: ChannelId, member: MemberId) -> Option<AuthorId> {
        let membership = self.memberships.get(&(channel, member))?;
        membership.present.then_some(membership.author)
    }

    /// Who is, or was, in a channel.
    pub fn memberships_of(
        &self,
        channel: ChannelId,
    ) -> impl Iterator<Item = (MemberId, &Membership)> {
        let all = (channel, MemberId([0; 16]))..=(channel, MemberId([0xFF; 16]));
        self.memberships
            .range(all)
            .map(|((_, member), membership)| (*member, membership))
    }

    /// Who is in a channel now.
    pub fn members_of(&self, channel: ChannelId) -> impl Iterator<Item = (MemberId, AuthorId)> {
        self.memberships_of(channel)
            .filter(|(_, membership)| membership.present)
            .map(|(member, membership)| (member, membership.author))
    }

    /// Which channels are shared with an organisation and have not ended.
    pub fn channels_with(&self, org: OrgId) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.channels
            .iter()
            .filter_map(move |(id, channel)| match &channel.sharing {
                Sharing::Shared {
                    participants,
                    ended: None,
                    ..
                } if participants.contains_key(&org) => Some((*id, channel)),
                _ => None,
            })
    }

    /// What the partner rules say of an organisation: denied, allowed or nothing. Deny wins.
    pub fn listing(&self, org: Option<&OrgId>, handle: Option<&Handle>) -> Option<Listing> {
        let mut found = None;
        for (pattern, listing) in &self.patterns {
            if pattern.matches(org, handle) {
                match listing {
                    Listing::Deny => return Some(Listing::Deny),
                    Listing::Allow => found = Some(Listing::Allow),
                }
            }
        }
        found
    }

    /// The number that the next request gets.
    pub(crate) fn next_request(&self) -> RequestNumber {
        // The request with the highest number is never removed, so no number is given twice.
        let last = self.requests.get_max().map_or(0, |(number, _)| number.0);
        RequestNumber(last.saturating_add(1))
    }

    /// Whether somebody answered this invitation and still waits for our confirmation.
    pub(crate) fn invitation_is_needed(&self, invitation: &InvitationId) -> bool {
        let waits = |partner: &Partner| {
            partner.state == PartnerState::Replied && partner.invitation == *invitation
        };
        self.partners.values().any(waits)
    }
}
