//! How an identity is followed from its first root key to the newest note, and how a double
//! statement is proved.
//!
//! Knows nothing of who is trusted; a chain proves who speaks, not that one should listen.

use foedus_policy::id::OrgId;

use super::{Identity, org_id};
use crate::bounds::{IDENTITY_CHAIN_NOTES_MAX, IDENTITY_NOTE_BYTES_MAX};
use crate::key::VerifyingKey;
use crate::note::lines::InvalidText;
use crate::note::{Claimed, InvalidSignature, KeyName, NoteType as _, RefusedNote, Verified};

/// Why notes do not prove an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChain {
    /// No note at all.
    #[error("expected at least one identity note")]
    Empty,
    /// More notes than a chain may have.
    #[error("expected at most {IDENTITY_CHAIN_NOTES_MAX} identity notes")]
    TooLong,
    /// A note with more under it than its signatures.
    #[error(
        "expected an identity note of at most {IDENTITY_NOTE_BYTES_MAX} bytes, found {found_bytes}"
    )]
    NoteTooLong {
        /// How long it is.
        found_bytes: usize,
    },
    /// A note that does not read, or that its own root key did not sign.
    #[error("an identity note is not valid")]
    Note(#[source] RefusedNote<InvalidText>),
    /// The first note's root key is not the one that the id is the hash of.
    #[error("expected the first root key of {org}, found another")]
    FirstRoot {
        /// Whom the note claims to be of.
        org: OrgId,
    },
    /// A note of another organisation.
    #[error("expected an identity note of {expected}, found one of {found}")]
    OtherOrg {
        /// Whose chain it is.
        expected: OrgId,
        /// Whose note it is.
        found: OrgId,
    },
    /// A serial that does not grow.
    #[error("expected a serial above {above}, found {found}")]
    Serial {
        /// The serial before.
        above: u64,
        /// The serial found.
        found: u64,
    },
    /// A new root key without the signature of the one before.
    #[error("the new root key is not signed by the one before")]
    NotChained(#[source] InvalidSignature),
}

/// An identity with its proof: notes from the first root key to the newest, each root key signed
/// by the one before.
///
/// Notes between that changed no root key need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityChain {
    /// Never empty; serials strictly ascending.
    notes: Vec<Verified<Identity>>,
}

/// What a note means for a chain that is already held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// It is in the chain already, or older than the newest.
    Nothing,
    /// It is newer and properly chained: the chain with it.
    Newer(IdentityChain),
    /// It says something else under a serial that is held: evidence against the organisation.
    Conflict(Box<IdentityConflict>),
}

impl IdentityChain {
    /// Verifies the notes of one organisation, oldest first.
    pub fn verify<'note>(
        notes: impl IntoIterator<Item = &'note [u8]>,
    ) -> Result<Self, InvalidChain> {
        let mut chain: Option<Self> = None;
        for bytes in notes {
            let claimed = read(bytes)?;
            chain = Some(match chain {
                None => Self {
                    notes: vec![first(claimed)?],
                },
                Some(chain) if chain.notes.len() == IDENTITY_CHAIN_NOTES_MAX => {
                    return Err(InvalidChain::TooLong);
                }
                Some(chain) => chain.append(claimed)?,
            });
        }
        chain.ok_or(InvalidChain::Empty)
    }

    /// What `bytes`, a note that turned up, changes. Older serials that are not held change
    /// nothing; notes that are not the organisation's, or not chained, are refused.
    pub fn extend(&self, bytes: &[u8]) -> Result<Extension, InvalidChain> {
        let claimed = read(bytes)?;
        let found = claimed.claims().org;
        if found != self.org() {
            return Err(InvalidChain::OtherOrg {
                expected: self.org(),
                found,
            });
        }
        let held = self
            .notes
            .iter()
            .find(|note| note.note().serial == claimed.claims().serial);
        if let Some(held) = held {
            return self.compare(held, &claimed);
        }
        if claimed.claims().serial < self.current().serial {
            return Ok(Extension::Nothing);
        }
        let newer = self.clone().append(claimed)?.pruned();
        if newer.notes.len() > IDENTITY_CHAIN_NOTES_MAX {
            return Err(InvalidChain::TooLong);
        }
        Ok(Extension::Newer(newer))
    }

    /// What another chain of the same organisation, such as a partner's hello carries it, changes.
    pub fn merge(&self, other: &Self) -> Result<Extension, InvalidChain> {
        let mut chain = self.clone();
        for note in &other.notes {
            match chain.extend(note.bytes())? {
                Extension::Nothing => {}
                Extension::Newer(newer) => chain = newer,
                conflict @ Extension::Conflict(_) => return Ok(conflict),
            }
        }
        Ok(if chain == *self {
            Extension::Nothing
        } else {
            Extension::Newer(chain)
        })
    }

    /// Whose chain it is.
    pub fn org(&self) -> OrgId {
        self.current().org
    }

    /// The newest note's content.
    pub fn current(&self) -> &Identity {
        self.newest().note()
    }

    /// The newest note.
    pub fn newest(&self) -> &Verified<Identity> {
        self.notes.last().expect("a chain is never empty")
    }

    /// The notes, oldest first.
    pub fn notes(&self) -> &[Verified<Identity>] {
        &self.notes
    }

    /// Every `sign` key that the chain names, newest first: what older notes were signed with.
    pub fn sign_keys(&self) -> Vec<VerifyingKey> {
        let mut keys: Vec<VerifyingKey> = Vec::new();
        for note in self.notes.iter().rev() {
            if !keys.contains(&note.note().sign) {
                keys.push(note.note().sign);
            }
        }
        keys
    }

    fn append(mut self, claimed: Claimed<Identity>) -> Result<Self, InvalidChain> {
        let (last, next) = (self.current(), claimed.claims());
        if next.org != last.org {
            return Err(InvalidChain::OtherOrg {
                expected: last.org,
                found: next.org,
            });
        }
        if next.serial <= last.serial {
            return Err(InvalidChain::Serial {
                above: last.serial,
                found: next.serial,
            });
        }
        check_own_root(&claimed)?;
        if next.root != last.root {
            let name = KeyName::Root(last.org);
            claimed
                .signed()
                .verify(name, &last.root)
                .map_err(InvalidChain::NotChained)?;
        }
        self.notes.push(claimed.into_verified());
        Ok(self)
    }

    /// Lets go of the oldest notes that prove no change of root, so that a chain stays short for
    /// those who change operational keys often.
    fn pruned(mut self) -> Self {
        while self.notes.len() > IDENTITY_CHAIN_NOTES_MAX {
            let inner = 1..self.notes.len() - 1;
            let superfluous = inner
                .clone()
                .find(|&at| self.notes[at].note().root == self.notes[at - 1].note().root);
            match superfluous {
                Some(at) => drop(self.notes.remove(at)),
                None => break,
            }
        }
        self
    }

    fn compare(
        &self,
        held: &Verified<Identity>,
        claimed: &Claimed<Identity>,
    ) -> Result<Extension, InvalidChain> {
        if held.hash() == claimed.hash() {
            return Ok(Extension::Nothing);
        }
        // Evidence must be more than somebody's words: one root key of ours signed both. The newest that did says most.
        let pair = [held.bytes(), claimed.signed().bytes()];
        let roots = self.notes.iter().rev().map(|note| &note.note().root);
        for root in roots {
            if let Ok(conflict) = IdentityConflict::verify(pair, root) {
                return Ok(Extension::Conflict(Box::new(conflict)));
            }
        }
        let name = KeyName::Root(self.org());
        Err(InvalidChain::NotChained(InvalidSignature::Missing { name }))
    }
}

fn read(bytes: &[u8]) -> Result<Claimed<Identity>, InvalidChain> {
    if bytes.len() > IDENTITY_NOTE_BYTES_MAX {
        let found_bytes = bytes.len();
        return Err(InvalidChain::NoteTooLong { found_bytes });
    }
    Claimed::parse(bytes).map_err(InvalidChain::Note)
}

fn check_own_root(claimed: &Claimed<Identity>) -> Result<(), InvalidChain> {
    let (name, root) = (claimed.claims().signer(), &claimed.claims().root);
    let checked = claimed.signed().verify(name, root);
    checked.map_err(|invalid| InvalidChain::Note(RefusedNote::Signature(invalid)))
}

fn first(claimed: Claimed<Identity>) -> Result<Verified<Identity>, InvalidChain> {
    check_own_root(&claimed)?;
    let org = claimed.claims().org;
    if org_id(&claimed.claims().root) != org {
        return Err(InvalidChain::FirstRoot { org });
    }
    Ok(claimed.into_verified())
}

/// Evidence that an organisation made two statements under one serial: two notes with different
/// texts, both signed by one root key. Whoever knows that root key can check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConflict {
    root: VerifyingKey,
    notes: [Verified<Identity>; 2],
}

/// Why two notes prove nothing against an organisation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConflict {
    /// One of them does not read, or the root key did not sign it.
    #[error("one of the notes is not valid")]
    Note(#[source] RefusedNote<InvalidText>),
    /// Another organisation, another serial, or the same text.
    #[error("expected two texts of one organisation and one serial")]
    NoConflict,
}

impl IdentityConflict {
    /// Verifies the evidence against the organisation whose root key is or was `root`.
    pub fn verify(notes: [&[u8]; 2], root: &VerifyingKey) -> Result<Self, InvalidConflict> {
        let [one, other] = notes.map(|bytes| crate::note::verify::<Identity>(bytes, root));
        let one = one.map_err(InvalidConflict::Note)?;
        let other = other.map_err(InvalidConflict::Note)?;
        let same = one.note().org == other.note().org && one.note().serial == other.note().serial;
        if !same || one.hash() == other.hash() {
            return Err(InvalidConflict::NoConflict);
        }
        Ok(Self {
            root: *root,
            notes: [one, other],
        })
    }

    /// Against whom it is.
    pub fn org(&self) -> OrgId {
        self.notes[0].note().org
    }

    /// The root key that signed both.
    pub const fn root(&self) -> &VerifyingKey {
        &self.root
    }

    /// Both notes.
    pub const fn notes(&self) -> &[Verified<Identity>; 2] {
        &self.notes
    }
}
