//! Notes that govern a channel, each signed by whom it must be, and a frame of them.
//!
//! It must not know what a note changes.

use std::sync::Arc;

use foedus_policy::id::{ChannelId, NoteHash, OrgId};

use super::KnownIdentities;
use crate::bounds::CONSENT_BYTES_MAX;
use crate::charter::{Charter, Consent, Seal, Termination, Withdrawal};
use crate::frame::Notes;
use crate::identity::{IdentityChain, InvalidChain};
use crate::key::VerifyingKey;
use crate::note::{Claimed, KeyName, NoteKind, NoteType, Verified};
use crate::record::DisconnectRecord;

/// A note that governs a channel, signed by whom it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GovernanceNote {
    /// A revision, by its host.
    Charter(Verified<Charter>),
    /// A yes to it.
    Consent(Verified<Consent>),
    /// What puts it in force.
    Seal(Verified<Seal>),
    /// A participant leaves.
    Withdrawal(Verified<Withdrawal>),
    /// The host ends the channel.
    Termination(Verified<Termination>),
    /// What one side held at the end.
    DisconnectRecord(Verified<DisconnectRecord>),
}

/// Why a note is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedGovernanceNote {
    /// No note of a type that governs channels.
    #[error("not a note that governs a channel")]
    Type,
    /// It does not read.
    #[error("the note cannot be read")]
    Form,
    /// It is of another channel.
    #[error("the note is about another channel")]
    OtherChannel,
    /// Who it says signed it is not known here.
    #[error("the signer is not known")]
    UnknownSigner,
    /// Who it says signed it did not.
    #[error("the note is not signed by whom it must be")]
    Signature,
}

/// Under which of its signer's keys a note counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountingKeys {
    /// The one that the newest identity note names: for what is new here.
    Newest,
    /// Any that was named: for what was stored before the newer note was known, or for whom we
    /// know by nothing but what came with the note.
    Ever,
}

impl GovernanceNote {
    /// Checks one signed note.
    pub fn check(
        bytes: &[u8],
        known: KnownIdentities<'_>,
        keys: CountingKeys,
    ) -> Result<Self, RefusedGovernanceNote> {
        let known: &dyn Fn(OrgId) -> Option<Vec<VerifyingKey>> = &|org| {
            let identity = known(org)?;
            Some(match keys {
                CountingKeys::Newest => vec![identity.current().sign],
                CountingKeys::Ever => identity.sign_keys(),
            })
        };
        match NoteKind::of(bytes) {
            Some(NoteKind::Charter) => checked(bytes, known).map(Self::Charter),
            Some(NoteKind::Consent) if bytes.len() > CONSENT_BYTES_MAX => {
                Err(RefusedGovernanceNote::Form)
            }
            Some(NoteKind::Consent) => checked(bytes, known).map(Self::Consent),
            Some(NoteKind::Seal) => checked(bytes, known).map(Self::Seal),
            Some(NoteKind::Withdrawal) => checked(bytes, known).map(Self::Withdrawal),
            Some(NoteKind::Termination) => checked(bytes, known).map(Self::Termination),
            Some(NoteKind::DisconnectRecord) => checked(bytes, known).map(Self::DisconnectRecord),
            _ => Err(RefusedGovernanceNote::Type),
        }
    }

    /// Reads back a note that was checked before it was stored, under the hash that is its key.
    ///
    /// Who signed it is not asked again: its signer may have changed keys so often since that
    /// nobody holds the note by which the old one was named, and nobody makes a store unreadable
    /// by that.
    pub fn read_back(hash: NoteHash, bytes: &[u8]) -> Result<Self, RefusedGovernanceNote> {
        let note = match NoteKind::of(bytes) {
            Some(NoteKind::Charter) => stored(bytes).map(Self::Charter),
            Some(NoteKind::Consent) => stored(bytes).map(Self::Consent),
            Some(NoteKind::Seal) => stored(bytes).map(Self::Seal),
            Some(NoteKind::Withdrawal) => stored(bytes).map(Self::Withdrawal),
            Some(NoteKind::Termination) => stored(bytes).map(Self::Termination),
            Some(NoteKind::DisconnectRecord) => stored(bytes).map(Self::DisconnectRecord),
            _ => Err(RefusedGovernanceNote::Type),
        }?;
        match note.hash() == hash {
            true => Ok(note),
            false => Err(RefusedGovernanceNote::Form),
        }
    }

    /// The note's identity.
    pub fn hash(&self) -> NoteHash {
        match self {
            Self::Charter(note) => note.hash(),
            Self::Consent(note) => note.hash(),
            Self::Seal(note) => note.hash(),
            Self::Withdrawal(note) => note.hash(),
            Self::Termination(note) => note.hash(),
            Self::DisconnectRecord(note) => note.hash(),
        }
    }

    /// Whose signature makes it count.
    pub fn signer(&self) -> KeyName {
        match self {
            Self::Charter(note) => note.note().signer(),
            Self::Consent(note) => note.note().signer(),
            Self::Seal(note) => note.note().signer(),
            Self::Withdrawal(note) => note.note().signer(),
            Self::Termination(note) => note.note().signer(),
            Self::DisconnectRecord(note) => note.note().signer(),
        }
    }

    /// The signed note, as it came.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Charter(note) => note.bytes(),
            Self::Consent(note) => note.bytes(),
            Self::Seal(note) => note.bytes(),
            Self::Withdrawal(note) => note.bytes(),
            Self::Termination(note) => note.bytes(),
            Self::DisconnectRecord(note) => note.bytes(),
        }
    }

    /// Which channel it is about.
    pub fn channel(&self) -> ChannelId {
        match self {
            Self::Charter(note) => note.note().channel,
            Self::Consent(note) => note.note().channel,
            Self::Seal(note) => note.note().channel,
            Self::Withdrawal(note) => note.note().channel,
            Self::Termination(note) => note.note().channel,
            Self::DisconnectRecord(note) => note.note().channel,
        }
    }
}

fn checked<T: NoteType>(
    bytes: &[u8],
    known: &dyn Fn(OrgId) -> Option<Vec<VerifyingKey>>,
) -> Result<Verified<T>, RefusedGovernanceNote> {
    let claimed = Claimed::<T>::parse(bytes).map_err(|_| RefusedGovernanceNote::Form)?;
    let KeyName::Sign(org) = claimed.claims().signer() else {
        return Err(RefusedGovernanceNote::Type);
    };
    let keys = known(org).ok_or(RefusedGovernanceNote::UnknownSigner)?;
    claimed
        .verify_any(&keys)
        .map_err(|_| RefusedGovernanceNote::Signature)
}

fn stored<T: NoteType>(bytes: &[u8]) -> Result<Verified<T>, RefusedGovernanceNote> {
    let read = Claimed::<T>::parse(bytes).map_err(|_| RefusedGovernanceNote::Form)?;
    Ok(read.into_verified())
}

/// The notes of one frame that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedNotes {
    channel: ChannelId,
    identities: Vec<IdentityChain>,
    notes: Vec<GovernanceNote>,
    refused: Vec<RefusedGovernanceNote>,
}

/// Why a frame of notes is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotes {
    /// An identity chain does not verify.
    #[error("the identity of an organisation in the channel does not verify")]
    Identity(#[source] InvalidChain),
}

impl CheckedNotes {
    /// Checks a frame of notes. A single note that does not verify is left out, and counted: its
    /// signer may be somebody whom the sender only believes to be known here.
    pub fn check(frame: &Notes, known: KnownIdentities<'_>) -> Result<Self, InvalidNotes> {
        let identities = frame
            .identities
            .iter()
            .map(|chain| IdentityChain::verify(chain.iter().map(Vec::as_slice)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(InvalidNotes::Identity)?;
        // What we know ourselves counts more than what the frame brings along.
        let brought = |org: OrgId| {
            let mut brought = identities.iter().filter(|_| known(org).is_none());
            let chain = brought.find(|chain| chain.org() == org);
            chain.cloned().map(Arc::new)
        };
        let with_brought = |org: OrgId| known(org).or_else(|| brought(org));
        let check = |bytes: &Vec<u8>| {
            let note = GovernanceNote::check(bytes, known, CountingKeys::Newest);
            note.or_else(|refused| match refused {
                RefusedGovernanceNote::UnknownSigner => {
                    GovernanceNote::check(bytes, &brought, CountingKeys::Ever)
                }
                refused => Err(refused),
            })
        };
        let mut checked: Vec<_> = frame.notes.iter().map(check).collect();
        let ever = |bytes| GovernanceNote::check(bytes, &with_brought, CountingKeys::Ever).ok();
        vouch(&mut checked, |place| ever(&frame.notes[place]));
        let mut notes = Vec::new();
        let mut refused = Vec::new();
        for checked in checked {
            match checked {
                Ok(note) if note.channel() == frame.channel => notes.push(note),
                Ok(_) => refused.push(RefusedGovernanceNote::OtherChannel),
                Err(reason) => refused.push(reason),
            }
        }
        Ok(Self {
            channel: frame.channel,
            identities,
            notes,
            refused,
        })
    }

    /// Notes that were checked before.
    pub fn of(channel: ChannelId, notes: Vec<GovernanceNote>) -> Self {
        Self {
            channel,
            identities: Vec::new(),
            notes,
            refused: Vec::new(),
        }
    }

    /// The channel that they are about.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The identities that came along.
    pub fn identities(&self) -> &[IdentityChain] {
        &self.identities
    }

    /// The notes that hold.
    pub fn notes(&self) -> &[GovernanceNote] {
        &self.notes
    }

    /// Why others were left out.
    pub fn refused(&self) -> &[RefusedGovernanceNote] {
        &self.refused
    }
}

/// Takes those that were refused, and were signed under a key that its owner replaced since, if another
/// note that counts names them: they were there before it.
fn vouch(
    checked: &mut [Result<GovernanceNote, RefusedGovernanceNote>],
    ever: impl Fn(usize) -> Option<GovernanceNote>,
) {
    let refused = checked.iter().enumerate();
    let refused = refused.filter(|(_, checked)| checked.is_err());
    let mut refused: Vec<(usize, GovernanceNote)> = refused
        .filter_map(|(place, _)| Some((place, ever(place)?)))
        .collect();
    // What one note speaks for may speak for another.
    let mut counting: Vec<(usize, bool)> = (0..checked.len())
        .filter(|place| checked[*place].is_ok())
        .map(|place| (place, true))
        .collect();
    while let Some((by, newest)) = counting.pop() {
        let Ok(by) = checked[by].clone() else {
            continue;
        };
        for (place, note) in refused.extract_if(.., |(_, note)| vouches(&by, newest, note)) {
            checked[place] = Ok(note);
            counting.push((place, false));
        }
    }
}

/// Whether a note names another as what its own signer did, or used, before. A seal speaks for what it
/// put in force: the charter of the host who sealed, and consents to it. The host's charter speaks for its
/// seal of the one before; under its newest key, so do its seal, its word that the channel ended, and what
/// it held at the end.
///
/// Who has got hold of a replaced key may write another seal over a charter that is spoken for: it gains
/// nothing by it, since that charter says itself what it follows.
fn vouches(by: &GovernanceNote, newest: bool, note: &GovernanceNote) -> bool {
    if by.channel() != note.channel() {
        return false;
    }
    let sealed = |host: OrgId, charter: Option<NoteHash>| match note {
        GovernanceNote::Seal(seal) => {
            seal.note().host == host && Some(seal.note().charter) == charter
        }
        _ => false,
    };
    match by {
        GovernanceNote::Seal(seal) => {
            put_in_force(seal.note(), note)
                || (newest && sealed(seal.note().host, seal.note().predecessor))
        }
        GovernanceNote::Charter(charter) => sealed(charter.note().host, charter.note().predecessor),
        GovernanceNote::Termination(end) => {
            newest && sealed(end.note().host, Some(end.note().revision))
        }
        GovernanceNote::DisconnectRecord(record) => {
            newest && sealed(record.note().org, Some(record.note().revision))
        }
        GovernanceNote::Consent(_) | GovernanceNote::Withdrawal(_) => false,
    }
}

fn put_in_force(seal: &Seal, note: &GovernanceNote) -> bool {
    match note {
        GovernanceNote::Charter(charter) => {
            seal.charter == charter.hash() && seal.host == charter.note().host
        }
        GovernanceNote::Consent(consent) => {
            seal.consents.contains(&consent.hash()) && seal.charter == consent.note().charter
        }
        _ => false,
    }
}
