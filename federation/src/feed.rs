//! Reading one page of what a subscriber is owed: entries of one channel, as parts that prove
//! themselves.
//!
//! Plan and answer: a [`PageReader`] names reads, its host carries them out, and at the end there
//! is a [`Page`]. Entries are immutable once durable, so reads need not be of one moment; what
//! may be sent at all is taken from the view that the reader began with, and looked at again
//! before the page is sent.
//!
//! It must not know sessions, credit or engines.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use foedus_policy::id::{IncarnationId, OrgId};

use crate::batch::{Read, Reading};
use crate::bounds::{PAGE_BYTES_MAX, PAGE_ENTRIES_MAX, PAGE_RUNS_MAX, PART_ENTRIES_MAX};
use crate::channel::{ChannelView, Log};
use crate::damaged::Damaged;
use crate::entry::{Header, LogId};
use crate::frame::RawPart;
use crate::keys::{ChannelKey, ChannelKeys};
use crate::steploop::Rows;
use crate::stored::{Arrival, Record, Run, StoredEntry};
use crate::tree::{Nodes, leaf_hash};

/// What a page is wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What arrived after this number.
    Arrivals {
        /// The number.
        after: u64,
    },
    /// Entries of one log.
    Missing {
        /// Which log.
        log: LogId,
        /// The first that is missing.
        from: u64,
        /// The first that is not.
        to: u64,
    },
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the page was wanted of.
    pub wanted: Wanted,
    /// The parts, each of which proves itself.
    pub parts: Vec<RawPart>,
    /// With arrivals: the number up to which nothing is left out. With missing entries: the
    /// sequence up to which.
    pub through: u64,
    /// Bytes of headers and bodies.
    pub bytes: usize,
    /// Logs of which entries were left out, from this sequence on, because so much of them can't be
    /// proven yet: the part that proves them is still being stored. They are sent once it is, and
    /// hold up nobody else's words.
    pub unsigned: Vec<(LogId, u64)>,
}

/// Entries that go into one part.
#[derive(Debug, Clone)]
struct Piece {
    log: LogId,
    first: u64,
    entries: Vec<StoredEntry>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

#[derive(Debug, Clone)]
enum Stage {
    Start,
    Arrivals,
    Runs(Vec<(u64, LogId, Range<u64>)>),
    Missing(LogId, Range<u64>),
    Proofs {
        pieces: Vec<Piece>,
        through: u64,
        reads: Vec<(LogId, ProofRead)>,
    },
}

#[derive(Debug, Clone)]
enum ProofRead {
    Tiles,
    Leaves(Range<u64>),
}

/// Reads one page for one subscriber.
#[derive(Debug, Clone)]
pub struct PageReader {
    view: Arc<ChannelView>,
    subscriber: OrgId,
    origins: BTreeSet<OrgId>,
    wanted: Wanted,
    stage: Stage,
    unsigned: Vec<(LogId, u64)>,
}

impl PageReader {
    /// A reader for `subscriber`, of the logs of `origins`.
    pub fn new(
        view: Arc<ChannelView>,
        subscriber: OrgId,
        origins: BTreeSet<OrgId>,
        wanted: Wanted,
    ) -> Self {
        Self {
            view,
            subscriber,
            origins,
            wanted,
            stage: Stage::Start,
            unsigned: Vec::new(),
        }
    }

    /// Goes on with the answers to the reads that were named last; none at first.
    pub fn advance(&mut self, rows: Vec<Rows>) -> Result<Reading<Page>, Damaged> {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => Ok(self.start()),
            Stage::Arrivals => self.arrivals(rows),
            Stage::Runs(runs) => self.runs(runs, rows),
            Stage::Missing(log, range) => self.missing(log, range, rows),
            Stage::Proofs {
                pieces,
                through,
                reads,
            } => self.proofs(pieces, through, reads, rows),
        }
    }

    fn keys(&self) -> ChannelKeys {
        ChannelKeys(self.view.channel)
    }

    /// How far a log can be proven to others; nothing of a log that they may not know of.
    fn provable(&self, log: &LogId) -> u64 {
        self.view
            .logs
            .get(log)
            .filter(|log| log.is_shared())
            .map_or(0, |log| log.signed)
    }

    fn start(&mut self) -> Reading<Page> {
        match self.wanted {
            Wanted::Arrivals { after } => {
                self.stage = Stage::Arrivals;
                Reading::Read(vec![self.keys().arrivals_after(after, PAGE_RUNS_MAX)])
            }
            Wanted::Missing { log, from, to } => {
                let range = from..to.min(self.provable(&log));
                if range.is_empty() {
                    self.unsigned.push((log, from));
                    return Reading::Ready(self.page(Vec::new(), to));
                }
                let read = self.keys().runs_from(log, from, PAGE_RUNS_MAX);
                self.stage = Stage::Missing(log, range);
                Reading::Read(vec![read])
            }
        }
    }

    fn arrivals(&mut self, rows: Vec<Rows>) -> Result<Reading<Page>, Damaged> {
        let Wanted::Arrivals { after } = self.wanted else {
            unreachable!("only a reader of arrivals reads them")
        };
        let mut runs = Vec::new();
        let mut through = after;
        for (key, value) in rows.into_iter().flatten() {
            let Some((_, ChannelKey::Arrival(number))) = ChannelKey::parse(&key) else {
                return Err(Damaged::new(key, "the number of an arrival"));
            };
            // The store may be ahead of the view.
            if number > self.view.arrival {
                break;
            }
            let arrival = Arrival::from_value(&key, &value)?;
            let incarnation = IncarnationId(arrival.incarnation);
            let log = self.keys().log_id(OrgId(arrival.origin), incarnation);
            let known = self.view.logs.get(&log).is_some_and(Log::is_shared);
            if known
                && arrival.shown_late != Arrival::SHOWN_LATE
                && self.origins.contains(&log.origin)
            {
                match arrival.last < self.provable(&log) {
                    true => runs.push((number, log, arrival.first..arrival.last + 1)),
                    false => self.unsigned.push((log, arrival.first)),
                }
            }
            through = number;
        }
        if runs.is_empty() {
            return Ok(Reading::Ready(self.page(Vec::new(), through)));
        }
        let reads = runs
            .iter()
            .map(|(_, log, range)| Read::Get(self.keys().run(*log, range.end - 1)))
            .collect();
        // What follows the last run without adding to it is included with it.
        runs.push((through, runs[0].1, 0..0));
        self.stage = Stage::Runs(runs);
        Ok(Reading::Read(reads))
    }

    fn runs(
        &mut self,
        mut wanted: Vec<(u64, LogId, Range<u64>)>,
        rows: Vec<Rows>,
    ) -> Result<Reading<Page>, Damaged> {
        let (all_through, ..) = wanted.pop().expect("the last row says how far this goes");
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut bytes, mut count) = (0, 0);
        let mut through = None;
        let mut complete = true;
        for ((number, log, range), row) in wanted.iter().zip(rows) {
            let (key, value) = row.first().ok_or_else(|| {
                Damaged::new(self.keys().run(*log, range.end - 1), "a run of entries")
            })?;
            let run = Run::from_value(key, value)?;
            let size = run_bytes(&run.entries);
            if count > 0
                && (bytes + size > PAGE_BYTES_MAX || count + run.entries.len() > PAGE_ENTRIES_MAX)
            {
                complete = false;
                break;
            }
            bytes += size;
            count += run.entries.len();
            through = Some(*number);
            add_run(&mut pieces, *log, run.first, run.entries);
        }
        let through = if complete {
            all_through
        } else {
            through.expect("one run always fits")
        };
        self.prove(pieces, through)
    }

    fn missing(
        &mut self,
        log: LogId,
        range: Range<u64>,
        rows: Vec<Rows>,
    ) -> Result<Reading<Page>, Damaged> {
        let mut entries: Vec<StoredEntry> = Vec::new();
        let mut bytes = 0;
        let mut next = range.start;
        for (key, value) in rows.into_iter().flatten() {
            let run = Run::from_value(&key, &value)?;
            for (sequence, entry) in (run.first..).zip(run.entries) {
                let size = entry.bytes();
                let full = entries.len() >= PART_ENTRIES_MAX || bytes + size > PAGE_BYTES_MAX;
                if sequence != next || sequence >= range.end || (full && !entries.is_empty()) {
                    continue;
                }
                bytes += size;
                next += 1;
                entries.push(entry);
            }
        }
        if entries.is_empty() {
            let key = self.keys().run(log, range.start);
            return Err(Damaged::new(
                key,
                "the entries that the log's head promises",
            ));
        }
        let piece = Piece {
            log,
            first: range.start,
            entries,
        };
        self.prove(vec![piece], next)
    }

    /// Names what has to be read so that each part can be proven against the newest checkpoint.
    fn prove(&mut self, pieces: Vec<Piece>, through: u64) -> Result<Reading<Page>, Damaged> {
        let mut reads = Vec::new();
        let mut named = Vec::new();
        for piece in &pieces {
            let log = self
                .view
                .logs
                .get(&piece.log)
                .expect("only known logs are read");
            if piece.end() >= log.checkpoint_size {
                continue;
            }
            let nodes = known_nodes(log, piece);
            let missing = nodes.missing_for_consistency(piece.end(), log.checkpoint_size);
            for tiles in missing.tiles {
                named.push((piece.log, ProofRead::Tiles));
                reads.push(self.keys().tiles(piece.log, tiles.start, tiles.end));
            }
            for leaves in missing.leaves {
                let read = self.keys();
                reads.push(read.runs_between(piece.log, leaves.start, leaves.end));
                named.push((piece.log, ProofRead::Leaves(leaves)));
            }
        }
        if reads.is_empty() {
            return self.proofs(pieces, through, Vec::new(), Vec::new());
        }
        self.stage = Stage::Proofs {
            pieces,
            through,
            reads: named,
        };
        Ok(Reading::Read(reads))
    }

    fn proofs(
        &mut self,
        pieces: Vec<Piece>,
        through: u64,
        reads: Vec<(LogId, ProofRead)>,
        rows: Vec<Rows>,
    ) -> Result<Reading<Page>, Damaged> {
        let mut brought: BTreeMap<LogId, Vec<(ProofRead, Rows)>> = BTreeMap::new();
        for ((log, what), rows) in reads.into_iter().zip(rows) {
            brought.entry(log).or_default().push((what, rows));
        }
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let log = self
                .view
                .logs
                .get(&piece.log)
                .expect("only known logs are read");
            let mut proof = Vec::new();
            if piece.end() < log.checkpoint_size {
                let mut nodes = known_nodes(log, &piece);
                for (what, rows) in brought.get(&piece.log).into_iter().flatten() {
                    add_nodes(&mut nodes, what, rows)?;
                }
                proof = nodes
                    .consistency_proof(piece.end(), log.checkpoint_size)
                    .map_err(|_| {
                        Damaged::new(
                            self.keys().log(piece.log),
                            "a log whose tiles and entries are all there",
                        )
                    })?;
            }
            parts.push(self.part(piece, log.checkpoint.clone(), proof)?);
        }
        Ok(Reading::Ready(self.page(parts, through)))
    }

    /// Bodies are handed only to who may read them; headers to everybody in the channel.
    fn part(
        &self,
        piece: Piece,
        checkpoint: Vec<u8>,
        proof: Vec<[u8; 32]>,
    ) -> Result<RawPart, Damaged> {
        let mut entries = Vec::with_capacity(piece.entries.len());
        for entry in piece.entries {
            let header = Header::decode(&entry.header).map_err(|wrong| {
                Damaged::new(self.keys().run(piece.log, piece.first), "a header").caused_by(wrong)
            })?;
            let may = self
                .view
                .may_hand_body(piece.log.origin, header.revision, self.subscriber);
            let mut entry = entry.into_raw();
            entry.body = entry.body.filter(|_| may);
            entries.push(entry);
        }
        Ok(RawPart {
            origin: piece.log.origin,
            incarnation: piece.log.incarnation,
            first: piece.first,
            entries,
            checkpoint,
            proof,
        })
    }

    fn page(&self, parts: Vec<RawPart>, through: u64) -> Page {
        let bytes = parts
            .iter()
            .flat_map(|part| &part.entries)
            .map(|entry| entry.header.len() + entry.body.as_ref().map_or(0, |b| b.bytes.len() + 32))
            .sum();
        Page {
            wanted: self.wanted,
            parts,
            through,
            bytes,
            unsigned: self.unsigned.clone(),
        }
    }
}

fn run_bytes(entries: &[StoredEntry]) -> usize {
    entries.iter().map(StoredEntry::bytes).sum()
}

/// Adds a run to the piece that it continues, or begins another.
fn add_run(pieces: &mut Vec<Piece>, log: LogId, first: u64, entries: Vec<StoredEntry>) {
    let continued = pieces
        .iter_mut()
        .rev()
        .find(|piece| piece.log == log)
        .filter(|piece| {
            piece.end() == first && piece.entries.len() + entries.len() <= PART_ENTRIES_MAX
        });
    match continued {
        Some(piece) => piece.entries.extend(entries),
        None => pieces.push(Piece {
            log,
            first,
            entries,
        }),
    }
}

/// What is known of the tree without reading more, the leaves of the piece among it.
fn known_nodes(log: &Log, piece: &Piece) -> Nodes {
    let mut nodes = log.known_nodes();
    for (sequence, entry) in (piece.first..).zip(&piece.entries) {
        nodes.add_leaf(sequence, leaf_hash(&entry.header));
    }
    nodes
}

fn add_nodes(nodes: &mut Nodes, what: &ProofRead, rows: &Rows) -> Result<(), Damaged> {
    for (key, value) in rows {
        match what {
            ProofRead::Tiles => {
                let damaged = || Damaged::new(key.clone(), "the hash of a tile");
                let Some((_, ChannelKey::Tile(_, index))) = ChannelKey::parse(key) else {
                    return Err(damaged());
                };
                let hash = value.as_slice().try_into().map_err(|_| damaged())?;
                nodes.add_tile(index, hash);
            }
            ProofRead::Leaves(range) => {
                let run = Run::from_value(key, value)?;
                for (sequence, entry) in (run.first..).zip(&run.entries) {
                    if range.contains(&sequence) {
                        nodes.add_leaf(sequence, leaf_hash(&entry.header));
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
