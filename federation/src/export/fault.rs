//! What is not genuine in an export, and where.

use std::fmt;

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};

use super::line::{FIRST, InvalidLine};
use crate::bounds::{EXPORT_LINE_BYTES_MAX, EXPORT_LOGS_MAX, EXPORT_ORGS_MAX};
use crate::channel::Breach;
use crate::checkpoint::{InvalidCheckpoint, InvalidFork, InvalidForkBytes};
use crate::entry::InvalidEntry;
use crate::evidence::RefusedGovernanceNote;
use crate::identity::InvalidChain;
use crate::note::RefusedNote;
use crate::note::lines::InvalidText;
use crate::tree::InvalidProof;

/// Of what a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The line itself, or the export as a whole.
    Line,
    /// What proves who an organisation is.
    Identity(OrgId),
    /// A log.
    Log(OrgId, IncarnationId),
    /// An entry.
    Entry(EntryRef),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line => f.write_str("the export"),
            Self::Identity(org) => write!(f, "the identity of {org}"),
            Self::Log(origin, incarnation) => write!(f, "log {origin}/{incarnation}"),
            Self::Entry(EntryRef {
                origin,
                incarnation,
                sequence,
            }) => write!(f, "entry {origin}/{incarnation}/{sequence}"),
        }
    }
}

/// Something that is not genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1, in which it is, or in which what it is about begins.
    pub line: u64,
    /// Where that line begins, in bytes from the start.
    pub offset: u64,
    /// Of what it is.
    pub place: Place,
    /// What is wrong.
    pub wrong: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            offset,
            place,
            wrong,
        } = self;
        write!(f, "line {line} (byte {offset}), {place}: {wrong}")?;
        let mut source = std::error::Error::source(wrong);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The first line is another.
    #[error(
        "expected the first line `{FIRST}`: this is no export of a channel, or of another version"
    )]
    First,
    /// A line is longer than any that is written.
    #[error("expected a line of at most {EXPORT_LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A line can't be read.
    #[error("the line can't be read")]
    Line(#[source] InvalidLine),
    /// A line stands where none of its kind may.
    #[error(
        "a line `{word}` may not stand here: it was moved, doubled or added, or one before it is gone"
    )]
    Order {
        /// Its word.
        word: &'static str,
    },
    /// More organisations than an export may have.
    #[error("expected at most {EXPORT_ORGS_MAX} organisations")]
    Organisations,
    /// More logs than an export may have.
    #[error("expected at most {EXPORT_LOGS_MAX} logs")]
    Logs,
    /// Identity notes that prove nobody.
    #[error("its notes do not prove it")]
    Identity(#[source] InvalidChain),
    /// The notes by which somebody could be believed are not there.
    #[error("no identity note of {org} is in the export")]
    NoIdentity {
        /// Whose.
        org: OrgId,
    },
    /// A note does not hold.
    #[error("the note does not hold")]
    Note(#[source] RefusedGovernanceNote),
    /// A note does not stand where it says to.
    #[error("the note does not stand where it says to")]
    Breach(#[source] Breach),
    /// A note that was there before, or that nothing needs.
    #[error("the note is there twice, or says nothing that counts")]
    Needless,
    /// Another number of entries than the log says.
    #[error("expected {expected} entries of the log, found {found}")]
    Entries {
        /// How many the log says.
        expected: u64,
        /// How many are there.
        found: u64,
    },
    /// An entry can't be read, or its body is not its own.
    #[error("the entry is not as its origin wrote it")]
    Entry(#[source] InvalidEntry),
    /// An entry of another log.
    #[error("the entry is of another log than the one that it stands in")]
    OtherLog,
    /// Another entry than the next.
    #[error("expected the entry of sequence {expected}, found {found}")]
    Sequence {
        /// The next.
        expected: u64,
        /// By its header.
        found: u64,
    },
    /// The first entry does not open the log.
    #[error("the first entry of the log is not `opened`")]
    NotOpened,
    /// The key that the log is under is nobody's.
    #[error("no identity note of its origin names the key that the log is under")]
    Key,
    /// An entry names a charter that is not there.
    #[error("no charter in the export is the one that the entry was written under")]
    Revision,
    /// A log without a checkpoint.
    #[error("the log has no checkpoint: nothing proves it")]
    NoCheckpoint,
    /// The checkpoint does not verify.
    #[error("the checkpoint does not verify")]
    Checkpoint(#[source] InvalidCheckpoint),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    CheckpointLog,
    /// The checkpoint covers less than is there.
    #[error("expected a checkpoint of {expected_min} entries or more, found {found}")]
    CheckpointSize {
        /// How many entries there are.
        expected_min: u64,
        /// How many it covers.
        found: u64,
    },
    /// The entries are not those that the origin signed.
    #[error(
        "the headers of these {entries} entries (to line {to_line}) are not those that their origin signed"
    )]
    Root {
        /// How many.
        entries: u64,
        /// The line of the last.
        to_line: u64,
    },
    /// The entries are not shown to be the beginning of what the origin signed.
    #[error(
        "the headers of these {entries} entries (to line {to_line}) are not shown to begin what their origin signed"
    )]
    Proof {
        /// How many.
        entries: u64,
        /// The line of the last.
        to_line: u64,
        /// What is wrong with the proof.
        #[source]
        source: InvalidProof,
    },
    /// Evidence of a fork that can't be read.
    #[error("the evidence of two histories can't be read")]
    ForkBytes(#[source] InvalidForkBytes),
    /// Evidence of a fork that shows none.
    #[error("the evidence shows no second history")]
    Fork(#[source] InvalidFork),
    /// Somebody stated another history.
    #[error("{by} stated another history of its first {size} entries: one of the two is not true")]
    Contradicted {
        /// Who.
        by: OrgId,
        /// Of how many entries.
        size: u64,
    },
    /// What a line of the audit log says is not what was signed.
    #[error("what the line says of the act is not what was signed")]
    Record,
    /// The part of the audit log that one run wrote does not end as the next one found it.
    #[error("the entries before it are not those that were there when it was written")]
    Closed,
    /// The statement can't be read, or was signed by somebody else.
    #[error("the exporter's statement does not hold")]
    Statement(#[source] RefusedNote<InvalidText>),
    /// The statement has more under it than the exporter's signature.
    #[error("the exporter's statement has more under it than one signature")]
    StatementSignatures,
    /// The statement is about another channel.
    #[error("the exporter's statement is about another channel")]
    StatementChannel,
    /// What was exported is not what is there.
    #[error("what stands before the statement is not what {org} exported")]
    Digest {
        /// The exporter.
        org: OrgId,
    },
    /// It ends too soon.
    #[error("the export ends before the exporter's statement: it was cut off")]
    CutOff,
}

impl Wrong {
    /// The stable name of what is wrong, for programs.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::First => "FIRST_LINE",
            Self::TooLong => "LINE_TOO_LONG",
            Self::Line(_) => "LINE_INVALID",
            Self::Order { .. } => "LINE_OUT_OF_PLACE",
            Self::Organisations => "TOO_MANY_ORGANISATIONS",
            Self::Logs => "TOO_MANY_LOGS",
            Self::Identity(_) => "IDENTITY_INVALID",
            Self::NoIdentity { .. } => "IDENTITY_MISSING",
            Self::Note(_) => "NOTE_INVALID",
            Self::Breach(_) => "NOTE_BREAKS_RULE",
            Self::Needless => "NOTE_NEEDLESS",
            Self::Entries { .. } => "ENTRIES_COUNT",
            Self::Entry(_) => "ENTRY_INVALID",
            Self::OtherLog => "ENTRY_OF_OTHER_LOG",
            Self::Sequence { .. } => "ENTRY_OUT_OF_SEQUENCE",
            Self::NotOpened => "LOG_NOT_OPENED",
            Self::Key => "KEY_NOT_CERTIFIED",
            Self::Revision => "CHARTER_MISSING",
            Self::NoCheckpoint => "CHECKPOINT_MISSING",
            Self::Checkpoint(_) => "CHECKPOINT_INVALID",
            Self::CheckpointLog => "CHECKPOINT_OF_OTHER_LOG",
            Self::CheckpointSize { .. } => "CHECKPOINT_TOO_SMALL",
            Self::Root { .. } => "ENTRIES_NOT_SIGNED",
            Self::Proof { .. } => "ENTRIES_NOT_PROVEN",
            Self::ForkBytes(_) | Self::Fork(_) => "FORK_INVALID",
            Self::Contradicted { .. } => "HISTORY_CONTRADICTED",
            Self::Record => "RECORD_NOT_SIGNED",
            Self::Closed => "ENTRIES_NOT_SIGNED",
            Self::Statement(_) | Self::StatementSignatures | Self::StatementChannel => {
                "STATEMENT_INVALID"
            }
            Self::Digest { .. } => "CHANGED_AFTER_EXPORT",
            Self::CutOff => "CUT_OFF",
        }
    }
}
