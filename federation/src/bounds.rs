//! Every limit of the federation core, in one place, with the unit last in its name.

use foedus_policy::time::DAY_MILLIS;

/// A note as it travels: text, the empty line and the signature lines. Less than a stored value
/// may be (64 KiB), so that a note is kept in one.
pub const NOTE_BYTES_MAX: usize = 60 * 1024;

/// The text of a note. What is left is room for 16 signatures and more.
pub const NOTE_TEXT_BYTES_MAX: usize = 52 * 1024;

/// Signature lines on one note.
pub const NOTE_SIGNATURES_MAX: usize = 16;

/// A free text in a note, before it is escaped.
pub const FREE_TEXT_BYTES_MAX: usize = 256;

/// A handle: what the domain name system allows.
pub const HANDLE_BYTES_MAX: usize = 253;

/// An identity note: its lines, and more signatures than a change of root needs. Chains are sent on
/// by everybody who shares a channel with their organisation.
pub const IDENTITY_NOTE_BYTES_MAX: usize = 4 * 1024;

/// Notes in one identity chain.
pub const IDENTITY_CHAIN_NOTES_MAX: usize = 8;

/// Addresses at which one organisation says that it can be dialled.
pub const ENDPOINT_ADDRESSES_MAX: usize = 8;

/// An invitation as text, prefix included: the inviter's identity takes most of it.
pub const INVITATION_BYTES_MAX: usize = 16 * 1024;

/// A reply to an invitation as text, prefix included.
pub const INVITATION_REPLY_BYTES_MAX: usize = 16 * 1024;

/// Participants of one channel, the host included.
pub const PARTICIPANTS_MAX: usize = foedus_policy::bounds::PARTICIPANTS_COUNT_MAX;

/// Custom events that one charter names.
pub const CUSTOM_NAMES_MAX: usize = 64;

/// The name of a custom event.
pub const CUSTOM_NAME_BYTES_MAX: usize = 64;

/// Logs named with size and root in one note.
pub const NOTE_LOG_HEADS_MAX: usize = 256;

/// A proof in a tree of at most 2^64 leaves has no more hashes than this.
pub const PROOF_HASHES_MAX: usize = 65;

/// How far a remote time may move our clock beyond our wall clock, and how far beyond it the time
/// of an entry may lie before the entry is held back.
pub const CLOCK_AHEAD_MILLIS_MAX: u64 = 5 * 60 * 1000;

/// A wall clock that is further than this from what it should say has leapt: 48 hours. Nothing is
/// done by it that can't be taken back, until somebody says that it is right.
pub const CLOCK_LEAP_MILLIS: u64 = 48 * 60 * 60 * 1000;

/// A partner whose clock is no further than this from ours says that ours is right.
pub const CLOCK_AGREES_MILLIS: u64 = 5 * 60 * 1000;

/// How far our wall clock may have come from what it should say before it is counted from anew.
pub const CLOCK_DRIFT_MILLIS_MAX: u64 = 60 * 60 * 1000;

/// How often the time is written down, so that a leap over a start is found.
pub const CLOCK_KEPT_MILLIS: u64 = 60 * 1000;

/// A header: 180 bytes and the name of a custom class.
pub const HEADER_BYTES_MAX: usize = 180 + CUSTOM_NAME_BYTES_MAX;

/// An encoded body. Less than a stored value may be (64 KiB), so that any entry is kept in one.
pub const BODY_BYTES_MAX: usize = 62 * 1024;

/// The text of a message; a charter may set a lower limit.
pub const TEXT_BYTES_MAX: u32 = 16 * 1024;

/// The emoji of a reaction.
pub const EMOJI_BYTES_MAX: usize = 64;

/// An address, `anna@acme.example`.
pub const ADDRESS_BYTES_MAX: usize = 320;

/// The name of a person or program as it is shown.
pub const DISPLAY_NAME_BYTES_MAX: usize = 128;

/// Incarnations that one first entry closes.
pub const CLOSES_ROWS_MAX: usize = 1024;

/// Logs that one heads entry states; 88 bytes each. Who has more to state writes more entries.
pub const HEADS_ROWS_MAX: usize = 512;

/// The content of a custom event.
pub const CUSTOM_BYTES_MAX: usize = 32 * 1024;

/// Entries of one part: one tile.
pub const PART_ENTRIES_MAX: usize = 256;

/// A signed checkpoint: its three lines and 16 signatures are about 5 KiB.
pub const CHECKPOINT_BYTES_MAX: usize = 8 * 1024;

/// One frame of a link, as encoded, with what wraps it.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Notes beside identity chains in one frame.
pub const FRAME_NOTES_MAX: usize = 64;

/// Logs of which one subscription says how much is held.
pub const FRAME_HELD_MAX: usize = 1024;

/// Parts of one frame of entries.
pub const FRAME_PARTS_MAX: usize = 64;

/// How often the organisation tells channels again what they should know.
pub const ORG_REMINDER_MILLIS: u64 = 10_000;

/// How often a channel tells the organisation again what it should know.
pub const CHANNEL_REMINDER_MILLIS: u64 = 5_000;

/// Runs that are read for one page of a feed.
pub const PAGE_RUNS_MAX: usize = 32;

/// One line of an export: an entry with the largest body, in base64, or what the audit log says of
/// an act, with every letter escaped.
pub const EXPORT_LINE_BYTES_MAX: usize = 256 * 1024;

/// Evidence of a fork: two checkpoints, headers and proofs, each with its length.
pub const EXPORT_FORK_BYTES_MAX: usize = 32 * 1024;

/// Organisations of one export: as many as one knows by introduction.
pub const EXPORT_ORGS_MAX: usize = 10_000;

/// Logs of one export that are gone through. What comes after is told, and not looked at.
pub const EXPORT_LOGS_MAX: usize = 1_000_000;

/// Statements about logs that are compared with an export's entries. Further ones are not.
pub const EXPORT_CLAIMS_MAX: usize = 1_000_000;

/// Faults of one export that are told one by one; further ones are counted.
pub const EXPORT_FAULTS_MAX: usize = 100;

/// Gaps of one export that are told one by one; further ones are counted.
pub const EXPORT_MISSING_MAX: usize = 100;

/// Bytes of lines that are read for one piece of an export. It ends with the line that reaches it.
pub const EXPORT_PIECE_BYTES: usize = 64 * 1024;

/// Runs of entries that are read at once for an export: about a piece.
pub const EXPORT_RUNS_MAX: usize = 8;

/// What the transport allows beside the frames themselves.
#[cfg(feature = "transport")]
pub mod transport {
    use std::time::Duration;

    /// Addresses behind one name that are tried.
    pub const DIALLED_ADDRESSES_MAX: usize = 8;

    /// Names that are looked up at a time. Each takes a thread of the pool in which signatures are checked, too, and
    /// keeps it for as long as a server of names says nothing; a further one waits.
    pub const LOOKUPS_MAX: usize = 64;

    /// Most connections that have not proved a pinned key, whether they shake hands or pair.
    pub const CONNECTIONS_MAX: usize = 256;
    /// Most of those from one source address (from one /64 in IPv6).
    pub const CONNECTIONS_PER_SOURCE_MAX: usize = 8;
    /// Most live links of one partner: one, and those that a dead path has not given up yet.
    pub const LINKS_PER_PARTNER_MAX: usize = 4;
    /// Most partners of whom the source address of the last link is remembered.
    pub const KNOWN_SOURCES_MAX: usize = 4096;
    /// Most authenticated connections that wait to be taken from the accept loop.
    pub const ACCEPTED_QUEUE_MAX: usize = 32;
    /// From the connection's arrival to the end of the TLS handshake.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long the accept loop sleeps when the system has no descriptor or memory for it.
    pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
    /// Idle time of a TCP connection before the kernel probes it. The links' pings find a dead one
    /// earlier; this is for connections that have no HTTP/2 yet.
    pub const TCP_KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

    /// From the first packet to an open link, at the side that dials.
    pub const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
    /// From the end of the TLS handshake to the call, and from the call to the partner's hello.
    pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
    /// Between two pings of a link, also while it is idle.
    pub const PING_INTERVAL: Duration = Duration::from_secs(5);
    /// From a ping to the end of the link, if no answer comes.
    pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
    /// From the decision to close to the end of the connection: time for the goodbye to leave.
    pub const CLOSE_GRACE: Duration = Duration::from_secs(1);
    /// Most frames that wait in each direction of one link between it and the core.
    pub const FRAMES_QUEUE_MAX: usize = 8;
    /// HTTP/2 window of the one stream of a link.
    pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
    /// HTTP/2 window of a link's connection: at least four times the stream's, so that a stalled
    /// stream never holds up the connection.
    pub const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;
    /// Most bytes of all headers of one HTTP/2 request or answer.
    pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
    /// Most bytes that HTTP/2 buffers for one stream before it stops taking more.
    pub const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

    /// From the end of the TLS handshake to the end of a pairing connection.
    pub const PAIRING_TIMEOUT: Duration = Duration::from_secs(10);
    /// Most bytes of a reply to an invitation.
    pub const PAIRING_REPLY_BYTES_MAX: usize = super::INVITATION_REPLY_BYTES_MAX;
    /// Most bytes of the inviter's identity chain.
    pub const PAIRING_IDENTITY_BYTES_MAX: usize = 64 * 1024;
    /// Most bytes of the identity chain of whoever announces itself.
    pub const PAIRING_ANNOUNCE_BYTES_MAX: usize =
        super::IDENTITY_CHAIN_NOTES_MAX * super::IDENTITY_NOTE_BYTES_MAX;
    /// Room for what protocol buffers wrap around bytes.
    pub const PAIRING_WRAPPING_BYTES_MAX: usize = 1024;
    /// HTTP/2 windows of a pairing connection.
    pub const PAIRING_WINDOW_BYTES: u32 = 128 * 1024;

    /// The first delay after a failure to reach a partner.
    pub const BACKOFF_DELAY_MILLIS_MIN: u64 = 200;
    /// The longest delay in the first ten minutes without a sign of life.
    pub const BACKOFF_EARLY_DELAY_MILLIS_MAX: u64 = 5_000;
    /// How long the first delays stay short.
    pub const BACKOFF_EARLY_MILLIS: u64 = 10 * 60 * 1_000;
    /// The longest delay at all.
    pub const BACKOFF_DELAY_MILLIS_MAX: u64 = 60_000;

    const _: () = assert!(CONNECTION_WINDOW_BYTES >= 4 * STREAM_WINDOW_BYTES);
    const _: () = assert!(super::FRAME_BYTES_MAX <= STREAM_WINDOW_BYTES as usize);
}

/// The body of an audit entry. Less than a stored value may be (64 KiB). The limits below keep it.
pub const AUDIT_BODY_BYTES_MAX: usize = 32 * 1024;

/// What an audited act was done to, as text; a longer one is cut.
pub const AUDIT_OBJECT_BYTES_MAX: usize = 1024;

/// Verb, rule, or a detail's name in the audit log; and the actor, who never needs more.
pub const AUDIT_NAME_BYTES_MAX: usize = 64;

/// One detail of an audited act; a longer one is cut.
pub const AUDIT_DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Details of one audited act; if there are more, the last that is kept tells how many are not.
pub const AUDIT_DETAILS_COUNT_MAX: usize = 7;

/// Inputs that one step takes at most; the rest waits for the next.
pub const STEP_INPUTS_MAX: usize = 256;

/// What an engine takes in one batch. Every engine takes this much.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// A step that wrote this many bytes takes nothing further: no input, and nothing more of an input
/// that it can leave to the next step.
pub const STEP_BYTES_MAX: usize = 256 * 1024;

/// A step that wrote this many keys takes nothing further.
pub const STEP_KEYS_MAX: usize = 1024;

/// What the largest thing writes that is done in one step or not at all. Of what partners send:
/// one entry, one note, one identity chain. Of ours: one request, one tick.
pub const UNIT_BYTES_MAX: usize = largest(&[
    ENTRY_WRITES_BYTES_MAX,
    NOTE_WRITES_BYTES_MAX,
    CHAIN_WRITES_BYTES_MAX,
    REQUEST_WRITES_BYTES_MAX,
    TICK_WRITES_BYTES_MAX,
]);

/// The key of a note, and what is stored beside its bytes.
const NOTE_KEY_BYTES_MAX: usize = 80;

/// The key of any record, and what is stored beside the bytes that others determine.
pub const RECORD_OVERHEAD_BYTES_MAX: usize = 256;

/// The head of a log that is not frozen: its checkpoint with its proof, and at most 64 hashes of
/// its edge.
pub const LOG_HEAD_BYTES_MAX: usize =
    CHECKPOINT_BYTES_MAX + 32 * PROOF_HASHES_MAX + 8 + 64 * 32 + RECORD_OVERHEAD_BYTES_MAX;

/// One entry: the run that it ends and its own, their arrivals, what waits of them, what it says
/// of another, its author, its log's head and tile, and the heads of the logs that it closes.
const ENTRY_WRITES_BYTES_MAX: usize = RUN_BYTES_MAX
    + (BODY_BYTES_MAX + HEADER_BYTES_MAX)
    + 2 * RUN_ENTRIES_MAX * RECORD_OVERHEAD_BYTES_MAX
    + (STORED_VALUE_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX)
    + 4 * RECORD_OVERHEAD_BYTES_MAX
    + ADDRESS_BYTES_MAX
    + DISPLAY_NAME_BYTES_MAX
    + (1 + CLOSES_NOTED_MAX) * LOG_HEAD_BYTES_MAX;

/// One note of ours or of a partner's: itself, and, if a text returns that had been given up, that
/// text and all yeses to it; a seal of ours (at most half a note) twice; and what our yes lets be shown.
const NOTE_WRITES_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX
    + PARTICIPANTS_MAX * CONSENTS_PER_ORG_MAX * (CONSENT_BYTES_MAX + NOTE_KEY_BYTES_MAX)
    + RELEASED_MAX * RECORD_OVERHEAD_BYTES_MAX
    + LOG_HEAD_BYTES_MAX;

/// One identity chain.
const CHAIN_WRITES_BYTES_MAX: usize =
    IDENTITY_CHAIN_NOTES_MAX * (IDENTITY_NOTE_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX);

/// What is told of one member, and what is noted of it.
const MEMBER_WRITES_BYTES_MAX: usize = 4 * 1024;

/// One request: what is told of whoever asks, its bodies, with a header for each.
const REQUEST_WRITES_BYTES_MAX: usize = POST_BYTES_MAX
    + MEMBER_WRITES_BYTES_MAX
    + POST_TEXTS_MAX * (HEADER_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX)
    + STORED_VALUE_BYTES_MAX
    + LOG_HEAD_BYTES_MAX;

/// One tick, and what follows the last note of a frame: a seal as note and as entry, a record of
/// the end, what waited and is shown, old answers, and notes of whom nobody names any more.
const TICK_WRITES_BYTES_MAX: usize = 3 * NOTE_BYTES_MAX
    + RELEASED_MAX * RECORD_OVERHEAD_BYTES_MAX
    + ANSWERS_DELETED_MAX * 80
    + LOG_HEAD_BYTES_MAX;

/// What the end of a step writes: an incarnation of our own that opens and closes others, one
/// member beyond the limit, a heads entry with the heads of the logs that it states, and the head
/// of the channel.
pub const FINISH_BYTES_MAX: usize = OWN_CLOSES_MAX * OWN_LOG_HEAD_BYTES_MAX
    + MEMBER_WRITES_BYTES_MAX
    + (BODY_BYTES_MAX + HEADER_BYTES_MAX)
    + HEADS_STATED_BYTES_MAX
    + LOG_HEAD_BYTES_MAX
    + RUNS_REMEMBERED_MAX * 32
    + RECORD_OVERHEAD_BYTES_MAX;

/// The head of a log of our own: only we sign its checkpoints, once each.
const OWN_LOG_HEAD_BYTES_MAX: usize = 8 + 64 * 32 + 1024;

// One commit takes every step, whatever was sent to us.
const _: () = assert!(STEP_BYTES_MAX + UNIT_BYTES_MAX + FINISH_BYTES_MAX <= BATCH_BYTES_MAX);

const fn largest(all: &[usize]) -> usize {
    let (mut at, mut largest) = (0, 0);
    while at < all.len() {
        if all[at] > largest {
            largest = all[at];
        }
        at += 1;
    }
    largest
}

/// What an engine takes as one value.
pub const STORED_VALUE_BYTES_MAX: usize = 64 * 1024;

/// A step that has to read this much takes no further input.
pub const STEP_READS_MAX: usize = 256;

/// Entries of which what was said before is read for one step; the rest of their frame follows
/// with the next.
pub const ANNOTATED_PER_STEP_MAX: usize = 32;

/// Runs that are looked at again in one step, when a note says that words count only so far.
pub const REVIEW_RUNS_MAX: usize = 16;

/// Bodies of one request.
pub const POST_BYTES_MAX: usize = 256 * 1024;

/// Logs that one first entry of another organisation marks as closed here. What it says beyond
/// that only tells which logs a record of the end names first.
pub const CLOSES_NOTED_MAX: usize = 4;

/// Logs of ours that one first entry closes; what is left over is closed by the next.
pub const OWN_CLOSES_MAX: usize = 16;

/// Heads of logs that one heads entry of ours makes us write; what is left over is stated next.
pub const HEADS_STATED_BYTES_MAX: usize = 64 * 1024;

/// A consent as it travels: its text has at most 392 bytes, and its signer's line 166.
pub const CONSENT_BYTES_MAX: usize = 704;

/// Idempotency answers that one tick deletes at most.
pub const ANSWERS_DELETED_MAX: usize = 1024;

/// A step is decided at most this often when others change the scope meanwhile.
pub const STEP_DECISIONS_MAX: u32 = 3;

/// Entries of one stored run.
pub const RUN_ENTRIES_MAX: usize = 16;

/// Bytes of one stored run, unless it is a single entry.
pub const RUN_BYTES_MAX: usize = 8 * 1024;

/// After so many new entries we state in our own log what we hold of the others'.
pub const HEADS_ENTRIES_MAX: u32 = 256;

/// After this time with a new entry we state it, too.
pub const HEADS_MILLIS_MAX: u64 = 60 * 1000;

/// Runs of our daemon whose last arrival a channel remembers, so that their cursors stay good.
pub const RUNS_REMEMBERED_MAX: usize = 64;

/// Messages that one request posts.
pub const POST_TEXTS_MAX: usize = 256;

/// Reactions to one entry, by author and emoji. Of more, those of the organisation that has the
/// most have no effect.
pub const REACTIONS_MAX: usize = 360;

/// Reactions, edits and so on that stand in one stored page of what is said of an entry. One more
/// rewrites the page that it comes to, and the one that it has something taken out of; not all that was
/// ever said: else a partner would have us write a thousand times what it sends.
pub const ANNOTATIONS_PER_PAGE_MAX: usize = 16;

/// Edits, retractions and erasures of one entry, by author: all but one of them by others than
/// its author, without effect. Of more, the last have none.
pub const CHANGES_OF_OWN_MAX: usize = 40;

/// Edits of one entry beyond one for each author, kept until they are shown. A further one that waits
/// for its time is withheld; of those that wait for somebody's word the earliest make room.
pub const EDITS_WAITING_MAX: usize = CHANGES_OF_OWN_MAX;

/// Entries of all parts of one frame.
pub const FRAME_ENTRIES_MAX: usize = 512;

/// Bytes of all headers and bodies of one frame, so that one commit can take it.
pub const FRAME_ENTRIES_BYTES_MAX: usize = 256 * 1024;

/// How long a consent of ours may be sealed.
pub const CONSENT_MILLIS: u64 = foedus_policy::bounds::APPROVAL_MILLIS;

/// Organisations that we know only by introduction. For one more, one that is in no channel goes; if there is none, it is not
/// kept, and its channel alone knows who it is.
pub const INTRODUCED_ORGS_MAX: usize = 10_000;

/// Denials of one source by one rule that are written down within a minute; the rest is counted.
pub const DENIALS_PER_MINUTE_MAX: u32 = 10;

/// Sources and rules whose denials are told apart within a minute.
pub const DENIAL_SOURCES_MAX: usize = 1000;

/// Entries of one frame that we send.
pub const PAGE_ENTRIES_MAX: usize = 256;

/// Bytes of headers and bodies of one frame that we send, unless it is a single run.
pub const PAGE_BYTES_MAX: usize = 128 * 1024;

/// Frames of entries that a link has sent and that are not acknowledged.
pub const CREDIT_FRAMES_MAX: usize = 64;

/// Bytes of them.
pub const CREDIT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Arrivals that a subscriber is not sent, after which it is told its position all the same.
pub const SILENT_ARRIVALS_MAX: u64 = 1024;

/// A session in which the partner's first frame does not come within this time is closed.
pub const HELLO_MILLIS_MAX: u64 = 10_000;

/// Notes about a channel in one frame that we send.
pub const NOTES_SENT_MAX: usize = 16;

/// Identity chains in one frame that we send.
pub const NOTES_IDENTITIES_SENT_MAX: usize = 16;

/// Bytes of the notes, and of the identity chains, in one frame that we send: whatever others put
/// under their signatures, together they are less than a frame may be.
pub const NOTES_SENT_BYTES_MAX: usize = 384 * 1024;

// One chain fits, and the frame with it.
const _: () = assert!(
    IDENTITY_CHAIN_NOTES_MAX * IDENTITY_NOTE_BYTES_MAX <= NOTES_SENT_BYTES_MAX
        && 2 * NOTES_SENT_BYTES_MAX + 64 * 1024 <= FRAME_BYTES_MAX
);

/// How often a partner is asked in one session for the words of somebody whom we don't know by the
/// key that signed them.
pub const LEFT_OUT_MAX: u32 = 2;

/// Logs that one partner brings in one session under revisions which we do not hold: of so many the rest
/// is taken without them.
pub const UNJUDGED_LOGS_MAX: usize = 1024;

/// Logs of which a subscriber says how much it holds; of more, it is sent anew what it has.
pub const HELD_LOGS_MAX: usize = 1024;

/// Items of one page of history.
pub const TIMELINE_PAGE_ITEMS_MAX: usize = 200;

/// Roughly the bytes of one page of history, unless it is a single item: a message of the API
/// holds at most twice as much.
pub const TIMELINE_PAGE_BYTES_MAX: usize = 128 * 1024;

/// Entries that are looked at for one page of history; then it ends, with fewer items if need be.
pub const TIMELINE_SCANNED_MAX: usize = 4096;

/// Runs that are read of one log at a time.
pub const TIMELINE_RUNS_READ_MAX: usize = 8;

/// Arrivals that are read for one list of a live stream.
pub const TIMELINE_ARRIVALS_MAX: usize = 16;

/// Yeses of one organisation to one proposed text that are kept; a further one is not taken, unless
/// the seal names it. As many again are remembered until then.
pub const CONSENTS_PER_ORG_MAX: usize = 2;

/// Withdrawals of one organisation from one channel that are kept, the first ones: it may come back
/// after all but the last.
pub const WITHDRAWALS_PER_ORG_MAX: usize = 16;

/// Proposed texts that their host seems to have given up, remembered in case one was sealed; the
/// oldest makes room.
pub const PROPOSALS_HEARD_MAX: usize = 8;

/// Bytes of the charters of one channel, of what is said to them, and of their seals, beyond which no
/// further charter is taken. What participants say alone is not in it: there are few notes of each.
pub const GOVERNANCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of the late yeses of one organisation to all revisions of one channel: to nearly two
/// hundred that it had not agreed to in time. Further ones are refused.
pub const LATE_CONSENTS_BYTES_MAX: usize = 128 * 1024;

/// Disconnect records of one organisation about one channel that are kept: one, and another for
/// each time that an old copy of its data was put back after the end. Further ones are refused.
pub const RECORDS_PER_ORG_MAX: usize = 8;

/// A partner that says again and again that it holds other notes about a channel than we do is
/// sent all of ours at most this often; between that, only what is new.
pub const NOTES_AGAIN_MILLIS_MIN: u64 = 5_000;

/// Logs of one organisation in one channel. A further one is not taken, and our people are told:
/// an honest daemon begins one with each start.
pub const LOGS_PER_ORIGIN_MAX: usize = 16_384;

/// Entries of one organisation that wait to be shown, in one channel. A further one is withheld; one
/// that waits for nothing but its author is kept, and shown in the history once its author joined.
pub const WAITING_PER_ORIGIN_MAX: usize = 16_384;

/// Entries that are shown late by one step; the rest follows with the next.
pub const RELEASED_MAX: usize = 128;

/// Authors of one organisation in one channel. Who joins after that is not shown.
pub const AUTHORS_PER_ORIGIN_MAX: usize = 20_000;

/// Rows of one heads entry that are compared with what is stored.
pub const HEADS_EXAMINED_MAX: usize = 16;

/// Steps in a row that may begin with an input and do nothing of it; then it is given up.
pub const STEP_IDLE_MAX: u8 = 4;

/// Stated heads of logs that can't be compared yet, of those that one organisation stated; more are
/// forgotten.
pub const LACKING_MAX: usize = 512;

/// How long what others state to hold may be under way before it is asked for from them.
pub const LACKING_MILLIS: u64 = 60_000;

/// How long until it is asked for again.
pub const LACKING_AGAIN_MILLIS: u64 = 600_000;

/// How long until who was asked for the bodies of a log, or brought entries without them, is asked for
/// those of entries that came since.
pub const BODIES_MILLIS_MIN: u64 = 60_000;

/// How long until it is asked for all of them again: it sends the log from there on, and may not have
/// them either.
pub const BODIES_AGAIN_MILLIS: u64 = DAY_MILLIS;

/// Stated heads of logs that were compared and are remembered, so that the next is compared from there; beyond that
/// all are forgotten, and what is stated next is compared with all of the log.
pub const EXAMINED_MAX: usize = 1024;

/// Differences of one channel that wait to be looked into; of more, nothing is remembered, since
/// what caused them comes again.
pub const EXAMINES_PENDING_MAX: usize = 8;

/// Organisations that we know by the introduction of one partner alone. For one more, see [`INTRODUCED_ORGS_MAX`].
pub const INTRODUCED_BY_ONE_MAX: usize = 1_000;

/// Times a minute that room is looked for among them for what one partner introduces. What finds none is introduced again.
pub const INTRODUCED_ROOM_PER_MINUTE_MAX: u32 = 30;

/// Faults of a store that an inspection keeps; more are counted.
pub const INSPECTION_FAULTS_MAX: usize = 100;
