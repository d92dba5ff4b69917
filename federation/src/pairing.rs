//! Pairing: how two organisations that do not know each other come to hold each other's keys.
//!
//! The invitation and its secret, the signed reply, and the six words that both sides compare.
//! Knows nothing of links or of who may invite whom; shares no code with replication.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::note::lines::Value;
use crate::note::value::printed_values;

mod invitation;
mod packed;
mod reply;
mod words;

pub use foedus_policy::id::InvitationId;
pub use invitation::{InvalidInvitation, Invitation, Offer};
pub use packed::InvalidPacked;
pub use reply::{
    InvalidProof, InvalidReply, InvitationReply, PairingReply, ProvedReply, reply_proof,
};
pub use words::six_words;

#[cfg(test)]
mod tests;

/// Length of the checksum at the end of a pasteable text.
const CHECKSUM_BYTES: usize = 4;

/// The secret of one invitation: 32 bytes that the inviter drew. Wiped when dropped, compared in
/// constant time, never printed.
#[derive(Clone)]
pub struct InvitationSecret([u8; 32]);

impl InvitationSecret {
    /// The secret `bytes`, drawn by the caller from a secure source.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for keeping. They are what an invitation is worth.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The invitation's id: SHA-256(`"foedus/invitation/v1\n"` ‖ secret). It may be shown.
    pub fn invitation_id(&self) -> InvitationId {
        foedus_policy::secret::invitation_id(&self.0)
    }
}

impl Drop for InvitationSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for InvitationSecret {}

impl PartialEq for InvitationSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for InvitationSecret {}

impl fmt::Debug for InvitationSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationSecret")
    }
}

impl Value for InvitationSecret {
    const EXPECTED: &'static str = "32 bytes in lower-case hexadecimal digits";

    fn read(text: &str) -> Option<Self> {
        <[u8; 32]>::read(text).map(Self)
    }

    fn write(&self, out: &mut String) {
        self.0.write(out);
    }
}

printed_values! {
    InvitationId, "an invitation `inv_…`";
}

/// Why a pasted text does not carry what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPaste {
    /// Longer than any such text.
    #[error("expected a text of at most {expected_bytes_max} bytes, found {found_bytes}")]
    TooLong {
        /// How long it may be.
        expected_bytes_max: usize,
        /// How long it is.
        found_bytes: usize,
    },
    /// Another kind of text.
    #[error("expected a text that begins with `{expected}`")]
    Prefix {
        /// What it should begin with.
        expected: &'static str,
    },
    /// Part of it is missing or changed.
    #[error("part of the text is missing or changed")]
    Damaged,
}

/// `payload` as a text that survives e-mail and terminals: the prefix, then base64url of the payload
/// and the first four bytes of its SHA-256.
fn paste(prefix: &str, payload: &[u8]) -> String {
    let checksum = Sha256::digest(payload);
    let whole = [payload, &checksum[..CHECKSUM_BYTES]].concat();
    format!("{prefix}{}", BASE64URL_NOPAD.encode(&whole))
}

/// The payload of a pasted text. White space, which mailers and terminals put in, is ignored.
fn unpaste(
    prefix: &'static str,
    text: &str,
    expected_bytes_max: usize,
) -> Result<Vec<u8>, InvalidPaste> {
    // Twice the length leaves room for any wrapping, and no more.
    if text.len() > 2 * expected_bytes_max {
        return Err(InvalidPaste::TooLong {
            expected_bytes_max,
            found_bytes: text.len(),
        });
    }
    let text: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .collect();
    if text.len() > expected_bytes_max {
        return Err(InvalidPaste::TooLong {
            expected_bytes_max,
            found_bytes: text.len(),
        });
    }
    let encoded = text
        .strip_prefix(prefix)
        .ok_or(InvalidPaste::Prefix { expected: prefix })?;
    let whole = BASE64URL_NOPAD
        .decode(encoded.as_bytes())
        .map_err(|_error| InvalidPaste::Damaged)?;
    let (payload, checksum) = whole
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or(InvalidPaste::Damaged)?;
    if Sha256::digest(payload)[..CHECKSUM_BYTES] != checksum[..] {
        return Err(InvalidPaste::Damaged);
    }
    Ok(payload.to_vec())
}
