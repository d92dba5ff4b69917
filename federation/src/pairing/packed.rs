//! What a pasted text holds: an organisation's identity, and what it says.
//!
//! Knows nothing of what follows the identity.

use crate::bounds::IDENTITY_CHAIN_NOTES_MAX;
use crate::identity::{IdentityChain, InvalidChain};
use crate::note::Verified;

/// Why a payload does not hold an identity and the parts that should follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPacked {
    /// Not that many parts, or something after them.
    #[error("expected an identity of 1 to {IDENTITY_CHAIN_NOTES_MAX} notes and what belongs to it")]
    Parts,
    /// Nobody proves who it is.
    #[error("the identity is not valid")]
    Identity(#[source] InvalidChain),
}

/// The number of identity notes in one byte; then these notes and `parts`, each with its length in
/// two bytes before it.
pub(super) fn pack<const PARTS: usize>(identity: &IdentityChain, parts: [&[u8]; PARTS]) -> Vec<u8> {
    let notes = identity.notes();
    let count = u8::try_from(notes.len()).expect("a chain has at most 8 notes");
    let mut payload = vec![count];
    for part in notes.iter().map(Verified::bytes).chain(parts) {
        let length = u16::try_from(part.len()).expect("notes and lines are shorter than 64 KiB");
        payload.extend_from_slice(&length.to_be_bytes());
        payload.extend_from_slice(part);
    }
    payload
}

/// Reads what [`pack`] writes, and verifies the identity.
pub(super) fn unpack<const PARTS: usize>(
    payload: &[u8],
) -> Result<(IdentityChain, [&[u8]; PARTS]), InvalidPacked> {
    let (count, mut rest) = payload.split_first().ok_or(InvalidPacked::Parts)?;
    let count = usize::from(*count);
    if !(1..=IDENTITY_CHAIN_NOTES_MAX).contains(&count) {
        return Err(InvalidPacked::Parts);
    }
    let mut found = Vec::with_capacity(count + PARTS);
    for _ in 0..count + PARTS {
        let (length, tail) = rest.split_first_chunk().ok_or(InvalidPacked::Parts)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (part, tail) = tail.split_at_checked(length).ok_or(InvalidPacked::Parts)?;
        found.push(part);
        rest = tail;
    }
    if !rest.is_empty() {
        return Err(InvalidPacked::Parts);
    }
    let (notes, parts) = found.split_at(count);
    let identity = IdentityChain::verify(notes.iter().copied()).map_err(InvalidPacked::Identity)?;
    let parts = parts.try_into().expect("as many parts as were read");
    Ok((identity, parts))
}
