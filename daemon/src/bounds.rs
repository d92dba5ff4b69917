//! Every limit of the daemon, in one place, with its unit last.
//!
//! What happens at a limit is said where the limit is enforced.

use std::time::Duration;

pub mod api;

/// Longest key of the store. A longer one is refused.
pub const KEY_BYTES_MAX: usize = 512;

/// Longest value of the store. sled writes larger ones to files of their own, which it never syncs;
/// bigger content belongs in the file store.
pub const VALUE_BYTES_MAX: usize = foedus_federation::bounds::STORED_VALUE_BYTES_MAX;

/// Keys and values of one batch together. A larger one is refused.
pub const BATCH_BYTES_MAX: usize = foedus_federation::bounds::BATCH_BYTES_MAX;

/// Writes and expectations of one batch together. A larger one is refused.
pub const BATCH_KEYS_MAX: usize = 4096;

// A step takes nothing further when it has written so many; the rest is room for the input that it was at.
const _: () = assert!(4 * foedus_federation::bounds::STEP_KEYS_MAX <= BATCH_KEYS_MAX);

/// Batches that share one sync.
pub const GROUP_BATCHES_MAX: usize = 256;

/// Bytes of the batches that wait for the writer or are being written. Whoever commits when it is reached
/// waits for room, first come, first served.
pub const COMMIT_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a batch counts for in the queue at least, so that at most 1,024 batches are in it.
pub const COMMIT_QUEUE_BATCH_BYTES_MIN: usize = 16 * 1024;

/// Pairs that one scan may ask for. A scan that asks for more is refused.
pub const SCAN_PAIRS_MAX: usize = 65_536;

/// Pairs that copying a store holds in memory: 16 MiB of values at most.
pub const COPY_PAGE_PAIRS_MAX: usize = 256;

/// sled's segment. It can't be changed for a store that exists.
pub const SLED_SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// Keys and values handed to sled between two syncs. It writes several times that, and stays under half a segment: a page is written as a
/// whole after ten changes, and when it is split. A group of batches ends here; a single batch that is
/// larger goes by way of the redo pairs.
pub const SLED_STEP_BYTES_MAX: usize = 128 * 1024;

/// Pairs handed to sled between two syncs, for the same reason.
pub const SLED_STEP_PAIRS_MAX: usize = 128;

/// The largest value that sled is given; a larger one is cut. A page holds up to 17 values and is written as a
/// whole. A run of entries (8 KiB) with what belongs to it is not cut.
pub const SLED_PIECE_BYTES_MAX: usize = 8 * 1024 + 512;

/// How often opening looks whether a sled that was just closed has let go of its file.
pub const SLED_LOCK_TRIES_MAX: u32 = 1000;

/// How long it waits between two looks.
pub const SLED_LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Keys and values of the batches that share one sync in fjall.
pub const FJALL_GROUP_BYTES_MAX: usize = 1024 * 1024;

/// Writes of the batches that share one sync in fjall.
pub const FJALL_GROUP_PAIRS_MAX: usize = 8192;

/// Memory of an engine's cache, if the configuration says nothing.
pub const STORE_CACHE_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// Free space of the disk below which commits are refused, if the configuration says nothing.
pub const DISK_RESERVE_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;

/// fjall's table in memory, before it becomes a file.
pub const FJALL_MEMTABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// fjall's journals together.
pub const FJALL_JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// How long an engine that ran out of space waits before it tries to open again.
pub const STORE_REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// How often work on a store says how far it is.
pub const PROGRESS_PAUSE: Duration = Duration::from_secs(2);

/// A key file, which is one short line.
pub const KEY_FILE_BYTES_MAX: usize = 256;

/// Inputs that wait for the organisation's step loop. Whoever asks when it is reached waits for room.
pub const ORG_QUEUE_INPUTS_MAX: usize = 256;

/// Inputs that wait for one channel's step loop. Whoever asks when it is reached waits for room; what the
/// organisation says then is dropped, for it says it again.
pub const CHANNEL_QUEUE_INPUTS_MAX: usize = 256;

/// What channels have to say to one link and it has not taken yet. Beyond it the link is closed and begins
/// anew, from what is stored: its partner, or this machine, is too slow for it.
pub const LINK_QUEUE_MESSAGES_MAX: usize = 1024;

/// How long the answer to `init` waits until it is stored where the organisation can be reached.
pub const ENDPOINTS_STORED_MAX: Duration = Duration::from_secs(2);

/// How long channels wait, after keys were renewed, until no link of before is left.
pub const LINKS_REPLACED_MAX: Duration = Duration::from_secs(3);

/// How often a renewal of keys is asked for of which the store does not say whether it is durable.
pub const RENEW_ATTEMPTS_MAX: usize = 3;

/// Between two attempts to tell a partner that refuses our key, or shows one that we do not know, who we are, and to
/// hear who it is.
pub const MEET_AGAIN_PAUSE: Duration = Duration::from_secs(5);
/// The same, after one that succeeded: it may refuse us for another reason.
pub const MET_AGAIN_PAUSE: Duration = Duration::from_secs(60);

/// Who announces itself is looked at so often in a minute, of all and of one source.
pub const ANNOUNCES_PER_MINUTE_MAX: u32 = 600;
/// See [`ANNOUNCES_PER_MINUTE_MAX`].
pub const ANNOUNCES_PER_SOURCE_PER_MINUTE_MAX: u32 = 60;

/// Between two ticks of the organisation.
pub const ORG_TICK: Duration = Duration::from_secs(1);

/// Between two ticks of a channel that is shared, or in which something waits.
pub const CHANNEL_TICK: Duration = Duration::from_millis(250);

/// Between two ticks of any other channel.
pub const CHANNEL_TICK_IDLE: Duration = Duration::from_secs(30);

/// A local channel that nobody asked anything for so long is let go of.
pub const CHANNEL_IDLE: Duration = Duration::from_secs(10 * 60);

/// All of pairing with one address of an inviter.
pub const PAIRING_TIMEOUT: Duration = foedus_federation::bounds::transport::PAIRING_TIMEOUT;

/// The least and the most that an engine's cache may be configured to.
pub const STORE_CACHE_BYTES_MIN: u64 = 1024 * 1024;
/// See [`STORE_CACHE_BYTES_MIN`].
pub const STORE_CACHE_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// Addresses at which the configuration says that we can be reached.
pub const ENDPOINT_ADDRESSES_MAX: usize = foedus_federation::bounds::ENDPOINT_ADDRESSES_MAX;

/// Unproved connections from one source, if the configuration says nothing.
pub const CONNECTIONS_PER_SOURCE_DEFAULT: usize =
    foedus_federation::bounds::transport::CONNECTIONS_PER_SOURCE_MAX;
/// The most that it may say.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 256;

/// How long a stop may take, if the configuration says nothing.
pub const DRAIN_GRACE_DEFAULT: Duration = Duration::from_secs(10);
/// The most that it may say.
pub const DRAIN_GRACE_SECONDS_MAX: u64 = 600;

/// Connections that ask for metrics at one time. One more is closed at once.
pub const METRICS_CONNECTIONS_MAX: usize = 16;
/// How long such a connection lives.
pub const METRICS_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an accept loop sleeps when the system has no descriptor or memory for a connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Invitations that are being taken up at one time, each of which dials whatever addresses are in it. One more is
/// refused.
pub const ACCEPTING_MAX: usize = 8;

/// Of these in the name of one member, or of the operator, so that others have room whatever one of them brings.
pub const ACCEPTING_PER_CALLER_MAX: usize = 2;

/// Connections of one partner that wait for its task. One more closes.
pub const ACCEPTED_PER_PARTNER_MAX: usize = 4;

/// Pairing connections at one time. One more takes the place of the oldest of the source that has the most of them.
pub const PAIRING_CONNECTIONS_MAX: usize = 32;

/// Replies to invitations that are looked at within a minute, whoever sends them: a small part of one core. The rest
/// is put off.
pub const PAIRING_REPLIES_PER_MINUTE_MAX: u32 = 600;

/// Of these from one source address (from one /64 in IPv6), so that one stranger keeps nobody else from answering.
pub const PAIRING_REPLIES_PER_SOURCE_PER_MINUTE_MAX: u32 = 20;

/// Sources of replies that are told apart within a minute; the others share one allowance.
pub const PAIRING_SOURCES_MAX: usize = 1024;

/// What one partner may send in a second, if the configuration says nothing: 64 MiB. What is beyond it waits.
pub const PARTNER_BYTES_PER_SECOND_DEFAULT: u64 = 64 * 1024 * 1024;
/// The least that it may say. The largest frames that are checked at one time hold a link back for eight seconds then,
/// and nothing that its partner says is heard meanwhile, the answer to a ping included.
pub const PARTNER_BYTES_PER_SECOND_MIN: u64 = 512 * 1024;

const _: () = assert!(
    (CHECKS_PER_LINK_MAX * foedus_federation::bounds::FRAME_BYTES_MAX) as u64
        <= (foedus_federation::bounds::transport::PING_TIMEOUT.as_secs() - 2)
            * PARTNER_BYTES_PER_SECOND_MIN
);

/// So much is read of a link before its hello was heard, whatever its partner has used up: without a hello the link
/// would be taken for broken.
pub const HELLO_READ_BYTES_MAX: u64 = 2 * foedus_federation::bounds::FRAME_BYTES_MAX as u64;

/// So much of what a partner may send may come at once: what may come in this time.
pub const ALLOWANCE_BURST_MICROS: u64 = 1_000_000;

/// What a frame counts for at least against what its partner may send.
pub const FRAME_COUNTED_BYTES_MIN: u64 = 256;

/// Bytes of one partner's frames that wait here, in whatever queue, until what they led to is durable. Of one that keeps to
/// the credit of the protocol a quarter is under way at most; of one that does not, no further frame is looked at meanwhile.
pub const LINK_INBOUND_BYTES_MAX: usize = 8 * 1024 * 1024;

/// For how long it is said of a partner that it was held back.
pub const HELD_BACK_SHOWN_MILLIS: u64 = 10_000;

/// Links that one partner may open to us within a minute. One more is closed: each costs every common channel a
/// beginning and an end.
pub const SESSIONS_PER_MINUTE_MAX: u32 = 60;

/// Connections of one partner that are becoming a link at one time. Further ones wait.
pub const OPENING_PER_PARTNER_MAX: usize = 4;

/// Frames of one link that are checked or wait for it. Further ones stay in the transport.
pub const CHECKS_PER_LINK_MAX: usize = 4;

/// A frame with at most this many entries is checked where it arrives: another thread would cost more.
pub const CHECKED_INLINE_ENTRIES_MAX: usize = 16;

/// Frames that wait to be sent over one link. Beyond it the link is closed and begins anew.
pub const LINK_OUTBOX_FRAMES_MAX: usize = 2048;

/// Between two ticks of a link.
pub const LINK_TICK: Duration = Duration::from_secs(1);

/// A connection that is younger may have been dialled from both sides at one time.
pub const LINK_FRESH: Duration = Duration::from_secs(15);

/// How long it is said of a partner that it speaks no version of ours, if all that is heard of it since is that it
/// can't be dialled: for as long as two pauses between its own attempts.
pub const VERSION_SAID_MILLIS: u64 =
    2 * foedus_federation::bounds::transport::BACKOFF_DELAY_MILLIS_MAX;

/// How long a link stays up when nothing is shared any more: the records of the end go out at once, and again
/// where a session begins.
pub const LINK_RESTS_AFTER: Duration = Duration::from_secs(60);

/// A partner with whom nothing is shared any more is dialled after so long at the latest: it may have an offer and
/// no way to dial us, or the other way round.
pub const LINK_LOOKS_IN: Duration = Duration::from_secs(10 * 60);

/// A partner that knows of nothing to share looks in every five to ten minutes. One that did not for half as long again
/// is away.
pub const PARTNER_RESTS_MILLIS_MAX: u64 = LINK_LOOKS_IN.as_secs() * 1000 * 3 / 2;

/// Warnings about partners that one scope logs within a minute. All are counted.
pub const WARNINGS_PER_MINUTE_MAX: u32 = 10;
