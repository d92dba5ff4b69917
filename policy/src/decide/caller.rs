//! Who asks, looked up: what a person, a partner or the daemon may at all.

use crate::action::Actor;
use crate::id::{MemberId, OrgId};
use crate::reason::Reason;
use crate::state::{Person, Scopes, State};

/// An actor that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// At the administration socket, in nobody's name: what an administrator may.
    Operator(u32),
    /// A member, by token or by somebody at the socket.
    Member {
        member: MemberId,
        administrator: bool,
        scopes: Scopes,
    },
    /// Another organisation.
    Partner(OrgId),
    /// The daemon.
    Daemon,
}

/// Whether an actor may what every administrator may, for whoever shows what only administrators see.
pub fn administrator_allowed(state: &State, actor: &Actor) -> Result<(), Reason> {
    Caller::of(state, actor)?.administrator().map(drop)
}

impl Caller {
    pub(super) fn of(state: &State, actor: &Actor) -> Result<Self, Reason> {
        if state.identity().is_none() {
            return Err(Reason::NotInitialised);
        }
        let (member, scopes) = match *actor {
            Actor::Operator {
                uid,
                as_member: None,
            } => return Ok(Self::Operator(uid)),
            Actor::Operator {
                as_member: Some(member),
                ..
            } => (member, Scopes::ALL),
            Actor::Member { member, scopes } => (member, scopes),
            Actor::Partner(org) => return Ok(Self::Partner(org)),
            Actor::System => return Ok(Self::Daemon),
        };
        let known = state.members().get(&member).ok_or(Reason::MemberUnknown)?;
        if !known.active {
            return Err(Reason::MemberInactive);
        }
        Ok(Self::Member {
            member,
            administrator: known.administrator,
            scopes,
        })
    }

    /// Whoever is a person of this organisation, as which person.
    pub(super) fn person(self) -> Result<Person, Reason> {
        match self {
            Self::Operator(uid) => Ok(Person::Operator(uid)),
            Self::Member { member, .. } => Ok(Person::Member(member)),
            Self::Partner(_) => Err(Reason::NotForPartners),
            Self::Daemon => Err(Reason::PeopleOnly),
        }
    }

    pub(super) fn is_administrator(self) -> bool {
        self.administrator().is_ok()
    }

    /// An administrator, by a token that says so.
    pub(super) fn administrator(self) -> Result<Person, Reason> {
        match self {
            Self::Member {
                administrator: false,
                ..
            } => Err(Reason::NotAdministrator),
            Self::Member {
                scopes: Scopes {
                    administer: false, ..
                },
                ..
            } => Err(Reason::ScopeMissing),
            Self::Operator(_) | Self::Member { .. } | Self::Partner(_) | Self::Daemon => {
                self.person()
            }
        }
    }

    /// An administrator by name, for a yes or a no that somebody stands for: whoever is at the socket can act
    /// in any administrator's name, and says in whose.
    pub(super) fn named_administrator(self) -> Result<MemberId, Reason> {
        match self.administrator()? {
            Person::Member(member) => Ok(member),
            Person::Operator(_) | Person::Partner(_) => Err(Reason::MemberNeeded),
        }
    }

    /// A person who may change things.
    pub(super) fn writer(self) -> Result<Person, Reason> {
        match self {
            Self::Member {
                scopes: Scopes { write: false, .. },
                ..
            } => Err(Reason::ScopeMissing),
            Self::Operator(_) | Self::Member { .. } | Self::Partner(_) | Self::Daemon => {
                self.person()
            }
        }
    }

    /// A member who may change things: where it matters who.
    pub(super) fn writing_member(self) -> Result<MemberId, Reason> {
        match self.writer()? {
            Person::Member(member) => Ok(member),
            Person::Operator(_) | Person::Partner(_) => Err(Reason::MemberNeeded),
        }
    }

    /// The daemon, for what it verified itself.
    pub(super) fn daemon(self) -> Result<(), Reason> {
        match self {
            Self::Daemon => Ok(()),
            Self::Partner(_) => Err(Reason::NotForPartners),
            Self::Operator(_) | Self::Member { .. } => Err(Reason::DaemonOnly),
        }
    }
}
