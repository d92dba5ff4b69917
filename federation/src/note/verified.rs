//! From bytes to evidence: a note of a type, first as somebody claims it, then as verified.
//!
//! Knows every type by name only, so that a frame's notes can be told apart before they are read.

use foedus_policy::id::NoteHash;

use super::lines::{InvalidText, LineReader, LineWriter};
use super::{InvalidNote, InvalidSignature, KeyName, SignedNote, hash_text};
use crate::key::{SigningKey, VerifyingKey};

/// A type of note: its first line, its lines, and whose signature it needs.
pub trait NoteType: Sized {
    /// The first line: type and version.
    const TYPE: &'static str;

    /// Why a text is none of this type.
    type Invalid: std::error::Error + From<InvalidText> + 'static;

    /// Whose signature makes the note count.
    fn signer(&self) -> KeyName;

    /// Writes the lines after the first.
    fn write(&self, lines: &mut LineWriter);

    /// Reads the lines after the first.
    fn read(lines: &mut LineReader<'_>) -> Result<Self, Self::Invalid>;

    /// The text, last newline included.
    fn to_text(&self) -> String {
        let mut lines = LineWriter::new(Self::TYPE);
        self.write(&mut lines);
        lines.finish()
    }

    /// Reads a text strictly: what would be written for it is exactly what it is.
    fn parse(text: &str) -> Result<Self, Self::Invalid> {
        let mut lines = LineReader::open(text, Self::TYPE)?;
        let note = Self::read(&mut lines)?;
        lines.finish()?;
        if note.to_text() == text {
            Ok(note)
        } else {
            Err(InvalidText::Form.into())
        }
    }

    /// The note's identity.
    fn hash(&self) -> NoteHash {
        hash_text(&self.to_text())
    }

    /// Signs the note with `key`, which is the key of [`Self::signer`]. Refuses what no reader
    /// would take.
    fn sign(&self, key: &SigningKey) -> Result<Verified<Self>, Self::Invalid> {
        let text = self.to_text();
        let note = Self::parse(&text)?;
        let signed = SignedNote::sign(&text, note.signer(), key);
        Ok(Verified {
            note,
            hash: signed.hash(),
            bytes: signed.into_bytes(),
        })
    }
}

/// Why a note is refused, given the reason `E` why a text is none of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedNote<E: std::error::Error + 'static> {
    /// Not a signed note at all.
    #[error("not a signed note")]
    Form(#[source] InvalidNote),
    /// Not a text of the expected type.
    #[error("not a note of the expected type")]
    Text(#[source] E),
    /// Not signed by whom it must be.
    #[error("not signed by whom it must be")]
    Signature(#[source] InvalidSignature),
}

/// A note that reads well and is not verified yet: what somebody claims.
#[derive(Debug, Clone)]
pub struct Claimed<T> {
    note: T,
    signed: SignedNote,
}

impl<T: NoteType> Claimed<T> {
    /// Reads a signed note of type `T`.
    pub fn parse(bytes: &[u8]) -> Result<Self, RefusedNote<T::Invalid>> {
        let signed = SignedNote::parse(bytes).map_err(RefusedNote::Form)?;
        let note = T::parse(signed.text()).map_err(RefusedNote::Text)?;
        Ok(Self { note, signed })
    }

    /// What it says. Good for looking up whose key it needs, and for nothing else.
    pub const fn claims(&self) -> &T {
        &self.note
    }

    /// The note's identity.
    pub fn hash(&self) -> NoteHash {
        self.signed.hash()
    }

    /// The form and the signature lines, for types with rules of their own.
    pub(crate) const fn signed(&self) -> &SignedNote {
        &self.signed
    }

    /// Checks that `key` signed it under the name of [`NoteType::signer`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified<T>, InvalidSignature> {
        self.verify_any(std::slice::from_ref(key))
    }

    /// Checks that one of `keys`, which are or were the signer's, signed it. For notes that are
    /// older than the signer's newest key.
    pub fn verify_any(self, keys: &[VerifyingKey]) -> Result<Verified<T>, InvalidSignature> {
        let name = self.note.signer();
        let mut refusal = InvalidSignature::Missing { name };
        for key in keys {
            match self.signed.verify(name, key) {
                Ok(()) => return Ok(self.into_verified()),
                Err(wrong @ InvalidSignature::Wrong { .. }) => refusal = wrong,
                Err(InvalidSignature::Missing { .. }) => {}
            }
        }
        Err(refusal)
    }

    /// For types that need more than one signature, of which the caller has checked each, and for
    /// what was checked before it was stored.
    pub(crate) fn into_verified(self) -> Verified<T> {
        Verified {
            hash: self.signed.hash(),
            note: self.note,
            bytes: self.signed.into_bytes(),
        }
    }
}

/// Reads a signed note of type `T` and checks that `key` signed it.
pub fn verify<T: NoteType>(
    bytes: &[u8],
    key: &VerifyingKey,
) -> Result<Verified<T>, RefusedNote<T::Invalid>> {
    Claimed::parse(bytes)?
        .verify(key)
        .map_err(RefusedNote::Signature)
}

/// Evidence that a note was signed by whom it must be. Only checking or signing makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    note: T,
    hash: NoteHash,
    bytes: Vec<u8>,
}

impl<T> Verified<T> {
    /// What it says.
    pub const fn note(&self) -> &T {
        &self.note
    }

    /// The note's identity.
    pub const fn hash(&self) -> NoteHash {
        self.hash
    }

    /// The signed note, exactly as it came: what is stored, sent on and shown as proof.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T: NoteType> Verified<T> {
    /// Whether this signer's key is among those that signed it.
    pub(crate) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let signed = SignedNote::parse(&self.bytes);
        signed.is_ok_and(|signed| signed.claims_key(self.note.signer(), key))
    }
}

/// The types of notes, told apart by their first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Who an organisation is and which keys it uses.
    Identity,
    /// Where an organisation can be dialled.
    Endpoints,
    /// An invitee's answer to an invitation.
    InvitationReply,
    /// Mutual trust, stated by one side.
    Peering,
    /// A revision of the agreement that governs a channel.
    Charter,
    /// A participant's yes to a revision.
    Consent,
    /// The host's signature that puts a revision in force.
    Seal,
    /// A participant leaves.
    Withdrawal,
    /// The host ends the channel.
    Termination,
    /// An organisation is cut off for the time being, or no longer.
    Suspension,
    /// What one side held when the channel ended for it.
    DisconnectRecord,
    /// What an exporter exported.
    Export,
    /// Size and root of a log.
    Checkpoint,
}

impl NoteKind {
    /// The type that the first line of `bytes` names; `None` if it names none that is known.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let first = bytes.split(|byte| *byte == b'\n').next()?;
        match std::str::from_utf8(first).ok()? {
            "foedus/identity/v1" => Some(Self::Identity),
            "foedus/endpoints/v1" => Some(Self::Endpoints),
            "foedus/invitation-reply/v1" => Some(Self::InvitationReply),
            "foedus/peering/v1" => Some(Self::Peering),
            "foedus/charter/v1" => Some(Self::Charter),
            "foedus/consent/v1" => Some(Self::Consent),
            "foedus/seal/v1" => Some(Self::Seal),
            "foedus/withdrawal/v1" => Some(Self::Withdrawal),
            "foedus/termination/v1" => Some(Self::Termination),
            "foedus/suspension/v1" => Some(Self::Suspension),
            "foedus/disconnect-record/v1" => Some(Self::DisconnectRecord),
            "foedus/export/v1" => Some(Self::Export),
            origin if origin.starts_with("foedus/log/v1/") => Some(Self::Checkpoint),
            _ => None,
        }
    }
}
