//! The right edge of a growing tree: all that is needed to append to it and to know its root.

use super::{Hash, TILE_LEVEL, empty_root, leaf_hash, node_hash};

/// Size of a tree and the hashes of the perfect subtrees that it consists of, largest first: one
/// for each bit that is set in the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    edge: Vec<Hash>,
}

/// A tile whose last leaf was just appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullTile {
    /// Which tile: its first leaf is leaf `index * 256`.
    pub index: u64,
    /// The node of level 8 over its leaves.
    pub hash: Hash,
}

/// Why bytes are no frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrontier {
    /// Fewer than the eight bytes of the size.
    #[error("expected a size of 8 bytes, found {found_bytes} bytes in all")]
    NoSize {
        /// How many bytes there are.
        found_bytes: usize,
    },
    /// Not as many hashes as the size has bits set.
    #[error("expected {expected_bytes} bytes of hashes for the size, found {found_bytes}")]
    Hashes {
        /// What the size demands.
        expected_bytes: usize,
        /// How many there are.
        found_bytes: usize,
    },
}

impl Frontier {
    /// The tree without leaves.
    pub const EMPTY: Self = Self {
        size: 0,
        edge: Vec::new(),
    };

    /// A tree of the perfect subtrees that its size consists of, largest first.
    pub(super) fn of_subtrees(size: u64, edge: Vec<Hash>) -> Self {
        assert_eq!(
            edge.len(),
            size.count_ones() as usize,
            "one for each bit of the size"
        );
        Self { size, edge }
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The perfect subtrees of the right edge, largest first, as (level, index in level, hash).
    pub fn subtrees(&self) -> impl Iterator<Item = (u8, u64, Hash)> + '_ {
        let mut start = 0u64;
        let levels = (0..u64::BITS as u8)
            .rev()
            .filter(|level| self.size >> level & 1 == 1);
        levels.zip(&self.edge).map(move |(level, hash)| {
            let index = start >> level;
            start += 1 << level;
            (level, index, *hash)
        })
    }

    /// Appends the leaf of `header_bytes`; tells if that filled a tile.
    pub fn append_header(&mut self, header_bytes: &[u8]) -> Option<FullTile> {
        self.append(leaf_hash(header_bytes))
    }

    /// Appends a leaf; tells if that filled a tile.
    ///
    /// # Panics
    ///
    /// With more than 2^64 - 1 leaves, which nobody can append one by one.
    pub fn append(&mut self, leaf: Hash) -> Option<FullTile> {
        let mut node = leaf;
        let mut full = None;
        for level in 1..=self.size.trailing_ones() as u8 {
            let left = self
                .edge
                .pop()
                .expect("the edge has a hash for each bit of the size");
            node = node_hash(&left, &node);
            if level == TILE_LEVEL {
                full = Some(FullTile {
                    index: self.size >> TILE_LEVEL,
                    hash: node,
                });
            }
        }
        self.edge.push(node);
        self.size = self
            .size
            .checked_add(1)
            .expect("nobody appends 2^64 leaves");
        full
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut hashes = self.edge.iter().rev();
        let Some(smallest) = hashes.next() else {
            return empty_root();
        };
        hashes.fold(*smallest, |right, left| node_hash(left, &right))
    }

    /// The size in eight bytes, most significant first, then the hashes, largest subtree first.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.edge.iter().flatten());
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidFrontier> {
        let (size, hashes) = bytes
            .split_first_chunk::<8>()
            .ok_or(InvalidFrontier::NoSize {
                found_bytes: bytes.len(),
            })?;
        let size = u64::from_be_bytes(*size);
        let expected_bytes = size.count_ones() as usize * size_of::<Hash>();
        if hashes.len() != expected_bytes {
            return Err(InvalidFrontier::Hashes {
                expected_bytes,
                found_bytes: hashes.len(),
            });
        }
        let (edge, _) = hashes.as_chunks::<32>();
        Ok(Self {
            size,
            edge: edge.to_vec(),
        })
    }
}
