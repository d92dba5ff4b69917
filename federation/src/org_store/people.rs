//! Mirrors of the organisation's identity, its members and tokens.

use foedus_policy::id::{MemberId, OrgId};
use foedus_policy::state::{Identity, Member, Scopes, Token};
use foedus_policy::time::Timestamp;
use tls_codec::{TlsDeserializeBytes, TlsSerialize, TlsSize};

use super::field::{Flag, InvalidField, Text, name, text};

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct IdentityRow {
    org: [u8; 32],
    root: [u8; 32],
    handle: Text,
    display_name: Text,
    at: u64,
}

impl From<&Identity> for IdentityRow {
    fn from(identity: &Identity) -> Self {
        let Identity {
            org,
            root,
            handle,
            display_name,
            at,
        } = identity;
        Self {
            org: org.0,
            root: *root,
            handle: text(handle.as_str()),
            display_name: text(display_name.as_str()),
            at: at.0,
        }
    }
}

impl TryFrom<IdentityRow> for Identity {
    type Error = InvalidField;

    fn try_from(row: IdentityRow) -> Result<Self, InvalidField> {
        let IdentityRow {
            org,
            root,
            handle,
            display_name,
            at,
        } = row;
        Ok(Self {
            org: OrgId(org),
            root,
            handle: name("handle", &handle)?,
            display_name: name("display name", &display_name)?,
            at: Timestamp(at),
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct MemberRow {
    name: Text,
    display_name: Text,
    administrator: Flag,
    active: Flag,
}

impl From<&Member> for MemberRow {
    fn from(member: &Member) -> Self {
        let Member {
            name,
            display_name,
            administrator,
            active,
        } = member;
        Self {
            name: text(name.as_str()),
            display_name: text(display_name.as_str()),
            administrator: (*administrator).into(),
            active: (*active).into(),
        }
    }
}

impl TryFrom<MemberRow> for Member {
    type Error = InvalidField;

    fn try_from(row: MemberRow) -> Result<Self, InvalidField> {
        let MemberRow {
            name: member_name,
            display_name,
            administrator,
            active,
        } = row;
        Ok(Self {
            name: name("name", &member_name)?,
            display_name: name("display name", &display_name)?,
            administrator: administrator.into(),
            active: active.into(),
        })
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
struct ScopesRow {
    read: Flag,
    write: Flag,
    administer: Flag,
}

impl From<Scopes> for ScopesRow {
    fn from(
        Scopes {
            read,
            write,
            administer,
        }: Scopes,
    ) -> Self {
        Self {
            read: read.into(),
            write: write.into(),
            administer: administer.into(),
        }
    }
}

impl From<ScopesRow> for Scopes {
    fn from(
        ScopesRow {
            read,
            write,
            administer,
        }: ScopesRow,
    ) -> Self {
        Self {
            read: read.into(),
            write: write.into(),
            administer: administer.into(),
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct TokenRow {
    member: [u8; 16],
    name: Text,
    secret_sha256: [u8; 32],
    scopes: ScopesRow,
    expires: Option<u64>,
    revoked: Flag,
}

impl From<&Token> for TokenRow {
    fn from(token: &Token) -> Self {
        let Token {
            member,
            name,
            secret_sha256,
            scopes,
            expires,
            revoked,
        } = token;
        Self {
            member: member.0,
            name: text(name.as_str()),
            secret_sha256: *secret_sha256,
            scopes: (*scopes).into(),
            expires: expires.map(|expires| expires.0),
            revoked: (*revoked).into(),
        }
    }
}

impl TryFrom<TokenRow> for Token {
    type Error = InvalidField;

    fn try_from(row: TokenRow) -> Result<Self, InvalidField> {
        let TokenRow {
            member,
            name: token_name,
            secret_sha256,
            scopes,
            expires,
            revoked,
        } = row;
        Ok(Self {
            member: MemberId(member),
            name: name("name", &token_name)?,
            secret_sha256,
            scopes: scopes.into(),
            expires: expires.map(Timestamp),
            revoked: revoked.into(),
        })
    }
}
