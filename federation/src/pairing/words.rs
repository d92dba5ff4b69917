//! The six words that two administrators read to each other.
//!
//! Knows nothing of who may approve what.

use bip39::Language;
use sha2::{Digest as _, Sha256};

use super::InvitationSecret;
use crate::key::VerifyingKey;

/// Words shown.
const WORDS: usize = 6;

/// Bits of the hash in one word.
const WORD_BITS: usize = 11;

/// The six words of a pairing: the first 66 bits of SHA-256(`"foedus/words/v1\n"` ‖ inviter's root ‖
/// invitee's root ‖ secret), 11 bits a word, most significant first, from BIP-39's English list.
pub fn six_words(
    inviter_root: &VerifyingKey,
    invitee_root: &VerifyingKey,
    secret: &InvitationSecret,
) -> [&'static str; WORDS] {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(b"foedus/words/v1\n")
        .chain_update(inviter_root.as_bytes())
        .chain_update(invitee_root.as_bytes())
        .chain_update(secret.expose())
        .finalize()
        .into();
    let list = Language::English.word_list();
    std::array::from_fn(|word| {
        let bits = word * WORD_BITS..(word + 1) * WORD_BITS;
        let bit = |at: usize| usize::from(hash[at / 8] >> (7 - at % 8) & 1);
        list[bits.fold(0, |index, at| index << 1 | bit(at))]
    })
}
