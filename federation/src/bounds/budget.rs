//! What one step can write at most, reckoned from the limits of what it takes, so that one commit
//! takes every step, whatever was sent to us.

use super::{
    ADDRESS_BYTES_MAX, ANSWERS_DELETED_MAX, BATCH_BYTES_MAX, BODY_BYTES_MAX, CHECKPOINT_BYTES_MAX,
    CLOSES_NOTED_MAX, CONSENT_BYTES_MAX, CONSENTS_PER_ORG_MAX, DISPLAY_NAME_BYTES_MAX,
    HEADER_BYTES_MAX, HEADS_STATED_BYTES_MAX, IDENTITY_CHAIN_NOTES_MAX, IDENTITY_NOTE_BYTES_MAX,
    NOTE_BYTES_MAX, OWN_CLOSES_MAX, PARTICIPANTS_MAX, POST_BYTES_MAX, POST_TEXTS_MAX,
    PROOF_HASHES_MAX, RELEASED_MAX, RUN_BYTES_MAX, RUN_ENTRIES_MAX, RUNS_REMEMBERED_MAX,
    STEP_BYTES_MAX, STORED_VALUE_BYTES_MAX,
};

/// What the largest thing writes that is done in one step or not at all. Of what partners send:
/// one entry, one note, one identity chain. Of ours: one request, one tick.
const UNIT_BYTES_MAX: usize = largest(&[
    ENTRY_WRITES_BYTES_MAX,
    NOTE_WRITES_BYTES_MAX,
    CHAIN_WRITES_BYTES_MAX,
    REQUEST_WRITES_BYTES_MAX,
    TICK_WRITES_BYTES_MAX,
]);

/// The key of a note, and what is stored beside its bytes.
const NOTE_KEY_BYTES_MAX: usize = 80;

/// The key of any record, and what is stored beside the bytes that others determine.
pub(crate) const RECORD_OVERHEAD_BYTES_MAX: usize = 256;

/// The head of a log that is not frozen: its checkpoint with its proof, and at most 64 hashes of
/// its edge.
const LOG_HEAD_BYTES_MAX: usize =
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
const FINISH_BYTES_MAX: usize = OWN_CLOSES_MAX * OWN_LOG_HEAD_BYTES_MAX
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
