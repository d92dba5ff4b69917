//! Bodies that we may read and lack: they are asked for from whoever may hold them, and put to the
//! headers that are held.
//!
//! A header may come without its body from somebody who has none, or keeps it back. Its place in the
//! log is taken then, so that nobody brings it by itself any more. Which logs have such entries is
//! stored, and each reader with whom there is a session is asked, one at a time.
//!
//! It must not know how new entries are taken.

use std::collections::{BTreeMap, BTreeSet};

use foedus_policy::decide::carrier_allowed;
use foedus_policy::id::OrgId;
use foedus_policy::time::{Now, Timestamp};

use super::annotations::target;
use super::judge::{Verdict, Void, Withheld};
use super::{Channel, Effect};
use crate::batch::Key;
use crate::bounds::{
    BODIES_AGAIN_MILLIS, BODIES_MILLIS_MIN, STORED_VALUE_BYTES_MAX, WAITING_PER_ORIGIN_MAX,
};
use crate::damaged::Damaged;
use crate::entry::{Entry, Header, LogId};
use crate::evidence::SignedPart;
use crate::steploop::Step;
use crate::stored::{self, Arrival, Record, Run, StoredEntry};

/// Where a log has entries without bodies that we may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bodiless {
    /// Before this one there is none.
    first: u64,
    /// After this one there is none.
    last: u64,
    /// Who was asked for them, or brought them without bodies.
    asked: BTreeMap<OrgId, Asked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    /// For entries before this one.
    up_to: u64,
    at: Timestamp,
}

/// A partner is asked for the bodies of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filling {
    pub partner: OrgId,
    /// From this entry on.
    pub from: u64,
    /// How much of the log was held then.
    up_to: u64,
}

/// How far a part was looked through that takes several steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filled {
    /// Who brought it, in the frame of which number.
    frame: (OrgId, u64),
    log: LogId,
    next: u64,
}

impl Bodiless {
    pub(super) fn of_record(record: stored::Bodiless) -> Self {
        let stored::Bodiless { first, last, asked } = record;
        let asked = asked.into_iter().map(|asked| {
            let stored::AskedForBodies { org, up_to, at } = asked;
            let at = Timestamp(at);
            (OrgId(org), Asked { up_to, at })
        });
        Self {
            first,
            last,
            asked: asked.collect(),
        }
    }

    fn to_record(&self) -> stored::Bodiless {
        let Self { first, last, asked } = self;
        let asked = asked.iter().map(|(org, asked)| stored::AskedForBodies {
            org: org.0,
            up_to: asked.up_to,
            at: asked.at.0,
        });
        stored::Bodiless {
            first: *first,
            last: *last,
            asked: asked.collect(),
        }
    }

    /// From where on an organisation is to be asked now, if it is.
    fn due(&self, org: OrgId, wall: Timestamp) -> Option<u64> {
        let Some(asked) = self.asked.get(&org) else {
            return Some(self.first);
        };
        let since = wall.0.saturating_sub(asked.at.0);
        if since >= BODIES_AGAIN_MILLIS {
            return Some(self.first);
        }
        let more = self.last >= asked.up_to && since >= BODIES_MILLIS_MIN;
        more.then_some(self.first.max(asked.up_to))
    }
}

impl Channel {
    /// Whether an entry came without a body that we may read.
    pub(super) fn lacks_body(&self, entry: &Entry) -> bool {
        // One that is larger than any may be was left out when it was read: that is a fault.
        entry.raw.body.is_none() && entry.fault.is_none() && self.may_read(&entry.header)
    }

    fn may_read(&self, header: &Header) -> bool {
        let (origin, us) = (header.log.origin, self.ours.org);
        self.governance.may_hand_body(origin, header.revision, us)
    }

    /// Remembers, in the commit that stores it, that an entry has no body.
    pub(super) fn note_bodiless(&mut self, id: LogId, sequence: u64, step: &mut Step<'_, Effect>) {
        let bodiless = self.bodiless.entry(id).or_insert(Bodiless {
            first: sequence,
            last: sequence,
            asked: BTreeMap::new(),
        });
        bodiless.last = bodiless.last.max(sequence);
        step.put(self.keys.bodiless(id), bodiless.to_record().to_value());
    }

    /// After `held` a carrier brought entries without bodies: it is not asked for these, and whose
    /// words they are is better brought by somebody else, if somebody is there.
    pub(super) fn note_carrier_of_bodiless(
        &mut self,
        now: Now,
        carrier: OrgId,
        (id, held, size): (LogId, u64, u64),
        step: &mut Step<'_, Effect>,
    ) {
        let Some(bodiless) = self.bodiless.get_mut(&id) else {
            return;
        };
        if bodiless.last < held {
            return;
        }
        let (up_to, at) = (size, now.wall);
        bodiless.asked.insert(carrier, Asked { up_to, at });
        step.put(self.keys.bodiless(id), bodiless.to_record().to_value());
        let session = self.sessions.get_mut(&carrier);
        if carrier != id.origin
            && session.is_some_and(|session| !std::mem::replace(&mut session.bodiless, true))
        {
            self.share_out_relays(self.ours.org, step);
        }
    }

    /// Asks somebody for the bodies of each log that lacks some: its origin first, then any reader.
    pub(super) fn ask_for_bodies(&mut self, now: Now) {
        if !self.governance.is_open(now.wall) {
            return;
        }
        let mut wanted = Vec::new();
        for (id, bodiless) in &self.bodiless {
            let log = self.logs.get(id).filter(|log| !log.is_frozen());
            let (Some(log), false) = (log, self.filling.contains_key(id)) else {
                continue;
            };
            let partners = self.sessions.keys().copied();
            let holders = partners.filter(|org| self.may_hold_bodies(*org));
            let due = holders.filter_map(|org| Some((org, bodiless.due(org, now.wall)?)));
            let first = due.min_by_key(|(org, _)| (*org != id.origin, *org));
            wanted.extend(first.map(|(partner, from)| (*id, partner, from, log.size())));
        }
        for (id, partner, from, up_to) in wanted {
            let filling = Filling {
                partner,
                from,
                up_to,
            };
            self.filling.insert(id, filling);
            if let Some(session) = self.sessions.get_mut(&partner) {
                session.retry = true;
            }
        }
    }

    fn may_hold_bodies(&self, org: OrgId) -> bool {
        self.governance.takes_part(org)
            && carrier_allowed(&self.org.state, org).is_ok()
            && !self.brings_headers_only(org)
    }

    /// A partner's store is another than it was: what it did not have, it may have now.
    pub(super) fn forget_asked(&mut self, partner: OrgId) {
        for bodiless in self.bodiless.values_mut() {
            bodiless.asked.remove(&partner);
        }
    }

    /// The logs whose bodies a partner is asked for now.
    pub(super) fn filled_by(&self, partner: OrgId) -> BTreeSet<LogId> {
        let asked = self.filling.iter();
        let asked = asked.filter(|(_, filling)| filling.partner == partner);
        asked.map(|(id, _)| *id).collect()
    }

    /// A partner sent all that it holds of these logs. What it did not have is asked of others.
    pub(super) fn note_asked(
        &mut self,
        partner: OrgId,
        logs: BTreeSet<LogId>,
        step: &mut Step<'_, Effect>,
    ) {
        for id in logs {
            let of_partner = |filling: &Filling| filling.partner == partner;
            if !self.filling.get(&id).is_some_and(of_partner) {
                continue;
            }
            let filling = self.filling.remove(&id).expect("it is there");
            if let Some(bodiless) = self.bodiless.get_mut(&id) {
                let (up_to, at) = (filling.up_to, self.step_wall);
                bodiless.asked.insert(partner, Asked { up_to, at });
                step.put(self.keys.bodiless(id), bodiless.to_record().to_value());
            }
            if let Some(session) = self.sessions.get_mut(&partner) {
                // Whoever was asked only for these brings them no longer.
                session.retry = true;
            }
        }
    }

    /// From which entry on a part may bring bodies that are lacking.
    pub(super) fn fills_from(&self, frame: (OrgId, u64), part: &SignedPart) -> Option<u64> {
        let id = *part.checked().log();
        let first = self.bodiless.get(&id)?.first.max(part.checked().first());
        let filled = self.filled.as_ref();
        let filled = filled.filter(|filled| filled.frame == frame && filled.log == id);
        Some(filled.map_or(first, |filled| filled.next.max(first)))
    }

    /// Puts the bodies of a part to the headers that are held and are, byte for byte, the same; that
    /// they are those bodies was checked. Says whether that was all of it: the rest is for the next step.
    ///
    /// A crash before the commit leaves the headers as they were, and the log among those that lack
    /// bodies.
    pub(super) fn fill_bodies(
        &mut self,
        now: Now,
        frame: (OrgId, u64),
        part: &SignedPart,
        step: &mut Step<'_, Effect>,
    ) -> Result<bool, Damaged> {
        let Some(from) = self.fills_from(frame, part) else {
            return Ok(true);
        };
        // What was stored earlier in this very step is asked for again.
        let Some(rows) = step.try_scanned(&self.overlap(part)).cloned() else {
            return Ok(true);
        };
        let mut pass = Pass {
            from,
            first: part.checked().first(),
            known: part.checked().known_entries(u64::MAX),
            lacking: None,
            stopped: None,
        };
        for (key, value) in rows {
            let value = step.try_get(&key).cloned().unwrap_or(value);
            let run = step.noted(Run::from_value(&key, &value))?;
            self.fill_run(now, *part.checked().log(), (key, run), &mut pass, step);
            if pass.stopped.is_some() {
                break;
            }
        }
        let log = *part.checked().log();
        self.note_filled(log, &pass, step);
        // Also once it is through: what the next step reads is for what is new in the part.
        let next = pass.stopped.unwrap_or_else(|| pass.end());
        self.filled = Some(Filled { frame, log, next });
        Ok(pass.stopped.is_none())
    }

    /// Nothing of what a partner sends was looked through in part.
    pub(super) fn forget_filled(&mut self, partner: OrgId) {
        self.filled.take_if(|filled| filled.frame.0 == partner);
    }

    fn fill_run(
        &mut self,
        now: Now,
        id: LogId,
        (key, mut run): (Key, Run),
        pass: &mut Pass<'_>,
        step: &mut Step<'_, Effect>,
    ) {
        let mut bytes: usize = run.entries.iter().map(StoredEntry::bytes).sum();
        // Beside others it is shown by who reads the history; only what stands alone has never been
        // shown with a body before.
        let alone = run.entries.len() == 1;
        let (first, arrival, mut number) = (run.first, run.arrival, None);
        let mut shown = false;
        for (sequence, stored) in (first..).zip(&mut run.entries) {
            let brought = pass.brought(sequence, stored);
            let more = brought.map_or(0, body_bytes);
            let fits = bytes + more + RUN_LAYOUT_BYTES <= STORED_VALUE_BYTES_MAX;
            let Some(brought) = brought.filter(|_| fits) else {
                if pass.covers(sequence) && stored.body.is_none() && self.is_lacking(stored) {
                    pass.lacking.get_or_insert(sequence);
                }
                continue;
            };
            let unread = brought.body.as_ref().and_then(target);
            let unread = unread.is_some_and(|target| !self.is_said_known(target, step));
            if unread || (number.is_none() && sequence > pass.from && step.is_full()) {
                pass.stopped = Some(sequence);
                break;
            }
            bytes += more;
            let number = *number.get_or_insert_with(|| self.next_arrival());
            let place = u16::try_from(sequence - first).expect("a run is at most 16 entries");
            shown = self.fill(now, stored, brought, (number, place), step);
        }
        let Some(number) = number else { return };
        let last = first + run.entries.len() as u64 - 1;
        let arrived = |shown_late, held_back| Arrival {
            origin: id.origin.0,
            incarnation: id.incarnation.0,
            first,
            last,
            shown_late,
            held_back,
        };
        if alone {
            // Who has not come so far yet is shown it once, where its body came.
            let before = arrived(0, vec![first]);
            step.put(self.keys.arrival(arrival), before.to_value());
        }
        let held_back = match alone && shown {
            true => Vec::new(),
            false => (first..=last).collect(),
        };
        let again = arrived(Arrival::WITH_BODIES, held_back);
        step.put(self.keys.arrival(number), again.to_value());
        step.put(key, run.to_value());
        self.changed.view = true;
    }

    /// Puts its body to one entry, which counts from now on as if it had come with it; says whether
    /// it is to be shown now.
    fn fill(
        &mut self,
        now: Now,
        stored: &mut StoredEntry,
        brought: &Entry,
        place: (u64, u16),
        step: &mut Step<'_, Effect>,
    ) -> bool {
        let verdict = self.judge_again(stored.verdict, brought);
        if verdict == Verdict::Withheld(Withheld::Origin).code() {
            let header = &brought.header;
            self.note_withheld(header.log, header.sequence, step);
        }
        *stored = StoredEntry::of(brought.raw.clone(), verdict);
        if !Verdict::counts(verdict) {
            return false;
        }
        let entry = brought.header.reference();
        let mut waits = self.waiting.values().any(|known| known.entry == entry);
        if let (false, Some(wait)) = (waits, self.wait_of(now, brought)) {
            let room = self.waiting_of(entry.origin) < WAITING_PER_ORIGIN_MAX;
            if room && self.may_wait(brought, wait, &[], step) {
                self.put_waiting(place, wait.of(entry), step);
                waits = true;
            } else if !wait.is_for_author_only() {
                stored.verdict = Verdict::Withheld(Withheld::NoRoom).code();
                return false;
            }
        }
        self.accept(brought, &[], step);
        !waits
    }

    fn is_lacking(&self, stored: &StoredEntry) -> bool {
        let fault = Verdict::Void(Void::Fault).code();
        let may_read = |header: Header| self.may_read(&header);
        stored.verdict != fault && Header::decode(&stored.header).is_ok_and(may_read)
    }

    /// Before where the pass came to there is nothing lacking but what it found.
    fn note_filled(&mut self, id: LogId, pass: &Pass<'_>, step: &mut Step<'_, Effect>) {
        let Some(bodiless) = self.bodiless.get_mut(&id) else {
            return;
        };
        let through = pass.stopped.unwrap_or_else(|| pass.end());
        let next = pass.lacking.unwrap_or(through);
        // What an earlier step left behind stays the first.
        if !(pass.from..through).contains(&bodiless.first) || next == bodiless.first {
            return;
        }
        bodiless.first = next;
        if bodiless.first > bodiless.last {
            self.bodiless.remove(&id);
            step.delete(self.keys.bodiless(id));
        } else {
            step.put(self.keys.bodiless(id), bodiless.to_record().to_value());
        }
    }
}

/// What a run takes beside its entries.
const RUN_LAYOUT_BYTES: usize = 64;

/// One look through what is held of a part.
struct Pass<'a> {
    /// Entries before this one were looked at.
    from: u64,
    /// The first of the part.
    first: u64,
    /// All of the part.
    known: &'a [Entry],
    /// The first that still lacks its body.
    lacking: Option<u64>,
    /// Where the step has enough.
    stopped: Option<u64>,
}

impl<'a> Pass<'a> {
    fn end(&self) -> u64 {
        self.first + self.known.len() as u64
    }

    fn covers(&self, sequence: u64) -> bool {
        (self.from..self.end()).contains(&sequence)
    }

    /// The entry of the part that has the body which is lacking here.
    fn brought(&self, sequence: u64, stored: &StoredEntry) -> Option<&'a Entry> {
        if stored.body.is_some() || !self.covers(sequence) {
            return None;
        }
        let place = usize::try_from(sequence - self.first).ok()?;
        let brought = self.known.get(place)?;
        (brought.raw.body.is_some() && brought.raw.header == stored.header).then_some(brought)
    }
}

fn body_bytes(entry: &Entry) -> usize {
    let body = entry.raw.body.as_ref();
    body.map_or(0, |body| body.salt.len() + body.bytes.len())
}
