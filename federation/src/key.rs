//! Ed25519 keys: the pair that signs and the key that verifies.
//!
//! No randomness: a pair is made from a seed that the caller drew. Knows nothing of notes, of
//! whose a key is, or of where it is kept.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use foedus_policy::id::{base32, from_base32};

/// Length of a public key, of a seed and of a hash.
const KEY_BYTES: usize = 32;

/// A signature as RFC 8032 lays it out.
pub type SignatureBytes = [u8; 64];

/// Why bytes or a text are no key that may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not the text form of a key.
    #[error("expected `key_` and 32 bytes in lower-case base32")]
    Text,
    /// No point of the curve, or not its one encoding.
    #[error("expected the canonical encoding of a point on the curve")]
    Point,
    /// A point of small order: signatures under it prove nothing.
    #[error("the key is of small order and proves nothing")]
    Weak,
}

/// A public key that signatures are checked against. Never a weak one.
///
/// Text form: `key_` and lower-case base32 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// What the text form begins with, before the underscore.
    pub const PREFIX: &'static str = "key";

    /// The key that `bytes` encode. Keys of small order and encodings other than the canonical
    /// one are refused.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self, InvalidKey> {
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_error| InvalidKey::Point)?;
        // The library also takes y coordinates that were not reduced; one key has one encoding.
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(InvalidKey::Point);
        }
        if key.is_weak() {
            return Err(InvalidKey::Weak);
        }
        Ok(Self(key))
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.as_bytes()
    }

    /// Whether `signature` is this key's over exactly `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl Ord for VerifyingKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for VerifyingKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key_{}", base32(self.as_bytes()))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifyingKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = text
            .strip_prefix("key_")
            .and_then(from_base32)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(InvalidKey::Text)?;
        Self::from_bytes(&bytes)
    }
}

/// A key pair that signs. Its secret is wiped when it is dropped and is never printed.
#[derive(Clone)]
pub struct SigningKey {
    pair: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl SigningKey {
    /// The pair of `seed`, 32 bytes that the caller drew from a secure source.
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        let pair = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifyingKey(pair.verifying_key());
        Self { pair, public }
    }

    /// The public half.
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> SignatureBytes {
        self.pair.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_rfc_8032_test_1() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .expect("hexadecimal");
        let key = SigningKey::from_seed(&seed.try_into().expect("32 bytes"));
        let signature = key.sign(b"");
        assert!(
            data_encoding::HEXLOWER
                .encode(&signature)
                .starts_with("e5564300c360ac72")
        );
        assert!(key.verifying_key().verifies(b"", &signature));
        assert!(!key.verifying_key().verifies(b"x", &signature));
    }

    #[test]
    fn text_form_reads_back() {
        let key = *SigningKey::from_seed(&[1; 32]).verifying_key();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(
            key.to_string().to_uppercase().parse::<VerifyingKey>(),
            Err(InvalidKey::Text)
        );
    }

    #[test]
    fn keys_that_prove_nothing_are_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(VerifyingKey::from_bytes(&neutral), Err(InvalidKey::Weak));
        assert_eq!(VerifyingKey::from_bytes(&[0; 32]), Err(InvalidKey::Weak));
        // y = p + 3 encodes the point of y = 3 a second time.
        let mut twice = [0xff; 32];
        twice[0] = 0xf0;
        twice[31] = 0x7f;
        assert_eq!(VerifyingKey::from_bytes(&twice), Err(InvalidKey::Point));
        let mut off_curve = [0; 32];
        off_curve[0] = 2;
        assert_eq!(VerifyingKey::from_bytes(&off_curve), Err(InvalidKey::Point));
    }

    #[test]
    fn the_secret_is_not_printed() {
        let printed = format!("{:?}", SigningKey::from_seed(&[7; 32]));
        assert!(printed.contains("key_"));
        assert!(!printed.contains("7, 7") && !printed.contains("0707"));
    }
}
