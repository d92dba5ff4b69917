//! How much one partner may send us in a second. What is beyond it is not refused: it is not taken yet, so that credit
//! runs out and the partner waits.
//!
//! Pure: time is an argument. Knows nothing of frames and connections. What a partner brings counts for itself, whoever
//! wrote it: who hands on another's words again and again uses up nobody's allowance but its own.

use std::time::Duration;

use crate::bounds::ALLOWANCE_BURST_MICROS;

/// What one partner has used, over all its connections.
#[derive(Debug)]
pub(super) struct Allowance {
    bytes_per_second: u64,
    /// By when what came is paid off, at the allowed pace; in microseconds of the steady clock.
    paid_at_micros: u64,
}

impl Allowance {
    /// Nothing came yet.
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            paid_at_micros: 0,
        }
    }

    /// So much came.
    pub(super) fn spend(&mut self, bytes: u64, steady_millis: u64) {
        let now = steady_millis.saturating_mul(1000);
        let cost = u128::from(bytes) * 1_000_000 / u128::from(self.bytes_per_second);
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        self.paid_at_micros = self.paid_at_micros.max(now).saturating_add(cost);
    }

    /// How long nothing further is taken; `None` if it is.
    pub(super) fn waits(&self, steady_millis: u64) -> Option<Duration> {
        let now = steady_millis.saturating_mul(1000);
        let from = self.paid_at_micros.saturating_sub(ALLOWANCE_BURST_MICROS);
        let left = from.saturating_sub(now);
        (left > 0).then(|| Duration::from_micros(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_it_comes_at_once_and_the_rest_at_its_pace() {
        let mut allowance = Allowance::new(1000);
        allowance.spend(1000, 5_000);
        assert_eq!(allowance.waits(5_000), None);
        allowance.spend(500, 5_000);
        assert_eq!(allowance.waits(5_000), Some(Duration::from_millis(500)));
        assert_eq!(allowance.waits(5_400), Some(Duration::from_millis(100)));
        assert_eq!(allowance.waits(5_500), None);
        // What was not used is not kept for later.
        allowance.spend(2000, 1_000_000);
        assert_eq!(allowance.waits(1_000_000), Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_beyond_all_numbers_waits_and_does_not_panic() {
        let mut allowance = Allowance::new(0);
        allowance.spend(u64::MAX, u64::MAX);
        allowance.spend(u64::MAX, u64::MAX);
        assert_eq!(allowance.waits(u64::MAX), None);
        assert!(allowance.waits(0).is_some());
    }
}
