//! State as single records: what a change puts or removes, and the way back from a store.

use crate::id::{ChannelId, MemberId, OrgId, ProjectId, RequestNumber, TokenId};
use crate::name::Pattern;
use crate::state::{
    Channel, Identity, Invitation, InvitationId, Leap, Listing, Member, Membership, Partner,
    PartnerMode, Project, Request, State, Token,
};

/// A record that was put or removed. Which of the two, [`State::record`] tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Who this organisation is.
    Identity,
    /// Whom it would have as a partner.
    PartnerMode,
    /// One member.
    Member(MemberId),
    /// One token.
    Token(TokenId),
    /// One invitation.
    Invitation(InvitationId),
    /// One partner.
    Partner(OrgId),
    /// One line of the allow and deny lists.
    Pattern(Pattern),
    /// One request.
    Request(RequestNumber),
    /// One project.
    Project(ProjectId),
    /// One channel.
    Channel(ChannelId),
    /// One member of one channel.
    Membership(ChannelId, MemberId),
    /// That our clock leapt.
    Leap,
}

/// One record with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Who this organisation is.
    Identity(Identity),
    /// Whom it would have as a partner.
    PartnerMode(PartnerMode),
    /// One member.
    Member(MemberId, Member),
    /// One token.
    Token(TokenId, Token),
    /// One invitation.
    Invitation(InvitationId, Invitation),
    /// One partner.
    Partner(OrgId, Partner),
    /// One line of the allow and deny lists.
    Pattern(Pattern, Listing),
    /// One request.
    Request(RequestNumber, Request),
    /// One project.
    Project(ProjectId, Project),
    /// One channel.
    Channel(ChannelId, Channel),
    /// One member of one channel.
    Membership(ChannelId, MemberId, Membership),
    /// That our clock leapt.
    Leap(Leap),
}

impl State {
    /// The record that a change is about; `None` if there is none, because it was removed.
    pub fn record(&self, change: &Change) -> Option<Record> {
        Some(match change {
            Change::Identity => Record::Identity(self.identity.clone()?),
            Change::PartnerMode => Record::PartnerMode(self.mode),
            Change::Member(id) => Record::Member(*id, self.members.get(id)?.clone()),
            Change::Token(id) => Record::Token(*id, self.tokens.get(id)?.clone()),
            Change::Invitation(id) => Record::Invitation(*id, self.invitations.get(id)?.clone()),
            Change::Partner(org) => Record::Partner(*org, self.partners.get(org)?.clone()),
            Change::Pattern(pattern) => {
                Record::Pattern(pattern.clone(), *self.patterns.get(pattern)?)
            }
            Change::Request(number) => Record::Request(*number, self.requests.get(number)?.clone()),
            Change::Project(id) => Record::Project(*id, self.projects.get(id)?.clone()),
            Change::Channel(id) => Record::Channel(*id, self.channels.get(id)?.clone()),
            Change::Membership(channel, member) => {
                let membership = *self.memberships.get(&(*channel, *member))?;
                Record::Membership(*channel, *member, membership)
            }
            Change::Leap => Record::Leap(self.leap?),
        })
    }

    /// The state that these records are, as they were stored with this version.
    pub fn restore(version: u64, records: impl IntoIterator<Item = Record>) -> Self {
        let mut state = Self {
            version,
            ..Self::default()
        };
        for record in records {
            state.put(record);
        }
        state
    }

    /// Every record, in the order of [`Change`].
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let one = [Change::Identity, Change::PartnerMode];
        one.into_iter()
            .chain(self.members.keys().copied().map(Change::Member))
            .chain(self.tokens.keys().copied().map(Change::Token))
            .chain(self.invitations.keys().copied().map(Change::Invitation))
            .chain(self.partners.keys().copied().map(Change::Partner))
            .chain(self.patterns.keys().cloned().map(Change::Pattern))
            .chain(self.requests.keys().copied().map(Change::Request))
            .chain(self.projects.keys().copied().map(Change::Project))
            .chain(self.channels.keys().copied().map(Change::Channel))
            .chain(
                self.memberships
                    .keys()
                    .map(|(channel, member)| Change::Membership(*channel, *member)),
            )
            .chain([Change::Leap])
            .filter_map(|change| self.record(&change))
    }

    /// Puts one record, in place of an earlier one with its key, and keeps the names in step.
    pub(crate) fn put(&mut self, record: Record) -> Change {
        match record {
            Record::Identity(identity) => {
                self.identity = Some(identity);
                Change::Identity
            }
            Record::PartnerMode(mode) => {
                self.mode = mode;
                Change::PartnerMode
            }
            Record::Member(id, member) => {
                self.member_names.insert(member.name.clone(), id);
                self.members.insert(id, member);
                Change::Member(id)
            }
            Record::Token(id, token) => {
                self.tokens.insert(id, token);
                Change::Token(id)
            }
            Record::Invitation(id, invitation) => {
                self.invitations.insert(id, invitation);
                Change::Invitation(id)
            }
            Record::Partner(org, partner) => {
                self.partners.insert(org, partner);
                Change::Partner(org)
            }
            Record::Pattern(pattern, listing) => {
                self.patterns.insert(pattern.clone(), listing);
                Change::Pattern(pattern)
            }
            Record::Request(number, request) => {
                self.requests.insert(number, request);
                Change::Request(number)
            }
            Record::Project(id, project) => {
                self.project_names.insert(project.name.clone(), id);
                self.projects.insert(id, project);
                Change::Project(id)
            }
            Record::Channel(id, channel) => {
                if let Some(before) = self.channels.get(&id) {
                    self.channel_names.remove(&before.name);
                }
                self.channel_names.insert(channel.name.clone(), id);
                self.channels.insert(id, channel);
                Change::Channel(id)
            }
            Record::Membership(channel, member, membership) => {
                self.memberships.insert((channel, member), membership);
                Change::Membership(channel, member)
            }
            Record::Leap(leap) => {
                self.leap = Some(leap);
                Change::Leap
            }
        }
    }

    /// Removes the record of a key. Members, projects, memberships, this organisation's identity
    /// and its mode are never removed; a channel only while nothing was ever written to it.
    pub(crate) fn remove(&mut self, change: &Change) {
        match change {
            Change::Token(id) => drop(self.tokens.remove(id)),
            Change::Invitation(id) => drop(self.invitations.remove(id)),
            Change::Partner(org) => drop(self.partners.remove(org)),
            Change::Pattern(pattern) => drop(self.patterns.remove(pattern)),
            Change::Request(number) => drop(self.requests.remove(number)),
            Change::Channel(id) => {
                if let Some(before) = self.channels.remove(id) {
                    self.channel_names.remove(&before.name);
                }
            }
            Change::Membership(channel, member) => {
                self.memberships.remove(&(*channel, *member));
            }
            Change::Leap => self.leap = None,
            Change::Identity | Change::PartnerMode | Change::Member(_) | Change::Project(_) => {
                unreachable!("such a record is never removed")
            }
        }
    }

    /// One version further.
    pub(crate) fn advance(&mut self) {
        self.version += 1;
    }
}
