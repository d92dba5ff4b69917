//! Compares the tree with a second, naive implementation that follows RFC 6962 §2.1 word by word.

use super::*;

const SIZES: u64 = 600;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// MTH of RFC 6962 §2.1, on leaf hashes.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_split(size: usize) -> usize {
    let mut middle = 1;
    while middle * 2 < size {
        middle *= 2;
    }
    middle
}

/// PATH of RFC 6962 §2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = naive_split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = match index < middle {
        true => (naive_path(index, left), naive_root(right)),
        false => (naive_path(index - middle, right), naive_root(left)),
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 §2.1.2.
fn naive_subproof(smaller: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if smaller == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![naive_root(leaves)]
        };
    }
    let middle = naive_split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut proof, sibling) = match smaller <= middle {
        true => (naive_subproof(smaller, left, whole), naive_root(right)),
        false => (
            naive_subproof(smaller - middle, right, false),
            naive_root(left),
        ),
    };
    proof.push(sibling);
    proof
}

/// A frontier over `leaves(size)` and the tiles that filled on the way.
fn grown(size: u64) -> (Frontier, Vec<FullTile>) {
    let mut frontier = Frontier::EMPTY;
    let tiles = (0..size)
        .filter_map(|index| frontier.append(leaf(index)))
        .collect();
    (frontier, tiles)
}

/// Fills in exactly what is said to be missing, and nothing else.
fn fill(nodes: &mut Nodes, missing: &Missing, tiles: &[FullTile]) {
    for index in missing.tiles.iter().cloned().flatten() {
        let tile = tiles[usize::try_from(index).expect("a small index")];
        assert_eq!(tile.index, index);
        nodes.add_tile(index, tile.hash);
    }
    for sequence in missing.leaves.iter().cloned().flatten() {
        nodes.add_leaf(sequence, leaf(sequence));
    }
}

fn tiles_touched(missing: &Missing) -> usize {
    let mut tiles: Vec<u64> = missing
        .leaves
        .iter()
        .cloned()
        .flatten()
        .map(|leaf| leaf / 256)
        .collect();
    tiles.dedup();
    tiles.len()
}

#[test]
fn the_empty_tree_is_the_hash_of_nothing() {
    let root = data_encoding::HEXLOWER.encode(&Frontier::EMPTY.root());
    assert_eq!(
        root,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

/// The leaves and roots of the reference tests of RFC 6962's authors (certificate-transparency,
/// `merkle_tree_test`).
#[test]
fn known_answers() {
    let inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::EMPTY;
    for (input, root) in inputs.iter().zip(roots) {
        let input = data_encoding::HEXLOWER
            .decode(input.as_bytes())
            .expect("hexadecimal");
        frontier.append_header(&input);
        assert_eq!(data_encoding::HEXLOWER.encode(&frontier.root()), root);
    }
}

#[test]
fn roots_are_those_of_the_naive_tree() {
    let all = leaves(SIZES);
    let mut frontier = Frontier::EMPTY;
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!(frontier.root(), naive_root(&all[..size]), "size {size}");
        assert_eq!(Frontier::decode(&frontier.encode()), Ok(frontier.clone()));
        let tile = frontier.append(*leaf);
        assert_eq!(tile.is_some(), (size + 1) % 256 == 0, "size {size}");
        if let Some(tile) = tile {
            assert_eq!(tile.hash, naive_root(&all[size + 1 - 256..=size]));
            assert_eq!(tile.index, size as u64 / 256);
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_naive_tree() {
    for (smaller, larger) in size_pairs() {
        let all = leaves(larger);
        let (frontier, tiles) = grown(larger);
        let (earlier, _) = grown(smaller);
        let mut nodes = Nodes::new();
        nodes.add_frontier(&frontier);
        let missing = nodes.missing_for_consistency(smaller, larger);
        assert!(
            tiles_touched(&missing) <= 2,
            "{smaller}..{larger}: {missing:?}"
        );
        fill(&mut nodes, &missing, &tiles);
        assert!(nodes.missing_for_consistency(smaller, larger).is_empty());
        let proof = nodes
            .consistency_proof(smaller, larger)
            .expect("nothing is missing");
        let naive = match smaller {
            0 => Vec::new(),
            _ => naive_subproof(smaller as usize, &all, true),
        };
        assert_eq!(proof, naive, "{smaller}..{larger}");
        let verify = |proof: &[Hash]| {
            verify_consistency(smaller, &earlier.root(), larger, &frontier.root(), proof)
        };
        assert_eq!(verify(&proof), Ok(()), "{smaller}..{larger}");
        for index in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[index][0] ^= 1;
            assert!(verify(&wrong).is_err(), "{smaller}..{larger}");
        }
        let mut longer = proof.clone();
        longer.push([0; 32]);
        assert!(verify(&longer).is_err(), "{smaller}..{larger}");
        if !proof.is_empty() {
            assert!(verify(&proof[1..]).is_err() && verify(&proof[..proof.len() - 1]).is_err());
        }
    }
}

/// All pairs of small sizes, and those around the edges of tiles.
fn size_pairs() -> Vec<(u64, u64)> {
    let edges = [
        0, 1, 2, 127, 128, 200, 255, 256, 257, 300, 383, 384, 500, 511, 512, 513, 599,
    ];
    let small = (0..40).flat_map(|larger| (0..=larger).map(move |smaller| (smaller, larger)));
    let large = edges
        .iter()
        .flat_map(|larger| edges.iter().map(move |smaller| (*smaller, *larger)));
    small
        .chain(large.filter(|(smaller, larger)| smaller <= larger))
        .collect()
}

#[test]
fn consistency_holds_from_every_size_to_the_largest() {
    let (frontier, tiles) = grown(SIZES);
    let all = leaves(SIZES);
    let mut nodes = Nodes::new();
    let mut earlier = Frontier::EMPTY;
    for smaller in 0..=SIZES {
        let missing = nodes.missing_for_consistency(smaller, SIZES);
        fill(&mut nodes, &missing, &tiles);
        let proof = nodes
            .consistency_proof(smaller, SIZES)
            .expect("all is filled in");
        let verified =
            verify_consistency(smaller, &earlier.root(), SIZES, &frontier.root(), &proof);
        assert_eq!(verified, Ok(()), "from {smaller}");
        if smaller < SIZES {
            earlier.append(all[smaller as usize]);
        }
    }
}

/// Who holds the first leaves of a signed tree, and the proof of that, proves all of them to others,
/// and reads nothing beyond them for it.
#[test]
fn proofs_go_on_from_a_proof() {
    for (held, larger) in size_pairs() {
        if larger > 40 && larger != 599 || held == 0 {
            continue;
        }
        let all = leaves(larger);
        let (frontier, tiles) = grown(held);
        let mut known = Nodes::new();
        known.add_frontier(&frontier);
        if held < larger {
            let proof = naive_subproof(held as usize, &all, true);
            known.add_consistency_proof(held, larger, &proof);
        }
        for smaller in 1..=held {
            let mut nodes = known.clone();
            let missing = nodes.missing_for_consistency(smaller, larger);
            assert!(missing.leaves.iter().all(|leaves| leaves.end <= held));
            assert!(missing.tiles.iter().all(|range| range.end * 256 <= held));
            fill(&mut nodes, &missing, &tiles);
            let proof = nodes.consistency_proof(smaller, larger);
            let naive = naive_subproof(smaller as usize, &all, true);
            assert_eq!(proof, Ok(naive), "{smaller}..{larger} with {held}");
            let index = smaller - 1;
            let missing = nodes.missing_for_inclusion(index, larger);
            fill(&mut nodes, &missing, &tiles);
            let proof = nodes.inclusion_proof(index, larger);
            let naive = naive_path(index as usize, &all);
            assert_eq!(proof, Ok(naive), "{index} of {larger} with {held}");
        }
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_naive_tree() {
    for size in [1, 2, 3, 7, 8, 100, 255, 256, 257, 511, 512, 513, SIZES] {
        let all = leaves(size);
        let (frontier, tiles) = grown(size);
        for index in 0..size {
            let mut nodes = Nodes::new();
            let missing = nodes.missing_for_inclusion(index, size);
            assert!(
                tiles_touched(&missing) <= 2,
                "{index} of {size}: {missing:?}"
            );
            fill(&mut nodes, &missing, &tiles);
            let proof = nodes
                .inclusion_proof(index, size)
                .expect("nothing is missing");
            if size < 100 || index % 37 == 0 {
                assert_eq!(proof, naive_path(index as usize, &all), "{index} of {size}");
            }
            let root = frontier.root();
            assert_eq!(
                verify_inclusion(index, &leaf(index), size, &root, &proof),
                Ok(())
            );
            let other = verify_inclusion(index, &leaf(size), size, &root, &proof);
            assert_eq!(other, Err(InvalidProof::Root), "{index} of {size}");
        }
    }
}

#[test]
fn proofs_that_prove_nothing_are_refused_by_name() {
    let (one, two) = (grown(1).0.root(), grown(2).0.root());
    let check = |smaller, larger, proof: &[Hash], expected| {
        let found = verify_consistency(smaller, &one, larger, &two, proof);
        assert_eq!(found, Err(expected));
    };
    check(
        2,
        1,
        &[],
        InvalidProof::Sizes {
            smaller: 2,
            larger: 1,
        },
    );
    check(1, 2, &[], InvalidProof::Length);
    check(1, 1, &[], InvalidProof::Root);
    check(1, 1, &[one], InvalidProof::Length);
    check(0, 2, &[], InvalidProof::SmallerRoot);
    check(3, 5, &[], InvalidProof::Length);
    check(1, u64::MAX, &[one; 66], InvalidProof::TooLong { found: 66 });
    check(1, u64::MAX, &[one; 64], InvalidProof::Root);
    let outside = verify_inclusion(2, &one, 2, &two, &[]);
    assert_eq!(outside, Err(InvalidProof::Index { index: 2, size: 2 }));
    assert_eq!(
        verify_inclusion(0, &one, 0, &two, &[]),
        Err(InvalidProof::Index { index: 0, size: 0 })
    );
}

#[test]
fn a_proof_without_its_nodes_names_what_is_missing() {
    let nodes = Nodes::new();
    let missing = nodes.missing_for_consistency(300, 1000);
    assert_eq!(missing.tiles, [0..1, 2..3]);
    assert_eq!(missing.leaves, [256..512, 768..1000]);
    assert!(nodes.consistency_proof(300, 1000).is_err());
    let missing = nodes.missing_for_inclusion(0, 1 << 40);
    assert_eq!((missing.tiles.len(), missing.leaves.len()), (1, 1));
    assert_eq!(
        (&missing.tiles[0], &missing.leaves[0]),
        (&(1..1 << 32), &(1..256))
    );
    let largest = nodes.missing_for_consistency(u64::MAX - 1, u64::MAX);
    assert_eq!(largest.leaves.len(), 1);
}

#[test]
fn a_frontier_is_read_strictly() {
    let bytes = grown(5).0.encode();
    assert_eq!(
        Frontier::decode(&bytes[..7]),
        Err(InvalidFrontier::NoSize { found_bytes: 7 })
    );
    let short = Frontier::decode(&bytes[..bytes.len() - 1]);
    assert_eq!(
        short,
        Err(InvalidFrontier::Hashes {
            expected_bytes: 64,
            found_bytes: 63
        })
    );
}
