//! What becomes of one part of a frame: whether it may be taken at all, whether it contradicts what
//! we hold, and, if neither stands in the way, that it is proven against its log and stored.
//!
//! It must not know the other parts of the frame, nor what is acknowledged.

use foedus_policy::id::{IncarnationId, OrgId};
use foedus_policy::time::Now;

use super::Counts;
use crate::bounds::{LEFT_OUT_MAX, LOGS_PER_ORIGIN_MAX, UNJUDGED_LOGS_MAX};
use crate::channel::{Channel, Effect, Examine, Log, Reject};
use crate::entry::{Entry, LogId};
use crate::evidence::SignedPart;
use crate::part::PartMismatch;
use crate::steploop::Step;

/// What became of one part.
pub(super) enum Taken {
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

impl Taken {
    /// What becomes of a part that is to be compared with what we hold of its log. In a log of its own
    /// a carrier comes no further until then. What others wrote does not hold up the words of who
    /// carries it: else somebody with two histories could silence those who hand on one of them.
    fn unless_compared(carrier: OrgId, id: LogId) -> Self {
        match carrier == id.origin {
            true => Self::Missing,
            false => Self::Dropped,
        }
    }
}

impl Channel {
    /// Takes as much of a part as this step may. `frame` is who brings it, and in which frame.
    pub(super) fn take_part(
        &mut self,
        now: Now,
        frame: (OrgId, u64),
        part: &SignedPart,
        counts: &mut Counts,
        step: &mut Step<'_, Effect>,
    ) -> Taken {
        let carrier = frame.0;
        let log = match self.logs.get(part.checked().log()) {
            Some(log) => log.clone(),
            None => Log {
                key: part.key(),
                ..Log::empty()
            },
        };
        let is_past = self.is_past(part);
        if let Some(left) = self.leave_part(carrier, part, &log, is_past, step) {
            return left;
        }
        if let Some(left) = self.leave_contradicting(carrier, part, &log, step) {
            return left;
        }
        if is_past {
            return Taken::Dropped;
        }
        if let Some(left) = self.leave_to_readers(carrier, part, &log) {
            return left;
        }
        self.add_part(now, frame, part, log, counts, step)
    }

    /// Words of somebody who takes part no more count up to the heads that were named then;
    /// what lies beyond is void, and need not be kept. What is held of it is compared all the
    /// same: to leave hides no second history.
    fn is_past(&self, part: &SignedPart) -> bool {
        let checked = part.checked();
        let id = checked.log();
        !self.governance.takes_part(id.origin)
            && checked.first() >= self.governance.final_size(id.origin, id.incarnation)
    }

    /// What becomes of a part that can't be taken into its log at all, or not yet.
    fn leave_part(
        &mut self,
        carrier: OrgId,
        part: &SignedPart,
        log: &Log,
        is_past: bool,
        step: &mut Step<'_, Effect>,
    ) -> Option<Taken> {
        let checked = part.checked();
        let id = *checked.log();
        let is_open_here = id.origin == self.ours.org && Some(id.incarnation) == self.own;
        if log.is_frozen() || is_open_here {
            return Some(Taken::Dropped);
        }
        if log.key != part.key() {
            if let Some(fork) = self.other_key(log, part) {
                self.freeze(carrier, id, &fork, step);
            }
            return Some(Taken::Dropped);
        }
        if is_past && checked.first() >= log.size() {
            return Some(Taken::Dropped);
        }
        if log.size() == 0 && self.logs_of(id.origin) >= LOGS_PER_ORIGIN_MAX {
            step.effect(Effect::Reject(carrier, Reject::TooManyLogs(id.origin)));
            return Some(Taken::Dropped);
        }
        if !is_past && self.notes_missing_for(checked.new_entries(log.size())) {
            return Some(self.leave_unjudged(carrier, id));
        }
        None
    }

    /// What becomes of a part that says otherwise than what we hold. If it is evidence, the log is
    /// frozen.
    fn leave_contradicting(
        &mut self,
        carrier: OrgId,
        part: &SignedPart,
        log: &Log,
        step: &mut Step<'_, Effect>,
    ) -> Option<Taken> {
        let id = *part.checked().log();
        if let Some(fork) = self.other_root(log, part) {
            self.freeze(carrier, id, &fork, step);
            return Some(Taken::Dropped);
        }
        let Ok(other_entry) = self.other_entry(log, part, step) else {
            return Some(Taken::Missing);
        };
        let index = other_entry?;
        let part = Box::new(part.clone());
        self.examine(
            Examine::Entry {
                carrier,
                part,
                index,
            },
            step,
        );
        Some(Taken::unless_compared(carrier, id))
    }

    /// Proves a part against its log, and stores what is new of it.
    fn add_part(
        &mut self,
        now: Now,
        frame: (OrgId, u64),
        part: &SignedPart,
        mut log: Log,
        counts: &mut Counts,
        step: &mut Step<'_, Effect>,
    ) -> Taken {
        let (carrier, checked) = (frame.0, part.checked());
        let id = *checked.log();
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

    /// A part does not fit what we hold, and that is no evidence yet. It is asked for again, from
    /// the log's first entry on, so that the two can be compared.
    fn not_reconciled(&mut self, carrier: OrgId, id: LogId, step: &mut Step<'_, Effect>) -> Taken {
        step.effect(Effect::Reject(carrier, Reject::NotReconciled(id)));
        self.ask_for_all_once(carrier, id);
        Taken::unless_compared(carrier, id)
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
}
