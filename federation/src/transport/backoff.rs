//! How long to wait before the next attempt to reach a partner.
//!
//! Pure: time and jitter are arguments. It knows nothing of sockets.

use crate::bounds::transport as bounds;

/// The state of the attempts to reach one partner.
///
/// Delays double from 0.2 s to 5 s in the first ten minutes without a sign of life, then on to
/// 60 s. So a partner that was away for a day is back within a minute of its return, and at once
/// where it calls us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backoff {
    failing_since_millis: Option<u64>,
    delay_millis: Option<u64>,
}

impl Backoff {
    /// A sign of life: the partner dialled us, a link came up, a frame arrived.
    pub fn alive(&mut self) {
        *self = Self::default();
    }

    /// An attempt failed at `steady_millis`. Milliseconds to wait before the next one.
    ///
    /// `jitter_permille` is drawn anew for each call from 0 to 1000 (more counts as 1000); the
    /// delay is between half of its nominal length (0) and the whole of it (1000), so that
    /// partners that lost us at one moment don't come back at one moment.
    pub fn failed(&mut self, steady_millis: u64, jitter_permille: u32) -> u64 {
        let since = *self.failing_since_millis.get_or_insert(steady_millis);
        let early = steady_millis.saturating_sub(since) < bounds::BACKOFF_EARLY_MILLIS;
        let most = if early {
            bounds::BACKOFF_EARLY_DELAY_MILLIS_MAX
        } else {
            bounds::BACKOFF_DELAY_MILLIS_MAX
        };
        let nominal = self
            .delay_millis
            .map_or(bounds::BACKOFF_DELAY_MILLIS_MIN, |last| {
                last.saturating_mul(2)
            })
            .min(most);
        self.delay_millis = Some(nominal);
        let half = nominal / 2;
        half + (nominal - half) * u64::from(jitter_permille.min(1000)) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delays of attempts that fail at once, without jitter, until `until_millis`.
    fn delays(backoff: &mut Backoff, from_millis: u64, until_millis: u64) -> Vec<u64> {
        let mut now = from_millis;
        let mut found = Vec::new();
        while now < until_millis {
            let delay = backoff.failed(now, 1000);
            found.push(delay);
            now += delay;
        }
        found
    }

    #[test]
    fn grows_to_five_seconds_then_after_ten_minutes_to_sixty() {
        let mut backoff = Backoff::default();
        let early = delays(&mut backoff, 1_000, 601_000);
        assert_eq!(early[..6], [200, 400, 800, 1_600, 3_200, 5_000]);
        assert!(early[5..].iter().all(|delay| *delay == 5_000));
        let late = delays(&mut backoff, 601_000, 3_600_000);
        assert_eq!(late[..5], [10_000, 20_000, 40_000, 60_000, 60_000]);
    }

    #[test]
    fn a_sign_of_life_begins_anew() {
        let mut backoff = Backoff::default();
        delays(&mut backoff, 0, 3_600_000);
        backoff.alive();
        assert_eq!(backoff.failed(3_600_000, 1000), 200);
        assert_eq!(backoff.failed(3_600_200, 1000), 400);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(Backoff::default().failed(0, 0), 100);
        assert_eq!(Backoff::default().failed(0, 500), 150);
        assert_eq!(Backoff::default().failed(0, u32::MAX), 200);
    }
}
