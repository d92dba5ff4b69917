//! Taking entries that a partner brings: proven against the log as held, judged, stored,
//! acknowledged.

use std::collections::BTreeSet;

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{IncarnationId, OrgId, RunId};
use foedus_policy::time::Now;

use super::annotations::target;
use super::judge::{Verdict, Wait, Withheld};
use super::{Channel, Effect, Examine, Log, Reject};
use crate::batch::Read;
use crate::bounds::{
    ANNOTATED_PER_STEP_MAX, CLOCK_AHEAD_MILLIS_MAX, CLOSES_NOTED_MAX, HEADS_EXAMINED_MAX,
    LEFT_OUT_MAX, LOGS_PER_ORIGIN_MAX, PART_ENTRIES_MAX, RUN_BYTES_MAX, RUN_ENTRIES_MAX,
    UNJUDGED_LOGS_MAX, WAITING_PER_ORIGIN_MAX,
};
use crate::entry::{Entry, Header, LogId};
use crate::evidence::{CheckedEntries, SignedPart};
use crate::frame::{Ack, Frame};
use crate::hlc::Hlc;
use crate::kind::{Body, Head};
use crate::part::PartMismatch;
use crate::planted::{Fault, planted};
use crate::steploop::Step;
use crate::stored::{self, Record, StoredEntry};

/// What became of one part.
enum Taken {
    /// All of it is held now.
    Held,
    /// Some of it is held now; the step takes no more.
    Some,
    /// It can't be taken, and never will be: the rest of the frame does not wait for it.
    Dropped,
    /// Something before it, or what it takes to judge it, is missing: nothing of this frame may be
    /// acknowledged, and it is asked for again a little later.
    Missing,
}

/// What became of the entries of one frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    void: u32,
    withheld: u32,
}

impl Channel {
    /// What has to be read for as much of a frame as one step may take. Parts before `done` were
    /// taken.
    pub(super) fn reads_of_entries(
        &self,
        carrier: OrgId,
        entries: &CheckedEntries,
        done: u32,
    ) -> Vec<Read> {
        let (mut reads, mut annotated, mut looked_at) = (Vec::new(), 0, 0);
        for part in entries.parts().iter().skip(done as usize) {
            reads.extend(self.reads_of_overlap(part));
            let log = self.logs.get(part.checked().log());
            let new = log.map_or(0, Log::size);
            let bodies = self.fills_from((carrier, entries.number()), part);
            // Beside what is new, bodies may come that we lack.
            let taken = part.checked().new_entries(bodies.unwrap_or(new).min(new));
            let targets = taken
                .iter()
                .filter_map(|entry| target(entry.body.as_ref()?));
            for target in targets {
                if annotated == ANNOTATED_PER_STEP_MAX {
                    return reads;
                }
                annotated += 1;
                reads.push(self.keys.annotations(target));
            }
            looked_at += part.checked().new_entries(0).len();
            if looked_at >= PART_ENTRIES_MAX {
                break;
            }
        }
        reads
    }

    pub(super) fn on_entries(
        &mut self,
        now: Now,
        carrier: OrgId,
        entries: &CheckedEntries,
        step: &mut Step<'_, Effect>,
    ) {
        let Some(session) = self.sessions.get(&carrier) else {
            return;
        };
        let answers = session.subscription > 0 && session.subscription == entries.subscription();
        if !answers || session.stalled {
            return;
        }
        let relayed = session.relayed.clone();
        if !self.may_carry(carrier) {
            step.effect(Effect::Reject(carrier, Reject::NotACarrier));
            return;
        }
        let mut counts = self.counted(carrier, entries.number());
        let done = step.done();
        for (index, part) in (0..).zip(entries.parts()).skip(done as usize) {
            if index > done && (step.is_full() || self.is_unread(part, step)) {
                return self.leave_entries(carrier, entries.number(), counts, index, step);
            }
            let origin = part.checked().log().origin;
            if origin != carrier && !relayed.contains(&origin) {
                step.effect(Effect::Reject(carrier, Reject::NotAsked(origin)));
                continue;
            }
            let frame = (carrier, entries.number());
            match self.take_part(now, frame, part, &mut counts, step) {
                Taken::Held | Taken::Dropped => {}
                Taken::Some => {
                    return self.leave_entries(carrier, entries.number(), counts, index, step);
                }
                Taken::Missing => {
                    // What was taken before stays; without an acknowledgement the partner's
                    // credit for this frame stays used until it is asked anew.
                    self.stall(carrier, step);
                    return;
                }
            }
        }
        if !entries.left_out().is_empty() {
            self.note_left_out(carrier, entries.left_out());
            self.stall(carrier, step);
            return;
        }
        // What was left out for want of notes has to come again once they are here.
        let complete = self
            .sessions
            .get(&carrier)
            .is_some_and(|it| it.unjudged.is_empty());
        if let Some(cursor) = entries.cursor().filter(|_| complete) {
            let lost = u64::from(planted(Fault::LostCursor));
            self.advance_position(carrier, cursor.run, cursor.arrival + lost, &relayed, step);
            self.recovered_from(carrier, &relayed, step);
        }
        self.forget_filled(carrier);
        let ack = Ack {
            channel: self.keys.channel(),
            number: entries.number(),
            void: counts.void,
            withheld: counts.withheld,
        };
        step.effect(Effect::Send(carrier, Frame::Ack(ack)));
    }

    /// What the steps before counted of a frame that one step did not take.
    fn counted(&mut self, carrier: OrgId, number: u64) -> Counts {
        let session = self.sessions.get_mut(&carrier);
        let counted = session.and_then(|session| session.counted.take());
        counted
            .filter(|(of, _)| *of == number)
            .map_or_else(Counts::default, |(_, counts)| counts)
    }

    /// The rest of the frame is for the next step. What is held of it by then is proven and
    /// counts; the partner hears of it, and its position moves, with the last of it. A crash in
    /// between has it sent again.
    fn leave_entries(
        &mut self,
        carrier: OrgId,
        number: u64,
        counts: Counts,
        done: u32,
        step: &mut Step<'_, Effect>,
    ) {
        if let Some(session) = self.sessions.get_mut(&carrier) {
            session.counted = Some((number, counts));
        }
        step.leave(done);
    }

    /// Whether what we hold of a part would have to be compared with it, and was not read.
    fn is_unread(&self, part: &SignedPart, step: &Step<'_, Effect>) -> bool {
        let read = self.reads_of_overlap(part);
        read.is_some_and(|read| step.try_scanned(&read).is_none())
    }

    /// A crash after the commit finds the position with the entries that it covers: they are in
    /// one batch.
    fn advance_position(
        &mut self,
        carrier: OrgId,
        run: RunId,
        arrival: u64,
        relayed: &[OrgId],
        step: &mut Step<'_, Effect>,
    ) {
        let relayed = super::relays::relayed_digest(relayed);
        let taken = stored::Taken {
            run: run.0,
            arrival,
            relayed,
        };
        if self.taken.get(&carrier) == Some(&taken) {
            return;
        }
        step.put(self.keys.taken(carrier), taken.to_value());
        self.taken.insert(carrier, taken);
    }

    /// Its store is another than the one that gave us the position: we say what we hold.
    pub(super) fn on_cursor_unknown(&mut self, partner: OrgId, step: &mut Step<'_, Effect>) {
        if self.sessions.contains_key(&partner) && self.may_carry(partner) {
            self.stall(partner, step);
            self.forget_asked(partner);
        }
    }

    /// Whether entries of this channel may come from a partner.
    fn may_carry(&self, partner: OrgId) -> bool {
        carrier_allowed(&self.org.state, partner).is_ok()
            && self.governance.takes_part(partner)
            && (self.is_open() || planted(Fault::EntryAfterEnd))
    }

    fn forget_position(&mut self, carrier: OrgId, step: &mut Step<'_, Effect>) {
        if self.taken.remove(&carrier).is_some() {
            step.delete(self.keys.taken(carrier));
        }
    }

    /// Ignores what the partner still sends for this subscription, and subscribes anew with the
    /// next tick: nothing that it sends makes us ask more often than that.
    fn stall(&mut self, carrier: OrgId, step: &mut Step<'_, Effect>) {
        self.forget_position(carrier, step);
        self.forget_filled(carrier);
        if let Some(session) = self.sessions.get_mut(&carrier) {
            session.stalled = true;
            session.retry = true;
        }
    }

    /// A part does not fit what we hold, and that is no evidence yet. It is asked for again, from
    /// the log's first entry on, so that the two can be compared. In a log of its own a carrier
    /// comes no further until then. What others wrote does not hold up the words of who carries
    /// it: else somebody with two histories could silence those who hand on one of them.
    fn not_reconciled(&mut self, carrier: OrgId, id: LogId, step: &mut Step<'_, Effect>) -> Taken {
        step.effect(Effect::Reject(carrier, Reject::NotReconciled(id)));
        self.ask_for_all_once(carrier, id);
        match carrier == id.origin {
            true => Taken::Missing,
            false => Taken::Dropped,
        }
    }

    fn take_part(
        &mut self,
        now: Now,
        frame: (OrgId, u64),
        part: &SignedPart,
        counts: &mut Counts,
        step: &mut Step<'_, Effect>,
    ) -> Taken {
        let (carrier, checked) = (frame.0, part.checked());
        let id = *checked.log();
        let mut log = match self.logs.get(&id) {
            Some(log) => log.clone(),
            None => Log {
                key: part.key(),
                ..Log::empty()
            },
        };
        let is_open_here = id.origin == self.ours.org && Some(id.incarnation) == self.own;
        if log.is_frozen() || is_open_here {
            return Taken::Dropped;
        }
        if log.key != part.key() {
            if let Some(fork) = self.other_key(&log, part) {
                self.freeze(carrier, id, &fork, step);
            }
            return Taken::Dropped;
        }
        // Words of somebody who takes part no more count up to the heads that were named then;
        // what lies beyond is void, and need not be kept. What is held of it is compared all the
        // same: to leave hides no second history.
        let is_past = !self.governance.takes_part(id.origin)
            && checked.first() >= self.governance.final_size(id.origin, id.incarnation);
        if is_past && checked.first() >= log.size() {
            return Taken::Dropped;
        }
        if log.size() == 0 && self.logs_of(id.origin) >= LOGS_PER_ORIGIN_MAX {
            step.effect(Effect::Reject(carrier, Reject::TooManyLogs(id.origin)));
            return Taken::Dropped;
        }
        if !is_past && self.notes_missing_for(checked.new_entries(log.size())) {
            return self.leave_unjudged(carrier, id);
        }
        if let Some(fork) = self.other_root(&log, part) {
            self.freeze(carrier, id, &fork, step);
            return Taken::Dropped;
        }
        let Ok(other_entry) = self.other_entry(&log, part, step) else {
            return Taken::Missing;
        };
        if let Some(index) = other_entry {
            let part = Box::new(part.clone());
            self.examine(
                Examine::Entry {
                    carrier,
                    part,
                    index,
                },
                step,
            );
            return match carrier == id.origin {
                true => Taken::Missing,
                false => Taken::Dropped,
            };
        }
        if is_past {
            return Taken::Dropped;
        }
        if let Some(left) = self.leave_to_readers(carrier, part, &log) {
            return left;
        }
        match self.fill_bodies(now, frame, part, step) {
            Ok(true) => {}
            Ok(false) => return Taken::Some,
            Err(_) => return Taken::Missing,
        }
        let advanced = match checked.advance(&log.frontier) {
            Ok(advanced) => advanced,
            Err(PartMismatch::Gap { .. }) if self.is_unjudged(carrier, id) => {
                return Taken::Dropped;
            }
            Err(PartMismatch::Gap { .. }) => return Taken::Missing,
            Err(PartMismatch::RootDiffers { .. } | PartMismatch::NotConsistent { .. }) => {
                return self.not_reconciled(carrier, id, step);
            }
        };
        let held = log.size();
        let new = checked.new_entries(held);
        if new.is_empty() && log.signed == held {
            // A duplicate costs us no disk.
            return Taken::Held;
        }
        // All of the part is proven: so is each beginning of it.
        self.store_entries(now, id, &mut log, new, counts, step);
        let all = log.size() == advanced.frontier.size();
        assert!(!all || log.frontier == advanced.frontier, "one tree");
        log.prove_by(checked);
        if self.logs.get(&id) != Some(&log) {
            self.logs.insert(id, log);
            self.touch(id, step);
            self.changed.view = true;
        }
        self.note_carrier_of_bodiless(now, carrier, (id, held, advanced.frontier.size()), step);
        match all {
            true => Taken::Held,
            false => Taken::Some,
        }
    }

    /// Headers of others' words that come without bodies, from somebody who may have none, are
    /// compared with what we hold, and not taken: their origin, or a reader, brings us all of it.
    fn leave_to_readers(&self, carrier: OrgId, part: &SignedPart, log: &Log) -> Option<Taken> {
        let origin = part.checked().log().origin;
        let mut new = part.checked().new_entries(log.size()).iter();
        let lacks = new.any(|entry| entry.raw.body.is_none());
        if origin == carrier || !lacks || !self.brings_headers_only(carrier) {
            return None;
        }
        match origin == self.ours.org {
            true if self.may_give_back(carrier) => None,
            // It is asked again, in its turn.
            true => Some(Taken::Missing),
            false => Some(Taken::Dropped),
        }
    }

    /// How many logs of an organisation are held.
    fn logs_of(&self, origin: OrgId) -> usize {
        let log = |incarnation| self.keys.log_id(origin, IncarnationId(incarnation));
        let all = log([0; 16])..=log([0xff; 16]);
        self.logs.range(all).count()
    }

    /// Whether an entry names a revision that we do not hold: its notes come first.
    fn notes_missing_for(&self, entries: &[Entry]) -> bool {
        entries
            .iter()
            .any(|entry| self.governance.revision(entry.header.revision).is_none())
    }

    /// An entry names a revision that we do not hold. Its notes may be on their way, so that all is asked
    /// for once more; after that the rest is taken without this log until our notes change: a carrier
    /// whose notes we can't take, under a key that was dropped, say, is silenced in nothing else.
    fn leave_unjudged(&mut self, carrier: OrgId, id: LogId) -> Taken {
        let digest = self.governance.digest();
        let Some(session) = self.sessions.get_mut(&carrier) else {
            return Taken::Missing;
        };
        let unjudged = &mut session.unjudged;
        if unjudged.len() >= UNJUDGED_LOGS_MAX && !unjudged.contains_key(&id) {
            return Taken::Missing;
        }
        let (of, times) = unjudged.entry(id).or_insert((digest, 0));
        if *of != digest {
            (*of, *times) = (digest, 0);
        }
        *times = times.saturating_add(1);
        match *times >= LEFT_OUT_MAX {
            true => Taken::Dropped,
            false => Taken::Missing,
        }
    }

    fn is_unjudged(&self, carrier: OrgId, id: LogId) -> bool {
        let session = self.sessions.get(&carrier);
        let unjudged = session.and_then(|session| session.unjudged.get(&id));
        unjudged.is_some_and(|(_, times)| *times >= LEFT_OUT_MAX)
    }

    /// Stores new entries of one log, from its size on, as many as the step takes.
    fn store_entries(
        &mut self,
        now: Now,
        id: LogId,
        log: &mut Log,
        entries: &[Entry],
        counts: &mut Counts,
        step: &mut Step<'_, Effect>,
    ) {
        let mut run: Vec<StoredEntry> = Vec::new();
        let mut waits: Vec<(u64, Wait)> = Vec::new();
        let (mut first, mut bytes, mut apart) = (log.size(), 0, false);
        for (place, entry) in entries.iter().enumerate() {
            let unread = entry.body.as_ref().and_then(target);
            let unread = unread.is_some_and(|target| !self.is_said_known(target, step));
            if unread || (place > 0 && step.is_full()) {
                break;
            }
            let mut entry = entry.clone();
            entry.check_time(log.hlc);
            let sequence = entry.header.sequence;
            let mut verdict = self.judge(&entry, log).expect("its revision is held");
            let mut wait = self
                .wait_of(now, &entry)
                .filter(|_| verdict == Verdict::Accepted);
            if let Some(found) = wait {
                let room = self.waiting_of(id.origin) + waits.len() < WAITING_PER_ORIGIN_MAX;
                match room && self.may_wait(&entry, found, &waits, step) {
                    true => waits.push((sequence, found)),
                    // Once its author joined, history has it; only live streams go without.
                    false if found.is_for_author_only() => wait = None,
                    // A rule of our own: nobody makes us remember without end.
                    false => verdict = Verdict::Withheld(Withheld::NoRoom),
                }
            }
            match verdict {
                Verdict::Accepted => self.accept(&entry, &waits, step),
                Verdict::Void(_) => counts.void += 1,
                Verdict::Withheld(rule) => {
                    counts.withheld += 1;
                    if rule == Withheld::Origin {
                        log.withheld_from.get_or_insert(sequence);
                    }
                }
            }
            if let Some(tile) = log.frontier.append(entry.leaf) {
                step.put(self.keys.tile(id, tile.index), tile.hash.to_vec());
            }
            self.follow(now, &entry, log);
            let lacks_body = self.lacks_body(&entry);
            let entry = StoredEntry::of(entry.raw, verdict.code());
            let size = entry.bytes();
            let full = run.len() >= RUN_ENTRIES_MAX || bytes + size > RUN_BYTES_MAX;
            // What lacks its body stands alone, so that there is room for it when it comes.
            if !run.is_empty() && (full || apart || lacks_body) {
                self.write_waiting_run(id, first, &mut run, &mut waits, step);
                (first, bytes) = (sequence, 0);
            }
            apart = lacks_body;
            if lacks_body {
                self.note_bodiless(id, sequence, step);
            }
            bytes += size;
            run.push(entry);
        }
        if !run.is_empty() {
            self.write_waiting_run(id, first, &mut run, &mut waits, step);
        }
    }

    fn write_waiting_run(
        &mut self,
        id: LogId,
        first: u64,
        run: &mut Vec<StoredEntry>,
        waits: &mut Vec<(u64, Wait)>,
        step: &mut Step<'_, Effect>,
    ) {
        let end = first + run.len() as u64;
        let of_this_run = waits.iter().filter(|(sequence, _)| *sequence < end);
        // What does not count may do so one day, and is shown then.
        let without_effect = (first..).zip(run.iter());
        let without_effect = without_effect.filter(|(_, entry)| !Verdict::counts(entry.verdict));
        let without_effect = without_effect.map(|(sequence, _)| sequence);
        let waiting = of_this_run.clone().map(|(sequence, _)| *sequence);
        let held_back = waiting.chain(without_effect).collect();
        self.write_run(id, first, std::mem::take(run), held_back, step);
        let arrival = self.head.arrival;
        for (place, (sequence, wait)) in (0..).zip(of_this_run) {
            self.put_waiting((arrival, place), wait.of(id.entry(*sequence)), step);
        }
        waits.retain(|(sequence, _)| *sequence >= end);
    }

    /// What an entry does to the log's head and to our clock, whatever its verdict.
    fn follow(&mut self, now: Now, entry: &Entry, log: &mut Log) {
        log.hlc = log.hlc.max(entry.header.hlc);
        let revision = self.governance.revision(entry.header.revision);
        let number = revision.map_or(0, |revision| revision.charter().number);
        log.revision = log.revision.max(number);
        self.head.hlc = Hlc::observe(Hlc(self.head.hlc), entry.header.hlc, now.wall).0;
        self.changed.head = true;
        if !matches!(entry.body, Some(Body::Heads(_))) {
            self.count_unstated(now);
        }
    }

    /// Until when, and for what, an entry waits before it is shown.
    pub(super) fn wait_of(&self, now: Now, entry: &Entry) -> Option<Wait> {
        let header = &entry.header;
        let ahead = header.hlc.is_ahead(now.wall);
        let revision = self.governance.unagreed(self.ours.org, header.revision);
        let due = CLOCK_AHEAD_MILLIS_MAX;
        let until = ahead.then(|| header.hlc.wall().minus_millis(due));
        let wait = Wait {
            until,
            revision,
            author: self.unknown_author(entry),
        };
        (!wait.is_for_author_only() || wait.author.is_some()).then_some(wait)
    }

    pub(super) fn waiting_of(&self, origin: OrgId) -> usize {
        self.waiting_counts.get(&origin).copied().unwrap_or(0)
    }

    /// Whether what is kept of its target has room for an edit that waits for its time.
    pub(super) fn may_wait(
        &self,
        entry: &Entry,
        wait: Wait,
        waits: &[(u64, Wait)],
        step: &Step<'_, Effect>,
    ) -> bool {
        match entry.body {
            Some(Body::Edit { target, .. }) if wait.until.is_some() => {
                self.has_room_for_edit(target, entry.header.log, waits, step)
            }
            _ => true,
        }
    }

    pub(super) fn accept(
        &mut self,
        entry: &Entry,
        waits: &[(u64, Wait)],
        step: &mut Step<'_, Effect>,
    ) {
        let header = &entry.header;
        let Some(body) = &entry.body else { return };
        self.annotate(header, body, waits, step);
        self.note_author(header, body, step);
        self.note_statements(header, body, step);
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
}
