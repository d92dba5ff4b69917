//! The pairing connections at one time, and which of them makes room for another.
//!
//! Whoever pairs is done within seconds, so it is the oldest that goes, of the source that has the most: strangers who
//! stay and say nothing keep nobody out.

use std::collections::BTreeMap;

use foedus_federation::transport::{KnownSources, Source};
use foedus_policy::id::OrgId;
use tokio::task::{AbortHandle, JoinSet};

/// The connections that are served. None is served on when this is dropped.
pub(super) struct Pairings {
    total_max: usize,
    tasks: JoinSet<()>,
    /// Oldest first.
    held: Vec<Held>,
    sources: KnownSources,
}

struct Held {
    source: Source,
    known: bool,
    task: AbortHandle,
}

impl Pairings {
    pub(super) fn new(total_max: usize) -> Self {
        Self {
            total_max,
            tasks: JoinSet::new(),
            held: Vec::new(),
            sources: KnownSources::default(),
        }
    }

    /// Serves one that came from `source`; if there is no room, in the place of another. Whoever that was may come
    /// again.
    pub(super) fn admit(
        &mut self,
        source: Source,
        serving: impl Future<Output = ()> + Send + 'static,
    ) {
        self.held.retain(|held| !held.task.is_finished());
        let known = self.sources.contains(source);
        if let Some(place) = self.in_the_way(known) {
            self.held.remove(place).task.abort();
        }
        self.held.push(Held {
            source,
            known,
            task: self.tasks.spawn(serving),
        });
    }

    /// A quarter is for sources from which a partner's link last came: partners that have renewed their keys find each
    /// other here.
    fn in_the_way(&self, known: bool) -> Option<usize> {
        let strangers = self.held.iter().filter(|held| !held.known).count();
        let strangers_max = self.total_max - self.total_max / 4;
        let full = self.held.len() >= self.total_max;
        if !full && (known || strangers < strangers_max) {
            return None;
        }
        self.oldest_of_the_fullest(|held| !held.known)
            .or_else(|| self.oldest_of_the_fullest(|_| true))
    }

    /// Of those that `may_go`; where several sources have as many, of them all.
    fn oldest_of_the_fullest(&self, may_go: impl Fn(&Held) -> bool) -> Option<usize> {
        let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
        for held in self.held.iter().filter(|held| may_go(held)) {
            *counts.entry(held.source).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        let goes = |held: &Held| may_go(held) && counts.get(&held.source) == Some(&most);
        self.held.iter().position(goes)
    }

    /// One has ended. `None` if there is none.
    pub(super) async fn ended(&mut self) -> Option<()> {
        self.tasks.join_next().await.map(drop)
    }

    /// A pinned key of `partner` came from `source`.
    pub(super) fn proved(&mut self, partner: OrgId, source: Source) {
        self.sources.proved(partner, source);
    }

    /// Ends them all.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(number: u32) -> Source {
        Source::of(IpAddr::from(number.to_be_bytes()))
    }

    fn admit(pairings: &mut Pairings, from: u32) {
        pairings.admit(source(from), std::future::pending());
    }

    #[track_caller]
    fn check(pairings: &Pairings, expected: &[u32]) {
        let found: Vec<Source> = pairings.held.iter().map(|held| held.source).collect();
        let expected: Vec<Source> = expected.iter().map(|number| source(*number)).collect();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn the_oldest_of_the_fullest_source_makes_room() {
        let mut pairings = Pairings::new(8);
        for from in [1, 2, 2, 3, 3, 3] {
            admit(&mut pairings, from);
        }
        check(&pairings, &[1, 2, 2, 3, 3, 3]);
        admit(&mut pairings, 4);
        check(&pairings, &[1, 2, 2, 3, 3, 4]);
        admit(&mut pairings, 3);
        check(&pairings, &[1, 2, 3, 3, 4, 3]);
        // Whoever went is served no longer.
        pairings.ended().await.expect("one has ended");
        check(&pairings, &[1, 2, 3, 3, 4, 3]);
    }

    #[tokio::test]
    async fn strangers_leave_a_quarter_to_known_sources() {
        let mut pairings = Pairings::new(8);
        pairings.proved(OrgId([1; 32]), source(9));
        for from in 1..=7 {
            admit(&mut pairings, from);
        }
        check(&pairings, &[2, 3, 4, 5, 6, 7]);
        admit(&mut pairings, 9);
        admit(&mut pairings, 9);
        check(&pairings, &[2, 3, 4, 5, 6, 7, 9, 9]);
        // All are taken: a stranger goes for a known source, and never the other way round.
        admit(&mut pairings, 1);
        check(&pairings, &[3, 4, 5, 6, 7, 9, 9, 1]);
        admit(&mut pairings, 9);
        check(&pairings, &[4, 5, 6, 7, 9, 9, 1, 9]);
    }
}
