//! How much of anything an organisation keeps. The unit is the last word of each name.
//!
//! At a limit the act that would exceed it is refused with `LIMIT_REACHED` (or, for what a partner
//! sends, `REQUESTS_FULL`); nothing is dropped to make room but what is already decided or dead.

use crate::time::DAY_MILLIS;

/// A member's name, the local part of an address.
pub const MEMBER_NAME_BYTES_MAX: usize = 64;
/// A channel's local name.
pub const CHANNEL_NAME_BYTES_MAX: usize = 80;
/// A handle: what DNS allows for a name.
pub const HANDLE_BYTES_MAX: usize = 253;
/// One label of a handle, between dots.
pub const HANDLE_LABEL_BYTES_MAX: usize = 63;
/// A display name, or a project's name.
pub const LABEL_BYTES_MAX: usize = 128;
/// A topic, a purpose, or the reason of a decline.
pub const SENTENCE_BYTES_MAX: usize = 256;
/// Addresses that an invitation carries.
pub const ADDRESSES_COUNT_MAX: usize = 8;
/// One address of an invitation, `host:port`.
pub const ADDRESS_BYTES_MAX: usize = 261;

/// Members, deactivated ones counted.
pub const MEMBERS_COUNT_MAX: usize = 100_000;
/// Tokens of one member. Dead ones go first when a new one finds no room.
pub const TOKENS_PER_MEMBER_COUNT_MAX: usize = 100;
/// Channels, ended ones counted.
pub const CHANNELS_COUNT_MAX: usize = 200_000;
/// Memberships of one channel, former ones counted.
pub const MEMBERS_PER_CHANNEL_COUNT_MAX: usize = 20_000;
/// Participants of one shared channel.
pub const PARTICIPANTS_COUNT_MAX: usize = 250;
/// Projects, ended ones counted.
pub const PROJECTS_COUNT_MAX: usize = 10_000;
/// Partners, disconnected ones counted.
pub const PARTNERS_COUNT_MAX: usize = 10_000;
/// Patterns of the partner rules.
pub const PATTERNS_COUNT_MAX: usize = 20_000;
/// Invitations. Those that are no longer open go first when a new one finds no room.
pub const INVITATIONS_COUNT_MAX: usize = 1_000;
/// Requests. Decided ones go first when a new one finds no room.
pub const REQUESTS_COUNT_MAX: usize = 10_000;
/// Requests of one partner that wait for an answer.
pub const REQUESTS_PER_PARTNER_COUNT_MAX: usize = 20;
/// Requests of one partner in [`REQUESTS_MILLIS`] that nobody here has decided. One that replaces another, and one that
/// lapses, leave their place to the next: without this bound a partner could go on so for ever.
pub const REQUESTS_UNDECIDED_COUNT_MAX: usize = 60;
/// See [`REQUESTS_UNDECIDED_COUNT_MAX`].
pub const REQUESTS_MILLIS: u64 = 60_000;

/// How long an invitation holds: 14 days.
pub const INVITATION_MILLIS: u64 = 14 * DAY_MILLIS;
/// How long a request waits for an answer before it expires.
pub const REQUEST_MILLIS: u64 = 30 * DAY_MILLIS;
/// How long an administrator's yes to a charter counts, if it is not in force by then: as long as the signed consent.
pub const APPROVAL_MILLIS: u64 = 30 * DAY_MILLIS;
