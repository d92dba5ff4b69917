//! What is stored under the keys of a channel: one record type for each kind, each behind a byte
//! that says which version of its format it has.
//!
//! The encoding is that of headers and bodies (TLS presentation language). Records are not domain
//! types: machines turn them into theirs when they load, and back when they write.

use foedus_policy::id::{EntryRef, IncarnationId, OrgId};
use tls_codec::{DeserializeBytes, Serialize, Size, TlsDeserializeBytes, TlsSerialize, TlsSize};

use crate::batch::{Key, Value};
use crate::damaged::{DamageCause, Damaged};
use crate::frame::{RawBody, RawEntry};

/// The only version of every format so far.
const VERSION: u8 = 1;

/// Bytes in records, with their length in four bytes before them: taken whole, where a list of
/// numbers would be read and written one by one.
mod bytes {
    use tls_codec::{DeserializeBytes, Error, Serialize, Size, TlsByteSliceU32, TlsByteVecU32};

    pub(super) fn tls_serialized_len(bytes: &[u8]) -> usize {
        TlsByteSliceU32(bytes).tls_serialized_len()
    }

    pub(super) fn tls_serialize<W: std::io::Write>(
        bytes: &[u8],
        writer: &mut W,
    ) -> Result<usize, Error> {
        TlsByteSliceU32(bytes).tls_serialize(writer)
    }

    pub(super) fn tls_deserialize_bytes(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), Error> {
        let (taken, rest) = TlsByteVecU32::tls_deserialize_bytes(bytes)?;
        Ok((taken.into(), rest))
    }
}

/// A record that is kept under a key.
pub trait Record: Sized + Serialize + DeserializeBytes + Size {
    /// What it is called where it can't be read.
    const NAME: &'static str;

    /// The value to store.
    fn to_value(&self) -> Value {
        let mut value = Vec::with_capacity(1 + self.tls_serialized_len());
        value.push(VERSION);
        self.tls_serialize(&mut value)
            .expect("memory takes every record, and lengths are bounded");
        value
    }

    /// The record that was stored under `key`.
    fn from_value(key: &[u8], value: &[u8]) -> Result<Self, Damaged> {
        let damaged = || Damaged::new(Key::from(key), Self::NAME);
        match value.split_first() {
            Some((&VERSION, rest)) => Self::tls_deserialize_exact_bytes(rest)
                .map_err(|layout| damaged().caused_by(layout)),
            Some((&found, _)) => Err(damaged().caused_by(DamageCause::Version {
                known: VERSION,
                found,
            })),
            None => Err(damaged()),
        }
    }
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident, $text:literal { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, TlsSize, TlsSerialize, TlsDeserializeBytes)]
        pub struct $name { $( $(#[$field_doc])* pub $field: $type, )+ }

        impl Record for $name {
            const NAME: &'static str = $text;
        }
    };
}

record!(
    /// The head of a channel.
    ChannelHead, "the head of a channel" {
        /// Number of the last arrival.
        arrival: u64,
        /// Our hybrid logical time when it was last used.
        hlc: u64,
        /// The run that opened our present incarnation, if there is one.
        run: Option<[u8; 16]>,
        /// Our present incarnation.
        incarnation: Option<[u8; 16]>,
        /// Commits of that run whose outcome was unknown when the incarnation was opened.
        tainted: u32,
        /// Entries of others and of ours that our last heads entry does not state.
        unstated: u32,
        /// When the oldest of them arrived, in milliseconds.
        unstated_since: u64,
        /// Notes learnt so far.
        notes: u32,
        /// Idempotency answers are kept by turns, of which this is the latest. A turn lasts until our clock is a
        /// day away from its beginning, either way: a clock that leaps and is put right makes two of them.
        answers_turn: u32,
        /// When it began, in milliseconds.
        answers_turn_since: u64,
        /// The answers of turns before this one were deleted.
        answers_from_turn: u32,
        /// The run that made the last arrivals.
        last_run: Option<[u8; 16]>,
        /// Where earlier runs ended, newest last.
        runs: Vec<RunEnd>,
    }
);

record!(
    /// The last arrival of one run of our daemon.
    RunEnd, "the end of a run" {
        /// The run.
        run: [u8; 16],
        /// The number of its last arrival.
        arrival: u64,
    }
);

record!(
    /// The head of one log.
    LogHead, "the head of a log" {
        /// The right edge of its tree.
        #[tls_codec(with = "bytes")]
        frontier: Vec<u8>,
        /// The newest checkpoint that proves what is held, a signed note.
        #[tls_codec(with = "bytes")]
        checkpoint: Vec<u8>,
        /// The size that it states.
        checkpoint_size: u64,
        /// How many of the entries that are held it proves.
        signed: u64,
        /// The hashes that prove it.
        #[tls_codec(with = "bytes")]
        ahead: Vec<u8>,
        /// The key under which this incarnation is signed.
        key: [u8; 32],
        /// Hybrid logical time of its last entry.
        hlc: u64,
        /// Number of the newest revision that one of its entries names; 0 for none.
        revision: u64,
        /// The size that our last heads entry stated.
        stated: u64,
        /// Size at which a later incarnation of the same origin closed it.
        closed_at: Option<u64>,
        /// The first of its entries that were withheld because of who wrote them.
        withheld_from: Option<u64>,
        /// Evidence of a fork, if one was found.
        #[tls_codec(with = "bytes")]
        fork: Vec<u8>,
    }
);

record!(
    /// A note about the channel.
    StoredNote, "a note" {
        /// Its place in the order in which notes were learnt.
        order: u32,
        /// The signed note.
        #[tls_codec(with = "bytes")]
        bytes: Vec<u8>,
    }
);

record!(
    /// Up to where a partner's arrivals were taken.
    Taken, "a position" {
        /// The run of the partner's daemon.
        run: [u8; 16],
        /// The number of the last arrival that is included.
        arrival: u64,
        /// Names the set of origins that were taken from this partner beside its own.
        relayed: [u8; 32],
    }
);

record!(
    /// A partner holds words of ours which we lost, and has not given all of them back.
    Lost, "words that are lost" {
        /// When that was found.
        since: u64,
    }
);

record!(
    /// Where a log has entries whose bodies we may read and lack.
    Bodiless, "where a log lacks bodies" {
        /// Sequence of the first that may lack its body.
        first: u64,
        /// Sequence of the last that may.
        last: u64,
        /// Who was asked for them, or brought them without.
        asked: Vec<AskedForBodies>,
    }
);

record!(
    /// Who was asked for bodies.
    AskedForBodies, "who was asked for bodies" {
        /// Who.
        org: [u8; 32],
        /// For entries before this one.
        up_to: u64,
        /// When, in milliseconds.
        at: u64,
    }
);

record!(
    /// What the log says of one of our members.
    Announced, "an announced member" {
        /// Whether the member is in the channel.
        joined: u8,
        /// The address that was told.
        #[tls_codec(with = "bytes")]
        address: Vec<u8>,
        /// The display name that was told.
        #[tls_codec(with = "bytes")]
        display_name: Vec<u8>,
        /// Whether participants can read it: 1 in a log that was written under a charter.
        shared: u8,
    }
);

record!(
    /// What is known of an author: at least one of the two.
    Author, "an author" {
        /// The newest word that it joined.
        joined: Option<Joined>,
        /// The newest word that it left.
        left: Option<Said>,
    }
);

record!(
    /// Which entry of an organisation said something.
    Said, "where something was said" {
        /// When, as hybrid logical time.
        hlc: u64,
        /// Which incarnation.
        incarnation: [u8; 16],
        /// Position in it.
        sequence: u64,
    }
);

record!(
    /// That an author joined, and as whom.
    Joined, "who joined" {
        /// Place of the kind in the list of kinds.
        kind: u8,
        /// The address.
        #[tls_codec(with = "bytes")]
        address: Vec<u8>,
        /// The display name.
        #[tls_codec(with = "bytes")]
        display_name: Vec<u8>,
        /// Where that was said.
        said: Said,
    }
);

record!(
    /// An entry that waits to be shown.
    Waiting, "a waiting entry" {
        /// Whose log.
        origin: [u8; 32],
        /// Which incarnation.
        incarnation: [u8; 16],
        /// Position in it.
        sequence: u64,
        /// Shown once our wall clock says this, in milliseconds, if it waits for time.
        until: Option<u64>,
        /// Shown once we agreed to this revision, if it waits for one.
        revision: Option<u64>,
        /// Shown once it is known who this is.
        author: Option<Unknown>,
    }
);

record!(
    /// Somebody of whom it is not known whether they joined.
    Unknown, "an unknown author" {
        /// Who.
        author: [u8; 16],
        /// Number of the revision under which it was written; 0 in a local channel.
        written: u64,
    }
);

record!(
    /// How far a log was looked at again.
    Reviewing, "a position in a log" {
        /// Whose log.
        origin: [u8; 32],
        /// Which incarnation.
        incarnation: [u8; 16],
        /// The sequence of the next entry.
        next: u64,
    }
);

record!(
    /// A body with what ties it to its header.
    StoredBody, "a body" {
        /// The salt of the commitment.
        salt: [u8; 32],
        /// The body, as its origin encoded it.
        #[tls_codec(with = "bytes")]
        bytes: Vec<u8>,
    }
);

record!(
    /// One entry.
    StoredEntry, "an entry" {
        /// The header, as its origin encoded it.
        #[tls_codec(with = "bytes")]
        header: Vec<u8>,
        /// See [`crate::channel::Verdict`].
        verdict: u8,
        /// The body, where it is present.
        body: Option<StoredBody>,
    }
);

impl StoredEntry {
    /// An entry as it came or was made, to be kept with what it is to us.
    pub fn of(raw: RawEntry, verdict: u8) -> Self {
        let body = raw
            .body
            .map(|RawBody { salt, bytes }| StoredBody { salt, bytes });
        Self {
            header: raw.header,
            verdict,
            body,
        }
    }

    /// As it came, and as it is sent on where its body may go.
    pub fn into_raw(self) -> RawEntry {
        let body = self
            .body
            .map(|StoredBody { salt, bytes }| RawBody { salt, bytes });
        RawEntry {
            header: self.header,
            body,
        }
    }

    /// Roughly what it takes in the store, and in a frame.
    pub fn bytes(&self) -> usize {
        /// Lengths, the verdict, and whether there is a body.
        const LAYOUT_BYTES: usize = 16;
        let body = self.body.as_ref();
        self.header.len() + body.map_or(0, |body| body.salt.len() + body.bytes.len()) + LAYOUT_BYTES
    }
}

record!(
    /// Up to 16 entries of one log that arrived together.
    Run, "a run of entries" {
        /// The number under which they arrived.
        arrival: u64,
        /// When, in milliseconds.
        arrived: u64,
        /// Sequence of the first.
        first: u64,
        /// The entries.
        entries: Vec<StoredEntry>,
    }
);

record!(
    /// What arrived under one number.
    Arrival, "an arrival" {
        /// Whose log.
        origin: [u8; 32],
        /// Which incarnation.
        incarnation: [u8; 16],
        /// Sequence of the first entry.
        first: u64,
        /// Sequence of the last entry.
        last: u64,
        /// 1 if these entries had arrived before, and are only shown now; 2 if their bodies have come
        /// now: then they are sent once more to whoever follows what arrives, too.
        shown_late: u8,
        /// Which of the entries had to wait when they arrived: they are shown when they arrive
        /// once more, and never here, so that no reader is shown them twice.
        held_back: Vec<u64>,
    }
);

impl Arrival {
    /// The entries are only shown now.
    pub const SHOWN_LATE: u8 = 1;
    /// Their bodies have come now.
    pub const WITH_BODIES: u8 = 2;
}

record!(
    /// What one later entry says of an earlier one.
    Annotation, "an annotation" {
        /// 1 edit, 2 retract, 3 reaction, 4 erase.
        kind: u8,
        /// Whose log says so.
        origin: [u8; 32],
        /// Which incarnation of it.
        incarnation: [u8; 16],
        /// The entry that says so.
        sequence: u64,
        /// Who says so.
        author: [u8; 16],
        /// When, as hybrid logical time.
        hlc: u64,
        /// Number of the revision under which it was said; 0 in a local channel.
        revision: u32,
        /// The reaction; empty for others.
        #[tls_codec(with = "bytes")]
        emoji: Vec<u8>,
        /// Whether the reaction is given, not taken back.
        on: u8,
    }
);

impl Annotation {
    /// The entry that says so.
    pub fn entry(&self) -> EntryRef {
        EntryRef {
            origin: OrgId(self.origin),
            incarnation: IncarnationId(self.incarnation),
            sequence: self.sequence,
        }
    }

    /// Another text for the target.
    pub const EDIT: u8 = 1;
    /// The target is taken back.
    pub const RETRACT: u8 = 2;
    /// A reaction to the target.
    pub const REACT: u8 = 3;
    /// The target is erased.
    pub const ERASE: u8 = 4;
}

record!(
    /// A page of what later entries say of one entry: over all pages at most one annotation for each
    /// author, kind and emoji, the latest.
    Annotations, "annotations" {
        /// In no particular order.
        rows: Vec<Annotation>,
    }
);

record!(
    /// The answer to a request with an idempotency key.
    Answered, "an answer" {
        /// Hash over what was asked.
        request: [u8; 32],
        /// Which incarnation of our log.
        incarnation: [u8; 16],
        /// The first entry that the request made.
        first: u64,
        /// How many entries it made.
        count: u32,
        /// Hybrid logical time of the first.
        hlc: u64,
    }
);

record!(
    /// The version of the organisation's state.
    StateVersion, "the version of the state" {
        /// The number.
        version: u64,
    }
);

record!(
    /// The head of the audit log.
    AuditHead, "the head of the audit log" {
        /// Number of the last entry over all incarnations.
        number: u64,
        /// The present incarnation.
        incarnation: Option<[u8; 16]>,
        /// The run that opened it.
        run: Option<[u8; 16]>,
        /// Commits of that run whose outcome was unknown when it was opened.
        tainted: u32,
        /// The right edge of its tree.
        #[tls_codec(with = "bytes")]
        frontier: Vec<u8>,
        /// Its newest checkpoint, a signed note.
        #[tls_codec(with = "bytes")]
        checkpoint: Vec<u8>,
        /// Hybrid logical time of the last entry.
        hlc: u64,
    }
);

record!(
    /// What the clocks said when the wall clock was last relied on.
    ClockKept, "the time that was relied on" {
        /// By the wall clock.
        wall: u64,
        /// The run that wrote it.
        run: [u8; 16],
        /// By the steady clock of that run.
        steady_millis: u64,
        /// 1 if nobody had agreed since that run began.
        in_doubt: u8,
    }
);
