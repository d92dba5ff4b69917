//! P1 and P3 once everything works again: everybody holds the same, in the same order and with
//! the same verdicts; what did not arrive is listed.

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::channel::Verdict;
use foedus_federation::entry::LogId;
use foedus_federation::kind::Body;
use foedus_federation::note::value::LogHeads;
use foedus_federation::note::{Claimed, NoteKind, SignedNote};
use foedus_federation::record::DisconnectRecord;
use foedus_federation::stored::{LogHead, Waiting};
use foedus_policy::id::{AuthorId, ChannelId, EntryRef, NoteHash, OrgId};
use foedus_policy::state::{PartnerState, Record};

use super::{Acknowledged, CONVERGENT, DURABLE};
use crate::simulator::disk::{self, ChannelOnDisk, Held};
use crate::simulator::plan::Finish;
use crate::simulator::trace::name;
use crate::simulator::world::World;

/// What one disk holds of the shared channel.
pub(super) struct Holding {
    pub(super) heads: BTreeMap<LogId, LogHead>,
    pub(super) entries: BTreeMap<LogId, Vec<Held>>,
    /// Disconnect records; whoever gets old data back may end once more, and both are true.
    records: Vec<(OrgId, LogHeads)>,
    notes: BTreeMap<NoteHash, String>,
    pub(super) waiting: BTreeMap<EntryRef, Waiting>,
}

impl Holding {
    fn read(disk: &ChannelOnDisk<'_>) -> Self {
        let heads = disk.heads();
        let entries = heads.keys().map(|log| (*log, disk.entries(*log)));
        let notes = disk.notes();
        let records = notes
            .iter()
            .filter(|note| NoteKind::of(note) == Some(NoteKind::DisconnectRecord))
            .filter_map(|note| Claimed::<DisconnectRecord>::parse(note).ok())
            .map(|note| (note.claims().org, note.claims().logs.clone()));
        let hashes = notes.iter().filter_map(|note| {
            let signed = SignedNote::parse(note).ok()?;
            let begin: Vec<&str> = signed.text().lines().take(3).collect();
            Some((signed.hash(), begin.join(", ")))
        });
        Self {
            entries: entries.collect(),
            records: records.collect(),
            notes: hashes.collect(),
            waiting: disk.waiting(),
            heads,
        }
    }

    fn get(&self, entry: EntryRef, channel: ChannelId) -> Option<&Held> {
        let log = LogId {
            channel,
            origin: entry.origin,
            incarnation: entry.incarnation,
        };
        let sequence = usize::try_from(entry.sequence).ok()?;
        self.entries.get(&log)?.get(sequence)
    }

    pub(super) fn other_notes(&self, other: &Self) -> Option<String> {
        let missing = |a: &Self, b: &Self| -> Vec<String> {
            let lacks = a
                .notes
                .iter()
                .filter(|(hash, _)| !b.notes.contains_key(hash));
            lacks.map(|(_, text)| text.clone()).collect()
        };
        let (there, here) = (missing(self, other), missing(other, self));
        let same = there.is_empty() && here.is_empty();
        (!same).then(|| format!("only the first has {there:?}, only the second {here:?}"))
    }

    /// Whether an organisation said in any of its records that it held an entry; `None` if it
    /// signed no record.
    fn recorded(&self, org: OrgId, entry: EntryRef) -> Option<bool> {
        let mut records = self.records.iter().filter(|(of, _)| *of == org).peekable();
        records.peek()?;
        Some(records.any(|(_, logs)| {
            let head = logs.get(&(entry.origin, entry.incarnation));
            head.is_some_and(|head| head.size > entry.sequence)
        }))
    }

    /// Whether an entry waits with good reason: for its time, for a yes, or for its author, of whom
    /// nothing that is held says that it joined.
    fn waits(&self, entry: EntryRef) -> bool {
        let Some(waiting) = self.waiting.get(&entry) else {
            return false;
        };
        let Some(unknown) = &waiting.author else {
            return true;
        };
        let author = AuthorId(unknown.author);
        let joined = |held: &&Held| {
            held.header.log.origin == entry.origin
                && held.header.author == author
                && held.verdict == 0
                && matches!(held.body(), Some(Body::Joined { .. }))
        };
        let mut all = self.entries.values().flatten();
        waiting.until.is_some() || waiting.revision.is_some() || !all.any(|held| joined(&held))
    }

    pub(super) fn has_record(&self, org: OrgId) -> bool {
        self.records.iter().any(|(of, _)| *of == org)
    }

    /// Logs that participants may know of.
    pub(super) fn shared(&self) -> impl Iterator<Item = (&LogId, &LogHead)> {
        self.heads.iter().filter(|(_, head)| head.revision > 0)
    }
}

/// Whether two verdicts of one entry contradict each other; each is whether it is void, and whether the body is here.
pub(super) fn differ((void, body): (bool, bool), (void_there, body_there): (bool, bool)) -> bool {
    match (void, void_there) {
        (true, false) => body_there || !body,
        (false, true) => body || !body_there,
        _ => false,
    }
}

impl World {
    pub(super) fn holdings(&self, channel: ChannelId) -> Vec<Holding> {
        let disks = self.orgs.iter().map(|org| &org.disk);
        disks
            .map(|disk| Holding::read(&ChannelOnDisk::new(disk, channel)))
            .collect()
    }

    /// Who is in the shared channel by its own disk.
    pub(super) fn participants(&self) -> Vec<usize> {
        let all = 0..self.orgs.len();
        all.filter(|at| self.checker.in_force[*at].is_some())
            .collect()
    }

    pub(super) fn is_open(&self, at: usize) -> bool {
        let end = self.checker.charter_at(at).and_then(|charter| charter.end);
        self.checker.ended[at].is_none() && end.is_none_or(|end| self.wall(at) < end)
    }

    pub(super) fn are_partners(&self, one: usize, other: usize) -> bool {
        let active = |at: usize, to: usize| {
            let known = disk::partner(&self.orgs[at].disk, self.orgs[to].id);
            known == Some(PartnerState::Active)
        };
        active(one, other) && active(other, one)
    }

    /// Everything is as it should be, or says why not.
    pub fn check_converged(&mut self) {
        let Some(channel) = self.checker.shared else {
            return;
        };
        let holdings = self.holdings(channel);
        self.check_forks(&holdings);
        self.check_same(&holdings);
        self.check_order(channel);
        self.check_arrived(channel, &holdings);
        self.check_once(&holdings);
        self.check_readers(channel, &holdings);
    }

    /// P3: the same void entries. Whoever holds no body can't know of a rule that only the body
    /// breaks; what is void without its body is void for all.
    fn check_same(&mut self, holdings: &[Holding]) {
        let mut verdicts: BTreeMap<EntryRef, Vec<(usize, bool, bool)>> = BTreeMap::new();
        for (at, holding) in holdings.iter().enumerate() {
            for held in holding.entries.values().flatten() {
                let entry = held.header.reference();
                let void = Verdict::is_void(held.verdict);
                let dishonest = self
                    .index_of(entry.origin)
                    .is_some_and(|origin| self.orgs[origin].dishonest);
                let withheld = !void && !Verdict::counts(held.verdict);
                if withheld || dishonest {
                    continue;
                }
                let known = verdicts.entry(entry).or_default();
                for (other, void_there, body_there) in known.iter() {
                    self.checker.count(CONVERGENT);
                    let ours = (void, held.body.is_some());
                    if differ(ours, (*void_there, *body_there)) {
                        let text = format!("{} is void at one of {other} and {at}", name(entry));
                        self.checker.find(CONVERGENT, self.now, text);
                    }
                }
                known.push((at, void, held.body.is_some()));
            }
        }
    }

    /// P3: the same order, as people page through the history. Some may not see all.
    fn check_order(&mut self, channel: ChannelId) {
        let mut orders: Vec<(usize, Vec<EntryRef>)> = Vec::new();
        for at in 0..self.orgs.len() {
            let Some(mut shown) = self.history(at, channel) else {
                continue;
            };
            // Of two histories, each has its own order.
            shown.retain(|entry| {
                !self.is_lie(&LogId {
                    channel,
                    origin: entry.origin,
                    incarnation: entry.incarnation,
                })
            });
            orders.push((at, shown));
        }
        for (place, (one, first)) in orders.iter().enumerate() {
            for (other, second) in &orders[place + 1..] {
                self.checker.count(CONVERGENT);
                if let Some((a, b)) = Self::first_out_of_order(first, second) {
                    let text = format!("{one} shows {} where {other} shows {}", name(a), name(b));
                    self.checker.find(CONVERGENT, self.now, text);
                }
            }
        }
    }

    /// The first place at which two show of what both show something else.
    pub(super) fn first_out_of_order(
        first: &[EntryRef],
        second: &[EntryRef],
    ) -> Option<(EntryRef, EntryRef)> {
        let at_first: BTreeSet<EntryRef> = first.iter().copied().collect();
        let at_second: BTreeSet<EntryRef> = second.iter().copied().collect();
        let left = first.iter().filter(|entry| at_second.contains(entry));
        let right = second.iter().filter(|entry| at_first.contains(entry));
        let differing = left.zip(right).find(|(a, b)| a != b);
        differing.map(|(a, b)| (*a, *b))
    }

    /// P1: what was acknowledged is at everybody who may read it, or listed as missing.
    fn check_arrived(&mut self, channel: ChannelId, holdings: &[Holding]) {
        for known in self.checker.acknowledged.clone() {
            // Nothing is promised to whoever writes two histories.
            if self.orgs[known.at].dishonest {
                continue;
            }
            let restored = self.orgs[known.at].restored;
            let put_back = restored.is_some_and(|restored| restored >= known.since);
            // What an old copy lacks has to come back from whoever has it and can bring it.
            if put_back && !self.can_come_back(&known, channel, holdings) {
                continue;
            }
            let on_disk = match known.channel == channel {
                true => holdings[known.at].get(known.entry, channel).is_some(),
                false => {
                    let disk = &self.orgs[known.at].disk;
                    ChannelOnDisk::new(disk, known.channel)
                        .entry(known.entry)
                        .is_some()
                }
            };
            self.checker.count(DURABLE);
            if !on_disk {
                let text = format!(
                    "{} was acknowledged at {} after {} s and is gone",
                    name(known.entry),
                    known.at,
                    known.since / 1000
                );
                self.checker.find(DURABLE, self.now, text);
                continue;
            }
            let held = holdings[known.at].get(known.entry, channel);
            let Some(held) = held.filter(|held| held.header.revision != NoteHash::LOCAL) else {
                continue;
            };
            let revision = held.header.revision;
            let has_body = |holding: &Holding| {
                let held = holding.get(known.entry, channel);
                held.is_some_and(|held| held.body.is_some())
            };
            // Its author's disk was lost before anybody had it who may read. Who holds headers
            // gave them back, and nobody can give the body: a lost disk is not covered.
            if put_back && !holdings.iter().any(has_body) {
                continue;
            }
            // Of a lost disk only those give words back who are still in the channel.
            let brings = |at: usize| {
                has_body(&holdings[at])
                    && self.is_open(at)
                    && self.are_partners(at, known.at)
                    && !self.orgs[at].dishonest
            };
            if held.body.is_none() && (!put_back || (0..self.orgs.len()).any(brings)) {
                let text = format!("{} holds its {} bare", known.at, name(known.entry));
                self.checker.find(DURABLE, self.now, text);
            }
            for to in self.participants() {
                if to == known.at
                    || self.orgs[to].dishonest
                    || !self.checker.may_hold_body(known.entry.origin, revision, to)
                {
                    continue;
                }
                if let Some(text) = self.not_arrived(known.at, to, known.entry, channel, holdings) {
                    self.checker.find(DURABLE, self.now, text);
                }
            }
        }
    }

    /// Whether somebody who holds an entry can give it back to its author.
    fn can_come_back(
        &self,
        known: &Acknowledged,
        channel: ChannelId,
        holdings: &[Holding],
    ) -> bool {
        let holds = |at: usize| holdings[at].get(known.entry, channel).is_some();
        known.channel == channel
            && self.is_open(known.at)
            && (0..self.orgs.len()).any(|at| {
                at != known.at
                    && holds(at)
                    && self.is_open(at)
                    && self.are_partners(at, known.at)
                    && !self.orgs[at].dishonest
                    && !self.out_of_reach(known.entry.origin, known.at, at)
            })
    }

    fn not_arrived(
        &self,
        from: usize,
        to: usize,
        entry: EntryRef,
        channel: ChannelId,
        holdings: &[Holding],
    ) -> Option<String> {
        if let Some(held) = holdings[to].get(entry, channel) {
            return (held.body.is_none())
                .then(|| format!("{to} holds {} without its body", name(entry)));
        }
        if self.orgs[to].restored.is_some() && !self.is_open(to) {
            // What it lost after the end it does not get back.
            return None;
        }
        let covers = |holder: usize| holdings[holder].recorded(self.orgs[holder].id, entry);
        let cut = matches!(self.plan.finish, Finish::Disconnect(..));
        let listed = match (covers(from), covers(to)) {
            (Some(held), Some(lacks)) => held && !lacks,
            // One side ended alone: its own record says what it lacks.
            (None, Some(lacks)) => !lacks,
            (Some(held), None) => held,
            (None, None) => cut,
        };
        (!listed).then(|| {
            format!(
                "{} was acknowledged at {from} and is not at {to}",
                name(entry)
            )
        })
    }

    /// P1: nothing is there twice.
    fn check_once(&mut self, holdings: &[Holding]) {
        for (at, holding) in holdings.iter().enumerate() {
            let mut texts: BTreeMap<String, EntryRef> = BTreeMap::new();
            for held in holding.entries.values().flatten() {
                let Some(Body::Post { text, .. }) = held.body().filter(|_| held.verdict == 0)
                else {
                    continue;
                };
                let entry = held.header.reference();
                let origin = self.index_of(entry.origin);
                // An old copy of the data does not know what was answered after it was made.
                let restored = origin.is_none_or(|origin| self.orgs[origin].restored.is_some());
                if let Some(first) = texts.insert(text, entry)
                    && !(restored && first.incarnation != entry.incarnation)
                {
                    let text = format!(
                        "{at} holds one message twice: {} and {}",
                        name(first),
                        name(entry)
                    );
                    self.checker.find(DURABLE, self.now, text);
                }
            }
        }
    }

    /// P1: whoever follows by cursor was shown all.
    fn check_readers(&mut self, channel: ChannelId, holdings: &[Holding]) {
        for client in 0..self.clients.len() {
            self.follow(client);
            let at = self.clients[client].at;
            let records = disk::org_records(&self.orgs[at].disk);
            let exists = records
                .iter()
                .any(|record| matches!(record, Record::Channel(id, _) if *id == channel));
            if !exists || self.orgs[at].dishonest {
                continue;
            }
            let all: BTreeSet<EntryRef> = holdings[at]
                .entries
                .values()
                .flatten()
                .filter(|held| held.is_message())
                .map(|held| held.header.reference())
                .filter(|entry| !holdings[at].waits(*entry))
                .collect();
            let shown = &self.clients[client].tail.delivered;
            let missing = all.iter().find(|entry| !shown.contains_key(entry)).copied();
            self.checker.count(DURABLE);
            if let Some(entry) = missing {
                let text = format!("a reader at {at} was not shown {}", name(entry));
                self.checker.find(DURABLE, self.now, text);
            }
        }
    }
}
