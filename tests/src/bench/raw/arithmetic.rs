//! What one core computes: hashes and signatures.

use std::hint::black_box;
use std::time::Duration;

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};

use super::a_second;

/// What is hashed at a time: long enough that the beginning and the end of a hash do not count.
const HASHED_BYTES: usize = 64 * 1024;

/// SHA-256 of long texts.
pub fn hashed_megabytes_a_second(time: Duration) -> f64 {
    let bytes = vec![7; HASHED_BYTES];
    let rate = a_second(time, || {
        black_box(Sha256::digest(black_box(&bytes)));
    });
    rate * HASHED_BYTES as f64 / 1e6
}

/// Ed25519 of a text as long as a checkpoint: signed, and verified strictly.
pub fn signatures_a_second(time: Duration) -> (f64, f64) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let text = [7; 256];
    let signature = key.sign(&text);
    let signed = a_second(time, || {
        black_box(key.sign(black_box(&text)));
    });
    let public = key.verifying_key();
    let verified = a_second(time, || {
        let verdict = public.verify_strict(black_box(&text), &signature);
        black_box(verdict).expect("our own signature is good");
    });
    (signed, verified)
}
