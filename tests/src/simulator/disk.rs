//! What a disk holds of a channel, read without any machine: by the layout and the formats alone.

use std::collections::BTreeMap;

use foedus_daemon::store::memory::VirtualDisk;
use foedus_federation::batch::{Key, Read, Value};
use foedus_federation::entry::{Header, LogId};
use foedus_federation::keys::{self, ChannelKey, ChannelKeys};
use foedus_federation::kind::{Body, Kind};
use foedus_federation::org_store::read_record;
use foedus_federation::stored::{
    Author, LogHead, Record, Run, StoredBody, StoredEntry, StoredNote, Waiting,
};
use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, OrgId};
use foedus_policy::state::{PartnerState, Record as OrgRecord};

/// The most pairs that the store gives at once.
const PAIRS_MAX: usize = 65_536;

/// Answers one read from a disk; `None` if the disk has stopped.
pub fn answer(disk: &VirtualDisk, read: &Read) -> Option<Vec<(Key, Value)>> {
    match read {
        Read::Get(key) => {
            let value = disk.get(key).ok()?;
            Some(
                value
                    .map(|value| (key.clone(), value))
                    .into_iter()
                    .collect(),
            )
        }
        Read::Scan {
            start,
            end,
            limit,
            reverse,
        } => disk
            .scan(start, end, (*limit).min(PAIRS_MAX), *reverse)
            .ok(),
    }
}

/// The records of an organisation's state.
pub fn org_records(disk: &VirtualDisk) -> Vec<OrgRecord> {
    let rows = answer(disk, &keys::org_state()).unwrap_or_default();
    rows.iter()
        .filter_map(|(key, value)| read_record(key, value).ok())
        .collect()
}

/// What an organisation's disk says of a partner.
pub fn partner(disk: &VirtualDisk, org: OrgId) -> Option<PartnerState> {
    org_records(disk)
        .into_iter()
        .find_map(|record| match record {
            OrgRecord::Partner(id, known) if id == org => Some(known.state),
            _ => None,
        })
}

/// One entry on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub raw_header: Vec<u8>,
    pub header: Header,
    pub verdict: u8,
    pub body: Option<StoredBody>,
}

impl Held {
    fn of(entry: StoredEntry) -> Option<Self> {
        Some(Self {
            header: Header::decode(&entry.header).ok()?,
            raw_header: entry.header,
            verdict: entry.verdict,
            body: entry.body,
        })
    }

    /// What it says, if the body is here and reads.
    pub fn body(&self) -> Option<Body> {
        let kind = Kind::of_number(self.header.kind)?;
        Body::decode(kind, &self.header.class, &self.body.as_ref()?.bytes).ok()
    }

    /// Whether it is a message that people are shown, once it is due.
    pub fn is_message(&self) -> bool {
        self.verdict == 0 && self.body.is_some() && self.header.kind == Kind::Post.number()
    }
}

/// One channel on one disk.
pub struct ChannelOnDisk<'a> {
    disk: &'a VirtualDisk,
    keys: ChannelKeys,
}

impl<'a> ChannelOnDisk<'a> {
    pub fn new(disk: &'a VirtualDisk, channel: ChannelId) -> Self {
        Self {
            disk,
            keys: ChannelKeys(channel),
        }
    }

    fn rows(&self, read: &Read) -> Vec<(Key, Value)> {
        answer(self.disk, read).unwrap_or_default()
    }

    /// The records of the channel's state.
    pub fn records(&self) -> Vec<(Key, Value)> {
        self.rows(&self.keys.state())
    }

    /// The records of the channel's state, and what each is.
    fn state(&self) -> impl Iterator<Item = (ChannelKey, Key, Value)> {
        self.records().into_iter().filter_map(|(key, value)| {
            let (_, parsed) = ChannelKey::parse(&key)?;
            Some((parsed, key, value))
        })
    }

    /// The heads of the logs.
    pub fn heads(&self) -> BTreeMap<LogId, LogHead> {
        let heads = self
            .state()
            .filter_map(|(parsed, key, value)| match parsed {
                ChannelKey::Log(log) => Some((log, LogHead::from_value(&key, &value).ok()?)),
                _ => None,
            });
        heads.collect()
    }

    /// The notes, in the order in which they were learnt.
    pub fn notes(&self) -> Vec<Vec<u8>> {
        let mut notes: Vec<StoredNote> = self
            .state()
            .filter_map(|(parsed, key, value)| match parsed {
                ChannelKey::Note(_) => StoredNote::from_value(&key, &value).ok(),
                _ => None,
            })
            .collect();
        notes.sort_by_key(|note| note.order);
        notes.into_iter().map(|note| note.bytes).collect()
    }

    /// All entries of one log, in order.
    pub fn entries(&self, log: LogId) -> Vec<Held> {
        let rows = self.rows(&self.keys.runs_from(log, 0, PAIRS_MAX));
        let runs = rows
            .iter()
            .filter_map(|(key, value)| Run::from_value(key, value).ok());
        runs.flat_map(|run| run.entries)
            .filter_map(Held::of)
            .collect()
    }

    /// One entry.
    pub fn entry(&self, entry: EntryRef) -> Option<Held> {
        let rows = self.rows(&self.keys.run_of(entry));
        let (key, value) = rows.first()?;
        let run = Run::from_value(key, value).ok()?;
        let index = usize::try_from(entry.sequence.checked_sub(run.first)?).ok()?;
        Held::of(run.entries.into_iter().nth(index)?)
    }

    /// Under which address an author is shown.
    pub fn address(&self, origin: OrgId, author: AuthorId) -> Option<String> {
        let rows = self.rows(&Read::Get(self.keys.author(origin, author)));
        let (key, value) = rows.first()?;
        let author = Author::from_value(key, value).ok()?;
        String::from_utf8(author.joined?.address).ok()
    }

    /// Entries that wait to be shown, and for what.
    pub fn waiting(&self) -> BTreeMap<EntryRef, Waiting> {
        self.state()
            .filter_map(|(parsed, key, value)| match parsed {
                ChannelKey::Waiting(..) => Waiting::from_value(&key, &value).ok(),
                _ => None,
            })
            .map(|waiting| {
                let entry = EntryRef {
                    origin: OrgId(waiting.origin),
                    incarnation: IncarnationId(waiting.incarnation),
                    sequence: waiting.sequence,
                };
                (entry, waiting)
            })
            .collect()
    }
}
