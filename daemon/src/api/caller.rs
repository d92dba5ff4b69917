//! Who calls: by the administration socket's peer credentials, or by a token.
//!
//! A call is decided once when it begins; whoever streams asks again, for tokens are revoked and members
//! deactivated meanwhile.

use std::fmt;
use std::time::{Duration, Instant};

use foedus_policy::action::{Action, Actor};
use foedus_policy::decide::{administrator_allowed, decide};
use foedus_policy::id::{ChannelId, MemberId};
use foedus_policy::reason::Reason;
use foedus_policy::secret::authenticate;
use foedus_policy::state::State;
use foedus_policy::time::Timestamp;
use tonic::Code;
use zeroize::Zeroizing;

use super::refusal::Refusal;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine on the administration socket, by its user id.
    Socket {
        /// The user id.
        uid: u32,
        /// Whether that user may administer: the daemon's own, or root.
        allowed: bool,
    },
    /// Somebody over TCP.
    Tcp,
}

/// How a caller says who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// On the socket.
    Socket {
        /// The user id.
        uid: u32,
        /// In whose name.
        as_member: Option<String>,
    },
    /// By the text of a token.
    Token(Zeroizing<String>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid, as_member } => write!(f, "socket:{uid} as {as_member:?}"),
            Self::Token(_) => f.write_str("token"),
        }
    }
}

/// A caller, as the gate let it in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// How it said who it is.
    pub credential: Credential,
    /// Who it was when the call began.
    pub actor: Actor,
    /// Until when it waits.
    pub deadline: Option<Instant>,
}

impl Credential {
    /// What the headers of a call say.
    pub fn of(peer: Peer, headers: &http::HeaderMap) -> Result<Self, Refusal> {
        let text = |name: &str| -> Result<Option<&str>, Refusal> {
            let Some(value) = headers.get(name) else {
                return Ok(None);
            };
            value.to_str().map(Some).map_err(|_| {
                Refusal::malformed(
                    "METADATA_INVALID",
                    format!("`{name}` is not printable text"),
                    "send letters, digits and signs of ASCII in it",
                )
            })
        };
        let as_member = text("foedus-as")?.filter(|name| !name.is_empty());
        match peer {
            Peer::Socket {
                allowed: false,
                uid,
            } => Err(Refusal::new(
                Code::PermissionDenied,
                "NOT_OPERATOR",
                format!("user {uid} is neither the daemon's own user nor root"),
                "run this as the daemon's user, or use a token over TCP",
            )),
            // Whoever brings a token means to act by it, and not as whoever may open the socket.
            Peer::Socket { .. } if headers.contains_key("authorization") => {
                Err(Refusal::malformed(
                    "TOKEN_ONLY_OVER_TCP",
                    "a token does not work on the administration socket",
                    "leave the token out and name a member with `--as`, or use the API over TCP",
                ))
            }
            Peer::Socket { uid, .. } => Ok(Self::Socket {
                uid,
                as_member: as_member.map(str::to_owned),
            }),
            Peer::Tcp if as_member.is_some() => Err(Refusal::malformed(
                "AS_ONLY_ON_SOCKET",
                "`foedus-as` works on the administration socket only",
                "use the member's own token",
            )),
            Peer::Tcp => {
                let authorization = text("authorization")?.ok_or_else(|| {
                    Refusal::new(
                        Code::Unauthenticated,
                        "TOKEN_NEEDED",
                        "the call names no token",
                        "send `authorization: Bearer <token>`; an administrator can make one",
                    )
                })?;
                let token = authorization
                    .split_once(' ')
                    .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                    .ok_or(Reason::TokenInvalid)?;
                Ok(Self::Token(Zeroizing::new(token.1.to_owned())))
            }
        }
    }

    /// Who that is now.
    pub fn actor(&self, state: &State, now: Timestamp) -> Result<Actor, Refusal> {
        match self {
            Self::Socket { uid, as_member } => {
                let as_member = match as_member {
                    None => None,
                    Some(name) => {
                        let member = member_called(state, name).ok_or(Reason::MemberUnknown)?;
                        if !state
                            .members()
                            .get(&member)
                            .is_some_and(|member| member.active)
                        {
                            return Err(Reason::MemberInactive.into());
                        }
                        Some(member)
                    }
                };
                Ok(Actor::Operator {
                    uid: *uid,
                    as_member,
                })
            }
            Self::Token(text) => Ok(authenticate(state, text, now)?),
        }
    }
}

/// The member of this name, or of this address as lists print it.
fn member_called(state: &State, text: &str) -> Option<MemberId> {
    let ours = state.identity().map(|identity| identity.handle.as_str());
    match text.split_once('@') {
        Some((name, handle)) if Some(handle) == ours => state.member_named(name),
        Some(_) => None,
        None => state.member_named(text),
    }
}

impl Caller {
    /// The member in whose name the call is made.
    pub fn member(&self) -> Result<MemberId, Refusal> {
        self.actor
            .member()
            .ok_or_else(|| Reason::MemberNeeded.into())
    }
}

/// Whether the actor may what an administrator may, and if not, why.
pub fn administrator(state: &State, actor: &Actor) -> Result<(), Refusal> {
    Ok(administrator_allowed(state, actor)?)
}

/// Whether the actor may look at what every member may see.
pub fn reader(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::Member { scopes, .. } if !scopes.read => Err(Reason::ScopeMissing.into()),
        _ => Ok(()),
    }
}

/// Whether the actor may read a channel.
pub fn channel_reader(
    state: &State,
    actor: &Actor,
    channel: ChannelId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let act = Action::Read { channel };
    Ok(decide(state, actor, &act, now).into_result().map(drop)?)
}

/// How long a caller waits, by the header that gRPC defines: up to eight digits and a unit.
pub fn timeout(headers: &http::HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let invalid = || {
        Refusal::malformed(
            "DEADLINE_INVALID",
            "`grpc-timeout` is not up to eight digits and a unit",
            "give for example `10S`, or leave it out",
        )
    };
    let text = value.to_str().map_err(|_| invalid())?;
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(invalid)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let count: u64 = digits.parse().map_err(|_| invalid())?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return Err(invalid()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout_of(text: &str) -> Result<Option<Duration>, &'static str> {
        let mut headers = http::HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().expect("a header"));
        timeout(&headers).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn deadlines_are_read_as_grpc_says() {
        assert_eq!(timeout_of("1S"), Ok(Some(Duration::from_secs(1))));
        assert_eq!(timeout_of("250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(
            timeout_of("99999999H"),
            Ok(Some(Duration::from_secs(99_999_999 * 3600)))
        );
        for text in ["", "S", "1", "1s", "123456789S", "-1S", "1 S"] {
            assert_eq!(timeout_of(text), Err("DEADLINE_INVALID"), "{text:?}");
        }
        assert_eq!(timeout(&http::HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_connection_says_what_a_call_may_claim() {
        let mut headers = http::HeaderMap::new();
        headers.insert("foedus-as", "anna".parse().expect("a header"));
        let own = Peer::Socket {
            uid: 7,
            allowed: true,
        };
        let expected = Credential::Socket {
            uid: 7,
            as_member: Some("anna".to_owned()),
        };
        assert_eq!(Credential::of(own, &headers), Ok(expected));
        let other = Peer::Socket {
            uid: 8,
            allowed: false,
        };
        let reason = |peer, headers: &http::HeaderMap| {
            Credential::of(peer, headers).map_err(|refusal| refusal.reason)
        };
        assert_eq!(reason(other, &headers), Err("NOT_OPERATOR"));
        assert_eq!(reason(Peer::Tcp, &headers), Err("AS_ONLY_ON_SOCKET"));
        headers.clear();
        assert_eq!(reason(Peer::Tcp, &headers), Err("TOKEN_NEEDED"));
        headers.insert("authorization", "Basic YTpi".parse().expect("a header"));
        assert_eq!(reason(Peer::Tcp, &headers), Err("TOKEN_INVALID"));
        headers.insert(
            "authorization",
            "bearer foedus_x".parse().expect("a header"),
        );
        let token = Credential::Token(Zeroizing::new("foedus_x".to_owned()));
        assert_eq!(Credential::of(Peer::Tcp, &headers), Ok(token));
        let own = Peer::Socket {
            uid: 7,
            allowed: true,
        };
        assert_eq!(reason(own, &headers), Err("TOKEN_ONLY_OVER_TCP"));
    }
}
