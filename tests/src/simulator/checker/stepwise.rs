//! P3 and P7 after each step: whenever two come to hold the same, the same is void for both and shown in the same
//! order; and no disk ever holds evidence that proves nothing, or that somebody honest forked.
//!
//! What each disk holds is known from what was committed to it, so that it costs little to see that two differ. Only
//! what is the same is read and compared, and not more often than every so many simulated seconds.

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::batch::{Batch, Key, Value};
use foedus_federation::channel::Verdict;
use foedus_federation::checkpoint::Fork;
use foedus_federation::entry::LogId;
use foedus_federation::keys::ChannelKey;
use foedus_federation::stored::{LogHead, Record as _};
use foedus_policy::id::{ChannelId, EntryRef, NoteHash, OrgId};

use super::converged::differ;
use super::{CONVERGENT, FORKS};
use crate::simulator::disk::ChannelOnDisk;
use crate::simulator::trace::name;
use crate::simulator::world::World;

/// How long two that hold the same are not compared again, in simulated time. That makes some twenty comparisons in a
/// simulated day, and costs a tenth of what the day does without them.
const PAUSE_MILLIS: u64 = 300_000;

/// Of how many messages the order is compared, from the newest back: that of all is once the world has healed.
const NEWEST_COUNT: usize = 30;

/// What a disk holds of a channel, as far as it takes to see whether two hold the same.
#[derive(Debug, Default)]
pub struct Outline {
    held: Held,
    /// Entries that are being judged again, which takes several steps. What is void is not certain meanwhile.
    judging: BTreeSet<OrgId>,
    /// The evidence that was looked at.
    evidence: BTreeMap<LogId, Vec<u8>>,
    changed: bool,
}

/// All that P3 says is enough: the notes, and each log by the right edge of its tree, which stands for all entries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    notes: BTreeSet<NoteHash>,
    logs: BTreeMap<LogId, Edge>,
}

/// Where a log ends, and whether it is known to have two histories.
#[derive(Debug, PartialEq, Eq)]
struct Edge {
    frontier: Vec<u8>,
    is_forked: bool,
}

impl Outline {
    /// Takes note of a record; gives evidence of a fork that is in it, if it is new.
    fn put(&mut self, key: &Key, value: &Value) -> Option<(LogId, Vec<u8>)> {
        match ChannelKey::parse(key)?.1 {
            ChannelKey::Note(hash) => self.changed |= self.held.notes.insert(hash),
            ChannelKey::Judging(org) => {
                self.judging.insert(org);
            }
            ChannelKey::Log(log) => {
                // What does not read back is found where disks are read.
                return self.log(log, LogHead::from_value(key, value).ok()?);
            }
            _ => {}
        }
        None
    }

    fn log(&mut self, log: LogId, head: LogHead) -> Option<(LogId, Vec<u8>)> {
        // Logs of before the channel was shared are their writer's alone.
        if head.revision > 0 {
            let edge = Edge {
                frontier: head.frontier,
                is_forked: !head.fork.is_empty(),
            };
            self.changed |= self.held.logs.get(&log) != Some(&edge);
            self.held.logs.insert(log, edge);
        }
        if head.fork.is_empty() || self.evidence.get(&log) == Some(&head.fork) {
            return None;
        }
        self.evidence.insert(log, head.fork.clone());
        Some((log, head.fork))
    }

    fn delete(&mut self, key: &Key) {
        if let Some((_, ChannelKey::Judging(org))) = ChannelKey::parse(key) {
            self.changed |= self.judging.remove(&org);
        }
    }

    /// Whether two hold the same, and something.
    fn is_as(&self, other: &Self) -> bool {
        !self.held.logs.is_empty()
            && self.judging.is_empty()
            && other.judging.is_empty()
            && self.held == other.held
    }
}

impl World {
    /// A commit to a channel is durable: what its disk holds now.
    pub(super) fn outline(&mut self, at: usize, channel: ChannelId, batch: &Batch) {
        let outline = self.checker.outlines.entry((at, channel)).or_default();
        let found = batch.puts.iter();
        let evidence: Vec<_> = found
            .filter_map(|(key, value)| outline.put(key, value))
            .collect();
        for key in &batch.deletes {
            outline.delete(key);
        }
        for (log, fork) in evidence {
            self.check_evidence(at, &log, &fork);
        }
    }

    /// An old copy was put back: what it holds is read anew.
    pub(super) fn outline_again(&mut self, at: usize, channel: ChannelId) {
        let outline = Outline {
            changed: true,
            ..Outline::default()
        };
        self.checker.outlines.insert((at, channel), outline);
        let puts = ChannelOnDisk::new(&self.orgs[at].disk, channel).records();
        let batch = Batch {
            puts,
            ..Batch::default()
        };
        self.outline(at, channel, &batch);
    }

    /// P7: evidence stands alone, and shows nobody honest to have forked.
    pub(super) fn check_evidence(&mut self, at: usize, log: &LogId, fork: &[u8]) {
        self.checker.count(FORKS);
        let origin = self.index_of(log.origin).expect("only these exist");
        // By the key that the origin signs with, and nothing else.
        let key = *self.orgs[origin].keys.sign.verifying_key();
        let proven = Fork::decode(fork)
            .ok()
            .and_then(|fork| fork.verify(&key).ok());
        if proven.is_none_or(|proven| proven.log() != log) {
            let text = format!("{at} holds evidence that proves nothing");
            self.checker.find(FORKS, self.now, text);
        } else if !self.is_lie(log) {
            let text = format!("{at} can prove that {origin}, which is honest, forked");
            self.checker.find(FORKS, self.now, text);
        }
    }

    /// P3: a step of an organisation is over. If it holds something else than before, whoever holds the same now has
    /// to have come to the same.
    pub fn check_step(&mut self, at: usize) {
        let Some(channel) = self.checker.shared else {
            return;
        };
        let Some(ours) = self.checker.outlines.get(&(at, channel)) else {
            return;
        };
        if !ours.changed || self.orgs[at].dishonest || self.orgs[at].run.is_none() {
            return;
        }
        let mut waits = false;
        for other in 0..self.orgs.len() {
            let pair = (at.min(other), at.max(other));
            let same = |ours: &Outline| {
                let theirs = self.checker.outlines.get(&(other, channel));
                theirs.is_some_and(|theirs| ours.is_as(theirs))
            };
            let ours = self.checker.outlines.get(&(at, channel));
            if at == other || self.orgs[other].dishonest || !ours.is_some_and(same) {
                continue;
            }
            let last = self.checker.compared.get(&pair);
            if last.is_some_and(|last| self.now < last + PAUSE_MILLIS) {
                waits = true;
                continue;
            }
            self.checker.compared.insert(pair, self.now);
            self.check_pair(at, other, channel);
        }
        if let Some(outline) = self.checker.outlines.get_mut(&(at, channel)) {
            outline.changed = waits;
        }
    }

    fn check_pair(&mut self, one: usize, other: usize, channel: ChannelId) {
        self.checker.count(CONVERGENT);
        let (ours, theirs) = (self.judged(one, channel), self.judged(other, channel));
        for (entry, (void, body)) in &ours {
            let Some((void_there, body_there)) = theirs.get(entry) else {
                continue;
            };
            if differ((*void, *body), (*void_there, *body_there)) {
                let text = format!(
                    "{one} and {other} hold the same, and {} is void at one of them",
                    name(*entry)
                );
                self.checker.find(CONVERGENT, self.now, text);
            }
        }
        let mut newest = |at| self.newest(at, channel, NEWEST_COUNT);
        let (Some(ours), Some(theirs)) = (newest(one), newest(other)) else {
            return;
        };
        if let Some((a, b)) = Self::first_out_of_order(&ours, &theirs) {
            let (a, b) = (name(a), name(b));
            let text = format!("{one} shows {a} where {other}, which holds the same, shows {b}");
            self.checker.find(CONVERGENT, self.now, text);
        }
    }

    /// Which entries are void, of those that are not withheld by a rule of the holder's own; and whether their bodies
    /// are here.
    fn judged(&self, at: usize, channel: ChannelId) -> BTreeMap<EntryRef, (bool, bool)> {
        let disk = ChannelOnDisk::new(&self.orgs[at].disk, channel);
        let outline = self.checker.outlines.get(&(at, channel));
        let logs = outline.into_iter().flat_map(|known| known.held.logs.keys());
        let entries = logs.flat_map(|log| disk.entries(*log));
        let judged = entries.filter_map(|held| {
            let void = Verdict::is_void(held.verdict);
            let withheld = !void && !Verdict::counts(held.verdict);
            (!withheld).then(|| (held.header.reference(), (void, held.body.is_some())))
        });
        judged.collect()
    }
}
