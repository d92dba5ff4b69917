//! What the transport allows beside the frames themselves: connections, queues, windows, times.

use std::time::Duration;

/// Addresses behind one name that are tried.
pub(crate) const DIALLED_ADDRESSES_MAX: usize = 8;

/// Names that are looked up at a time. Each takes a thread of the pool in which signatures are checked, too, and
/// keeps it for as long as a server of names says nothing; a further one waits.
pub(crate) const LOOKUPS_MAX: usize = 64;

/// Most connections that have not proved a pinned key, whether they shake hands or pair.
pub(crate) const CONNECTIONS_MAX: usize = 256;
/// Most of those from one source address (from one /64 in IPv6).
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 8;
/// Most live links of one partner: one, and those that a dead path has not given up yet.
pub(crate) const LINKS_PER_PARTNER_MAX: usize = 4;
/// Most partners of whom the source address of the last link is remembered.
pub(crate) const KNOWN_SOURCES_MAX: usize = 4096;
/// Most authenticated connections that wait to be taken from the accept loop.
pub(crate) const ACCEPTED_QUEUE_MAX: usize = 32;
/// From the connection's arrival to the end of the TLS handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the accept loop sleeps when the system has no descriptor or memory for it.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Idle time of a TCP connection before the kernel probes it. The links' pings find a dead one
/// earlier; this is for connections that have no HTTP/2 yet.
pub(crate) const TCP_KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// From the first packet to an open link, at the side that dials.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// From the end of the TLS handshake to the call, and from the call to the partner's hello.
pub(crate) const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pings of a link, also while it is idle.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(5);
/// From a ping to the end of the link, if no answer comes.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// From the decision to close to the end of the connection: time for the goodbye to leave.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Most frames that wait in each direction of one link between it and the core.
pub(crate) const FRAMES_QUEUE_MAX: usize = 8;
/// HTTP/2 window of the one stream of a link.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// HTTP/2 window of a link's connection: at least four times the stream's, so that a stalled
/// stream never holds up the connection.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 4 * STREAM_WINDOW_BYTES;
/// Most bytes of all headers of one HTTP/2 request or answer.
pub(crate) const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
/// Most bytes that HTTP/2 buffers for one stream before it stops taking more.
pub(crate) const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// From the end of the TLS handshake to the end of a pairing connection.
pub const PAIRING_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a reply to an invitation.
pub(crate) const PAIRING_REPLY_BYTES_MAX: usize = super::INVITATION_REPLY_BYTES_MAX;
/// Most bytes of the inviter's identity chain.
pub(crate) const PAIRING_IDENTITY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of the identity chain of whoever announces itself.
pub(crate) const PAIRING_ANNOUNCE_BYTES_MAX: usize =
    super::IDENTITY_CHAIN_NOTES_MAX * super::IDENTITY_NOTE_BYTES_MAX;
/// Room for what protocol buffers wrap around bytes.
pub(crate) const PAIRING_WRAPPING_BYTES_MAX: usize = 1024;
/// HTTP/2 windows of a pairing connection.
pub(crate) const PAIRING_WINDOW_BYTES: u32 = 128 * 1024;

/// The first delay after a failure to reach a partner.
pub(crate) const BACKOFF_DELAY_MILLIS_MIN: u64 = 200;
/// The longest delay in the first ten minutes without a sign of life.
pub(crate) const BACKOFF_EARLY_DELAY_MILLIS_MAX: u64 = 5_000;
/// How long the first delays stay short.
pub(crate) const BACKOFF_EARLY_MILLIS: u64 = 10 * 60 * 1_000;
/// The longest delay at all.
pub const BACKOFF_DELAY_MILLIS_MAX: u64 = 60_000;

const _: () = assert!(CONNECTION_WINDOW_BYTES >= 4 * STREAM_WINDOW_BYTES);
const _: () = assert!(super::FRAME_BYTES_MAX <= STREAM_WINDOW_BYTES as usize);
