//! Every limit of the federation core, with the unit last in its name: this is the one list that is
//! named from outside, by heading. What the transport allows, and what one step may write, is
//! reckoned in rooms of its own.

mod budget;
#[cfg(feature = "transport")]
pub mod transport;

use foedus_policy::time::DAY_MILLIS;

pub(crate) use budget::RECORD_OVERHEAD_BYTES_MAX;

// Notes, identities, invitations, charters.

/// A note as it travels: text, the empty line and the signature lines. Less than a stored value
/// may be (64 KiB), so that a note is kept in one.
pub(crate) const NOTE_BYTES_MAX: usize = 60 * 1024;

/// The text of a note. What is left is room for 16 signatures and more.
pub(crate) const NOTE_TEXT_BYTES_MAX: usize = 52 * 1024;

/// Signature lines on one note.
pub(crate) const NOTE_SIGNATURES_MAX: usize = 16;

/// Logs named with size and root in one note.
pub(crate) const NOTE_LOG_HEADS_MAX: usize = 256;

/// A free text in a note, before it is escaped.
pub(crate) const FREE_TEXT_BYTES_MAX: usize = 256;

/// A handle: what the domain name system allows.
pub(crate) const HANDLE_BYTES_MAX: usize = foedus_policy::bounds::HANDLE_BYTES_MAX;

/// An identity note: its lines, and more signatures than a change of root needs. Chains are sent on
/// by everybody who shares a channel with their organisation.
pub(crate) const IDENTITY_NOTE_BYTES_MAX: usize = 4 * 1024;

/// Notes in one identity chain.
pub(crate) const IDENTITY_CHAIN_NOTES_MAX: usize = 8;

/// Addresses at which one organisation says that it can be dialled.
pub const ENDPOINT_ADDRESSES_MAX: usize = 8;

/// An invitation as text, prefix included: the inviter's identity takes most of it.
pub(crate) const INVITATION_BYTES_MAX: usize = 16 * 1024;

/// A reply to an invitation as text, prefix included.
pub(crate) const INVITATION_REPLY_BYTES_MAX: usize = 16 * 1024;

/// Participants of one channel, the host included.
pub(crate) const PARTICIPANTS_MAX: usize = foedus_policy::bounds::PARTICIPANTS_COUNT_MAX;

/// Custom events that one charter names.
pub(crate) const CUSTOM_NAMES_MAX: usize = 64;

/// The name of a custom event.
pub(crate) const CUSTOM_NAME_BYTES_MAX: usize = 64;

/// A consent as it travels: its text has at most 392 bytes, and its signer's line 166.
pub(crate) const CONSENT_BYTES_MAX: usize = 704;

/// How long a consent of ours may be sealed.
pub(crate) const CONSENT_MILLIS: u64 = foedus_policy::bounds::APPROVAL_MILLIS;

// Entries.

/// A header: 180 bytes and the name of a custom class.
pub(crate) const HEADER_BYTES_MAX: usize = 180 + CUSTOM_NAME_BYTES_MAX;

/// An encoded body. Less than a stored value may be (64 KiB), so that any entry is kept in one.
pub(crate) const BODY_BYTES_MAX: usize = 62 * 1024;

/// The text of a message; a charter may set a lower limit.
pub const TEXT_BYTES_MAX: u32 = 16 * 1024;

/// The emoji of a reaction.
pub(crate) const EMOJI_BYTES_MAX: usize = 64;

/// An address, `anna@acme.example`.
pub(crate) const ADDRESS_BYTES_MAX: usize = 320;

/// The name of a person or program as it is shown.
pub(crate) const DISPLAY_NAME_BYTES_MAX: usize = 128;

/// Incarnations that one first entry closes.
pub(crate) const CLOSES_ROWS_MAX: usize = 1024;

/// Logs that one heads entry states; 88 bytes each. Who has more to state writes more entries.
pub(crate) const HEADS_ROWS_MAX: usize = 512;

/// The content of a custom event.
pub(crate) const CUSTOM_BYTES_MAX: usize = 32 * 1024;

/// A signed checkpoint: its three lines and 16 signatures are about 5 KiB.
pub(crate) const CHECKPOINT_BYTES_MAX: usize = 8 * 1024;

/// A proof in a tree of at most 2^64 leaves has no more hashes than this.
pub(crate) const PROOF_HASHES_MAX: usize = 65;

/// Entries of one part: one tile.
pub(crate) const PART_ENTRIES_MAX: usize = 256;

/// Entries of one stored run.
pub(crate) const RUN_ENTRIES_MAX: usize = 16;

/// Bytes of one stored run, unless it is a single entry.
pub(crate) const RUN_BYTES_MAX: usize = 8 * 1024;

// Frames, as they are taken.

/// One frame of a link, as encoded, with what wraps it.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Notes beside identity chains in one frame.
pub(crate) const FRAME_NOTES_MAX: usize = 64;

/// Logs of which one subscription says how much is held.
pub(crate) const FRAME_HELD_MAX: usize = 1024;

/// Parts of one frame of entries.
pub(crate) const FRAME_PARTS_MAX: usize = 64;

/// Entries of all parts of one frame.
pub(crate) const FRAME_ENTRIES_MAX: usize = 512;

/// Bytes of all headers and bodies of one frame, so that one commit can take it.
pub(crate) const FRAME_ENTRIES_BYTES_MAX: usize = 256 * 1024;

/// A session in which the partner's first frame does not come within this time is closed.
pub(crate) const HELLO_MILLIS_MAX: u64 = 10_000;

// Frames, as we send them: notes.

/// Notes about a channel in one frame that we send.
pub(crate) const NOTES_SENT_MAX: usize = 16;

/// Identity chains in one frame that we send.
pub(crate) const NOTES_IDENTITIES_SENT_MAX: usize = 16;

/// Bytes of the notes, and of the identity chains, in one frame that we send: whatever others put
/// under their signatures, together they are less than a frame may be.
pub(crate) const NOTES_SENT_BYTES_MAX: usize = 384 * 1024;

// One chain fits, and the frame with it.
const _: () = assert!(
    IDENTITY_CHAIN_NOTES_MAX * IDENTITY_NOTE_BYTES_MAX <= NOTES_SENT_BYTES_MAX
        && 2 * NOTES_SENT_BYTES_MAX + 64 * 1024 <= FRAME_BYTES_MAX
);

// Partners take as many in one frame as we do.
const _: () =
    assert!(NOTES_SENT_MAX <= FRAME_NOTES_MAX && NOTES_IDENTITIES_SENT_MAX <= PARTICIPANTS_MAX);

/// A partner that says again and again that it holds other notes about a channel than we do is
/// sent all of ours at most this often; between that, only what is new.
pub(crate) const NOTES_AGAIN_MILLIS_MIN: u64 = 5_000;

/// Logs of which a subscriber says how much it holds: as many as are heard. Of more, it is sent anew
/// what it has.
pub(crate) const HELD_LOGS_MAX: usize = FRAME_HELD_MAX;

// Feed: frames of entries, as we send them.

/// Runs that are read for one page of a feed.
pub(crate) const PAGE_RUNS_MAX: usize = 32;

/// Entries of one frame that we send.
pub(crate) const PAGE_ENTRIES_MAX: usize = 256;

/// Bytes of headers and bodies of one frame that we send, unless it is a single run.
pub(crate) const PAGE_BYTES_MAX: usize = 128 * 1024;

// Partners take such a page. The first run of one is always sent, and each run may be a part.
const _: () = assert!(
    PAGE_RUNS_MAX <= FRAME_PARTS_MAX
        && PAGE_ENTRIES_MAX <= FRAME_ENTRIES_MAX
        && PART_ENTRIES_MAX <= FRAME_ENTRIES_MAX
        && RUN_ENTRIES_MAX <= FRAME_ENTRIES_MAX
        && PAGE_BYTES_MAX <= FRAME_ENTRIES_BYTES_MAX
        && RUN_BYTES_MAX <= FRAME_ENTRIES_BYTES_MAX
        && HEADER_BYTES_MAX + BODY_BYTES_MAX <= FRAME_ENTRIES_BYTES_MAX
);

/// Frames of entries that a link has sent and that are not acknowledged.
pub const CREDIT_FRAMES_MAX: usize = 64;

/// Bytes of them.
pub(crate) const CREDIT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Arrivals that a subscriber is not sent, after which it is told its position all the same.
pub(crate) const SILENT_ARRIVALS_MAX: u64 = 1024;

// Store and step.

/// What an engine takes as one value.
pub const STORED_VALUE_BYTES_MAX: usize = 64 * 1024;

/// What an engine takes in one batch. Every engine takes this much.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// A step that wrote this many bytes takes nothing further: no input, and nothing more of an input
/// that it can leave to the next step.
pub(crate) const STEP_BYTES_MAX: usize = 256 * 1024;

/// A step that wrote this many keys takes nothing further.
pub const STEP_KEYS_MAX: usize = 1024;

/// Inputs that one step takes at most; the rest waits for the next.
pub const STEP_INPUTS_MAX: usize = 256;

/// A step that has to read this much takes no further input.
pub(crate) const STEP_READS_MAX: usize = 256;

/// A step is decided at most this often when others change the scope meanwhile.
pub(crate) const STEP_DECISIONS_MAX: u32 = 3;

/// Steps in a row that may begin with an input and do nothing of it; then it is given up.
pub(crate) const STEP_IDLE_MAX: u8 = 4;

// Channel: what one step does of its work.

/// Bodies of one request.
pub(crate) const POST_BYTES_MAX: usize = 256 * 1024;

/// Messages that one request posts.
pub const POST_TEXTS_MAX: usize = 256;

/// Entries of which what was said before is read for one step; the rest of their frame follows
/// with the next.
pub(crate) const ANNOTATED_PER_STEP_MAX: usize = 32;

/// Runs that are looked at again in one step, when a note says that words count only so far.
pub(crate) const REVIEW_RUNS_MAX: usize = 16;

/// Entries that are shown late by one step; the rest follows with the next.
pub(crate) const RELEASED_MAX: usize = 128;

/// Idempotency answers that one tick deletes at most.
pub(crate) const ANSWERS_DELETED_MAX: usize = 1024;

/// Logs that one first entry of another organisation marks as closed here. What it says beyond
/// that only tells which logs a record of the end names first.
pub(crate) const CLOSES_NOTED_MAX: usize = 4;

/// Logs of ours that one first entry closes; what is left over is closed by the next.
pub(crate) const OWN_CLOSES_MAX: usize = 16;

/// After so many new entries we state in our own log what we hold of the others'.
pub(crate) const HEADS_ENTRIES_MAX: u32 = 256;

/// After this time with a new entry we state it, too.
pub(crate) const HEADS_MILLIS_MAX: u64 = 60 * 1000;

/// Heads of logs that one heads entry of ours makes us write; what is left over is stated next.
pub(crate) const HEADS_STATED_BYTES_MAX: usize = 64 * 1024;

/// Rows of one heads entry that are compared with what is stored.
pub(crate) const HEADS_EXAMINED_MAX: usize = 16;

/// Runs of our daemon whose last arrival a channel remembers, so that their cursors stay good.
pub(crate) const RUNS_REMEMBERED_MAX: usize = 64;

/// How often a channel tells the organisation again what it should know.
pub(crate) const CHANNEL_REMINDER_MILLIS: u64 = 5_000;

// Channel: what it keeps of notes.

/// Yeses of one organisation to one proposed text that are kept; a further one is not taken, unless
/// the seal names it. As many again are remembered until then.
pub(crate) const CONSENTS_PER_ORG_MAX: usize = 2;

/// Withdrawals of one organisation from one channel that are kept, the first ones: it may come back
/// after all but the last.
pub(crate) const WITHDRAWALS_PER_ORG_MAX: usize = 16;

/// Proposed texts that their host seems to have given up, remembered in case one was sealed; the
/// oldest makes room.
pub(crate) const PROPOSALS_HEARD_MAX: usize = 8;

/// Bytes of the charters of one channel, of what is said to them, and of their seals, beyond which no
/// further charter is taken. What participants say alone is not in it: there are few notes of each.
pub(crate) const GOVERNANCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of the late yeses of one organisation to all revisions of one channel: to nearly two
/// hundred that it had not agreed to in time. Further ones are refused.
pub(crate) const LATE_CONSENTS_BYTES_MAX: usize = 128 * 1024;

/// Disconnect records of one organisation about one channel that are kept: one, and another for
/// each time that an old copy of its data was put back after the end. Further ones are refused.
pub(crate) const RECORDS_PER_ORG_MAX: usize = 8;

// Channel: what it keeps of entries.

/// Logs of one organisation in one channel. A further one is not taken, and our people are told:
/// an honest daemon begins one with each start.
pub(crate) const LOGS_PER_ORIGIN_MAX: usize = 16_384;

/// Entries of one organisation that wait to be shown, in one channel. A further one is withheld; one
/// that waits for nothing but its author is kept, and shown in the history once its author joined.
pub const WAITING_PER_ORIGIN_MAX: usize = 16_384;

/// Authors of one organisation in one channel. Who joins after that is not shown.
pub(crate) const AUTHORS_PER_ORIGIN_MAX: usize = 20_000;

/// Reactions to one entry, by author and emoji. Of more, those of the organisation that has the
/// most have no effect.
pub(crate) const REACTIONS_MAX: usize = 360;

/// Reactions, edits and so on that stand in one stored page of what is said of an entry. One more
/// rewrites the page that it comes to, and the one that it has something taken out of; not all that was
/// ever said: else a partner would have us write a thousand times what it sends.
pub(crate) const ANNOTATIONS_PER_PAGE_MAX: usize = 16;

/// Edits, retractions and erasures of one entry, by author: all but one of them by others than
/// its author, without effect. Of more, the last have none.
pub(crate) const CHANGES_OF_OWN_MAX: usize = 40;

/// Edits of one entry beyond one for each author, kept until they are shown. A further one that waits
/// for its time is withheld; of those that wait for somebody's word the earliest make room.
pub(crate) const EDITS_WAITING_MAX: usize = CHANGES_OF_OWN_MAX;

// Channel: what it asks partners for, and looks into.

/// How often a partner is asked in one session for the words of somebody whom we don't know by the
/// key that signed them.
pub(crate) const LEFT_OUT_MAX: u32 = 2;

/// Logs that one partner brings in one session under revisions which we do not hold: of so many the rest
/// is taken without them.
pub(crate) const UNJUDGED_LOGS_MAX: usize = 1024;

/// Stated heads of logs that can't be compared yet, of those that one organisation stated; more are
/// forgotten.
pub(crate) const LACKING_MAX: usize = 512;

/// How long what others state to hold may be under way before it is asked for from them.
pub(crate) const LACKING_MILLIS: u64 = 60_000;

/// How long until it is asked for again.
pub(crate) const LACKING_AGAIN_MILLIS: u64 = 600_000;

/// How long until who was asked for the bodies of a log, or brought entries without them, is asked for
/// those of entries that came since.
pub(crate) const BODIES_MILLIS_MIN: u64 = 60_000;

/// How long until it is asked for all of them again: it sends the log from there on, and may not have
/// them either.
pub(crate) const BODIES_AGAIN_MILLIS: u64 = DAY_MILLIS;

/// Stated heads of logs that were compared and are remembered, so that the next is compared from there; beyond that
/// all are forgotten, and what is stated next is compared with all of the log.
pub(crate) const EXAMINED_MAX: usize = 1024;

/// Differences of one channel that wait to be looked into; of more, nothing is remembered, since
/// what caused them comes again.
pub(crate) const EXAMINES_PENDING_MAX: usize = 8;

// Timeline.

/// Items of one page of history.
pub(crate) const TIMELINE_PAGE_ITEMS_MAX: usize = 200;

/// Roughly the bytes of one page of history, unless it is a single item: a message of the API
/// holds at most twice as much.
pub(crate) const TIMELINE_PAGE_BYTES_MAX: usize = 128 * 1024;

/// Entries that are looked at for one page of history; then it ends, with fewer items if need be.
pub(crate) const TIMELINE_SCANNED_MAX: usize = 4096;

/// Runs that are read of one log at a time.
pub(crate) const TIMELINE_RUNS_READ_MAX: usize = 8;

/// Arrivals that are read for one list of a live stream.
pub const TIMELINE_ARRIVALS_MAX: usize = 16;

// Organisation, and its audit log.

/// How often the organisation tells channels again what they should know.
pub(crate) const ORG_REMINDER_MILLIS: u64 = 10_000;

/// Organisations that we know only by introduction. For one more, one that is in no channel goes; if there is none, it is not
/// kept, and its channel alone knows who it is.
pub(crate) const INTRODUCED_ORGS_MAX: usize = 10_000;

/// Organisations that we know by the introduction of one partner alone. For one more, see [`INTRODUCED_ORGS_MAX`].
pub(crate) const INTRODUCED_BY_ONE_MAX: usize = 1_000;

/// Denials of one source by one rule that are written down within a minute; the rest is counted.
pub(crate) const DENIALS_PER_MINUTE_MAX: u32 = 10;

/// Sources and rules whose denials are told apart within a minute.
pub(crate) const DENIAL_SOURCES_MAX: usize = 1000;

/// The body of an audit entry. Less than a stored value may be (64 KiB). The limits below keep it.
pub(crate) const AUDIT_BODY_BYTES_MAX: usize = 32 * 1024;

/// What an audited act was done to, as text; a longer one is cut.
pub(crate) const AUDIT_OBJECT_BYTES_MAX: usize = 1024;

/// Verb, rule, or a detail's name in the audit log; and the actor, who never needs more.
pub(crate) const AUDIT_NAME_BYTES_MAX: usize = 64;

/// One detail of an audited act; a longer one is cut.
pub(crate) const AUDIT_DETAIL_BYTES_MAX: usize = 4 * 1024;

/// Details of one audited act; if there are more, the last that is kept tells how many are not.
pub(crate) const AUDIT_DETAILS_COUNT_MAX: usize = 7;

// Clock.

/// How far a remote time may move our clock beyond our wall clock, and how far beyond it the time
/// of an entry may lie before the entry is held back.
pub(crate) const CLOCK_AHEAD_MILLIS_MAX: u64 = 5 * 60 * 1000;

/// A wall clock that is further than this from what it should say has leapt: 48 hours. Nothing is
/// done by it that can't be taken back, until somebody says that it is right.
pub(crate) const CLOCK_LEAP_MILLIS: u64 = 48 * 60 * 60 * 1000;

/// A partner whose clock is no further than this from ours says that ours is right.
pub(crate) const CLOCK_AGREES_MILLIS: u64 = 5 * 60 * 1000;

/// How far our wall clock may have come from what it should say before it is counted from anew.
pub(crate) const CLOCK_DRIFT_MILLIS_MAX: u64 = 60 * 60 * 1000;

/// How often the time is written down, so that a leap over a start is found.
pub(crate) const CLOCK_KEPT_MILLIS: u64 = 60 * 1000;

// Export and inspection.

/// One line of an export: an entry with the largest body, in base64, or what the audit log says of
/// an act, with every letter escaped.
pub const EXPORT_LINE_BYTES_MAX: usize = 256 * 1024;

/// Evidence of a fork: two checkpoints, headers and proofs, each with its length.
pub(crate) const EXPORT_FORK_BYTES_MAX: usize = 32 * 1024;

/// Organisations of one export: as many as one knows by introduction.
pub(crate) const EXPORT_ORGS_MAX: usize = 10_000;

/// Logs of one export that are gone through. What comes after is told, and not looked at.
pub(crate) const EXPORT_LOGS_MAX: usize = 1_000_000;

/// Statements about logs that are compared with an export's entries. Further ones are not.
pub(crate) const EXPORT_CLAIMS_MAX: usize = 1_000_000;

/// Faults of one export that are told one by one; further ones are counted.
pub(crate) const EXPORT_FAULTS_MAX: usize = 100;

/// Gaps of one export that are told one by one; further ones are counted.
pub(crate) const EXPORT_MISSING_MAX: usize = 100;

/// Bytes of lines that are read for one piece of an export. It ends with the line that reaches it.
pub(crate) const EXPORT_PIECE_BYTES: usize = 64 * 1024;

/// Runs of entries that are read at once for an export: about a piece.
pub(crate) const EXPORT_RUNS_MAX: usize = 8;

/// Introductions a minute by one partner for which room is looked for among them, or which renew who another one is. What is
/// not taken is introduced again.
pub const INTRODUCED_COSTLY_PER_MINUTE_MAX: u32 = 30;

/// Faults of a store that an inspection keeps; more are counted.
pub(crate) const INSPECTION_FAULTS_MAX: usize = 100;
