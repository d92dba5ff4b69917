//! The layout of bodies, as `tls_codec` derives it. Only [`super::body`] uses it, and checks
//! what comes out; limits and text are not looked at here.

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};
use tls_codec::{TlsByteVecU8, TlsByteVecU16, TlsDeserializeBytes, TlsSerialize, TlsSize};

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Reference {
    origin: [u8; 32],
    incarnation: [u8; 16],
    sequence: u64,
}

impl From<EntryRef> for Reference {
    fn from(
        EntryRef {
            origin,
            incarnation,
            sequence,
        }: EntryRef,
    ) -> Self {
        Self {
            origin: origin.0,
            incarnation: incarnation.0,
            sequence,
        }
    }
}

impl From<Reference> for EntryRef {
    fn from(
        Reference {
            origin,
            incarnation,
            sequence,
        }: Reference,
    ) -> Self {
        Self {
            origin: OrgId(origin),
            incarnation: IncarnationId(incarnation),
            sequence,
        }
    }
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Post {
    pub text: TlsByteVecU16,
    pub reply_to: Option<Reference>,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Edit {
    pub target: Reference,
    pub text: TlsByteVecU16,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct React {
    pub target: Reference,
    pub emoji: TlsByteVecU8,
    pub on: u8,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Joined {
    pub author_kind: u8,
    pub address: TlsByteVecU16,
    pub display_name: TlsByteVecU8,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Opened {
    pub key: [u8; 32],
    /// Rows are read one by one from exactly these bytes: `tls_codec` would let the last row of a
    /// vector reach past the vector's stated length.
    pub closes: TlsByteVecU16,
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct ClosedLog {
    pub incarnation: [u8; 16],
    pub size: u64,
    pub root: [u8; 32],
}

#[derive(TlsSize, TlsSerialize, TlsDeserializeBytes)]
pub(super) struct Head {
    pub origin: [u8; 32],
    pub incarnation: [u8; 16],
    pub size: u64,
    pub root: [u8; 32],
}
