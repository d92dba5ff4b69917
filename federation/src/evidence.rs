//! Evidence: what a partner sent, once its signatures, hashes and encodings were checked.
//!
//! Checking costs time and needs only what is passed in, so it runs outside the machines, in
//! parallel. Only the functions here make these types; a machine that takes one need not ask
//! again. They must not know any machine's state.

use std::sync::Arc;

use foedus_policy::id::{ChannelId, NoteHash, OrgId, RunId};
use foedus_policy::time::Timestamp;

use crate::bounds::{CONSENT_BYTES_MAX, FRAME_ENTRIES_BYTES_MAX, FRAME_ENTRIES_MAX};
use crate::charter::{Charter, Consent, Seal, Termination, Withdrawal};
use crate::checkpoint::InvalidCheckpoint;
use crate::frame::{Ack, Cursor, Entries, Frame, Goodbye, Hello, Notes, RawPart, Subscribe};
use crate::identity::{IdentityChain, InvalidChain};
use crate::key::VerifyingKey;
use crate::note::{Claimed, InvalidSignature, KeyName, NoteKind, NoteType, Verified};
use crate::part::{CheckedPart, InvalidPart, check_part, claimed_opening};
use crate::record::{DisconnectRecord, Endpoints, Peering};
use crate::snapshot::OrgSnapshot;

/// Whose identity is known: own, partners' and introduced ones.
pub type KnownIdentities<'a> = &'a dyn Fn(OrgId) -> Option<Arc<IdentityChain>>;

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
        let checked: Vec<_> = frame.notes.iter().map(check).collect();
        let seals = seals(&checked);
        let mut notes = Vec::new();
        let mut refused = Vec::new();
        for (bytes, checked) in frame.notes.iter().zip(checked) {
            // What a seal names was given before its signer changed its key: the host had it.
            let checked = checked.or_else(|refused| {
                GovernanceNote::check(bytes, &with_brought, CountingKeys::Ever)
                    .ok()
                    .filter(|note| seals.iter().any(|seal| vouches(seal, note)))
                    .ok_or(refused)
            });
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

/// The seals among these.
fn seals(checked: &[Result<GovernanceNote, RefusedGovernanceNote>]) -> Vec<Seal> {
    let seals = checked.iter().filter_map(|checked| match checked {
        Ok(GovernanceNote::Seal(seal)) => Some(seal.note().clone()),
        _ => None,
    });
    seals.collect()
}

/// Whether the seal names the note as what it put in force: the charter of the host who sealed, or
/// a consent to that charter. It speaks for nothing else that somebody signed.
fn vouches(seal: &Seal, note: &GovernanceNote) -> bool {
    match note {
        GovernanceNote::Charter(charter) => {
            seal.charter == charter.hash()
                && seal.host == charter.note().host
                && seal.channel == charter.note().channel
        }
        GovernanceNote::Consent(consent) => {
            seal.consents.contains(&consent.hash())
                && seal.charter == consent.note().charter
                && seal.channel == consent.note().channel
        }
        _ => false,
    }
}

/// A part whose checkpoint was signed under one of its origin's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPart {
    checked: CheckedPart,
    key: [u8; 32],
}

impl SignedPart {
    /// The part.
    pub fn checked(&self) -> &CheckedPart {
        &self.checked
    }

    /// The key that signed its checkpoint.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }
}

/// Why a frame of entries is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntries {
    /// More than one commit can take.
    #[error(
        "expected at most {FRAME_ENTRIES_MAX} entries and {FRAME_ENTRIES_BYTES_MAX} bytes of them \
         in one frame, found {count} and {bytes}"
    )]
    TooLarge {
        /// How many entries there are.
        count: usize,
        /// How many bytes of headers and bodies.
        bytes: usize,
    },
    /// A part is not what it says to be.
    #[error("a part of the log of {origin} does not hold")]
    Part {
        /// Whose entries they are said to be.
        origin: OrgId,
        /// What is wrong with it.
        #[source]
        source: Box<InvalidPart>,
    },
}

/// The entries of one frame that were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEntries {
    channel: ChannelId,
    subscription: u32,
    number: u64,
    cursor: Option<Cursor>,
    parts: Vec<SignedPart>,
    left_out: Vec<OrgId>,
}

impl CheckedEntries {
    /// Checks a frame of entries.
    pub fn check(frame: Entries, known: KnownIdentities<'_>) -> Result<Self, InvalidEntries> {
        let Entries {
            channel,
            subscription,
            number,
            cursor,
            parts,
        } = frame;
        check_size(&parts)?;
        let (mut signed, mut left_out) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in parts {
            let origin = part.origin;
            match check_signed(channel, part, known)? {
                Some(part) => signed.push(part),
                None => left_out.push(origin),
            }
        }
        Ok(Self {
            channel,
            subscription,
            number,
            cursor,
            parts: signed,
            left_out,
        })
    }

    /// The channel.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The subscription that they answer.
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// The number of the frame.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The receiver's position once all of it is durable.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Whose parts were left out, because nobody here knows the origin, or the key under which it
    /// signed, yet. Whoever relays them may know more than we do.
    pub fn left_out(&self) -> &[OrgId] {
        &self.left_out
    }

    /// The parts.
    pub fn parts(&self) -> &[SignedPart] {
        &self.parts
    }
}

fn check_size(parts: &[RawPart]) -> Result<(), InvalidEntries> {
    let entries = || parts.iter().flat_map(|part| &part.entries);
    let count = entries().count();
    let bytes: usize = entries()
        .map(|entry| entry.header.len() + entry.body.as_ref().map_or(0, |body| body.bytes.len()))
        .sum();
    match count <= FRAME_ENTRIES_MAX && bytes <= FRAME_ENTRIES_BYTES_MAX {
        true => Ok(()),
        false => Err(InvalidEntries::TooLarge { count, bytes }),
    }
}

/// A part is signed under one of the keys that its origin's identity names or named: which one,
/// the first entry of its log says. `None` if it is signed under none that is known here.
fn check_signed(
    channel: ChannelId,
    part: RawPart,
    known: KnownIdentities<'_>,
) -> Result<Option<SignedPart>, InvalidEntries> {
    let origin = part.origin;
    let Some(identity) = known(origin) else {
        return Ok(None);
    };
    let opening = claimed_opening(&part).map(|opened| opened.key);
    for key in identity.sign_keys() {
        let key_bytes = *key.as_bytes();
        if opening.is_some_and(|opening| opening != key_bytes) {
            continue;
        }
        match check_part(channel, part.clone(), &key) {
            Ok(checked) => {
                return Ok(Some(SignedPart {
                    checked,
                    key: key_bytes,
                }));
            }
            Err(InvalidPart::Checkpoint(InvalidCheckpoint::Signature(
                InvalidSignature::Missing { .. },
            ))) => {}
            Err(source) => {
                return Err(InvalidEntries::Part {
                    origin,
                    source: Box::new(source),
                });
            }
        }
    }
    Ok(None)
}

/// A partner's hello whose notes were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedHello {
    version_min: u32,
    version_max: u32,
    run: RunId,
    wall: Timestamp,
    identity: IdentityChain,
    endpoints: Option<Verified<Endpoints>>,
    peering: Verified<Peering>,
}

/// Why a hello is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHello {
    /// Its identity does not verify.
    #[error("the identity in the hello does not verify")]
    Identity(#[source] InvalidChain),
    /// Its endpoints note does not verify.
    #[error("the endpoints in the hello are not signed by the sender")]
    Endpoints,
    /// Its peering note does not verify, or is of another peering.
    #[error("the hello brings no peering note of the sender with us")]
    Peering,
}

impl CheckedHello {
    /// Checks a hello that was sent to `us`.
    pub fn check(hello: &Hello, us: OrgId) -> Result<Self, InvalidHello> {
        let Hello {
            version_min,
            version_max,
            run,
            wall,
            identity,
            endpoints,
            peering,
        } = hello;
        let identity = IdentityChain::verify(identity.iter().map(Vec::as_slice))
            .map_err(InvalidHello::Identity)?;
        let sign = identity.current().sign;
        let endpoints = match endpoints.is_empty() {
            true => None,
            false => Some(
                crate::note::verify::<Endpoints>(endpoints, &sign)
                    .ok()
                    .filter(|note| note.note().org == identity.org())
                    .ok_or(InvalidHello::Endpoints)?,
            ),
        };
        // The peering may be older than the newest key.
        let peering = Claimed::<Peering>::parse(peering)
            .ok()
            .and_then(|claimed| claimed.verify_any(&identity.sign_keys()).ok())
            .filter(|note| note.note().org == identity.org() && note.note().partner == us)
            .ok_or(InvalidHello::Peering)?;
        Ok(Self {
            version_min: *version_min,
            version_max: *version_max,
            run: *run,
            wall: *wall,
            identity,
            endpoints,
            peering,
        })
    }

    /// Who says hello.
    pub fn partner(&self) -> OrgId {
        self.identity.org()
    }

    /// The lowest version that the sender speaks.
    pub fn version_min(&self) -> u32 {
        self.version_min
    }

    /// The highest.
    pub fn version_max(&self) -> u32 {
        self.version_max
    }

    /// The run of the sender's daemon.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// What the sender's clock says.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// What the sender says of itself.
    pub fn into_parts(
        self,
    ) -> (
        IdentityChain,
        Option<Verified<Endpoints>>,
        Verified<Peering>,
    ) {
        (self.identity, self.endpoints, self.peering)
    }
}

/// A frame of which everything was checked that needs no machine's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckedFrame {
    /// The first frame.
    Hello(Box<CheckedHello>),
    /// Notes about one channel.
    Notes(Arc<CheckedNotes>),
    /// A subscription.
    Subscribe(Box<Subscribe>),
    /// Our subscription began at a position that the partner does not know.
    UnknownCursor(ChannelId),
    /// Entries.
    Entries(Arc<CheckedEntries>),
    /// An acknowledgement.
    Ack(Ack),
    /// The last frame.
    Goodbye(Goodbye),
}

/// Why a frame is refused, and with it the link that brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedFrame {
    /// The hello.
    #[error(transparent)]
    Hello(#[from] InvalidHello),
    /// Notes.
    #[error(transparent)]
    Notes(#[from] InvalidNotes),
    /// Entries.
    #[error(transparent)]
    Entries(#[from] InvalidEntries),
}

impl CheckedFrame {
    /// Checks a frame that was sent to us, by what the organisation knows of others.
    pub fn check(frame: Frame, org: &OrgSnapshot) -> Result<Self, RefusedFrame> {
        let known = |id: OrgId| org.identity(id);
        Ok(match frame {
            Frame::Hello(hello) => {
                let us = org.org().ok_or(InvalidHello::Peering)?;
                Self::Hello(Box::new(CheckedHello::check(&hello, us)?))
            }
            Frame::Notes(notes) => Self::Notes(Arc::new(CheckedNotes::check(&notes, &known)?)),
            Frame::Subscribe(subscribe) => Self::Subscribe(Box::new(subscribe)),
            Frame::UnknownCursor(channel) => Self::UnknownCursor(channel),
            Frame::Entries(entries) => {
                Self::Entries(Arc::new(CheckedEntries::check(entries, &known)?))
            }
            Frame::Ack(ack) => Self::Ack(ack),
            Frame::Goodbye(goodbye) => Self::Goodbye(goodbye),
        })
    }
}
