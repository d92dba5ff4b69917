//! One channel: its arrivals, then its runs log by log, then its state, then its tiles, as their keys sort.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foedus_policy::id::{ChannelId, IncarnationId, OrgId, RunId};
use sha2::{Digest, Sha256};

use super::{Counts, Fault, Faults, check_version};
use crate::bounds::RUN_ENTRIES_MAX;
use crate::channel::{Channel, Setup};
use crate::checkpoint::VerifiedCheckpoint;
use crate::damaged::Damaged;
use crate::entry::{Entry, LogId};
use crate::frame::RawEntry;
use crate::key::VerifyingKey;
use crate::keys::{ChannelKey, ChannelKeys};
use crate::org::{OrgSnapshot, OurKeys};
use crate::steploop::{Machine, Rows};
use crate::stored::{
    Annotations, Announced, Answered, Arrival, Author, Bodiless, ChannelHead, LogHead, Lost,
    Record, Reviewing, Run, StoredNote, Taken, Waiting,
};
use crate::tree::{Frontier, Hash, verify_consistency};

#[derive(Debug)]
pub(super) struct ChannelInspection {
    channel: ChannelId,
    /// How many arrivals its head counts.
    arrivals: u64,
    heads: BTreeMap<LogId, LogHead>,
    /// The number of the next arrival that has to come, until one is missing.
    next_arrival: Option<u64>,
    /// What arrived of each log, and what is there of it: sums that are equal if the parts are.
    arrived: BTreeMap<LogId, u64>,
    there: BTreeMap<LogId, u64>,
    log: Option<LogInspection>,
    /// Logs whose entries were seen.
    seen: BTreeSet<LogId>,
    /// Hashes of full tiles that were made from entries, and how many of them were found stored.
    tiles: BTreeMap<LogId, (Vec<Hash>, usize)>,
}

/// One log whose runs are being taken.
#[derive(Debug)]
struct LogInspection {
    log: LogId,
    frontier: Frontier,
    /// Its root when it had the size that the checkpoint proves.
    signed_root: Option<Hash>,
    signed: u64,
    /// Hashes of the tiles that are full.
    tiles: Vec<Hash>,
    /// Nothing more can be told: entries are missing, or can't be read.
    broken: bool,
}

impl ChannelInspection {
    pub(super) fn begin(
        channel: ChannelId,
        ours: Option<&(Arc<OrgSnapshot>, Arc<OurKeys>)>,
        state: Rows,
        faults: &mut Faults,
    ) -> Self {
        let mut begun = Self {
            channel,
            arrivals: 0,
            heads: BTreeMap::new(),
            next_arrival: Some(1),
            arrived: BTreeMap::new(),
            there: BTreeMap::new(),
            log: None,
            seen: BTreeSet::new(),
            tiles: BTreeMap::new(),
        };
        // What can't be read is told when it is taken.
        for (key, value) in &state {
            match ChannelKey::parse(key) {
                Some((_, ChannelKey::Head)) => {
                    let head = ChannelHead::from_value(key, value);
                    begun.arrivals = head.map_or(0, |head| head.arrival);
                }
                Some((_, ChannelKey::Log(log))) => {
                    if let Ok(head) = LogHead::from_value(key, value) {
                        begun.heads.insert(log, head);
                    }
                }
                _ => {}
            }
        }
        if let Some((org, keys)) = ours {
            let setup = Setup {
                channel,
                keys: keys.clone(),
                run: RunId([0; 16]),
                seed: [0; 32],
                org: org.clone(),
            };
            // Signatures of its notes included.
            faults.check(Channel::load(&setup, 0, vec![state]));
        }
        begun
    }

    pub(super) fn id(&self) -> ChannelId {
        self.channel
    }

    pub(super) fn logs(&self) -> u64 {
        self.heads.len() as u64
    }

    pub(super) fn take(
        &mut self,
        key: &[u8],
        value: &[u8],
        counts: &mut Counts,
        faults: &mut Faults,
    ) {
        let Some((_, parsed)) = ChannelKey::parse(key) else {
            return faults.add(Fault::UnknownKey { key: key.to_vec() });
        };
        match parsed {
            ChannelKey::Arrival(number) => self.take_arrival(number, key, value, faults),
            ChannelKey::Run(log, last) => {
                if let Some(run) = faults.check(Run::from_value(key, value)) {
                    self.take_run(log, last, run, counts, faults);
                } else {
                    self.log_of(log, faults).broken = true;
                }
            }
            ChannelKey::Tile(log, tile) => self.take_tile(log, tile, value, faults),
            ChannelKey::Version => check_version(key, value, faults),
            _ => {
                self.end_log(faults);
                check_record(parsed, key, value, faults);
            }
        }
    }

    fn take_arrival(&mut self, number: u64, key: &[u8], value: &[u8], faults: &mut Faults) {
        let Some(arrival) = faults.check(Arrival::from_value(key, value)) else {
            self.next_arrival = self.next_arrival.map(|_| number + 1);
            return;
        };
        if self.next_arrival.is_some_and(|next| next != number) {
            self.arrival_missing(faults);
        }
        self.next_arrival = self.next_arrival.map(|_| number + 1);
        if arrival.shown_late == 0 {
            let keys = ChannelKeys(self.channel);
            let log = keys.log_id(OrgId(arrival.origin), IncarnationId(arrival.incarnation));
            let sum = self.arrived.entry(log).or_default();
            *sum = sum.wrapping_add(mark(number, arrival.first, arrival.last));
        }
    }

    /// Told once: what follows has no number that could be relied on.
    fn arrival_missing(&mut self, faults: &mut Faults) {
        if let Some(number) = self.next_arrival.take() {
            let (channel, count) = (self.channel, self.arrivals);
            faults.add(Fault::ArrivalMissing {
                channel,
                number,
                count,
            });
        }
    }

    /// The log whose runs are taken now; the one before is ended.
    fn log_of(&mut self, log: LogId, faults: &mut Faults) -> &mut LogInspection {
        if self.log.as_ref().is_none_or(|before| before.log != log) {
            self.end_log(faults);
            self.seen.insert(log);
        }
        let signed = self.heads.get(&log).map_or(0, |head| head.signed);
        self.log
            .get_or_insert_with(|| LogInspection::begin(log, signed))
    }

    fn take_run(
        &mut self,
        log: LogId,
        last: u64,
        run: Run,
        counts: &mut Counts,
        faults: &mut Faults,
    ) {
        let entries = run.entries.len() as u64;
        counts.entries += entries;
        let sum = self.there.entry(log).or_default();
        *sum = sum.wrapping_add(mark(run.arrival, run.first, last));
        let inspected = self.log_of(log, faults);
        if inspected.broken {
            return;
        }
        let next = inspected.frontier.size();
        let sound = (1..=RUN_ENTRIES_MAX as u64).contains(&entries)
            && run.first.checked_add(entries - 1) == Some(last);
        if !sound || run.first != next {
            inspected.broken = true;
            return faults.add(Fault::EntriesMissing { log, from: next });
        }
        for stored in run.entries {
            counts.bodies += u64::from(stored.body.is_some());
            inspected.take(stored.into_raw(), faults);
            if inspected.broken {
                return;
            }
        }
    }

    fn end_log(&mut self, faults: &mut Faults) {
        let Some(mut ended) = self.log.take() else {
            return;
        };
        let tiles = std::mem::take(&mut ended.tiles);
        self.tiles.insert(ended.log, (tiles, 0));
        match self.heads.get(&ended.log) {
            Some(head) => ended.end(head, faults),
            None => faults.add(Fault::Tree { log: ended.log }),
        }
    }

    fn take_tile(&mut self, log: LogId, tile: u64, value: &[u8], faults: &mut Faults) {
        self.end_log(faults);
        if !self.seen.contains(&log) {
            return faults.add(Fault::Tile { log, tile });
        }
        let (tiles, found) = self.tiles.entry(log).or_default();
        let expected = usize::try_from(tile).ok().and_then(|tile| tiles.get(tile));
        // Of a log that is broken the tiles are not known.
        match expected {
            Some(hash) if value == hash => *found += 1,
            Some(_) => faults.add(Fault::Tile { log, tile }),
            None => {}
        }
    }

    pub(super) fn end(mut self, faults: &mut Faults) {
        self.end_log(faults);
        if self
            .next_arrival
            .is_some_and(|next| next != self.arrivals + 1)
        {
            self.arrival_missing(faults);
        }
        for (log, head) in &self.heads {
            let size = Frontier::decode(&head.frontier).map_or(0, |frontier| frontier.size());
            if size > 0 && !self.seen.contains(log) {
                faults.add(Fault::EntriesMissing { log: *log, from: 0 });
            }
        }
        let logs: BTreeSet<LogId> = self
            .arrived
            .keys()
            .chain(self.there.keys())
            .copied()
            .collect();
        for log in logs {
            if self.arrived.get(&log) != self.there.get(&log) {
                faults.add(Fault::ArrivedOther { log });
            }
        }
        for (log, (tiles, found)) in self.tiles {
            if found < tiles.len() {
                let tile = found as u64;
                faults.add(Fault::Tile { log, tile });
            }
        }
    }
}

impl LogInspection {
    fn begin(log: LogId, signed: u64) -> Self {
        let frontier = Frontier::EMPTY;
        Self {
            log,
            signed_root: (signed == 0).then(|| frontier.root()),
            frontier,
            signed,
            tiles: Vec::new(),
            broken: false,
        }
    }

    /// Takes the next entry.
    fn take(&mut self, raw: RawEntry, faults: &mut Faults) {
        let place = self.log.entry(self.frontier.size());
        let channel = self.log.channel;
        let entry = match Entry::read(raw) {
            Ok(entry) => entry,
            Err(source) => {
                let entry = place;
                self.broken = true;
                return faults.add(Fault::Entry {
                    channel,
                    entry,
                    source,
                });
            }
        };
        if entry.header.log != self.log || entry.header.sequence != place.sequence {
            let entry = place;
            self.broken = true;
            return faults.add(Fault::Misplaced { channel, entry });
        }
        let full = self.frontier.append(entry.leaf);
        self.tiles.extend(full.map(|full| full.hash));
        if self.frontier.size() == self.signed {
            self.signed_root = Some(self.frontier.root());
        }
    }

    fn end(self, head: &LogHead, faults: &mut Faults) {
        let log = self.log;
        if self.broken {
            return;
        }
        if self.frontier.encode() != head.frontier {
            return faults.add(Fault::Tree { log });
        }
        if !self.is_proven(head) {
            faults.add(Fault::Checkpoint { log });
        }
    }

    /// Whether the checkpoint proves as many of the entries as the head says.
    fn is_proven(&self, head: &LogHead) -> bool {
        if head.checkpoint.is_empty() {
            return head.signed == 0;
        }
        let (ahead, rest) = head.ahead.as_chunks::<32>();
        let checkpoint = VerifyingKey::from_bytes(&head.key)
            .ok()
            .and_then(|key| VerifiedCheckpoint::verify(&head.checkpoint, &key).ok());
        let (Some(checkpoint), Some(root)) = (checkpoint, self.signed_root) else {
            return false;
        };
        let (size, signed) = (checkpoint.size(), head.signed);
        rest.is_empty()
            && *checkpoint.log() == self.log
            && size == head.checkpoint_size
            && verify_consistency(signed, &root, size, checkpoint.root(), ahead).is_ok()
    }
}

/// What one arrival adds to the sum of its log.
fn mark(number: u64, first: u64, last: u64) -> u64 {
    let hash = Sha256::new()
        .chain_update(number.to_be_bytes())
        .chain_update(first.to_be_bytes())
        .chain_update(last.to_be_bytes())
        .finalize();
    u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// Reads a value of which nothing else is asked here.
fn check_record(parsed: ChannelKey, key: &[u8], value: &[u8], faults: &mut Faults) {
    fn read<T: Record>(key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        T::from_value(key, value).map(drop)
    }
    let read = match parsed {
        ChannelKey::Head => read::<ChannelHead>,
        ChannelKey::Log(_) => read::<LogHead>,
        ChannelKey::Note(_) | ChannelKey::Introduced(..) => read::<StoredNote>,
        ChannelKey::Taken(_) => read::<Taken>,
        ChannelKey::Lost(_) => read::<Lost>,
        ChannelKey::Announced(_) => read::<Announced>,
        ChannelKey::Author(..) => read::<Author>,
        ChannelKey::Waiting(..) => read::<Waiting>,
        ChannelKey::Judging(_) | ChannelKey::Telling => read::<Reviewing>,
        ChannelKey::Annotations(..) => read::<Annotations>,
        ChannelKey::Bodiless(_) => read::<Bodiless>,
        ChannelKey::Answered(..) => read::<Answered>,
        // Taken where they come, with what belongs to them.
        ChannelKey::Version
        | ChannelKey::Run(..)
        | ChannelKey::Arrival(_)
        | ChannelKey::Tile(..) => return,
    };
    faults.check(read(key, value));
}
