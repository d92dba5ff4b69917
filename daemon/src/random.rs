//! Randomness: the one place of the program that draws any.
//!
//! The core never draws; what it needs comes in with each input.

/// Fresh bytes from the operating system's source.
///
/// # Panics
/// If the system has none, which would make every key and every secret worthless.
#[must_use]
pub fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the system's source of randomness works");
    bytes
}
