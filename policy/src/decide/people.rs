//! Rules about the organisation itself, its members and their tokens.

use super::Asked;
use super::caller::Caller;
use crate::action::Actor;
use crate::bounds::{MEMBERS_COUNT_MAX, TOKENS_PER_MEMBER_COUNT_MAX};
use crate::id::{MemberId, TokenId};
use crate::name::{Handle, Label, MemberName};
use crate::reason::Reason;
use crate::state::{Member, Scopes, State};
use crate::time::Timestamp;

/// The organisation is made once, by whoever controls the machine.
pub(super) fn init(
    state: &State,
    actor: &Actor,
    handle: &str,
    display_name: &str,
    administrator: &str,
) -> Result<(), Reason> {
    if !matches!(
        actor,
        Actor::Operator {
            as_member: None,
            ..
        }
    ) {
        return Err(Reason::NotOperator);
    }
    if state.identity().is_some() {
        return Err(Reason::AlreadyInitialised);
    }
    Handle::parse(handle).map_err(|_| Reason::HandleInvalid)?;
    Label::parse(display_name).map_err(|_| Reason::TextInvalid)?;
    MemberName::parse(administrator).map_err(|_| Reason::NameInvalid)?;
    Ok(())
}

impl Asked<'_> {
    pub(super) fn add_member(&self, name: &str, display_name: &str) -> Result<(), Reason> {
        self.caller.administrator()?;
        MemberName::parse(name).map_err(|_| Reason::NameInvalid)?;
        Label::parse(display_name).map_err(|_| Reason::TextInvalid)?;
        // Also a name of somebody who left: their words must not look like somebody else's.
        if self.state.member_named(name).is_some() {
            return Err(Reason::NameTaken);
        }
        if self.state.members().len() >= MEMBERS_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    pub(super) fn active_member(&self, member: MemberId) -> Result<&Member, Reason> {
        let known = self
            .state
            .members()
            .get(&member)
            .ok_or(Reason::MemberUnknown)?;
        if known.active {
            Ok(known)
        } else {
            Err(Reason::MemberInactive)
        }
    }

    /// Whether there is an active administrator other than `member`.
    pub(super) fn another_administrator(&self, member: MemberId) -> bool {
        let mut members = self.state.members().iter();
        members.any(|(id, other)| *id != member && other.active && other.administrator)
    }

    pub(super) fn deactivate_member(&self, member: MemberId) -> Result<(), Reason> {
        self.caller.administrator()?;
        let known = self.active_member(member)?;
        if known.administrator && !self.another_administrator(member) {
            return Err(Reason::LastAdministrator);
        }
        Ok(())
    }

    /// Only administrators make tokens: a member's token that could make another would outlive
    /// its own end.
    pub(super) fn create_token(
        &self,
        member: MemberId,
        name: &str,
        scopes: Scopes,
        expires: Option<Timestamp>,
    ) -> Result<(), Reason> {
        self.caller.administrator()?;
        let known = self.active_member(member)?;
        Label::parse(name).map_err(|_| Reason::TextInvalid)?;
        if scopes == Scopes::default() {
            return Err(Reason::ScopesNeeded);
        }
        if scopes.administer && !known.administrator {
            return Err(Reason::ScopeTooWide);
        }
        if expires.is_some_and(|expires| expires <= self.now) {
            return Err(Reason::EndInPast);
        }
        let live = self.state.tokens().values();
        let live = live.filter(|token| token.member == member && token.is_live(self.now));
        if live.count() >= TOKENS_PER_MEMBER_COUNT_MAX {
            return Err(Reason::LimitReached);
        }
        Ok(())
    }

    /// By an administrator, or by its owner with any token: who finds one lost should not have
    /// to look for the right one to stop it.
    pub(super) fn revoke_token(&self, token: TokenId) -> Result<(), Reason> {
        self.caller.person()?;
        let known = self.state.tokens().get(&token);
        let owner = |member| known.is_some_and(|token| token.member == member);
        match self.caller {
            Caller::Member { member, .. } if owner(member) => Ok(()),
            _ => {
                self.caller.administrator()?;
                known.map(drop).ok_or(Reason::TokenUnknown)
            }
        }
    }
}
