//! How much the bench does, and how long it waits at most. What is counted is counted whole: a limit of time ends
//! the load, never the counting of what was posted by then.

use std::time::Duration;

/// Bytes of the text of one message, as the targets say.
pub const MESSAGE_BYTES: usize = 256;

/// Members of each organisation: the policy of the story with so many loaded.
pub const MEMBERS: usize = 1_000;

/// Channels of the cases that spread their load.
pub const CHANNELS: usize = 100;

/// Calls of `Post` under way at a time.
pub const IN_FLIGHT: usize = 64;

/// Messages of one list of `PostMany`: the most that the API takes.
pub const LIST_MESSAGES: usize = 256;

/// Lists that wait for the connection. The daemon takes 16 at a time; these keep it from waiting for the next.
pub const LISTS_QUEUED: usize = 4;

/// Lists that are committed at a time when an engine is measured alone: as many as wait for a writer that is busy.
pub const ENGINE_LISTS: usize = 4;

/// Messages a second of the paced load.
pub const PACED_RATE: u64 = 20;

/// Between two of them.
pub const PACE: Duration = Duration::from_millis(1000 / PACED_RATE);

/// A raw limit at that pace is measured so many times as long as the others, or it would stand on a few samples.
pub const PACED_TIMES: u32 = 5;

/// Calls of administration under way at a time, while a stage is set. The daemon takes 100 on one connection.
pub const ADMINISTRATION_CALLS: usize = 32;

/// Channels that are asked to be shared before the other side has said yes to them: a partner may have 20 requests
/// waiting.
pub const SHARED_AT_A_TIME: usize = 16;

/// Channels that one member of the far organisation follows in one stream: below the 512 that the API allows.
pub const FOLLOWED_BY_ONE: usize = 400;

/// No load posts longer than this: a machine ten times slower than the targets ask for still ends in a day's patience.
pub const LOAD_MAX: Duration = Duration::from_secs(300);

/// After the last post, what is still on its way has to arrive within this. It is no target: only a sign that it
/// never will.
pub const ARRIVAL_MAX: Duration = Duration::from_secs(180);

/// Setting a stage: a step of administration has to be seen at the other side within this.
pub const SETTING_MAX: Duration = Duration::from_secs(60);

/// How long a daemon is left alone before what it holds in memory is read.
pub const REST: Duration = Duration::from_secs(5);

/// How long the link of the case `catch-up` stays cut.
pub const OUTAGE: Duration = Duration::from_secs(30);

/// Between two looks at a daemon that comes back.
pub const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Between two looks at what administration brings about.
pub const SETTING_PAUSE: Duration = Duration::from_millis(10);

/// A daemon that comes back and does not answer within this is asked again.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How much each case does.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Messages of `post-64`; 40,000 take 8 s at the target.
    pub post_64_messages: u64,
    /// Messages of `post-1`; 3,000 take 10 s at the target.
    pub post_1_messages: u64,
    /// Messages of `post-many`; 250,000 take 10 s at the target.
    pub post_many_messages: u64,
    /// Messages of `paced`; 1,000 take 50 s, and their 99th percentile stands on 10 samples.
    pub paced_messages: u64,
    /// Messages before each measurement that do not count.
    pub warm_up_messages: u64,
    /// Messages missed in `catch-up`.
    pub missed_messages: u64,
    /// How long the link is cut.
    pub outage: Duration,
    /// Messages of `million`.
    pub million_messages: u64,
    /// And of `restart`, the channels that they are in.
    pub million_channels: usize,
    /// Channels of the cases that go round many.
    pub channels: usize,
    /// Members of each organisation.
    pub members: usize,
    /// How many channels are loaded in `channels`.
    pub loaded_channels: &'static [usize],
    /// How many partners there are in `partners`.
    pub partners: &'static [usize],
    /// Posts by which the cost of one is found.
    pub cost_messages: u64,
    /// How long daemons rest before memory is read.
    pub rest: Duration,
    /// How long one raw limit is measured.
    pub raw: Duration,
}

impl Scale {
    /// For figures.
    pub const FULL: Self = Self {
        post_64_messages: 40_000,
        post_1_messages: 3_000,
        post_many_messages: 250_000,
        paced_messages: 1_000,
        warm_up_messages: 2_048,
        missed_messages: 100_000,
        outage: OUTAGE,
        million_messages: 1_000_000,
        million_channels: 1_000,
        channels: CHANNELS,
        members: MEMBERS,
        loaded_channels: &[1, 100, 10_000],
        partners: &[1, 5, 20],
        cost_messages: 1_000,
        rest: REST,
        raw: Duration::from_secs(2),
    };

    /// To see that all of it works. Its figures say nothing.
    pub const QUICK: Self = Self {
        post_64_messages: 512,
        post_1_messages: 64,
        post_many_messages: 2_048,
        paced_messages: 20,
        warm_up_messages: 64,
        missed_messages: 2_048,
        outage: Duration::from_secs(1),
        million_messages: 4_096,
        million_channels: 10,
        channels: 8,
        members: 20,
        loaded_channels: &[1, 5, 50],
        partners: &[1, 2],
        cost_messages: 50,
        rest: Duration::from_millis(200),
        raw: Duration::from_millis(100),
    };
}
