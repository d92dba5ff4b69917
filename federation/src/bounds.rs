//! Every limit of the federation core, in one place, with the unit last in its name.

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

/// Notes in one identity chain.
pub const IDENTITY_CHAIN_NOTES_MAX: usize = 8;

/// Addresses at which one organisation says that it can be dialled.
pub const ENDPOINT_ADDRESSES_MAX: usize = 8;

/// An invitation as text, prefix included.
pub const INVITATION_BYTES_MAX: usize = 2 * 1024;

/// A reply to an invitation as text, prefix included.
pub const INVITATION_REPLY_BYTES_MAX: usize = 16 * 1024;

/// What an administrator types as the six words.
pub const WORDS_TYPED_BYTES_MAX: usize = 256;

/// Participants of one channel, the host included.
pub const PARTICIPANTS_MAX: usize = 250;

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
