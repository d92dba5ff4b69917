//! Looking again at what was judged before a note was learnt that says up to where words count.
//!
//! A withdrawal, a revision that removes or narrows, and a yes that takes a withdrawal back say
//! something about entries that may be here already. Verdicts are a function of charter and logs,
//! not of what came first, so those entries are judged again, a page at a time, and what is shown
//! follows: what void entries said of others is taken back, and what it had replaced is told anew.
//!
//! So are entries that came from others while we took nothing from whoever wrote them, once we do
//! again: the conversation goes on where it was, as if they had been carried now.
//!
//! How far this got is stored, so that a crash has it go on. Everything in it can be done twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use foedus_policy::decide::origin_allowed;
use foedus_policy::id::{EntryRef, IncarnationId, NoteHash, OrgId};
use foedus_policy::state::PartnerState;
use foedus_policy::time::Now;

use super::annotations::target;
use super::judge::{Verdict, Void, Withheld};
use super::{Channel, Effect, Input, Log};
use crate::batch::Read;
use crate::bounds::{ANNOTATED_PER_STEP_MAX, REVIEW_RUNS_MAX, WAITING_PER_ORIGIN_MAX};
use crate::entry::{Entry, LogId};
use crate::evidence::GovernanceNote;
use crate::kind::Body;
use crate::steploop::Step;
use crate::stored::{self, Annotation, Record, Run, StoredEntry};

/// What has to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Review {
    /// Whose entries are judged again, and from where on.
    pub judging: BTreeMap<OrgId, (IncarnationId, u64)>,
    /// Where the telling anew has got to, if something was taken back: it goes through all logs.
    pub telling: Option<(LogId, u64)>,
    /// What the present page says of entries; done before the position moves on.
    rows: VecDeque<(EntryRef, Row)>,
    /// Up to where the present page goes.
    through: Option<(Pass, LogId, u64)>,
    /// Something was taken back, which may have replaced something else.
    taken_back: bool,
    /// Whose entries are judged, from the first withheld one on, since it may speak again.
    heard_again: BTreeSet<OrgId>,
    /// The next page is queued.
    queued: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Judging,
    Telling,
}

#[derive(Debug)]
enum Row {
    Tell(Annotation),
    TakeBack(EntryRef),
}

impl Channel {
    /// Has those judged again of whose entries a note that was just learnt says something new.
    pub(super) fn reconsider(&mut self, note: &GovernanceNote, step: &mut Step<'_, Effect>) {
        let first = (IncarnationId([0; 16]), 0);
        for origin in self.governance.reconsidered(note) {
            if self.next_judged(origin, first).is_some() {
                self.judge_anew(origin, step);
            }
        }
    }

    /// Has entries judged again whose origin may speak again. A pass that began before it might is
    /// no such look.
    pub(super) fn reconsider_withheld(&mut self, step: &mut Step<'_, Effect>) {
        let withheld = self.logs.iter();
        let withheld = withheld.filter(|(_, log)| log.withheld_from.is_some());
        let origins: BTreeSet<OrgId> = withheld.map(|(id, _)| id.origin).collect();
        for origin in origins {
            if !self.is_heard_again(origin) {
                self.review.heard_again.remove(&origin);
            } else if self.review.heard_again.insert(origin) {
                self.judge_anew(origin, step);
            }
        }
    }

    /// Whether what was withheld of an organisation is to be shown: not if it was suspended and
    /// then disconnected for good.
    fn is_heard_again(&self, origin: OrgId) -> bool {
        let partner = self.org.state.partners().get(&origin);
        let gone = partner.is_some_and(|partner| partner.state == PartnerState::Disconnected);
        self.takes_from(origin) && !gone
    }

    fn judge_anew(&mut self, origin: OrgId, step: &mut Step<'_, Effect>) {
        let page = &self.review.through;
        if page.is_some_and(|(pass, log, _)| pass == Pass::Judging && log.origin == origin) {
            self.review.rows.clear();
            self.review.through = None;
        }
        self.put_judging(origin, (IncarnationId([0; 16]), 0), step);
    }

    pub(super) fn note_withheld(&mut self, log: LogId, sequence: u64, step: &mut Step<'_, Effect>) {
        let known = self.logs.get(&log).and_then(|log| log.withheld_from);
        if known.is_none_or(|known| known > sequence) {
            self.change_log(log, step, |log| log.withheld_from = Some(sequence));
        }
    }

    /// Whether our own rules let an organisation speak.
    pub(super) fn takes_from(&self, origin: OrgId) -> bool {
        origin_allowed(&self.org.state, origin).is_ok()
    }

    /// The first log of an organisation, from a position on, that goes on beyond heads which some
    /// note names, or beyond what was withheld, and where.
    fn next_judged(
        &self,
        origin: OrgId,
        (incarnation, next): (IncarnationId, u64),
    ) -> Option<(LogId, u64)> {
        let log = |incarnation| self.keys.log_id(origin, incarnation);
        let logs = self
            .logs
            .range(log(incarnation)..=log(IncarnationId([0xff; 16])));
        let mut open = logs.filter(|(_, log)| log.is_shared()).map(|(id, log)| {
            let from = if id.incarnation == incarnation {
                next
            } else {
                0
            };
            let least = self.governance.least_head(origin, id.incarnation);
            let least = log
                .withheld_from
                .map_or(least, |withheld| withheld.min(least));
            (*id, from.max(least), log.size())
        });
        let found = open.find(|(_, from, size)| from < size);
        found.map(|(id, from, _)| (id, from))
    }

    fn put_judging(
        &mut self,
        origin: OrgId,
        (incarnation, next): (IncarnationId, u64),
        step: &mut Step<'_, Effect>,
    ) {
        let log = self.keys.log_id(origin, incarnation);
        self.review.judging.insert(origin, (incarnation, next));
        step.put(self.keys.judging(origin), position(log, next).to_value());
    }

    /// Goes on with what has to be looked at, if nothing is on its way.
    pub(super) fn queue_review(&mut self, step: &mut Step<'_, Effect>) {
        let review = &mut self.review;
        let open = !review.judging.is_empty() || review.telling.is_some();
        if open && !review.queued {
            review.queued = true;
            step.effect(Effect::Again(Box::new(Input::Review)));
        }
    }

    fn review_next(&self) -> Option<(Pass, LogId, u64)> {
        let judging = self.review.judging.iter();
        let mut judging = judging.filter_map(|(origin, from)| self.next_judged(*origin, *from));
        let judging = judging.next().map(|(log, next)| (Pass::Judging, log, next));
        let telling = self.review.telling;
        judging.or_else(|| telling.map(|(log, next)| (Pass::Telling, log, next)))
    }

    pub(super) fn reads_of_review(&self) -> Vec<Read> {
        if !self.review.rows.is_empty() {
            let rows = self.review.rows.iter().take(ANNOTATED_PER_STEP_MAX);
            return rows
                .map(|(target, _)| self.keys.annotations(*target))
                .collect();
        }
        let next = self.review_next();
        next.map(|(_, log, next)| self.keys.runs_from(log, next, REVIEW_RUNS_MAX))
            .into_iter()
            .collect()
    }

    pub(super) fn on_review(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        self.review.queued = false;
        self.end_judging(step);
        if self.review.rows.is_empty() {
            self.review_page(now, step);
        }
        while let Some((target, _)) = self.review.rows.front() {
            if step.is_full() || !self.is_said_known(*target, step) {
                return;
            }
            let (target, row) = self.review.rows.pop_front().expect("there is one");
            self.review_row(target, row, step);
        }
        self.end_page(step);
    }

    /// One page of one log: its runs, as far as the step takes them.
    fn review_page(&mut self, now: Now, step: &mut Step<'_, Effect>) {
        let Some((pass, log, next)) = self.review_next() else {
            return;
        };
        // Another note may have moved the position within this step.
        let Some(rows) = step.try_scanned(&self.keys.runs_from(log, next, REVIEW_RUNS_MAX)) else {
            return;
        };
        let rows = rows.clone();
        let mut through = self.logs.get(&log).map_or(0, Log::size);
        for (at, (key, value)) in rows.iter().enumerate() {
            // What came before in this step may have put bodies to it.
            let value = step.try_get(key).cloned().unwrap_or_else(|| value.clone());
            let Ok(mut run) = step.noted(Run::from_value(key, &value)) else {
                // Past it the position would say that all of it was looked at.
                return;
            };
            let before = run.clone();
            for (sequence, entry) in (run.first..).zip(&mut run.entries) {
                if sequence >= next {
                    self.review_entry(now, pass, entry, step);
                }
            }
            if run != before {
                step.put(key.clone(), run.to_value());
                self.changed.view = true;
            }
            let last = at + 1 == rows.len();
            if step.is_full() || (last && rows.len() == REVIEW_RUNS_MAX) {
                through = run.first + run.entries.len() as u64;
                break;
            }
        }
        self.review.through = Some((pass, log, through));
    }

    fn review_entry(
        &mut self,
        now: Now,
        pass: Pass,
        stored: &mut StoredEntry,
        step: &mut Step<'_, Effect>,
    ) {
        let Ok(entry) = Entry::read(stored.clone().into_raw()) else {
            return;
        };
        if entry.header.revision == NoteHash::LOCAL {
            return;
        }
        let before = stored.verdict;
        if pass == Pass::Judging {
            stored.verdict = self.judge_again(before, &entry);
        }
        if stored.verdict == Verdict::Withheld(Withheld::Origin).code() {
            let sequence = entry.header.sequence;
            self.note_withheld(entry.header.log, sequence, step);
        }
        let counted = Verdict::counts(before);
        if Verdict::counts(stored.verdict) && !counted && !self.show_again(now, &entry, step) {
            stored.verdict = Verdict::Withheld(Withheld::NoRoom).code();
        }
        if Verdict::counts(stored.verdict) {
            if let (false, Some(body)) = (counted, &entry.body) {
                self.note_statements(&entry.header, body, step);
            }
            self.tell_again(&entry, step);
        } else if stored.verdict == Verdict::Void(Void::AfterFinalHeads).code() {
            self.take_back(&entry, step);
        }
    }

    /// What we make of an entry now. What does not depend on notes that come later stays.
    pub(super) fn judge_again(&self, before: u8, entry: &Entry) -> u8 {
        let stays = [Void::Fault, Void::NotAParticipant, Void::RevisionWentBack];
        if stays
            .iter()
            .any(|void| Verdict::Void(*void).code() == before)
        {
            return before;
        }
        match self.judge(entry, &Log::empty()) {
            None => before,
            Some(Verdict::Void(void)) => Verdict::Void(void).code(),
            // There was no room for it when it came.
            Some(_) if before == Verdict::Withheld(Withheld::NoRoom).code() => before,
            // What counts already goes on to do so: our own rules are about what comes.
            Some(Verdict::Withheld(_)) if Verdict::counts(before) => before,
            Some(verdict) => verdict.code(),
        }
    }

    /// An entry that did not count does so now: it arrives once more, so that no live stream
    /// misses it. False if it would have to wait, and there is no room for that.
    fn show_again(&mut self, now: Now, entry: &Entry, step: &mut Step<'_, Effect>) -> bool {
        if entry.body.is_none() {
            // It arrives with its body.
            return true;
        }
        let reference = entry.header.reference();
        let mut wait = self.wait_of(now, entry);
        if self.waiting_of(reference.origin) >= WAITING_PER_ORIGIN_MAX
            && let Some(full) = wait.take()
            && !full.is_for_author_only()
        {
            return false;
        }
        let held_back = wait.iter().map(|_| reference.sequence).collect();
        let number = self.show_late(reference, held_back, step);
        if let Some(wait) = wait {
            self.put_waiting((number, 0), wait.of(reference), step);
        }
        self.changed.view = true;
        true
    }

    fn tell_again(&mut self, entry: &Entry, step: &mut Step<'_, Effect>) {
        let header = &entry.header;
        let Some(body) = &entry.body else { return };
        self.note_author(header, body, step);
        if let Some((target, row)) = self.row_of(header, body) {
            self.review.rows.push_back((target, Row::Tell(row)));
        }
    }

    /// What a void entry said of others, and of its author, was never said.
    fn take_back(&mut self, entry: &Entry, step: &mut Step<'_, Effect>) {
        let header = &entry.header;
        let reference = header.reference();
        let waits = self
            .waiting
            .iter()
            .find(|(_, known)| known.entry == reference);
        if let Some((place, _)) = waits {
            let place = *place;
            self.delete_waiting(place, step);
        }
        let Some(body) = &entry.body else { return };
        if let Some(target) = target(body) {
            let row = Row::TakeBack(reference);
            self.review.rows.push_back((target, row));
        }
        let author = (header.log.origin, header.author);
        if self.is_author_by(header) && matches!(body, Body::Joined { .. } | Body::Left) {
            self.forget_author(author, step);
            self.note_taken_back(step);
        }
    }

    fn review_row(&mut self, target: EntryRef, row: Row, step: &mut Step<'_, Effect>) {
        match row {
            Row::Tell(row) => {
                self.annotate_with(target, row, &BTreeMap::new(), step);
            }
            Row::TakeBack(entry) => {
                let pages = self.pages_on(target, step);
                // What can't be read gives the step up.
                let Ok(pages) = step.noted(pages) else { return };
                if self.take_from_pages(target, entry, pages, step) {
                    self.note_taken_back(step);
                }
            }
        }
    }

    /// What was taken back may have taken the place of something, which is to be told anew. That
    /// is in the commit that takes it back: after a crash before the end of the page there is
    /// nothing left to take back, and so nothing that would say it again.
    fn note_taken_back(&mut self, step: &mut Step<'_, Effect>) {
        self.review.taken_back = true;
        self.tell_all_anew(step);
    }

    fn tell_all_anew(&mut self, step: &mut Step<'_, Effect>) {
        let first = self.logs.iter().next().map(|(log, _)| (*log, 0));
        self.put_telling(first, step);
    }

    /// All of a page is done: the position moves on. A crash before this commit does the page
    /// once more.
    fn end_page(&mut self, step: &mut Step<'_, Effect>) {
        let Some((pass, log, through)) = self.review.through.take() else {
            return;
        };
        let done = self.logs.get(&log).is_none_or(|log| through >= log.size());
        match pass {
            Pass::Judging => {
                if done && self.review.heard_again.contains(&log.origin) {
                    self.change_log(log, step, |log| log.withheld_from = None);
                }
                self.put_judging(log.origin, (log.incarnation, through), step);
            }
            Pass::Telling => {
                let later = (std::ops::Bound::Excluded(log), std::ops::Bound::Unbounded);
                let next = match done {
                    true => self.logs.range(later).next().map(|(log, _)| (*log, 0)),
                    false => Some((log, through)),
                };
                self.put_telling(next, step);
            }
        }
        // A page of what is told anew has just moved that position on.
        if std::mem::take(&mut self.review.taken_back) {
            self.tell_all_anew(step);
        }
    }

    /// Whoever has no log left that goes on beyond a head is done with.
    fn end_judging(&mut self, step: &mut Step<'_, Effect>) {
        let judging = self.review.judging.iter();
        let done = judging.filter(|(origin, from)| self.next_judged(**origin, **from).is_none());
        let done: Vec<OrgId> = done.map(|(origin, _)| *origin).collect();
        for origin in done {
            self.review.heard_again.remove(&origin);
            self.review.judging.remove(&origin);
            step.delete(self.keys.judging(origin));
        }
    }

    fn put_telling(&mut self, next: Option<(LogId, u64)>, step: &mut Step<'_, Effect>) {
        self.review.telling = next;
        match next {
            Some((log, next)) => step.put(self.keys.telling(), position(log, next).to_value()),
            None => step.delete(self.keys.telling()),
        }
    }
}

fn position(log: LogId, next: u64) -> stored::Reviewing {
    stored::Reviewing {
        origin: log.origin.0,
        incarnation: log.incarnation.0,
        next,
    }
}
