//! Storing proven entries of one log: each is judged, may have to wait, and goes into a run with
//! others.
//!
//! It must not know who brought them.

use foedus_policy::id::OrgId;
use foedus_policy::time::Now;

use super::Counts;
use crate::bounds::{
    CLOCK_AHEAD_MILLIS_MAX, RUN_BYTES_MAX, RUN_ENTRIES_MAX, WAITING_PER_ORIGIN_MAX,
};
use crate::channel::annotations::target;
use crate::channel::judge::{Verdict, Wait, Withheld};
use crate::channel::{Channel, Effect, Log};
use crate::entry::{Entry, LogId};
use crate::hlc::Hlc;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::StoredEntry;

impl Channel {
    /// Stores new entries of one log, from its size on, as many as the step takes.
    pub(super) fn store_entries(
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
    pub(in crate::channel) fn wait_of(&self, now: Now, entry: &Entry) -> Option<Wait> {
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

    pub(in crate::channel) fn waiting_of(&self, origin: OrgId) -> usize {
        self.waiting_counts.get(&origin).copied().unwrap_or(0)
    }

    /// Whether what is kept of its target has room for an edit that waits for its time.
    pub(in crate::channel) fn may_wait(
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
}
