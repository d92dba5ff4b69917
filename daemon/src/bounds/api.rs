//! The limits of the API.

use std::time::Duration;

use foedus_policy::time::DAY_MILLIS;

/// Most bytes of one message that a caller sends. A larger one is refused.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;

/// Most bytes of one message that the daemon sends. Pages and lists are cut well below it.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes at which a page or a list of a stream ends, unless it is a single item.
pub const PAGE_BYTES_MAX: usize = 192 * 1024;

/// Items of a page, if the caller does not say.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Items of a page at most.
pub const PAGE_ITEMS_MAX: usize = 200;

/// A page token or a cursor. The largest is the cursor of a stream over as many channels as one may have.
pub const TOKEN_TEXT_BYTES_MAX: usize = 64 * 1024;

/// An idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;

/// Administrative calls that are remembered by their idempotency key; the oldest goes first.
pub const REPEATS_MAX: usize = 4096;

/// How long they are remembered.
pub const REPEATS_MILLIS: u64 = DAY_MILLIS;

/// The message of a status; a longer one is cut. Far below what hangs a stream (tonic #1834).
pub const STATUS_TEXT_BYTES_MAX: usize = 1024;

/// All headers of one call.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;

/// Calls at a time on one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 100;

/// HTTP/2 window of one stream.
pub const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// HTTP/2 window of a connection: four times a stream's, so that one stalled stream leaves room for others.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;

/// Bytes that HTTP/2 buffers for one stream before it stops taking more.
pub const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// Connections on the administration socket. One more is closed at once.
pub const SOCKET_CONNECTIONS_MAX: usize = 128;

/// Connections over TCP. One more is closed at once.
pub const TCP_CONNECTIONS_MAX: usize = 1024;

/// Connections over TCP from one source address (from one /64 in IPv6), this machine excepted.
pub const TCP_CONNECTIONS_PER_SOURCE_MAX: usize = 64;

/// Of the connections over TCP, those on which nobody has shown a token that holds. One more takes the place of the
/// oldest of them, so that strangers who say nothing keep nobody out.
pub const TCP_UNPROVED_CONNECTIONS_MAX: usize = TCP_CONNECTIONS_MAX / 4;

/// How long a connection over TCP lives on which nobody shows a token that holds.
pub const UNPROVED_TIMEOUT: Duration = Duration::from_secs(30);

/// From a connection's arrival to the end of the TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two pings of a connection, also while it is idle.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// From a ping to the end of the connection, if no answer comes.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long connections may go on when the daemon stops.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// A call that streams nothing is given up after this, whatever its deadline.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Lists of `PostMany` that are under way at a time: they share commits.
pub const POST_LISTS_UNDER_WAY_MAX: usize = 16;

/// Streams that one caller follows at a time. One more is refused.
pub const SUBSCRIPTIONS_PER_CALLER_MAX: usize = 64;

/// Streams of all callers together. One more is refused.
pub const SUBSCRIPTIONS_MAX: usize = 2048;

/// Channels that one stream follows. Whoever is in more names one.
pub const SUBSCRIPTION_CHANNELS_MAX: usize = 512;

/// Items of one list of a stream.
pub const SUBSCRIPTION_ITEMS_MAX: usize = 256;

/// How often a stream looks whether its caller may still read, when nothing else happens.
pub const SUBSCRIPTION_TICK: Duration = Duration::from_millis(500);

/// A stream of several channels that has told all, and more than one thing at a time, makes its next list so long after
/// the last: what arrives meanwhile shares the cursor, which is as long as there are channels.
pub const SUBSCRIPTION_LIST_PAUSE: Duration = Duration::from_millis(2);

/// After so long without a list a stream sends an empty one.
pub const SUBSCRIPTION_SILENCE: Duration = Duration::from_secs(30);

/// Records of the audit log that one call looks through.
pub const AUDIT_SCANNED_MAX: usize = 2048;

/// Records of the audit log that are read at a time.
pub const AUDIT_READ_RECORDS: usize = 256;

/// How long a token holds, if nothing is said.
pub const TOKEN_MILLIS_DEFAULT: u64 = 90 * DAY_MILLIS;

/// How far a signed time may differ from the arrival before both are shown.
pub const TIME_IN_DOUBT_MILLIS: u64 = 5 * 60 * 1000;

/// How far the partners' clocks may differ from ours before it is a problem.
pub const CLOCK_SKEW_MILLIS_MAX: i64 = 2 * 60 * 1000;

/// How long a link may be down before it is a problem.
pub const LINK_DOWN_MILLIS_MAX: u64 = 60 * 1000;

/// Problems that the status tells of.
pub const PROBLEMS_SHOWN_MAX: usize = 20;

/// How long it is said how much the data folder takes before it is measured again.
pub const STORE_SIZE_AGE_MAX: Duration = Duration::from_secs(10);

/// Entries that a partner may have left unacknowledged before it is said that it lags.
pub const LAG_ENTRIES_MAX: u64 = 1_000;

/// The disk is low when so many times the reserve, or less, is left.
pub const DISK_LOW_FACTOR: u64 = 4;

/// Before so long, the end of a project is near: three days.
pub const END_NEAR_MILLIS: u64 = 3 * DAY_MILLIS;

/// For so long it is told that another organisation ended a channel for all: a week.
pub const TERMINATION_TOLD_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

/// What one daemon's store should take at most, if the configuration says nothing: 64 GiB. It is said from eight
/// tenths of it on.
pub const STORE_ADVISED_BYTES_DEFAULT: u64 = 64 << 30;

/// How long an address of ours has to answer.
pub const OWN_ADDRESS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);
