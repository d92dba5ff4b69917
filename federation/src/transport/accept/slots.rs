//! Which connection gets a slot, and which one makes room for it. Pure.

use std::collections::BTreeMap;

use foedus_policy::id::OrgId;

use crate::transport::source::{KnownSources, Source};

/// The answer to a new connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has a slot; `displaced`, the oldest unfinished handshake in the way, has none any more.
    Admitted {
        /// Of the new connection; grows.
        id: u64,
        /// The slot that was taken away.
        displaced: Option<u64>,
    },
    /// No slot can be freed.
    Refused,
}

#[derive(Debug)]
struct Held {
    source: Source,
    known: bool,
    handshaking: bool,
}

/// The slots for connections that have not proved a pinned key.
#[derive(Debug)]
pub(super) struct Slots {
    total_max: usize,
    per_source_max: usize,
    next: u64,
    held: BTreeMap<u64, Held>,
    sources: KnownSources,
}

impl Slots {
    pub(super) fn new(total_max: usize, per_source_max: usize) -> Self {
        Self {
            total_max,
            per_source_max,
            next: 0,
            held: BTreeMap::new(),
            sources: KnownSources::default(),
        }
    }

    /// A connection from `source` has arrived.
    pub(super) fn admit(&mut self, source: Source) -> Admission {
        let known = self.sources.contains(source);
        let displaced = match self.in_the_way(source, known) {
            Ok(displaced) => displaced,
            Err(NoRoom) => return Admission::Refused,
        };
        if let Some(id) = displaced {
            self.held.remove(&id);
        }
        let id = self.next;
        self.next += 1;
        self.held.insert(
            id,
            Held {
                source,
                known,
                handshaking: true,
            },
        );
        Admission::Admitted { id, displaced }
    }

    fn in_the_way(&self, source: Source, known: bool) -> Result<Option<u64>, NoRoom> {
        let of_source = self
            .held
            .values()
            .filter(|held| held.source == source)
            .count();
        if of_source >= self.per_source_max {
            return self.oldest(|held| held.source == source).map(Some);
        }
        let strangers = self.held.values().filter(|held| !held.known).count();
        let strangers_max = self.total_max - self.total_max / 4;
        let full = self.held.len() >= self.total_max;
        if !known && (full || strangers >= strangers_max) {
            return self.oldest(|held| !held.known).map(Some);
        }
        if full {
            return self
                .oldest(|held| !held.known)
                .or_else(|_| self.oldest(|_| true))
                .map(Some);
        }
        Ok(None)
    }

    /// The oldest unfinished handshake of those that `may_go`.
    fn oldest(&self, may_go: impl Fn(&Held) -> bool) -> Result<u64, NoRoom> {
        self.held
            .iter()
            .find(|(_, held)| held.handshaking && may_go(held))
            .map(|(id, _)| *id)
            .ok_or(NoRoom)
    }

    /// The handshake is over: the connection is not displaced any more.
    pub(super) fn finished(&mut self, id: u64) {
        if let Some(held) = self.held.get_mut(&id) {
            held.handshaking = false;
        }
    }

    /// The connection is gone, or has proved a pinned key.
    pub(super) fn release(&mut self, id: u64) {
        self.held.remove(&id);
    }

    /// A pinned key of `partner` came from `source`.
    pub(super) fn proved(&mut self, partner: OrgId, source: Source) {
        self.sources.proved(partner, source);
    }
}

struct NoRoom;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(number: u32) -> Source {
        Source::of(IpAddr::from(number.to_be_bytes()))
    }

    fn admitted(slots: &mut Slots, from: Source) -> (u64, Option<u64>) {
        match slots.admit(from) {
            Admission::Admitted { id, displaced } => (id, displaced),
            Admission::Refused => panic!("expected a slot for {from:?}"),
        }
    }

    #[test]
    fn a_source_displaces_its_own_oldest_handshake() {
        let mut slots = Slots::new(256, 8);
        for _ in 0..8 {
            assert_eq!(admitted(&mut slots, source(1)).1, None);
        }
        slots.finished(0);
        assert_eq!(admitted(&mut slots, source(1)).1, Some(1));
        assert_eq!(admitted(&mut slots, source(2)).1, None);
    }

    #[test]
    fn a_source_whose_handshakes_are_all_finished_is_refused() {
        let mut slots = Slots::new(256, 2);
        for _ in 0..2 {
            let (id, _) = admitted(&mut slots, source(1));
            slots.finished(id);
        }
        assert_eq!(slots.admit(source(1)), Admission::Refused);
        slots.release(0);
        assert_eq!(admitted(&mut slots, source(1)).1, None);
    }

    #[test]
    fn strangers_leave_a_quarter_to_known_sources() {
        let mut slots = Slots::new(16, 8);
        slots.proved(OrgId([1; 32]), source(1000));
        for number in 0..12 {
            assert_eq!(admitted(&mut slots, source(number)).1, None);
        }
        assert_eq!(admitted(&mut slots, source(12)).1, Some(0));
        for _ in 0..4 {
            assert_eq!(admitted(&mut slots, source(1000)).1, None);
        }
        // All are taken: a stranger goes for a known source, and never the other way round.
        assert_eq!(admitted(&mut slots, source(1000)).1, Some(1));
        assert_eq!(admitted(&mut slots, source(99)).1, Some(2));
    }

    #[test]
    fn the_bounds_hold_whatever_comes() {
        let mut slots = Slots::new(16, 4);
        slots.proved(OrgId([1; 32]), source(0));
        let mut state = 1_u32;
        for _ in 0..10_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if let Admission::Admitted { id, .. } = slots.admit(source((state >> 16) % 9)) {
                match (state >> 8) % 4 {
                    0 => slots.finished(id),
                    1 => slots.release(id.saturating_sub(7)),
                    _ => {}
                }
            }
            assert!(slots.held.len() <= 16);
            assert!(slots.held.values().filter(|held| !held.known).count() <= 12);
            for number in 0..9 {
                let of = slots
                    .held
                    .values()
                    .filter(|held| held.source == source(number));
                assert!(of.count() <= 4);
            }
        }
    }
}
