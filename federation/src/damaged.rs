//! What is stored and does not read back: where, what should have been there, and what is wrong.
//!
//! It must not know what is done about it.

use data_encoding::HEXLOWER;

use crate::batch::Key;
use crate::entry::InvalidHeader;
use crate::evidence::RefusedGovernanceNote;
use crate::identity::InvalidChain;
use crate::note::InvalidSignature;
use crate::org_store::InvalidRecord;
use crate::tree::InvalidFrontier;

/// What is stored does not read back as what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value under key {} can't be read as {expected}", HEXLOWER.encode(.key))]
pub struct Damaged {
    /// Where it was found.
    pub key: Key,
    /// What should have been there.
    pub expected: &'static str,
    /// What is wrong with it, where more is known.
    #[source]
    pub cause: Option<Box<DamageCause>>,
}

impl Damaged {
    /// Found under `key`, in place of what was expected.
    pub fn new(key: Key, expected: &'static str) -> Self {
        Self {
            key,
            expected,
            cause: None,
        }
    }

    /// With what is wrong.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<DamageCause>) -> Self {
        let cause = Some(Box::new(cause.into()));
        Self { cause, ..self }
    }
}

/// What is wrong with a stored value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamageCause {
    /// Nothing but its format: it need not be damaged at all.
    #[error(
        "it was written by another version of foedusd, in format {found}; \
         this one reads format {known}"
    )]
    Version {
        /// The format that is read here.
        known: u8,
        /// The format found.
        found: u8,
    },
    /// It is not laid out as such a value is.
    #[error(transparent)]
    Layout(#[from] tls_codec::Error),
    /// It is no record of the organisation's state.
    #[error(transparent)]
    Record(InvalidRecord),
    /// The identity notes prove nothing.
    #[error(transparent)]
    Chain(#[from] InvalidChain),
    /// The note can't be read.
    #[error("the note cannot be read")]
    Note,
    /// Nobody is known who could have signed the note.
    #[error("the signer is not known")]
    UnknownSigner,
    /// The note is not signed by whom it must be.
    #[error(transparent)]
    Signature(#[from] InvalidSignature),
    /// The note does not govern this channel.
    #[error(transparent)]
    Governance(#[from] RefusedGovernanceNote),
    /// The right edge of the tree is none.
    #[error(transparent)]
    Frontier(#[from] InvalidFrontier),
    /// The header is none.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
}

impl From<InvalidRecord> for DamageCause {
    fn from(wrong: InvalidRecord) -> Self {
        match wrong {
            InvalidRecord::Version { known, found, .. } => Self::Version { known, found },
            wrong => Self::Record(wrong),
        }
    }
}
