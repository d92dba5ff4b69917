//! The layout of the store: every key that exists is made here, and nowhere else.
//!
//! The first byte names the scope: `o` for the organisation, `c` and a channel's id for one
//! channel. The next byte names the kind. Numbers are big-endian, so that keys sort as they do.
//! There is no key per entry, but for the audit log, which is listed by number: a run of entries is
//! one value.
//!
//! | key | value |
//! |---|---|
//! | `o v` | version of the organisation's scope |
//! | `o s` kind id | one record of the organisation's state |
//! | `o n` kind id | one note of the organisation: identities, endpoints, peerings, offers; and when our clock was last relied on |
//! | `o a` number | a run of the audit log's entries |
//! | `c` channel `v` | version of the channel's scope |
//! | `c` channel `s h` | the channel's head: arrivals, time, own incarnation |
//! | `c` channel `s l` origin incarnation | head of one log |
//! | `c` channel `s n` hash | one note about the channel |
//! | `c` channel `s c` partner | what was taken from that partner |
//! | `c` channel `s g` partner | that partner holds words of ours which we lost |
//! | `c` channel `s b` origin incarnation | where that log lacks bodies which we may read |
//! | `c` channel `s m` author | what was told of one of our members |
//! | `c` channel `s a` origin author | what is known of an author |
//! | `c` channel `s i` org serial | an identity note of somebody whom a partner introduced |
//! | `c` channel `s w` arrival place | an entry that waits to be shown |
//! | `c` channel `s j` origin | up to where its entries were judged again |
//! | `c` channel `s t` | up to where was told anew what entries say of others |
//! | `c` channel `r` origin incarnation last | a run of entries, by the sequence of its last |
//! | `c` channel `a` arrival | which entries arrived under that number |
//! | `c` channel `t` origin incarnation tile | hash of a full tile |
//! | `c` channel `x` origin incarnation sequence page | some of what later entries say of that entry |
//! | `c` channel `i` turn hash | the answer to a request with an idempotency key |

use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, NoteHash, OrgId};

use crate::batch::{Key, Read};
use crate::bounds::RUN_ENTRIES_MAX;
use crate::entry::LogId;

/// Version of the organisation's scope.
pub fn org_version() -> Key {
    b"ov".to_vec()
}

/// All records of the organisation's state.
pub fn org_state() -> Read {
    prefix(b"os")
}

/// One record of the organisation's state.
pub fn org_record(kind: u8, id: &[u8]) -> Key {
    let mut key = vec![b'o', b's', kind];
    key.extend_from_slice(id);
    key
}

/// All notes of the organisation.
pub fn org_notes() -> Read {
    prefix(b"on")
}

/// One note of the organisation.
pub fn org_note(kind: u8, id: &[u8]) -> Key {
    let mut key = vec![b'o', b'n', kind];
    key.extend_from_slice(id);
    key
}

/// One run of the audit log, by the number of its last entry.
pub fn audit_run(last: u64) -> Key {
    let mut key = b"oa".to_vec();
    key.extend_from_slice(&last.to_be_bytes());
    key
}

/// The channel that a key of a channel's scope belongs to.
pub fn channel_of(key: &[u8]) -> Option<ChannelId> {
    let id = key.strip_prefix(b"c")?.get(..32)?;
    Some(ChannelId(id.try_into().ok()?))
}

/// The keys of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelKeys(pub ChannelId);

impl ChannelKeys {
    /// Whose keys they are.
    pub fn channel(&self) -> ChannelId {
        self.0
    }

    fn key(&self, kind: &[u8], parts: &[&[u8]]) -> Key {
        let mut key = Vec::with_capacity(1 + 32 + 2 + 56);
        key.push(b'c');
        key.extend_from_slice(self.0.as_bytes());
        key.extend_from_slice(kind);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    fn of_log(&self, kind: &[u8], log: LogId, number: u64) -> Key {
        let origin = log.origin.as_bytes();
        self.key(
            kind,
            &[origin, log.incarnation.as_bytes(), &number.to_be_bytes()],
        )
    }

    /// Version of the scope.
    pub fn version(&self) -> Key {
        self.key(b"v", &[])
    }

    /// Everything that the channel's machine is loaded from.
    pub fn state(&self) -> Read {
        prefix(&self.key(b"s", &[]))
    }

    /// The channel's head.
    pub fn head(&self) -> Key {
        self.key(b"sh", &[])
    }

    /// The head of one log.
    pub fn log(&self, log: LogId) -> Key {
        self.key(b"sl", &[log.origin.as_bytes(), log.incarnation.as_bytes()])
    }

    /// A note about the channel.
    pub fn note(&self, note: NoteHash) -> Key {
        self.key(b"sn", &[note.as_bytes()])
    }

    /// What was taken from one partner.
    pub fn taken(&self, partner: OrgId) -> Key {
        self.key(b"sc", &[partner.as_bytes()])
    }

    /// That one partner holds words of ours which we lost.
    pub fn lost(&self, partner: OrgId) -> Key {
        self.key(b"sg", &[partner.as_bytes()])
    }

    /// Where a log lacks bodies which we may read.
    pub fn bodiless(&self, log: LogId) -> Key {
        self.key(b"sb", &[log.origin.as_bytes(), log.incarnation.as_bytes()])
    }

    /// What was told of one of our members.
    pub fn announced(&self, author: AuthorId) -> Key {
        self.key(b"sm", &[author.as_bytes()])
    }

    /// An identity note of somebody whom a partner introduced.
    pub fn introduced(&self, org: OrgId, serial: u64) -> Key {
        self.key(b"si", &[org.as_bytes(), &serial.to_be_bytes()])
    }

    /// What is known of an author.
    pub fn author(&self, origin: OrgId, author: AuthorId) -> Key {
        self.key(b"sa", &[origin.as_bytes(), author.as_bytes()])
    }

    /// An entry that waits to be shown, by the number under which it arrived and its place.
    pub fn waiting(&self, arrival: u64, place: u16) -> Key {
        self.key(b"sw", &[&arrival.to_be_bytes(), &place.to_be_bytes()])
    }

    /// Up to where entries of an organisation were judged again.
    pub fn judging(&self, origin: OrgId) -> Key {
        self.key(b"sj", &[origin.as_bytes()])
    }

    /// Up to where was told anew what entries say of others.
    pub fn telling(&self) -> Key {
        self.key(b"st", &[])
    }

    /// The run of entries that ends with sequence `last`.
    pub fn run(&self, log: LogId, last: u64) -> Key {
        self.of_log(b"r", log, last)
    }

    /// Runs of one log from the one that holds sequence `from` on.
    pub fn runs_from(&self, log: LogId, from: u64, limit: usize) -> Read {
        let end = successor(self.run(log, u64::MAX));
        Read::Scan {
            start: self.run(log, from),
            end,
            limit,
            reverse: false,
        }
    }

    /// The runs of one log that hold the entries from `from` to before `to`.
    pub fn runs_between(&self, log: LogId, from: u64, to: u64) -> Read {
        // A run is keyed by its last entry, and may begin before `to` and end after it.
        let last = to.saturating_add(RUN_ENTRIES_MAX as u64 - 1);
        Read::Scan {
            start: self.run(log, from),
            end: self.run(log, last),
            limit: usize::MAX,
            reverse: false,
        }
    }

    /// The last runs of one log that end before sequence `before`, newest first.
    pub fn runs_before(&self, log: LogId, before: u64, limit: usize) -> Read {
        Read::Scan {
            start: self.run(log, 0),
            end: self.run(log, before),
            limit,
            reverse: true,
        }
    }

    /// One log of the channel.
    pub const fn log_id(&self, origin: OrgId, incarnation: IncarnationId) -> LogId {
        LogId {
            channel: self.0,
            origin,
            incarnation,
        }
    }

    /// The run that holds one entry, if any: the first that ends there or later.
    pub fn run_of(&self, entry: EntryRef) -> Read {
        self.runs_from(
            self.log_id(entry.origin, entry.incarnation),
            entry.sequence,
            1,
        )
    }

    /// What arrived under one number.
    pub fn arrival(&self, arrival: u64) -> Key {
        self.key(b"a", &[&arrival.to_be_bytes()])
    }

    /// What arrived after `after`, oldest first.
    pub fn arrivals_after(&self, after: u64, limit: usize) -> Read {
        Read::Scan {
            start: self.arrival(after.saturating_add(1)),
            end: self.key(b"b", &[]),
            limit,
            reverse: false,
        }
    }

    /// The hash of one full tile.
    pub fn tile(&self, log: LogId, tile: u64) -> Key {
        self.of_log(b"t", log, tile)
    }

    /// Hashes of the full tiles from `first` to before `end`.
    pub fn tiles(&self, log: LogId, first: u64, end: u64) -> Read {
        Read::Scan {
            start: self.tile(log, first),
            end: self.tile(log, end),
            limit: usize::MAX,
            reverse: false,
        }
    }

    /// All that later entries say of one entry.
    pub fn annotations(&self, entry: EntryRef) -> Read {
        let log = self.log_id(entry.origin, entry.incarnation);
        prefix(&self.of_log(b"x", log, entry.sequence))
    }

    /// One page of it.
    pub fn annotation_page(&self, entry: EntryRef, page: u8) -> Key {
        let log = self.log_id(entry.origin, entry.incarnation);
        let mut key = self.of_log(b"x", log, entry.sequence);
        key.push(page);
        key
    }

    /// The answer to a request with an idempotency key, by turn (see the channel's head) and hash of the key.
    pub fn answered(&self, turn: u32, hash: &[u8; 32]) -> Key {
        self.key(b"i", &[&turn.to_be_bytes(), hash])
    }

    /// The answers of the turns before `turn`.
    pub fn answered_before(&self, turn: u32, limit: usize) -> Read {
        Read::Scan {
            start: self.key(b"i", &[]),
            end: self.key(b"i", &[&turn.to_be_bytes()]),
            limit,
            reverse: false,
        }
    }
}

/// What a key of a channel's scope names: the way back from [`ChannelKeys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKey {
    /// Version of the scope.
    Version,
    /// The channel's head.
    Head,
    /// The head of a log.
    Log(LogId),
    /// A note about the channel.
    Note(NoteHash),
    /// What was taken from a partner.
    Taken(OrgId),
    /// That a partner holds words of ours which we lost.
    Lost(OrgId),
    /// Where a log lacks bodies.
    Bodiless(LogId),
    /// What was told of one of our members.
    Announced(AuthorId),
    /// What is known of an author.
    Author(OrgId, AuthorId),
    /// An identity note of this serial.
    Introduced(OrgId, u64),
    /// An entry that waits to be shown, by arrival and place.
    Waiting(u64, u16),
    /// Up to where entries of an organisation were judged again.
    Judging(OrgId),
    /// Up to where was told anew what entries say of others.
    Telling,
    /// The run of entries that ends with this sequence.
    Run(LogId, u64),
    /// What arrived under a number.
    Arrival(u64),
    /// The hash of a full tile.
    Tile(LogId, u64),
    /// A page of what later entries say of an entry.
    Annotations(EntryRef, u8),
    /// The answer to a request, by turn and hash of its key.
    Answered(u32, [u8; 32]),
}

impl ChannelKey {
    /// What a key names, and of which channel; nothing for a key that [`ChannelKeys`] never makes.
    pub fn parse(key: &[u8]) -> Option<(ChannelId, Self)> {
        let mut rest = Parts(key.strip_prefix(b"c")?);
        let channel = ChannelId(rest.take()?);
        let parsed = match rest.byte()? {
            b'v' => Self::Version,
            b's' => Self::state(channel, &mut rest)?,
            b'r' => Self::Run(rest.log(channel)?, rest.number()?),
            b'a' => Self::Arrival(rest.number()?),
            b't' => Self::Tile(rest.log(channel)?, rest.number()?),
            b'x' => Self::Annotations(rest.log(channel)?.entry(rest.number()?), rest.byte()?),
            b'i' => Self::Answered(u32::from_be_bytes(rest.take()?), rest.take()?),
            _ => return None,
        };
        rest.0.is_empty().then_some((channel, parsed))
    }

    /// One of the records that the channel's machine is loaded from.
    fn state(channel: ChannelId, rest: &mut Parts<'_>) -> Option<Self> {
        Some(match rest.byte()? {
            b'h' => Self::Head,
            b'l' => Self::Log(rest.log(channel)?),
            b'n' => Self::Note(NoteHash(rest.take()?)),
            b'c' => Self::Taken(OrgId(rest.take()?)),
            b'g' => Self::Lost(OrgId(rest.take()?)),
            b'b' => Self::Bodiless(rest.log(channel)?),
            b'm' => Self::Announced(AuthorId(rest.take()?)),
            b'a' => Self::Author(OrgId(rest.take()?), AuthorId(rest.take()?)),
            b'i' => Self::Introduced(OrgId(rest.take()?), rest.number()?),
            b'w' => Self::Waiting(rest.number()?, u16::from_be_bytes(rest.take()?)),
            b'j' => Self::Judging(OrgId(rest.take()?)),
            b't' => Self::Telling,
            _ => return None,
        })
    }
}

/// What of a key was not looked at yet.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*part)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn log(&mut self, channel: ChannelId) -> Option<LogId> {
        let (origin, incarnation) = (OrgId(self.take()?), IncarnationId(self.take()?));
        Some(ChannelKeys(channel).log_id(origin, incarnation))
    }
}

fn prefix(prefix: &[u8]) -> Read {
    Read::Scan {
        start: prefix.to_vec(),
        end: successor(prefix.to_vec()),
        limit: usize::MAX,
        reverse: false,
    }
}

/// The first key after all that begin with `key`.
fn successor(mut key: Key) -> Key {
    while let Some(last) = key.pop() {
        if last < u8::MAX {
            key.push(last + 1);
            return key;
        }
    }
    // All bytes were 0xff: no key of ours is.
    vec![u8::MAX; 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever key is made reads back as what it was made for, and nothing longer or shorter does.
    #[test]
    fn every_key_reads_back() {
        let keys = ChannelKeys(ChannelId([0x73; 32]));
        let (org, author) = (OrgId([2; 32]), AuthorId([3; 16]));
        let log = keys.log_id(org, IncarnationId([4; 16]));
        let all = [
            (keys.version(), ChannelKey::Version),
            (keys.head(), ChannelKey::Head),
            (keys.log(log), ChannelKey::Log(log)),
            (
                keys.note(NoteHash([5; 32])),
                ChannelKey::Note(NoteHash([5; 32])),
            ),
            (keys.taken(org), ChannelKey::Taken(org)),
            (keys.lost(org), ChannelKey::Lost(org)),
            (keys.bodiless(log), ChannelKey::Bodiless(log)),
            (keys.announced(author), ChannelKey::Announced(author)),
            (keys.author(org, author), ChannelKey::Author(org, author)),
            (keys.introduced(org, 7), ChannelKey::Introduced(org, 7)),
            (keys.waiting(8, 9), ChannelKey::Waiting(8, 9)),
            (keys.judging(org), ChannelKey::Judging(org)),
            (keys.telling(), ChannelKey::Telling),
            (keys.run(log, 10), ChannelKey::Run(log, 10)),
            (keys.arrival(11), ChannelKey::Arrival(11)),
            (keys.tile(log, 12), ChannelKey::Tile(log, 12)),
            (
                keys.annotation_page(log.entry(13), 3),
                ChannelKey::Annotations(log.entry(13), 3),
            ),
            (
                keys.answered(14, &[15; 32]),
                ChannelKey::Answered(14, [15; 32]),
            ),
        ];
        for (key, expected) in all {
            assert_eq!(ChannelKey::parse(&key), Some((keys.channel(), expected)));
            assert_eq!(ChannelKey::parse(&key[..key.len() - 1]), None);
            assert_eq!(ChannelKey::parse(&[&key[..], &[0]].concat()), None);
        }
        assert_eq!(ChannelKey::parse(&org_version()), None);
    }
}
