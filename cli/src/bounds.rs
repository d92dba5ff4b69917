//! The limits of this program.

use std::time::Duration;

/// Longest text of a message, in bytes, as the daemon has it. What is typed is for the daemon to refuse; what is
/// read from standard input is refused before it is sent.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Bytes read from standard input for one message: whoever writes more than a text is let come to its end, up to here.
pub const INPUT_BYTES_MAX: usize = 1024 * 1024;

/// Entries of a list that are fetched when no limit is given.
pub const LIST_ITEMS_DEFAULT: u32 = 10_000;

/// Entries asked for with one call.
pub const PAGE_ITEMS_MAX: u32 = 200;

/// Messages of history that are shown when no limit is given.
pub const HISTORY_ITEMS_DEFAULT: u32 = 50;

/// Messages in one list of `post --lines`.
pub const POST_LIST_ITEMS_MAX: usize = 64;

/// Text in one list of `post --lines`, in bytes; a message of the API is at most 256 KiB.
pub const POST_LIST_BYTES_MAX: usize = 128 * 1024;

/// Lists of `post --lines` that wait to be sent.
pub const POST_LISTS_QUEUED_MAX: usize = 8;

/// Longest idempotency key, in bytes. The API takes 64; the rest is for the numbers of lists.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 48;

/// Size of the file that holds the contexts, in bytes.
pub const CONTEXT_FILE_BYTES_MAX: u64 = 256 * 1024;

/// Size of the file that holds where a `tail` has come to, in bytes.
pub const STATE_FILE_BYTES_MAX: u64 = 256 * 1024;

/// How long a call may take when `--timeout` does not say.
pub const CALL_SECONDS_DEFAULT: &str = "30s";

/// First wait before a `tail` connects again.
pub const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(200);

/// Longest wait before a `tail` connects again.
pub const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// A live stream on which nothing comes is pinged as often.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// And given up when no answer comes within this time.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Milliseconds from which on it is told that clocks differ.
pub const CLOCK_SKEW_SHOWN_MIN: u64 = 2_000;

/// Columns of a terminal that does not say how wide it is.
pub const TERMINAL_COLUMNS_DEFAULT: u16 = 80;

/// Columns below which nothing is fitted any more.
pub const TERMINAL_COLUMNS_MIN: u16 = 20;
