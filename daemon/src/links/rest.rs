//! Whether a link rests: nothing is shared with the partner any more, so it is not kept up, nor dialled but for a
//! look now and then.
//!
//! Pure: time is an argument. Knows nothing of channels and connections.

use std::time::Duration;

use tokio::time::Instant;

use crate::bounds::{LINK_LOOKS_IN, LINK_RESTS_AFTER};

/// How long things take when nothing is shared with a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rests {
    /// How long a session goes on since something was last shared.
    pub after: Duration,
    /// How long it takes at most until the partner is dialled again all the same. Whoever can't be reached for so
    /// long is left alone, too.
    pub look_in: Duration,
}

impl Default for Rests {
    fn default() -> Self {
        Self {
            after: LINK_RESTS_AFTER,
            look_in: LINK_LOOKS_IN,
        }
    }
}

/// The rest of one link.
#[derive(Debug)]
pub(super) struct Rest {
    rests: Rests,
    /// Since when nothing is shared; `None`: something is.
    unwanted_since: Option<Instant>,
    resting: bool,
}

impl Rest {
    pub(super) fn new(rests: Rests) -> Self {
        Self {
            rests,
            unwanted_since: None,
            resting: false,
        }
    }

    pub(super) fn rests(&self) -> Rests {
        self.rests
    }

    pub(super) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Hears whether the partner is wanted. Whether this ends a rest.
    pub(super) fn hear(&mut self, wanted: bool, now: Instant) -> bool {
        if wanted {
            self.unwanted_since = None;
            return std::mem::take(&mut self.resting);
        }
        self.unwanted_since.get_or_insert(now);
        false
    }

    /// Whether a session that is up since then has lasted long enough.
    pub(super) fn is_due(&self, up_since: Instant, now: Instant) -> bool {
        self.unwanted_since
            .is_some_and(|since| now.duration_since(since.max(up_since)) >= self.rests.after)
    }

    /// A session ended, or the partner could not be dialled. `agreed`: one side said that nothing is shared. Whether
    /// this begins a rest.
    pub(super) fn without_link(&mut self, agreed: bool, now: Instant) -> bool {
        let over = self
            .unwanted_since
            .is_some_and(|since| agreed || now.duration_since(since) >= self.rests.look_in);
        over && !std::mem::replace(&mut self.resting, true)
    }

    /// How long to wait before the partner is dialled while the link rests. Up to one half is taken away, so that
    /// partners who rest since one moment don't look in at one moment.
    pub(super) fn look_in(&self, jitter_permille: u32) -> Duration {
        let half = self.rests.look_in / 2;
        half + half * jitter_permille.min(1000) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn begin() -> (Rest, Instant) {
        (Rest::new(Rests::default()), Instant::now())
    }

    #[test]
    fn a_session_lasts_for_a_while_after_the_end_and_after_its_own_begin() {
        let (mut rest, start) = begin();
        assert!(!rest.hear(true, start));
        assert!(!rest.is_due(start, start + seconds(10_000)), "it is wanted");
        rest.hear(false, start + seconds(100));
        rest.hear(false, start + seconds(130));
        assert!(!rest.is_due(start, start + seconds(159)));
        assert!(rest.is_due(start, start + seconds(160)));
        let up = start + seconds(150);
        assert!(!rest.is_due(up, start + seconds(209)), "it came up later");
        assert!(rest.is_due(up, start + seconds(210)));
    }

    #[test]
    fn what_is_wanted_again_in_time_begins_no_rest() {
        let (mut rest, start) = begin();
        rest.hear(false, start);
        assert!(!rest.hear(true, start + seconds(59)), "there was none");
        rest.hear(false, start + seconds(60));
        assert!(!rest.is_due(start, start + seconds(119)));
        assert!(rest.is_due(start, start + seconds(120)));
    }

    #[test]
    fn a_rest_begins_once_and_ends_when_something_is_wanted() {
        let (mut rest, start) = begin();
        rest.hear(false, start);
        assert!(rest.without_link(true, start + seconds(60)));
        assert!(rest.is_resting());
        assert!(!rest.without_link(false, start + seconds(61)), "a look-in");
        assert!(rest.is_resting());
        assert!(rest.hear(true, start + seconds(62)));
        assert!(!rest.is_resting());
    }

    #[test]
    fn who_still_wants_something_does_not_rest_whatever_the_partner_says() {
        let (mut rest, start) = begin();
        rest.hear(true, start);
        assert!(!rest.without_link(true, start + seconds(10_000)));
        assert!(!rest.is_resting());
    }

    #[test]
    fn a_link_that_breaks_is_tried_again_but_not_for_ever() {
        let (mut rest, start) = begin();
        rest.hear(false, start);
        assert!(!rest.without_link(false, start + seconds(599)));
        assert!(rest.without_link(false, start + seconds(600)));
    }

    #[test]
    fn looks_in_within_ten_minutes() {
        let (rest, _) = begin();
        assert_eq!(rest.look_in(0), seconds(300));
        assert_eq!(rest.look_in(500), seconds(450));
        assert_eq!(rest.look_in(u32::MAX), seconds(600));
    }
}
