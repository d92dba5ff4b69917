//! P7: two histories of one log are found by whoever can, with evidence that stands alone; and
//! nobody honest writes two.

use std::collections::{BTreeMap, BTreeSet};

use foedus_federation::entry::LogId;

use super::FORKS;
use super::converged::Holding;
use crate::simulator::trace::name;
use crate::simulator::world::World;

impl World {
    /// Which two hold different histories of one log.
    fn two_histories(holdings: &[Holding]) -> BTreeSet<(LogId, usize, usize)> {
        let mut seen = BTreeMap::<_, Vec<(usize, &[u8])>>::new();
        let mut found = BTreeSet::new();
        for (at, holding) in holdings.iter().enumerate() {
            for (log, entries) in &holding.entries {
                for (sequence, held) in entries.iter().enumerate() {
                    let header = held.raw_header.as_slice();
                    let known = seen.entry((*log, sequence)).or_default();
                    let others = known.iter().filter(|(_, other)| *other != header);
                    found.extend(others.map(|(other, _)| (*log, *other, at)));
                    known.push((at, header));
                }
            }
        }
        found
    }

    /// Whose origin may have two histories: it says that it did, or it was restored by somebody who
    /// wanted that.
    pub(super) fn is_lie(&self, log: &LogId) -> bool {
        let origin = self.index_of(log.origin);
        self.checker.forged.contains(log)
            || origin.is_some_and(|origin| self.orgs[origin].dishonest)
    }

    /// Logs of liars of which two honest organisations that are linked hold different histories,
    /// and neither knows.
    pub(super) fn unknown_forks(&self) -> Vec<(LogId, usize, usize)> {
        let Some(channel) = self.checker.shared else {
            return Vec::new();
        };
        let holdings = self.holdings(channel);
        let knows = |at: usize, log: &LogId| {
            let head = holdings[at].heads.get(log);
            head.is_some_and(|head| !head.fork.is_empty())
        };
        let honest = |at: usize, log: &LogId| {
            !self.orgs[at].dishonest && self.orgs[at].id != log.origin && self.is_open(at)
        };
        let mut found: Vec<_> = Self::two_histories(&holdings).into_iter().collect();
        found.retain(|(log, one, other)| {
            self.is_lie(log)
                && honest(*one, log)
                && honest(*other, log)
                && self.is_connected(*one, *other)
                && !knows(*one, log)
                && !knows(*other, log)
        });
        found
    }

    /// P7, and that nobody honest writes two histories.
    pub(super) fn check_forks(&mut self, holdings: &[Holding]) {
        self.checker.count(FORKS);
        for (log, one, other) in Self::two_histories(holdings) {
            if !self.is_lie(&log) {
                let name = name(log.entry(0));
                let text = format!("two histories of {name}, held by {one} and {other}");
                self.checker.find(FORKS, self.now, text);
            }
        }
        for (log, one, other) in self.unknown_forks() {
            let name = name(log.entry(0));
            let text = format!("{one} and {other} hold two histories of {name} unknowingly");
            self.checker.find(FORKS, self.now, text);
        }
        for (at, holding) in holdings.iter().enumerate() {
            for (log, head) in holding
                .heads
                .iter()
                .filter(|(_, head)| !head.fork.is_empty())
            {
                self.check_evidence(at, log, &head.fork);
            }
        }
    }
}
