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

/// The largest text limit that a charter may set for one message.
pub const TEXT_BYTES_MAX: u32 = 32 * 1024;

/// Logs named with size and root in one note.
pub const NOTE_LOG_HEADS_MAX: usize = 256;
