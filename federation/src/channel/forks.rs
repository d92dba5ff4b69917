//! Finding logs of which their origin signed two histories, and the evidence for it.
//!
//! Two things raise a doubt: an entry that differs from the one that we hold at its place, and a
//! heads entry that states another root than ours. A doubt is examined with what is stored, as an
//! input of its own. Evidence freezes the log; a doubt that comes to nothing freezes nothing. A first
//! entry states heads as well, of the logs that it closes.

use std::collections::BTreeSet;

use foedus_policy::id::OrgId;

use super::read::scanned;
use super::{Channel, Effect, Examine, Input, Log, Reject};
use crate::batch::Read;
use crate::bounds::{CLOSES_NOTED_MAX, EXAMINED_MAX, EXAMINES_PENDING_MAX, HEADS_EXAMINED_MAX};
use crate::checkpoint::{Checkpoint, Fork, ForkSide, KeySide};
use crate::damaged::Damaged;
use crate::entry::{Header, LogId};
use crate::evidence::SignedPart;
use crate::key::VerifyingKey;
use crate::kind::{Body, Head};
use crate::message::OrgInput;
use crate::steploop::Step;
use crate::tree::{Frontier, Nodes, TILE_LEAVES, leaf_hash};

impl Channel {
    /// Whether a part's checkpoint is signed evidence against the one that we hold.
    pub(super) fn other_root(&self, log: &Log, part: &SignedPart) -> Option<Fork> {
        let theirs = part.checked().checkpoint();
        let (ours, _) = Checkpoint::claimed(&log.checkpoint).ok()?;
        (theirs.size() == ours.size && *theirs.root() != ours.root).then(|| Fork::Roots {
            first: log.checkpoint.clone(),
            second: theirs.bytes().to_vec(),
        })
    }

    /// Whether a part is under another of its origin's keys than the one that its log is under, and
    /// that other is the one that counts now. Who has got hold of a key that its owner dropped
    /// freezes nothing by it.
    pub(super) fn other_key(&self, log: &Log, part: &SignedPart) -> Option<Fork> {
        let origin = self.identity_of(part.checked().log().origin)?;
        let counts = *origin.current().sign.as_bytes() == part.key();
        // Without a checkpoint there is nothing of ours to show yet; the part is left out all the same.
        let differs = counts && log.key != part.key() && log.signed > 0;
        let side = |key, checkpoint: &[u8]| KeySide {
            key,
            checkpoint: checkpoint.to_vec(),
        };
        differs.then(|| Fork::Keys {
            first: side(log.key, &log.checkpoint),
            second: side(part.key(), part.checked().checkpoint().bytes()),
        })
    }

    /// The first entry of a part that differs from the one that we hold at its place.
    pub(super) fn other_entry(
        &self,
        log: &Log,
        part: &SignedPart,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<u64>, Damaged> {
        // What came in earlier in this very step is compared by root only.
        let held = scanned(&self.overlap(part), step)?.unwrap_or_default();
        let known = part.checked().known_entries(log.size()).iter();
        let mut known = known.map(|entry| (entry.header.sequence, &entry.raw.header));
        let other = known.find(|(sequence, header)| {
            let ours = held.headers.iter().find(|(place, _)| place == sequence);
            ours.is_some_and(|(_, ours)| ours != *header)
        });
        Ok(other.map(|(sequence, _)| sequence))
    }

    /// Reads the entries that we hold where a part says to have the same.
    pub(super) fn reads_of_overlap(&self, part: &SignedPart) -> Option<Read> {
        let checked = part.checked();
        let overlaps = checked.first() < self.logs.get(checked.log())?.size();
        overlaps.then(|| self.overlap(part))
    }

    pub(super) fn overlap(&self, part: &SignedPart) -> Read {
        let checked = part.checked();
        self.keys
            .runs_between(*checked.log(), checked.first(), checked.end())
    }

    /// What an entry that counts says of logs.
    pub(super) fn note_statements(
        &mut self,
        header: &Header,
        body: &Body,
        step: &mut Step<'_, Effect>,
    ) {
        if let Body::Heads(rows) = body {
            self.examine_heads(header.log.origin, rows, step);
        }
        if let Body::Opened(opened) = body {
            // It states what it closes: another history of it shows by that alone.
            let closed = opened.closes.iter().map(|closed| Head {
                origin: header.log.origin,
                incarnation: closed.incarnation,
                size: closed.size,
                root: closed.root,
            });
            let closed: Vec<Head> = closed.collect();
            self.examine_heads(header.log.origin, &closed, step);
            let open = opened.closes.iter().filter_map(|closed| {
                let id = LogId {
                    incarnation: closed.incarnation,
                    ..header.log
                };
                let log = self.logs.get(&id)?;
                log.closed_at.is_none().then_some((id, closed.size))
            });
            let open: Vec<_> = open.take(CLOSES_NOTED_MAX).collect();
            for (id, size) in open {
                self.change_log(id, step, |log| log.closed_at = Some(size));
            }
        }
    }

    /// Has those rows looked into that differ from what we hold, or may. Comparing with less than
    /// we hold takes many reads: only some of it is done at a time, the rest later.
    fn examine_heads(&mut self, stated_by: OrgId, rows: &[Head], step: &mut Step<'_, Effect>) {
        self.note_lacking(stated_by, rows);
        let mut logs = BTreeSet::new();
        let differs = |head: &&Head| {
            let id = self.keys.log_id(head.origin, head.incarnation);
            let Some(log) = self.logs.get(&id) else {
                return false;
            };
            let same = log.size() == head.size && log.frontier.root() == head.root;
            !same && head.size <= log.size() && logs.insert(id)
        };
        let mut rows: Vec<Head> = rows.iter().filter(differs).copied().collect();
        // Who states many at once hides none of them: of a log that stands still nothing is stated again.
        for head in rows.split_off(HEADS_EXAMINED_MAX.min(rows.len())) {
            self.keep_stated(stated_by, head);
        }
        if !rows.is_empty() {
            self.examine(Examine::Heads { stated_by, rows }, step);
        }
    }

    pub(super) fn reads_of_examine(&self, examine: &Examine) -> Vec<Read> {
        match examine {
            Examine::Entry { part, index, .. } => {
                let id = *part.checked().log();
                let Some(log) = self.logs.get(&id) else {
                    return Vec::new();
                };
                [index / TILE_LEAVES, log.signed / TILE_LEAVES]
                    .map(|tile| self.leaves_of(id, tile))
                    .into_iter()
                    .chain([self.keys.tiles(id, 0, log.signed / TILE_LEAVES)])
                    .collect()
            }
            Examine::Heads { stated_by, rows } => rows
                .iter()
                .filter_map(|head| Some(self.reads_of_root(*stated_by, self.held_at(head)?, head)))
                .flatten()
                .collect(),
        }
    }

    /// The log of a stated head, if we hold as much of it.
    fn held_at(&self, head: &Head) -> Option<LogId> {
        let id = self.keys.log_id(head.origin, head.incarnation);
        let log = self.logs.get(&id)?;
        (head.size > 0 && head.size <= log.size() && !log.is_frozen()).then_some(id)
    }

    fn leaves_of(&self, log: LogId, tile: u64) -> Read {
        let first = tile * TILE_LEAVES;
        self.keys.runs_between(log, first, first + TILE_LEAVES)
    }

    /// What it takes to know our root of the size that is stated: of a log that grows, what came after the size that
    /// the same organisation stated before.
    fn reads_of_root(&self, stated_by: OrgId, id: LogId, head: &Head) -> [Read; 2] {
        let known = self
            .examined_before(stated_by, id, head)
            .map_or(0, Frontier::size);
        let tile = head.size / TILE_LEAVES;
        let leaves = known.max(tile * TILE_LEAVES);
        [
            self.keys.runs_between(id, leaves, head.size),
            self.keys.tiles(id, known / TILE_LEAVES, tile),
        ]
    }

    /// Our tree of the size that an organisation stated last, if it was the same.
    fn examined_before(&self, stated_by: OrgId, id: LogId, head: &Head) -> Option<&Frontier> {
        let known = self.examined.get(&(stated_by, id));
        known.filter(|known| known.size() <= head.size)
    }

    pub(super) fn on_examine(&mut self, examine: &Examine, step: &mut Step<'_, Effect>) {
        self.examining = self.examining.saturating_sub(1);
        match examine {
            Examine::Entry {
                carrier,
                part,
                index,
            } => {
                let id = *part.checked().log();
                // The headers of a part that we held before are not proven by it: whoever carried
                // it may have changed them. Only evidence that holds counts.
                let key = VerifyingKey::from_bytes(&part.key()).ok();
                let Ok(evidence) = self.entry_evidence(part, *index, step) else {
                    // What can't be read gives the step up; the partner brings the part again.
                    return;
                };
                let evidence =
                    evidence.filter(|fork| key.is_some_and(|key| fork.verify(&key).is_ok()));
                match evidence {
                    Some(fork) => self.freeze(*carrier, id, &fork, step),
                    // Or theirs goes on beyond this part, so that it can't be proven yet.
                    None => {
                        step.effect(Effect::Reject(*carrier, Reject::NotReconciled(id)));
                        self.ask_for_all_once(*carrier, id);
                    }
                }
            }
            Examine::Heads { stated_by, rows } => {
                for head in rows {
                    self.compare(*stated_by, head, step);
                }
            }
        }
    }

    /// Two headers for one index, each with its proof.
    fn entry_evidence(
        &self,
        part: &SignedPart,
        index: u64,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<Fork>, Damaged> {
        let checked = part.checked();
        let id = *checked.log();
        let Some(log) = self.logs.get(&id) else {
            return Ok(None);
        };
        let mut ours = log.known_nodes();
        let mut theirs = Nodes::new();
        let their_size = checked.checkpoint().size();
        theirs.add_consistency_proof(checked.end(), their_size, checked.proof());
        let mut our_header = None;
        for read in self.reads_of_examine(&Examine::Entry {
            carrier: id.origin,
            part: Box::new(part.clone()),
            index,
        }) {
            let Some(rows) = scanned(&read, step)? else {
                return Ok(None);
            };
            for (tile, hash) in rows.tiles {
                ours.add_tile(tile, hash);
                if tile < index / TILE_LEAVES {
                    theirs.add_tile(tile, hash);
                }
            }
            for (sequence, header) in rows.headers {
                ours.add_leaf(sequence, leaf_hash(&header));
                if sequence < index {
                    theirs.add_leaf(sequence, leaf_hash(&header));
                } else if sequence == index {
                    our_header = Some(header);
                }
            }
        }
        let all = checked.new_entries(0);
        for entry in all.iter().filter(|entry| entry.header.sequence >= index) {
            theirs.add_leaf(entry.header.sequence, entry.leaf);
        }
        let their_entry = all.iter().find(|entry| entry.header.sequence == index);
        let (Some(our_header), Some(their_entry), Ok(our_proof), Ok(their_proof)) = (
            our_header,
            their_entry,
            ours.inclusion_proof(index, log.checkpoint_size),
            theirs.inclusion_proof(index, their_size),
        ) else {
            return Ok(None);
        };
        Ok(Some(Fork::Entries {
            index,
            first: ForkSide {
                checkpoint: log.checkpoint.clone(),
                header: our_header,
                proof: our_proof,
            },
            second: ForkSide {
                checkpoint: checked.checkpoint().bytes().to_vec(),
                header: their_entry.raw.header.clone(),
                proof: their_proof,
            },
        }))
    }

    /// Whether our tree of the stated size has the root that was stated.
    fn compare(&mut self, stated_by: OrgId, head: &Head, step: &mut Step<'_, Effect>) {
        let Some(id) = self.held_at(head) else { return };
        let mut nodes = Nodes::new();
        if let Some(known) = self.examined_before(stated_by, id, head) {
            nodes.add_frontier(known);
        }
        for read in self.reads_of_root(stated_by, id, head) {
            // Other statements that were examined since the reads were named may ask for less now.
            let Ok(Some(rows)) = scanned(&read, step) else {
                return;
            };
            for (index, hash) in rows.tiles {
                nodes.add_tile(index, hash);
            }
            for (sequence, header) in rows.headers {
                nodes.add_leaf(sequence, leaf_hash(&header));
            }
        }
        let Ok(frontier) = nodes.frontier(head.size) else {
            return;
        };
        if frontier.root() != head.root {
            return self.doubt(stated_by, id, step);
        }
        if self.examined.len() >= EXAMINED_MAX {
            self.examined.clear();
        }
        self.examined.insert((stated_by, id), frontier);
    }

    /// Somebody holds another history of a log, or says so: it is asked for all of it, so that
    /// the two can be compared entry by entry.
    fn doubt(&mut self, stated_by: OrgId, id: LogId, step: &mut Step<'_, Effect>) {
        step.effect(Effect::Reject(stated_by, Reject::NotReconciled(id)));
        // What it stated may have come by another's link: then it is asked once there is one with it.
        if self.doubted.insert((stated_by, id))
            && let Some(session) = self.sessions.get_mut(&stated_by)
        {
            session.retry = true;
        }
    }

    /// Has a partner send all of a log once in a session, to be compared entry by entry. If that
    /// shows nothing, what it states of the log later has it asked for again.
    pub(super) fn ask_for_all_once(&mut self, partner: OrgId, id: LogId) {
        if let Some(session) = self.sessions.get_mut(&partner)
            && session.unreconciled.insert(id)
        {
            session.retry = true;
            self.doubted.insert((partner, id));
        }
    }

    /// Nothing is taken into this log any more; what we held stays.
    pub(super) fn freeze(
        &mut self,
        carrier: OrgId,
        id: LogId,
        fork: &Fork,
        step: &mut Step<'_, Effect>,
    ) {
        self.change_log(id, step, |log| log.fork = fork.encode());
        step.effect(Effect::Reject(carrier, Reject::Fork(id)));
        step.effect(Effect::Org(Box::new(OrgInput::ForkFound {
            channel: self.keys.channel(),
            log: id,
        })));
    }

    /// Whether no more differences are taken at present.
    pub(super) fn is_examining_full(&self) -> bool {
        self.examining >= EXAMINES_PENDING_MAX
    }

    /// Has a difference looked into, as the next input.
    pub(super) fn examine(&mut self, examine: Examine, step: &mut Step<'_, Effect>) {
        if self.is_examining_full() {
            return;
        }
        self.examining += 1;
        step.effect(Effect::Again(Box::new(Input::Examine(examine))));
    }
}
