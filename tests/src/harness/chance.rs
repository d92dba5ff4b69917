//! Chance that can be repeated: where a test kills and cuts comes from one seed, which a failure prints.

use std::env;

/// Names the seed to begin with, to repeat a test that failed.
pub const SEED_VARIABLE: &str = "FOEDUS_SEED";

/// Numbers by xorshift from a seed.
#[derive(Debug, Clone, Copy)]
pub struct Chance(u64);

impl Chance {
    /// From the seed that [`SEED_VARIABLE`] names, or a new one. It is printed, which is shown if the test fails.
    #[must_use]
    pub fn drawn() -> Self {
        let named = env::var(SEED_VARIABLE)
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = named.unwrap_or_else(std::process::id);
        eprintln!("to repeat it: {SEED_VARIABLE}={seed}");
        Self::of(seed)
    }

    /// From this seed.
    #[must_use]
    pub fn of(seed: u32) -> Self {
        // Zero would stay zero.
        Self(u64::from(seed) << 1 | 1)
    }

    /// A number from `least` to below `limit`.
    pub fn between(&mut self, least: u64, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        least + (self.0 >> 16) % (limit - least)
    }

    /// One way or the other.
    pub fn coin(&mut self) -> bool {
        self.between(0, 2) == 0
    }

    /// Chance for somebody else, of its own.
    #[must_use]
    pub fn apart(&mut self) -> Self {
        Self(self.between(0, u64::MAX >> 17) << 1 | 1)
    }
}
