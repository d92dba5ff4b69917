//! What the organisation knows, as callers are shown it. Functions from domain types to messages; nothing is
//! decided or read here.

mod channel;
mod next;
mod partner;
mod request;
mod words;

use foedus_federation::channel::ChannelView;
use foedus_federation::identity::IdentityChain;
use foedus_federation::timeline::{Who, who};
use foedus_policy::id::{AuthorId, MemberId, OrgId, TokenId};
use foedus_policy::state::{Invitation, InvitationId, InvitationState, Person, Scopes, Token};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::{Access, AuthorKind};
use foedus_proto::api::v1;

use super::Seen;

pub use channel::held;
pub(super) use words::Comparison;

/// A time as the protocol has it.
pub fn time(at: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: i64::try_from(at.0 / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(at.0 % 1000).expect("less than a thousand") * 1_000_000,
    })
}

/// The same, where there may be none.
pub fn maybe_time(at: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    at.and_then(time)
}

pub fn access(access: Access) -> v1::Access {
    match access {
        Access::Full => v1::Access::Full,
        Access::PostOnly => v1::Access::PostOnly,
        Access::ReadOnly => v1::Access::ReadOnly,
    }
}

pub fn kind(kind: AuthorKind) -> v1::MemberKind {
    match kind {
        AuthorKind::Member => v1::MemberKind::Member,
        AuthorKind::Guest => v1::MemberKind::Guest,
        AuthorKind::Bot => v1::MemberKind::Bot,
        AuthorKind::Bridge => v1::MemberKind::Bridge,
    }
}

pub fn scopes(scopes: Scopes) -> Vec<i32> {
    let all = [
        (scopes.read, v1::TokenScope::Read),
        (scopes.write, v1::TokenScope::Write),
        (scopes.administer, v1::TokenScope::Administer),
    ];
    let set = all.into_iter().filter(|(set, _)| *set);
    set.map(|(_, scope)| scope.into()).collect()
}

impl Seen {
    /// The handle that an organisation claims; empty if we do not know it.
    pub(super) fn handle(&self, org: OrgId) -> String {
        if self.org.org() == Some(org) {
            return self
                .org
                .handle()
                .map_or_else(String::new, ToString::to_string);
        }
        self.org.claimed_handle(org).unwrap_or_default()
    }

    /// `anna@acme.example`.
    pub(super) fn address(&self, member: MemberId) -> String {
        let Some(known) = self.state().members().get(&member) else {
            return member.to_string();
        };
        match self.org.handle() {
            Some(handle) => format!("{}@{handle}", known.name),
            None => known.name.to_string(),
        }
    }

    /// Who asked or decided.
    pub(super) fn person(&self, person: Person) -> String {
        match person {
            Person::Member(member) => self.address(member),
            Person::Operator(uid) => format!("socket:{uid}"),
            Person::Partner(org) => self.handle(org),
        }
    }

    pub(super) fn author(&self, view: &ChannelView, origin: OrgId, author: AuthorId) -> v1::Author {
        let Who {
            org,
            author,
            known,
            handle,
            external,
            verified,
            introduced_by,
        } = who(view, &self.org, origin, author);
        let of_org = author == foedus_federation::entry::ORG_AUTHOR;
        let (address, display_name, author_kind) = match known {
            Some(known) => (known.address, known.display_name, kind(known.kind)),
            None => (String::new(), String::new(), v1::MemberKind::Unspecified),
        };
        v1::Author {
            author_id: if of_org {
                String::new()
            } else {
                author.to_string()
            },
            address,
            display_name,
            organisation_handle: match external {
                true => handle.unwrap_or_default(),
                false => self.handle(org),
            },
            organisation_id: org.to_string(),
            external,
            verified,
            introduced_by: introduced_by.map_or_else(String::new, |by| self.handle(by)),
            kind: author_kind.into(),
        }
    }

    pub(super) fn member_message(&self, id: MemberId) -> v1::Member {
        let Some(member) = self.state().members().get(&id) else {
            return v1::Member::default();
        };
        let mut roles = vec![v1::Role::Member.into()];
        if member.administrator {
            roles.push(v1::Role::Administrator.into());
        }
        v1::Member {
            member_id: id.to_string(),
            name: member.name.to_string(),
            address: self.address(id),
            display_name: member.display_name.to_string(),
            kind: v1::MemberKind::Member.into(),
            roles,
            active: member.active,
        }
    }

    pub(super) fn token_message(&self, id: TokenId, token: &Token) -> v1::Token {
        v1::Token {
            token_id: id.to_string(),
            member: self.address(token.member),
            label: token.name.to_string(),
            scopes: scopes(token.scopes),
            expires_at: maybe_time(token.expires),
            revoked: token.revoked,
        }
    }

    pub(super) fn identity_message(
        &self,
        chain: &IdentityChain,
        endpoints: Vec<String>,
    ) -> v1::Identity {
        let identity = chain.current();
        v1::Identity {
            organisation_id: identity.org.to_string(),
            handle: identity.handle.to_string(),
            serial: identity.serial,
            root_key: identity.root.to_string(),
            link_key: identity.link.to_string(),
            sign_key: identity.sign.to_string(),
            endpoints,
            note: String::from_utf8_lossy(chain.newest().bytes()).into_owned(),
        }
    }

    pub(super) fn invitation_message(
        &self,
        id: InvitationId,
        invitation: &Invitation,
    ) -> v1::Invitation {
        let accepted_by = match invitation.state {
            InvitationState::Used { by } => Some(by),
            _ => None,
        };
        let state = match invitation.state {
            InvitationState::Open if invitation.expires <= self.now => v1::InvitationState::Expired,
            InvitationState::Open => v1::InvitationState::Open,
            InvitationState::Used { .. } => v1::InvitationState::Consumed,
            InvitationState::Revoked => v1::InvitationState::Revoked,
            InvitationState::Expired => v1::InvitationState::Expired,
        };
        let request = invitation
            .request
            .and_then(|number| self.state().requests().get(&number));
        let created_by = request.and_then(request::decided);
        let channel = invitation
            .offer
            .as_ref()
            .and_then(|offer| self.state().channels().get(&offer.channel));
        let made = invitation
            .expires
            .minus_millis(foedus_policy::bounds::INVITATION_MILLIS);
        v1::Invitation {
            invitation_id: id.to_string(),
            state: state.into(),
            expected_handle: invitation
                .expects
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            created_at: time(made),
            expires_at: time(invitation.expires),
            created_by: created_by.map_or_else(String::new, |(by, _)| self.person(by)),
            request: invitation
                .request
                .map_or_else(String::new, |number| number.to_string()),
            channel_name: channel.map_or_else(String::new, |channel| channel.name.to_string()),
            accepted_by_organisation_id: accepted_by.map_or_else(String::new, |by| by.to_string()),
            accepted_by_handle: accepted_by.map_or_else(String::new, |by| self.handle(by)),
            addresses: invitation.addresses.clone(),
        }
    }
}
