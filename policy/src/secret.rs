//! Tokens as text, and the identifiers that are hashes: of channels and of invitations.
//!
//! Draws nothing: random bytes come in.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::action::{Actor, TokenText};
use crate::id::{ChannelId, OrgId, TokenId, base32, from_base32};
use crate::reason::Reason;
use crate::state::{InvitationId, State};
use crate::time::Timestamp;

/// What every token's text begins with, so that scanners find one that was published.
pub const TOKEN_PREFIX: &str = "foedus_";

const CHECKSUM_BYTES: usize = 4;

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// A channel's id: bound to its host, so that an offer cannot name a channel of somebody else.
pub fn channel_id(host: OrgId, random: &[u8; 16]) -> ChannelId {
    ChannelId(sha256(&[b"foedus/channel/v1\n", host.as_bytes(), random]))
}

/// An invitation's id, which does not give its secret away.
pub fn invitation_id(secret: &[u8; 32]) -> InvitationId {
    InvitationId(sha256(&[b"foedus/invitation/v1\n", secret]))
}

/// What is kept of a token's secret.
pub(crate) fn secret_hash(secret: &[u8; 32]) -> [u8; 32] {
    sha256(&[secret])
}

fn checksum(token: &[u8], secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = sha256(&[b"foedus/token/v1\n", token, secret]);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The text of a token: prefix, then id, secret and checksum in base32.
pub(crate) fn token_text(token: TokenId, secret: &[u8; 32]) -> TokenText {
    let mut bytes = token.as_bytes().to_vec();
    bytes.extend_from_slice(secret);
    bytes.extend_from_slice(&checksum(token.as_bytes(), secret));
    TokenText(format!("{TOKEN_PREFIX}{}", base32(&bytes)))
}

/// Who calls with this token, if it is good at `now`.
pub fn authenticate(state: &State, text: &str, now: Timestamp) -> Result<Actor, Reason> {
    let bytes: [u8; 16 + 32 + CHECKSUM_BYTES] = text
        .trim()
        .strip_prefix(TOKEN_PREFIX)
        .and_then(from_base32)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(Reason::TokenInvalid)?;
    let (id, rest) = bytes.split_at(16);
    let (secret, check) = rest.split_at(32);
    // The checksum finds slips of copying before anybody wonders whether the token was revoked.
    if checksum(id, secret) != check {
        return Err(Reason::TokenInvalid);
    }
    let id = TokenId(id.try_into().expect("split at 16"));
    let token = state.tokens().get(&id).ok_or(Reason::TokenUnknown)?;
    // In constant time: otherwise how long it takes tells how much of the hash was right.
    if !bool::from(sha256(&[secret]).ct_eq(&token.secret_sha256)) {
        return Err(Reason::TokenUnknown);
    }
    if token.revoked {
        return Err(Reason::TokenRevoked);
    }
    if !token.is_live(now) {
        return Err(Reason::TokenExpired);
    }
    if !state
        .members()
        .get(&token.member)
        .is_some_and(|member| member.active)
    {
        return Err(Reason::MemberInactive);
    }
    Ok(Actor::Member {
        member: token.member,
        scopes: token.scopes,
    })
}
