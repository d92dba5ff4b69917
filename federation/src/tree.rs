//! The Merkle tree of a log: RFC 6962 §2.1 with SHA-256, one leaf per header.
//!
//! Here are hashes, the right edge of a growing tree ([`Frontier`]), and proofs. Knows nothing of
//! headers, signatures or stores: leaves come in as hashes, and what a proof needs from disk is
//! named by [`Nodes::missing_for_consistency`] and [`Nodes::missing_for_inclusion`] before it is
//! made.

use sha2::{Digest, Sha256};

mod frontier;
mod proof;

pub use frontier::{Frontier, FullTile, InvalidFrontier};
pub use proof::{InvalidProof, Missing, MissingHash, Nodes, verify_consistency, verify_inclusion};

/// A SHA-256 hash of the tree: of a leaf, of an inner node, or a root.
pub type Hash = [u8; 32];

/// Leaves of one tile, the unit in which hashes are kept on disk and entries are backfilled.
pub const TILE_LEAVES: u64 = 1 << TILE_LEVEL;

/// The level of the node over one full tile. Leaves are level 0.
pub const TILE_LEVEL: u8 = 8;

/// The hash of a leaf: SHA-256 of a zero byte and the header, as its origin encoded it.
pub fn leaf_hash(header_bytes: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(header_bytes)
        .finalize()
        .into()
}

/// The hash of an inner node: SHA-256 of a one byte and the hashes of both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The largest power of two that is smaller than `size`; `size` is at least 2.
fn split(size: u64) -> u64 {
    assert!(size >= 2, "a tree of fewer than two leaves has no children");
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

#[cfg(test)]
mod tests;
