//! Whether everything has come to rest once everything works again, and if not, what is missing.

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::channel::{Verdict, Withheld};
use foedus_federation::entry::LogId;
use foedus_policy::decide::origin_allowed;
use foedus_policy::id::{EntryRef, OrgId};
use foedus_policy::state::PartnerState;
use foedus_policy::time::Timestamp;

use super::converged::Holding;
use crate::simulator::disk;
use crate::simulator::plan::Finish;
use crate::simulator::trace::name;
use crate::simulator::world::World;

/// What is not at rest yet.
pub struct Unrest {
    pub text: String,
    /// Nothing is left but to wait until clocks say this.
    pub until: Option<Timestamp>,
}

impl World {
    /// Whether two have to be partners now: both administrators said yes, and neither ended it.
    fn have_to_be_partners(&self, one: usize, other: usize) -> bool {
        let ended = match self.plan.finish {
            Finish::Disconnect(by, from) => [(one, other), (other, one)].contains(&(by, from)),
            Finish::Project(_) | Finish::Leave(_) | Finish::Never => false,
        };
        let agreed = |at: usize, to: usize| {
            let known = (at, self.orgs[to].id);
            self.checker.peerings.contains(&known)
        };
        !ended && agreed(one, other) && agreed(other, one)
    }

    /// Why not everything has come to rest yet, if it has not.
    pub fn unsettled(&self) -> Option<Unrest> {
        let mut open = BTreeSet::new();
        if let Some(text) = self.differs(&mut open) {
            return Some(Unrest { text, until: None });
        }
        let channel = self.checker.shared?;
        let holdings = self.holdings(channel);
        let withheld = open
            .iter()
            .find_map(|at| Some((*at, self.withheld_for_ever(*at, &holdings[*at])?)));
        if let Some((at, entry)) = withheld {
            let text = format!(
                "{} is withheld at {at}, who takes from its origin",
                name(entry)
            );
            return Some(Unrest { text, until: None });
        }
        let waiting = open.iter().flat_map(|at| {
            let waiting = holdings[*at].waiting.iter();
            waiting.map(|(entry, waiting)| (*at, *entry, waiting))
        });
        // Who says two things of one log may have told others who somebody is: the word of it has no
        // place in the history that is held here, and whoever never joined is not shown. A liar may
        // also write for a time that is years ahead, which is waited for.
        let mut waiting: Vec<_> = waiting
            .filter(|(_, entry, waiting)| {
                let log = LogId {
                    channel,
                    origin: entry.origin,
                    incarnation: entry.incarnation,
                };
                (waiting.author.is_none() && waiting.until.is_none()) || !self.is_lie(&log)
            })
            .collect();
        waiting.sort_unstable_by_key(|(at, entry, waiting)| (waiting.until, *at, *entry));
        let (at, entry, last) = waiting.last()?;
        let for_time = waiting
            .iter()
            .all(|(_, _, waiting)| waiting.author.is_none() && waiting.revision.is_none());
        Some(Unrest {
            text: format!("{} waits to be shown at {at}", name(*entry)),
            until: last.until.filter(|_| for_time).map(Timestamp),
        })
    }

    /// An entry that its holder withholds although its rules let the origin speak.
    fn withheld_for_ever(&self, at: usize, holding: &Holding) -> Option<EntryRef> {
        let state = &self.orgs[at].snapshot()?.state;
        // Whoever was suspended and then disconnected is not heard with that.
        let is_gone = |origin| {
            let partner = disk::partner(&self.orgs[at].disk, origin);
            partner == Some(PartnerState::Disconnected)
        };
        let entries = holding.entries.values().flatten();
        let mut withheld = entries.filter(|held| {
            held.verdict == Verdict::Withheld(Withheld::Origin).code()
                && origin_allowed(state, held.header.log.origin).is_ok()
                && !is_gone(held.header.log.origin)
        });
        withheld.next().map(|held| held.header.reference())
    }

    /// What is not as it should be of those who are in the channel; notes who has it open, and with
    /// whom.
    fn differs(&self, open: &mut BTreeSet<usize>) -> Option<String> {
        if let Some((log, one, other)) = self.unknown_forks().first() {
            let name = name(log.entry(0));
            return Some(format!("{one} and {other} hold two histories of {name}"));
        }
        if let Some(attempt) = self.attempts.iter().position(|attempt| !attempt.settled) {
            return Some(format!("request {attempt} is not answered"));
        }
        let channel = self.checker.shared?;
        let participants = self.participants();
        let holdings = self.holdings(channel);
        for at in 0..self.orgs.len() {
            let named_by = |other: &usize| {
                let charter = self.checker.charter_at(*other);
                self.is_open(*other)
                    && self.are_partners(*other, at)
                    && charter.is_some_and(|it| it.participants.contains_key(&self.orgs[at].id))
            };
            if !self.orgs[at].dishonest
                && !participants.contains(&at)
                && participants.iter().any(named_by)
            {
                return Some(format!("{at} never learnt of the seal"));
            }
        }
        for (place, one) in participants.iter().enumerate() {
            for other in &participants[place + 1..] {
                if self.orgs[*one].dishonest || self.orgs[*other].dishonest {
                    continue;
                }
                if !self.are_partners(*one, *other) {
                    if self.have_to_be_partners(*one, *other) {
                        return Some(format!("{one} and {other} are partners no more"));
                    }
                    continue;
                }
                if !self.is_connected(*one, *other) {
                    return Some(format!("{one} and {other} have no link"));
                }
                let difference = self.difference(*one, *other, &holdings[*one], &holdings[*other]);
                if let Some(difference) = difference {
                    return Some(format!("{one} and {other}: {difference}"));
                }
                if self.is_open(*one) && self.is_open(*other) {
                    open.extend([*one, *other]);
                }
            }
        }
        None
    }

    /// Whoever has ended says what it held.
    fn lacks_record(&self, at: usize, holding: &Holding) -> Option<String> {
        let lacks = !self.is_open(at) && !holding.has_record(self.orgs[at].id);
        lacks.then(|| format!("{at} signed no record of the end"))
    }

    /// What of two disks is not the same, and should be.
    fn difference(&self, one: usize, other: usize, a: &Holding, b: &Holding) -> Option<String> {
        if self.checker.in_force[one] != self.checker.in_force[other] {
            return Some("other charters are in force".to_owned());
        }
        match (self.is_open(one), self.is_open(other)) {
            (true, true) => {}
            (false, false) => {
                return a
                    .other_notes(b)
                    .or_else(|| self.lacks_record(one, a))
                    .or_else(|| self.lacks_record(other, b));
            }
            _ => {
                let went = match self.plan.finish {
                    Finish::Leave(by) | Finish::Project(by) if by != 0 => vec![by],
                    Finish::Disconnect(by, from) => vec![by, from],
                    _ => Vec::new(),
                };
                if !went.contains(&one) && !went.contains(&other) {
                    return Some("only one of them has ended".to_owned());
                }
                return a
                    .other_notes(b)
                    .or_else(|| self.lacks_record(one, a))
                    .or_else(|| self.lacks_record(other, b));
            }
        }
        if let Some(difference) = a.other_notes(b) {
            return Some(difference);
        }
        let out: Vec<OrgId> = (0..self.orgs.len())
            .filter(|at| self.orgs[*at].dishonest)
            .map(|at| self.orgs[at].id)
            .collect();
        let sizes = |holding: &Holding| -> BTreeMap<LogId, usize> {
            holding
                .shared()
                .filter(|(log, _)| !out.contains(&log.origin) && !self.checker.forged.contains(log))
                .map(|(log, _)| (*log, holding.entries[log].len()))
                .collect()
        };
        let (sizes_a, sizes_b) = (sizes(a), sizes(b));
        let logs: BTreeSet<LogId> = sizes_a.keys().chain(sizes_b.keys()).copied().collect();
        let differing = logs.iter().find(|log| {
            let (size_a, size_b) = (sizes_a.get(log), sizes_b.get(log));
            let (fewer, more) = if size_a < size_b {
                (one, other)
            } else {
                (other, one)
            };
            size_a != size_b && !self.out_of_reach(log.origin, fewer, more)
        });
        if let Some(log) = differing {
            return Some(format!(
                "{:?} and {:?} entries of {}",
                sizes_a.get(log),
                sizes_b.get(log),
                name(log.entry(0))
            ));
        }
        None
    }

    /// Whether `to`, who may read, can't have the words of `origin` from `from`: it has no bodies to
    /// bring, and nobody takes its bare headers, which would take the place of entries that may come
    /// with their bodies. Whoever has a link with the origin, or with another reader, is compared
    /// with that one: what the origin lost with its disk, too, has no body anywhere. One's own words
    /// that were lost wait likewise for each reader that may give them back with their bodies, also
    /// for one that broke off the peering and does not say so.
    pub(super) fn out_of_reach(&self, origin: OrgId, to: usize, from: usize) -> bool {
        let reads = |at: usize| {
            let charter = self.checker.charter_at(at);
            charter.is_some_and(|charter| {
                let access = charter.participants.get(&self.orgs[at].id);
                access.is_some_and(|access| access.may_read())
            })
        };
        let origin = (0..self.orgs.len()).find(|at| self.orgs[*at].id == origin);
        let Some(origin) = origin.filter(|origin| *origin != from && reads(to) && !reads(from))
        else {
            return false;
        };
        origin != to
            || (0..self.orgs.len())
                .any(|other| other != to && reads(other) && !self.are_partners(to, other))
    }
}
