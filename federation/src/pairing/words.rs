//! The six words that two administrators read to each other.
//!
//! Knows nothing of who may approve what.

use bip39::Language;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::InvitationSecret;
use crate::bounds::WORDS_TYPED_BYTES_MAX;
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

/// Whether somebody typed the words `expected`: in any case, with any white space or hyphens between
/// them. How long it takes does not tell how many are right.
pub fn words_match(expected: &[&str; WORDS], typed: &str) -> bool {
    if typed.len() > WORDS_TYPED_BYTES_MAX {
        return false;
    }
    let typed = typed.to_lowercase();
    let typed: Vec<&str> = typed
        .split(|letter: char| letter.is_whitespace() || letter == '-')
        .filter(|word| !word.is_empty())
        .collect();
    // Hashes have one length, so that comparing them tells nothing.
    let hash = |words: &[&str]| Sha256::digest(words.join(" ").as_bytes());
    hash(expected)
        .as_slice()
        .ct_eq(hash(&typed).as_slice())
        .into()
}
