//! Proofs that a tree is the beginning of another, or that a leaf is in one.
//!
//! Shapes are RFC 6962 §2.1.1 and §2.1.2; verification is RFC 9162 §2.1.3.2 and §2.1.4.2.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Frontier, Hash, TILE_LEVEL, empty_root, node_hash, split};
use crate::bounds::PROOF_HASHES_MAX;

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProof {
    /// More hashes than the largest possible tree needs.
    #[error("expected at most {PROOF_HASHES_MAX} hashes, found {found}")]
    TooLong {
        /// How many there are.
        found: usize,
    },
    /// More or fewer hashes than the two sizes need.
    #[error("the number of hashes does not fit the sizes")]
    Length,
    /// The smaller tree is the larger one.
    #[error("expected a size of at most {larger}, found {smaller}")]
    Sizes {
        /// What was said to be the smaller size.
        smaller: u64,
        /// What was said to be the larger size.
        larger: u64,
    },
    /// The leaf is not in a tree of that size.
    #[error("expected an index below the size {size}, found {index}")]
    Index {
        /// The index of the leaf.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The hashes lead to another root of the smaller tree.
    #[error("the hashes do not lead to the root of the smaller tree")]
    SmallerRoot,
    /// The hashes lead to another root of the (larger) tree.
    #[error("the hashes do not lead to the root of the tree")]
    Root,
}

/// Nodes of one tree that are known; enough of them, and proofs can be made.
///
/// Fill it with the frontier, then with what [`Self::missing_for_consistency`] or
/// [`Self::missing_for_inclusion`] asks for. Nodes that were filled in stay right as the tree
/// grows, so one value can serve a whole backfill.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    known: BTreeMap<(u8, u64), Hash>,
    /// Hashes over leaves up to the end of the tree, which are no perfect subtrees.
    edges: BTreeMap<(u64, u64), Hash>,
}

/// What must be read before a proof can be made. Ranges ascend and do not touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missing {
    /// Full tiles of which the hash is needed, by index.
    pub tiles: Vec<Range<u64>>,
    /// Entries of which the leaf hash, so the header, is needed, by sequence; within at most two
    /// tiles.
    pub leaves: Vec<Range<u64>>,
}

impl Missing {
    /// Whether the proof can be made now.
    pub fn is_empty(&self) -> bool {
        self.tiles.is_empty() && self.leaves.is_empty()
    }
}

/// A hash that a proof needs is not among the known nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node over leaf {first} of level {level} is not known")]
pub struct MissingHash {
    /// The level; leaves are 0, tiles are 8.
    pub level: u8,
    /// The first leaf below it.
    pub first: u64,
}

impl Nodes {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the subtrees of a frontier.
    pub fn add_frontier(&mut self, frontier: &Frontier) {
        self.known.extend(
            frontier
                .subtrees()
                .map(|(level, index, hash)| ((level, index), hash)),
        );
    }

    /// Adds the hash of a full tile.
    pub fn add_tile(&mut self, index: u64, hash: Hash) {
        self.known.insert((TILE_LEVEL, index), hash);
    }

    /// Adds the hash of a leaf.
    pub fn add_leaf(&mut self, sequence: u64, hash: Hash) {
        self.known.insert((0, sequence), hash);
    }

    /// Adds the hashes of a proof that the first `smaller` leaves begin the tree of `larger`. With
    /// the leaves before `smaller`, proofs to that tree can be made without one leaf beyond.
    ///
    /// A proof that was not verified yields proofs that will not verify either.
    pub fn add_consistency_proof(&mut self, smaller: u64, larger: u64, proof: &[Hash]) {
        for (range, hash) in consistency_ranges(smaller, larger).iter().zip(proof) {
            match perfect_subtrees(range)[..] {
                [subtree] => self.known.insert(subtree, *hash),
                _ => self.edges.insert((range.start, range.end), *hash),
            };
        }
    }

    /// What is missing for [`Self::consistency_proof`].
    pub fn missing_for_consistency(&self, smaller: u64, larger: u64) -> Missing {
        self.missing(&consistency_ranges(smaller, larger))
    }

    /// The right edge of the tree of the first `size` leaves.
    pub fn frontier(&self, size: u64) -> Result<Frontier, MissingHash> {
        let subtrees = perfect_subtrees(&(0..size)).into_iter();
        let edge: Result<_, _> = subtrees
            .map(|(level, index)| self.node(level, index))
            .collect();
        Ok(Frontier::of_subtrees(size, edge?))
    }

    /// What is missing for [`Self::inclusion_proof`].
    pub fn missing_for_inclusion(&self, index: u64, size: u64) -> Missing {
        self.missing(&inclusion_ranges(index, size))
    }

    /// Proof that the tree of the first `smaller` leaves is the beginning of that of `larger`.
    ///
    /// Empty if the sizes are equal, if `smaller` is 0 or if it is not smaller.
    pub fn consistency_proof(&self, smaller: u64, larger: u64) -> Result<Vec<Hash>, MissingHash> {
        let ranges = consistency_ranges(smaller, larger);
        ranges.iter().map(|range| self.range_hash(range)).collect()
    }

    /// Proof that leaf `index` is in the tree of the first `size` leaves.
    ///
    /// Empty if the leaf is the whole tree, or not in it.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, MissingHash> {
        let ranges = inclusion_ranges(index, size);
        ranges.iter().map(|range| self.range_hash(range)).collect()
    }

    fn range_hash(&self, range: &Range<u64>) -> Result<Hash, MissingHash> {
        if let Some(hash) = self.edges.get(&(range.start, range.end)) {
            return Ok(*hash);
        }
        match perfect_subtrees(range)[..] {
            [] => Ok(empty_root()),
            [(level, index)] => self.node(level, index),
            _ => {
                let middle = range.start + split(range.end - range.start);
                let right = self.range_hash(&(middle..range.end))?;
                Ok(node_hash(&self.range_hash(&(range.start..middle))?, &right))
            }
        }
    }

    fn node(&self, level: u8, index: u64) -> Result<Hash, MissingHash> {
        if let Some(hash) = self.known.get(&(level, index)) {
            return Ok(*hash);
        }
        if level == 0 || !self.knows_below(level, index) {
            return Err(MissingHash {
                level,
                first: index << level,
            });
        }
        let left = self.node(level - 1, index * 2)?;
        let right = self.node(level - 1, index * 2 + 1)?;
        Ok(node_hash(&left, &right))
    }

    /// Whether any node below this one is known: stops the search in the empty part of the tree.
    fn knows_below(&self, level: u8, index: u64) -> bool {
        (0..level).any(|below| {
            let first = index << (level - below);
            let last = first + ((1 << (level - below)) - 1);
            self.known
                .range((below, first)..=(below, last))
                .next()
                .is_some()
        })
    }

    fn missing(&self, ranges: &[Range<u64>]) -> Missing {
        let mut missing = Missing::default();
        let mut subtrees = Vec::new();
        for range in ranges {
            self.unknown_subtrees(range, &mut subtrees);
        }
        subtrees.sort_unstable_by_key(|(level, index)| index << level);
        for (level, index) in subtrees {
            self.missing_below(level, index, &mut missing);
        }
        missing
    }

    /// The perfect subtrees of a range, without those below a known hash.
    fn unknown_subtrees(&self, range: &Range<u64>, subtrees: &mut Vec<(u8, u64)>) {
        if self.edges.contains_key(&(range.start, range.end)) {
            return;
        }
        match perfect_subtrees(range)[..] {
            [] => {}
            [subtree] => subtrees.push(subtree),
            _ => {
                let middle = range.start + split(range.end - range.start);
                self.unknown_subtrees(&(range.start..middle), subtrees);
                self.unknown_subtrees(&(middle..range.end), subtrees);
            }
        }
    }

    fn missing_below(&self, level: u8, index: u64, missing: &mut Missing) {
        if self.known.contains_key(&(level, index)) {
            return;
        }
        let descend = match level {
            0 => false,
            // A tile's hash is one read; leaves that are known help only if they are all known.
            TILE_LEVEL if self.node(level, index).is_ok() => return,
            TILE_LEVEL => false,
            _ => self.knows_below(level, index),
        };
        if descend {
            self.missing_below(level - 1, index * 2, missing);
            self.missing_below(level - 1, index * 2 + 1, missing);
        } else if level < TILE_LEVEL {
            extend(&mut missing.leaves, index << level..(index + 1) << level);
        } else {
            let up = level - TILE_LEVEL;
            extend(&mut missing.tiles, index << up..(index + 1) << up);
        }
    }
}

/// Adds `next` to ascending ranges, joined to the last if they touch.
fn extend(ranges: &mut Vec<Range<u64>>, next: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == next.start => last.end = next.end,
        _ => ranges.push(next),
    }
}

/// The leaves below each hash of PROOF(`smaller`, D\[`larger`\]), in the order of the proof.
fn consistency_ranges(smaller: u64, larger: u64) -> Vec<Range<u64>> {
    if smaller == 0 || smaller >= larger {
        return Vec::new();
    }
    let mut ranges = Vec::new();
    let (mut start, mut end) = (0, larger);
    // Whether the part looked at begins with the whole smaller tree, whose root the verifier has.
    let mut whole = true;
    while smaller != end {
        let middle = start + split(end - start);
        if smaller <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        ranges.push(start..end);
    }
    ranges.reverse();
    ranges
}

/// The leaves below each hash of PATH(`index`, D\[`size`\]), in the order of the proof.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    if index >= size {
        return Vec::new();
    }
    let mut ranges = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The perfect subtrees that a range of leaves consists of, largest first, as (level, index).
///
/// The range is a subtree of RFC 6962: it begins at a multiple of a power of two that is not
/// smaller than its length.
fn perfect_subtrees(range: &Range<u64>) -> Vec<(u8, u64)> {
    let mut subtrees = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let level = (u64::BITS - 1 - (range.end - start).leading_zeros()) as u8;
        subtrees.push((level, start >> level));
        start += 1 << level;
    }
    subtrees
}

/// Checks that the tree of `smaller` leaves is the beginning of that of `larger` (RFC 9162
/// §2.1.4.2). Any tree begins with the empty one, and equal sizes need equal roots; both without
/// a proof.
pub fn verify_consistency(
    smaller: u64,
    smaller_root: &Hash,
    larger: u64,
    larger_root: &Hash,
    proof: &[Hash],
) -> Result<(), InvalidProof> {
    check_length(proof)?;
    if smaller > larger {
        return Err(InvalidProof::Sizes { smaller, larger });
    }
    if smaller == larger || smaller == 0 {
        if !proof.is_empty() {
            return Err(InvalidProof::Length);
        }
        if smaller == 0 && *smaller_root != empty_root() {
            return Err(InvalidProof::SmallerRoot);
        }
        return require(
            smaller == 0 || smaller_root == larger_root,
            InvalidProof::Root,
        );
    }
    let mut hashes = proof.iter();
    let first = match smaller.is_power_of_two() {
        true => smaller_root,
        false => hashes.next().ok_or(InvalidProof::Length)?,
    };
    let shared = (smaller - 1).trailing_ones();
    let mut node = (smaller - 1) >> shared;
    let mut last = (larger - 1) >> shared;
    let (mut smaller_node, mut larger_node) = (*first, *first);
    for hash in hashes {
        require(last != 0, InvalidProof::Length)?;
        if node & 1 == 1 || node == last {
            smaller_node = node_hash(hash, &smaller_node);
            larger_node = node_hash(hash, &larger_node);
            // The node has no right sibling on these levels, so nothing was hashed there.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            larger_node = node_hash(&larger_node, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    require(last == 0, InvalidProof::Length)?;
    require(smaller_node == *smaller_root, InvalidProof::SmallerRoot)?;
    require(larger_node == *larger_root, InvalidProof::Root)
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    index: u64,
    leaf: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), InvalidProof> {
    check_length(proof)?;
    if index >= size {
        return Err(InvalidProof::Index { index, size });
    }
    let (mut position, mut last) = (index, size - 1);
    let mut node = *leaf;
    for hash in proof {
        require(last != 0, InvalidProof::Length)?;
        if position & 1 == 1 || position == last {
            node = node_hash(hash, &node);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            node = node_hash(&node, hash);
        }
        position >>= 1;
        last >>= 1;
    }
    require(last == 0, InvalidProof::Length)?;
    require(node == *root, InvalidProof::Root)
}

fn check_length(proof: &[Hash]) -> Result<(), InvalidProof> {
    let found = proof.len();
    require(found <= PROOF_HASHES_MAX, InvalidProof::TooLong { found })
}

fn require(holds: bool, otherwise: InvalidProof) -> Result<(), InvalidProof> {
    match holds {
        true => Ok(()),
        false => Err(otherwise),
    }
}
