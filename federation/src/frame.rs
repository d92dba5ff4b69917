//! What two daemons say to each other over one link, as the core sees it.
//!
//! Bytes of notes, headers and bodies are carried exactly as their signers produced them; nothing
//! in a frame is believed before it was checked. How a frame is put on the wire is the
//! transport's, which turns bytes into these types and refuses what does not fit; the core never
//! sees a protocol buffer.

use foedus_policy::id::{ChannelId, IncarnationId, NoteHash, OrgId, RunId};
use foedus_policy::time::Timestamp;

/// A position in the order in which one store received the entries of one channel.
///
/// Numbers of different runs of one daemon grow, too; the run only tells whether the store that
/// gave the number is the store that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The run of the daemon that gave the number.
    pub run: RunId,
    /// Number of the last arrival that is included. The first arrival has number 1.
    pub arrival: u64,
}

/// How much of one log somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogSize {
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation of it.
    pub incarnation: IncarnationId,
    /// Number of entries held from the first without a gap.
    pub size: u64,
}

/// The first frame in each direction, once per session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Lowest version of this protocol that the sender speaks.
    pub version_min: u32,
    /// Highest version that the sender speaks.
    pub version_max: u32,
    /// The run of the sender's daemon, to which its arrival numbers are relative.
    pub run: RunId,
    /// What the sender's wall clock says.
    pub wall: Timestamp,
    /// The sender's identity chain, each a signed note, oldest first.
    pub identity: Vec<Vec<u8>>,
    /// The sender's endpoints note.
    pub endpoints: Vec<u8>,
    /// The sender's peering note for this partner.
    pub peering: Vec<u8>,
}

/// Signed notes about one channel, or about nobody's channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notes {
    /// The channel that they are about.
    pub channel: ChannelId,
    /// Identity chains of the organisations that the charters name, each a list of signed notes.
    pub identities: Vec<Vec<Vec<u8>>>,
    /// Charters, consents, seals, withdrawals, terminations, disconnect records; as signed notes.
    pub notes: Vec<Vec<u8>>,
}

/// Asks the partner to send what arrives in one channel, from a position on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The channel.
    pub channel: ChannelId,
    /// Grows with each subscription to this channel in a session; entries sent for an older one
    /// are ignored.
    pub subscription: u32,
    /// Everything up to here was stored durably; `None` if nothing is known.
    pub cursor: Option<Cursor>,
    /// Without a cursor, what the subscriber holds of each log that it takes from this partner:
    /// whatever is missing is sent first, then what arrives.
    pub held: Vec<LogSize>,
    /// Whose logs the subscriber takes from this partner beside the partner's own.
    pub relayed: Vec<OrgId>,
    /// Digest over the hashes of all notes that the subscriber holds about the channel.
    pub notes: NoteHash,
}

/// One entry in transit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    /// The header, as its origin encoded it.
    pub header: Vec<u8>,
    /// Salt and body, where the receiver may have them and the sender has them.
    pub body: Option<RawBody>,
}

/// A body in transit, with what ties it to its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBody {
    /// The salt of the commitment.
    pub salt: [u8; 32],
    /// The body, as its origin encoded it.
    pub bytes: Vec<u8>,
}

/// Contiguous entries of one log, with what proves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPart {
    /// Whose log.
    pub origin: OrgId,
    /// Which incarnation.
    pub incarnation: IncarnationId,
    /// Sequence of the first entry.
    pub first: u64,
    /// The entries.
    pub entries: Vec<RawEntry>,
    /// The newest checkpoint of the log that the sender holds, as a signed note.
    pub checkpoint: Vec<u8>,
    /// Consistency proof (RFC 6962 §2.1.2) from the size after the last entry to the
    /// checkpoint's; empty if they are equal.
    pub proof: Vec<[u8; 32]>,
}

/// Entries of one channel, in the order in which they arrived at the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// The channel.
    pub channel: ChannelId,
    /// The subscription that is answered.
    pub subscription: u32,
    /// Grows by one with each frame of entries of a session, from 1.
    pub number: u64,
    /// Once these parts are durable at the receiver, this is its position; `None` while what was
    /// missed is sent log by log.
    pub cursor: Option<Cursor>,
    /// The parts.
    pub parts: Vec<RawPart>,
}

/// Says that a frame of entries, and all before it in its channel, is durable here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The channel.
    pub channel: ChannelId,
    /// Number of the frame.
    pub number: u64,
    /// Entries of it that were stored but have no effect anywhere.
    pub void: u32,
    /// Entries of it that were stored but have no effect at the sender of this.
    pub withheld: u32,
}

/// Why a link is about to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goodbye {
    /// The daemon stops and comes back.
    Restart,
    /// Another connection of the same peering is kept.
    Duplicate,
    /// No version in common.
    Version,
    /// A frame broke the protocol.
    Protocol,
    /// The peering does not hold (any more).
    Refused,
    /// Nothing is shared any more.
    NothingShared,
}

/// What a link carries, in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// First, and only first.
    Hello(Box<Hello>),
    /// Notes about one channel.
    Notes(Notes),
    /// Asks for what arrives in a channel.
    Subscribe(Subscribe),
    /// The cursor of a subscription to this channel is of no run that the sender of this knows:
    /// subscribe again, with what is held.
    UnknownCursor(ChannelId),
    /// Entries, live or backfilled.
    Entries(Entries),
    /// What is durable.
    Ack(Ack),
    /// The last frame.
    Goodbye(Goodbye),
}
