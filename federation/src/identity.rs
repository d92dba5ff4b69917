//! Who an organisation is: the identity note, signed by its root key.
//!
//! The note says which operational keys act for the organisation. Where it can be reached, and
//! whether anybody trusts it, is said elsewhere.

use std::fmt;
use std::str::FromStr;

use foedus_policy::id::OrgId;
use sha2::{Digest as _, Sha256};

use crate::bounds::HANDLE_BYTES_MAX;
use crate::key::{SigningKey, VerifyingKey};
use crate::note::lines::{InvalidText, LineReader, LineWriter, Value};
use crate::note::value::printed_values;
use crate::note::{KeyName, NoteType, SignedNote};

mod chain;

pub use chain::{Extension, IdentityChain, IdentityConflict, InvalidChain, InvalidConflict};

#[cfg(test)]
mod tests;

/// The organisation whose first root key is `root`: SHA-256(`"foedus/org/v1\n"` ‖ root).
pub fn org_id(root: &VerifyingKey) -> OrgId {
    OrgId(
        Sha256::new()
            .chain_update(b"foedus/org/v1\n")
            .chain_update(root.as_bytes())
            .finalize()
            .into(),
    )
}

/// Why a text is no handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a handle in the form of a domain name in lower case, such as `acme.example`")]
pub struct InvalidHandle;

/// What an organisation calls itself: a domain name in lower case. A claim until verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle(String);

impl Handle {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is a domain name in lower case: labels of letters, digits and inner hyphens.
pub(crate) fn is_domain_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= HANDLE_BYTES_MAX && text.split('.').all(label)
}

impl FromStr for Handle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        if is_domain_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidHandle)
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

printed_values! {
    Handle, "a handle in the form of a domain name in lower case";
}

/// What an identity note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which organisation.
    pub org: OrgId,
    /// What it calls itself.
    pub handle: Handle,
    /// Grows with every change. Two texts of one serial are evidence against the organisation.
    pub serial: u64,
    /// The root key from this serial on.
    pub root: VerifyingKey,
    /// The key that authenticates links.
    pub link: VerifyingKey,
    /// The key that signs all other notes and checkpoints.
    pub sign: VerifyingKey,
}

impl Identity {
    /// Signs a note that brings a new root key: by the new root, and by the one before.
    pub fn sign_new_root(
        &self,
        root: &SigningKey,
        previous_root: &SigningKey,
    ) -> Result<SignedNote, InvalidText> {
        let text = self.to_text();
        Self::parse(&text)?;
        let mut note = SignedNote::sign(&text, KeyName::Root(self.org), root);
        note.add_signature(KeyName::Root(self.org), previous_root);
        Ok(note)
    }
}

impl NoteType for Identity {
    const TYPE: &'static str = "foedus/identity/v1";
    type Invalid = InvalidText;

    fn signer(&self) -> KeyName {
        KeyName::Root(self.org)
    }

    fn write(&self, lines: &mut LineWriter) {
        let Self {
            org,
            handle,
            serial,
            root,
            link,
            sign,
        } = self;
        lines.field("org", org);
        lines.field("handle", handle);
        lines.field("serial", serial);
        lines.field("root", root);
        lines.field("link", link);
        lines.field("sign", sign);
    }

    fn read(lines: &mut LineReader<'_>) -> Result<Self, InvalidText> {
        Ok(Self {
            org: lines.field("org")?,
            handle: lines.field("handle")?,
            serial: lines.field::<Serial>("serial")?.0,
            root: lines.field("root")?,
            link: lines.field("link")?,
            sign: lines.field("sign")?,
        })
    }
}

/// A serial: a number from 1.
pub(crate) struct Serial(pub(crate) u64);

impl Value for Serial {
    const EXPECTED: &'static str = "a serial from 1";

    fn read(text: &str) -> Option<Self> {
        u64::read(text).filter(|serial| *serial > 0).map(Self)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}
