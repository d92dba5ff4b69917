//! How often something may happen within a minute. Pure: time is an argument.

use std::collections::BTreeMap;

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

/// Counts within the present minute, for each of some that are told apart: one leaves room for the others.
#[derive(Debug, Clone)]
pub struct PerMinuteOfEach<K> {
    all: PerMinute,
    most_of_each: u32,
    told_apart_max: usize,
    began_steady_millis: u64,
    counts: BTreeMap<K, u32>,
    /// Of all that came when no more could be told apart.
    others: u32,
}

impl<K: Ord> PerMinuteOfEach<K> {
    /// Nothing happened yet; within a minute `most` may, and `most_of_each` of one.
    #[must_use]
    pub fn new(most: u32, most_of_each: u32, told_apart_max: usize) -> Self {
        Self {
            all: PerMinute::new(most),
            most_of_each,
            told_apart_max,
            began_steady_millis: 0,
            counts: BTreeMap::new(),
            others: 0,
        }
    }

    /// Whether it may happen once more, for `key` at `steady_millis`. What one may not do counts for nobody else.
    pub fn admits(&mut self, key: K, steady_millis: u64) -> bool {
        if steady_millis.saturating_sub(self.began_steady_millis) >= MINUTE_MILLIS {
            self.began_steady_millis = steady_millis;
            self.counts.clear();
            self.others = 0;
        }
        let full = self.counts.len() >= self.told_apart_max;
        let count = match full && !self.counts.contains_key(&key) {
            true => &mut self.others,
            false => self.counts.entry(key).or_default(),
        };
        *count = count.saturating_add(1);
        *count <= self.most_of_each && self.all.admits(steady_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leaves_room_for_the_others() {
        let mut window = PerMinuteOfEach::new(10, 4, 2);
        let count = |window: &mut PerMinuteOfEach<u8>, key, at| {
            (0..100).filter(|_| window.admits(key, at)).count()
        };
        assert_eq!(count(&mut window, 1, 5), 4);
        assert_eq!(count(&mut window, 2, 5), 4);
        // The third is not told apart from further ones, and all together have what is left.
        assert_eq!(count(&mut window, 3, 5), 2);
        assert_eq!(count(&mut window, 4, 5), 0);
        assert_eq!(window.counts.len(), 2);
        assert_eq!(count(&mut window, 4, 5 + MINUTE_MILLIS), 4);
    }

    #[test]
    fn what_is_beyond_the_most_of_a_minute_waits_for_the_next() {
        let mut window = PerMinute::new(60);
        let admitted = (0..1000).filter(|_| window.admits(5)).count();
        assert_eq!(admitted, 60);
        assert!(!window.admits(MINUTE_MILLIS - 1));
        assert!(window.admits(MINUTE_MILLIS));
    }
}
