//! Taking the entries of a frame that a partner brings: part by part, over as many steps as it
//! takes, and acknowledged when all of it is held.
//!
//! What becomes of one part is in `part`, and how its entries are judged and stored in `store`.

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::{OrgId, RunId};
use foedus_policy::time::Now;

use super::annotations::target;
use super::judge::Wait;
use super::{Channel, Effect, Log, Reject};
use crate::batch::Read;
use crate::bounds::{ANNOTATED_PER_STEP_MAX, PART_ENTRIES_MAX};
use crate::entry::Entry;
use crate::evidence::{CheckedEntries, SignedPart};
use crate::frame::{Ack, Frame};
use crate::planted::{Fault, planted};
use crate::steploop::Step;
use crate::stored::{self, Record};

mod part;
mod store;

use part::Taken;

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

    /// What an entry that counts does beside being stored.
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
}
