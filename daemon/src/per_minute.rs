//! How often something may happen within a minute. Pure: time is an argument.

const MINUTE_MILLIS: u64 = 60_000;

/// Counts within the present minute.
#[derive(Debug, Clone)]
pub struct PerMinute {
    most: u32,
    began_steady_millis: u64,
    count: u32,
}

impl PerMinute {
    /// Nothing happened yet; `most` may within a minute.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            began_steady_millis: 0,
            count: 0,
        }
    }

    /// Whether it may happen once more at `steady_millis`.
    pub fn admits(&mut self, steady_millis: u64) -> bool {
        if steady_millis.saturating_sub(self.began_steady_millis) >= MINUTE_MILLIS {
            self.began_steady_millis = steady_millis;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_most_of_a_minute_waits_for_the_next() {
        let mut window = PerMinute::new(60);
        let admitted = (0..1000).filter(|_| window.admits(5)).count();
        assert_eq!(admitted, 60);
        assert!(!window.admits(MINUTE_MILLIS - 1));
        assert!(window.admits(MINUTE_MILLIS));
    }
}
