//! Who the organisation is, who belongs to it, and by which tokens they call.

use crate::id::{MemberId, OrgId};
use crate::name::{Handle, Label, MemberName};
use crate::time::Timestamp;

/// Who this organisation is. There is none before `init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, for ever.
    pub org: OrgId,
    /// Its public root key at initialisation.
    pub root: [u8; 32],
    /// What it calls itself.
    pub handle: Handle,
    /// What it shows to people.
    pub display_name: Label,
    /// When it was initialised.
    pub at: Timestamp,
}

/// A person of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The local part of the address. Unique, also among those who left.
    pub name: MemberName,
    /// What others are shown.
    pub display_name: Label,
    /// May approve, review, watch and disconnect.
    pub administrator: bool,
    /// Still with the organisation.
    pub active: bool,
}

/// What a token lets its bearer do, within what its member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scopes {
    /// Read channels.
    pub read: bool,
    /// Post, create channels, ask.
    pub write: bool,
    /// Act as an administrator, if the member is one.
    pub administer: bool,
}

impl Scopes {
    /// Every scope.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        administer: true,
    };

    /// Whether everything in `other` is in this too.
    pub const fn contains(self, other: Self) -> bool {
        (self.read || !other.read)
            && (self.write || !other.write)
            && (self.administer || !other.administer)
    }

    /// The scopes that are in this, by name.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let Self {
            read,
            write,
            administer,
        } = self;
        [(read, "read"), (write, "write"), (administer, "administer")]
            .into_iter()
            .filter_map(|(set, name)| set.then_some(name))
    }
}

/// A token of the API. Its secret is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// In whose name it acts.
    pub member: MemberId,
    /// What people call it.
    pub name: Label,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// What it may be used for.
    pub scopes: Scopes,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
    /// Taken back.
    pub revoked: bool,
}

impl Token {
    /// Whether it is still good at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires.is_none_or(|expires| now < expires)
    }
}
