//! Signed notes: text that people can read, and signatures under it (c2sp.org/signed-note).
//!
//! This file knows the form and the signatures. What a text means is the business of the note's
//! type; which keys are whose is told by the caller.

use std::fmt;

use data_encoding::BASE64;
use foedus_policy::id::{ChannelId, IncarnationId, NoteHash, OrgId};
use sha2::{Digest as _, Sha256};

use crate::bounds::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, NOTE_TEXT_BYTES_MAX};
use crate::key::{SignatureBytes, SigningKey, VerifyingKey};

pub mod lines;
pub mod value;
mod verified;

pub use verified::{Claimed, NoteKind, NoteType, RefusedNote, Verified, verify};

#[cfg(test)]
mod tests;

/// What a signature line begins with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// The signature type of Ed25519 in a key id.
const ED25519: u8 = 0x01;

/// Length of a key id.
const KEY_ID_BYTES: usize = 4;

/// Who signed, as a signature line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyName {
    /// An organisation's root key; signs identity notes only.
    Root(OrgId),
    /// An organisation's operational key of role `sign`.
    Sign(OrgId),
    /// The same operational key where it signs checkpoints: the name is the origin line.
    Log(ChannelId, OrgId, IncarnationId),
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(org) => write!(f, "foedus/root/{org}"),
            Self::Sign(org) => write!(f, "foedus/sign/{org}"),
            Self::Log(channel, org, incarnation) => {
                write!(f, "foedus/log/v1/{channel}/{org}/{incarnation}")
            }
        }
    }
}

/// The key id: the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
pub fn key_id(name: &str, key: &VerifyingKey) -> [u8; KEY_ID_BYTES] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update([b'\n', ED25519])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    [digest[0], digest[1], digest[2], digest[3]]
}

/// The identity of a note: SHA-256 of its text with the last newline, never of its signatures.
pub fn hash_text(text: &str) -> NoteHash {
    NoteHash(Sha256::digest(text.as_bytes()).into())
}

/// Why bytes are no signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNote {
    /// Text and signatures together are too long.
    #[error("expected a note of at most {NOTE_BYTES_MAX} bytes, found {found_bytes}")]
    TooLong {
        /// How long it is.
        found_bytes: usize,
    },
    /// The text alone is too long.
    #[error("expected a note text of at most {NOTE_TEXT_BYTES_MAX} bytes, found {found_bytes}")]
    TextTooLong {
        /// How long it is.
        found_bytes: usize,
    },
    /// Not UTF-8.
    #[error("expected a note in UTF-8")]
    NotUtf8,
    /// A control character other than the newline.
    #[error("expected no control character but the newline in a note")]
    ControlCharacter,
    /// No empty line between text and signatures, or nothing on one side of it.
    #[error("expected a text, an empty line and at least one signature line")]
    NoSignatures,
    /// The last line does not end.
    #[error("expected a newline at the end of a note")]
    NoLastNewline,
    /// More signatures than anybody needs.
    #[error("expected at most {NOTE_SIGNATURES_MAX} signatures on a note")]
    TooManySignatures,
    /// A line after the empty one that is no signature line.
    #[error("expected an em dash, a key name and a signature in base64 on signature line {line}")]
    SignatureLine {
        /// Which one, from 1.
        line: usize,
    },
}

/// Why a note is not taken as signed by somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// No signature line with the name and id of the key.
    #[error("expected a signature by {name}, found none under the key that is known")]
    Missing {
        /// Whose signature was expected.
        name: KeyName,
    },
    /// A line with the name and id of the key does not verify.
    #[error("the signature by {name} does not verify")]
    Wrong {
        /// Whose signature it claims to be.
        name: KeyName,
    },
}

/// One signature line. Whether it holds is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SignatureLine {
    name: String,
    key_id: [u8; KEY_ID_BYTES],
    signature: Vec<u8>,
}

/// Text and signature lines, well formed. Nothing is verified by having one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    bytes: Vec<u8>,
    text: String,
    signatures: Vec<SignatureLine>,
}

impl SignedNote {
    /// Reads a note strictly. The bytes are kept exactly as they came.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidNote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(InvalidNote::TooLong {
                found_bytes: bytes.len(),
            });
        }
        let note = std::str::from_utf8(bytes).map_err(|_error| InvalidNote::NotUtf8)?;
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(InvalidNote::ControlCharacter);
        }
        // The last empty line parts text from signatures; the text keeps its last newline.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(InvalidNote::NoSignatures)?;
        let text = &note[..=text.len()];
        if text.len() > NOTE_TEXT_BYTES_MAX {
            return Err(InvalidNote::TextTooLong {
                found_bytes: text.len(),
            });
        }
        if signatures.is_empty() {
            return Err(InvalidNote::NoSignatures);
        }
        let signatures = signatures
            .strip_suffix('\n')
            .ok_or(InvalidNote::NoLastNewline)?;
        if signatures.split('\n').count() > NOTE_SIGNATURES_MAX {
            return Err(InvalidNote::TooManySignatures);
        }
        let signatures = signatures
            .split('\n')
            .enumerate()
            .map(|(index, line)| {
                SignatureLine::parse(line).ok_or(InvalidNote::SignatureLine { line: index + 1 })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            bytes: bytes.to_vec(),
            text: text.to_owned(),
            signatures,
        })
    }

    /// `text`, signed. It ends with a newline and holds no other control character; what the
    /// types of this crate write always does.
    pub fn sign(text: &str, name: KeyName, key: &SigningKey) -> Self {
        assert!(
            text.ends_with('\n') && !text.bytes().any(|byte| byte < b' ' && byte != b'\n'),
            "only a whole text without control characters is signed"
        );
        let mut note = Self {
            bytes: format!("{text}\n").into_bytes(),
            text: text.to_owned(),
            signatures: Vec::new(),
        };
        note.add_signature(name, key);
        note
    }

    /// One more signature under the same text.
    pub fn add_signature(&mut self, name: KeyName, key: &SigningKey) {
        assert!(
            self.signatures.len() < NOTE_SIGNATURES_MAX,
            "we sign a note at most twice"
        );
        let name = name.to_string();
        let line = SignatureLine {
            key_id: key_id(&name, key.verifying_key()),
            signature: key.sign(self.text.as_bytes()).to_vec(),
            name,
        };
        self.bytes.extend_from_slice(line.to_string().as_bytes());
        self.signatures.push(line);
    }

    /// The text, last newline included.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole note, exactly as it came or was signed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole note, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The note's identity.
    pub fn hash(&self) -> NoteHash {
        hash_text(&self.text)
    }

    /// The same text under the lines that `key` signed as `name`, and no others. Lines by keys that
    /// nobody knows are as many bytes as whoever passed the note on liked; a note that is kept in
    /// memory is kept without.
    pub fn under(mut self, name: KeyName, key: &VerifyingKey) -> Self {
        let name = name.to_string();
        let id = key_id(&name, key);
        self.signatures
            .retain(|line| line.name == name && line.key_id == id);
        self.signatures.truncate(1);
        let lines = self.signatures.iter().map(SignatureLine::to_string);
        self.bytes = format!("{}\n{}", self.text, lines.collect::<String>()).into_bytes();
        self
    }

    /// Whether a line claims to be by `key` under `name`. Proves nothing: for notes of which it is known that what
    /// they claim holds.
    pub(crate) fn claims_key(&self, name: KeyName, key: &VerifyingKey) -> bool {
        let name = name.to_string();
        let id = key_id(&name, key);
        let mut lines = self.signatures.iter();
        lines.any(|line| line.name == name && line.key_id == id)
    }

    /// Whether `key` signed this text under `name`.
    ///
    /// Lines with another name or another key id are ignored, as the specification demands; a line
    /// with both that does not verify refuses the note.
    pub fn verify(&self, name: KeyName, key: &VerifyingKey) -> Result<(), InvalidSignature> {
        let expected_name = name.to_string();
        let expected_id = key_id(&expected_name, key);
        let mut found = false;
        let lines = self.signatures.iter();
        for line in lines.filter(|line| line.name == expected_name && line.key_id == expected_id) {
            let signature: Option<&SignatureBytes> = line.signature.as_slice().try_into().ok();
            match signature {
                Some(signature) if key.verifies(self.text.as_bytes(), signature) => found = true,
                _ => return Err(InvalidSignature::Wrong { name }),
            }
        }
        if found {
            Ok(())
        } else {
            Err(InvalidSignature::Missing { name })
        }
    }
}

impl SignatureLine {
    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        if name.is_empty()
            || name
                .chars()
                .any(|letter| letter.is_whitespace() || letter == '+')
        {
            return None;
        }
        let decoded = BASE64.decode(base64.as_bytes()).ok()?;
        let (key_id, signature) = decoded.split_first_chunk::<KEY_ID_BYTES>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decoded = [self.key_id.as_slice(), &self.signature].concat();
        writeln!(
            f,
            "{SIGNATURE_PREFIX}{} {}",
            self.name,
            BASE64.encode(&decoded)
        )
    }
}
