//! Our notes, checkpoints and proofs, checked by code that is not ours: the crates `signed_note` and `tlog_tiles`,
//! which know the specifications of C2SP and nothing of this project.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use foedus_federation::checkpoint::Checkpoint;
use foedus_federation::entry::LogId;
use foedus_federation::key::SigningKey;
use foedus_federation::tree::{self, Frontier, Nodes};
use foedus_policy::id::{ChannelId, IncarnationId, OrgId, from_base32};
use foedus_tests::harness::organisation::{Organisation, text};
use foedus_tests::harness::two::{ACME, ACME_PEOPLE};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, HashReader, check_record, check_tree, record_hash};

/// The type of an Ed25519 key in the specification's key ids.
const ED25519: u8 = 1;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// A verifier that others wrote, for our key under our key name.
fn verifier(name: &str, public: &[u8]) -> StandardVerifier {
    let key = [&[ED25519], public].concat();
    let id = signed_note::key_id(name, &key);
    let encoded = BASE64.encode(&key);
    StandardVerifier::new(&format!("{name}+{id:08x}+{encoded}"))
        .unwrap_or_else(|error| panic!("{name} is no key for signed_note: {error}"))
}

/// Does `signed_note` find the note signed by all of these keys?
fn holds(note: &[u8], keys: &[(String, Vec<u8>)]) -> bool {
    let Ok(note) = Note::from_bytes(note) else {
        return false;
    };
    keys.iter().all(|(name, public)| {
        let known = VerifierList::new(vec![Box::new(verifier(name, public))]);
        note.verify(&known).is_ok()
    })
}

/// It holds, and no longer does with any byte of the text changed.
#[track_caller]
fn check_note(what: &str, note: &[u8], keys: &[(String, Vec<u8>)]) {
    assert!(!keys.is_empty(), "{what}: nobody signed");
    assert!(holds(note, keys), "{what} does not hold");
    let text_bytes = note
        .windows(2)
        .rposition(|pair| pair == b"\n\n")
        .expect("a note has signatures");
    for at in 0..text_bytes {
        let mut changed = note.to_vec();
        changed[at] ^= 1;
        assert!(
            !holds(&changed, keys),
            "{what} holds with byte {at} changed"
        );
    }
}

/// `key_…` as bytes.
fn public_key(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("key_").expect("a key in text form");
    from_base32(digits).expect("base32")
}

#[test]
fn every_note_of_the_vectors_holds() {
    let mut checked = 0;
    let files = fs::read_dir(vectors().join("notes")).expect("the folder is there");
    for file in files {
        let path = file.expect("it can be listed").path();
        let bytes = fs::read_to_string(&path).expect("vectors are text");
        let Some((fields, note)) = bytes.split_once("\n---\n") else {
            continue;
        };
        let signers = fields
            .lines()
            .filter_map(|line| line.strip_prefix("signer: "));
        let keys: Vec<_> = signers
            .map(|signer| {
                let parts: Vec<&str> = signer.split(' ').collect();
                (parts[0].to_owned(), public_key(parts[3]))
            })
            .collect();
        check_note(&path.display().to_string(), note.as_bytes(), &keys);
        checked += 1;
    }
    assert!(checked >= 10, "{checked} notes");
}

/// The cases of a file: each the pairs of its lines.
fn cases(file: &str) -> Vec<Vec<(String, String)>> {
    let text = fs::read_to_string(vectors().join("logs").join(file)).expect("a vector");
    let blocks = text.split("\n\n").map(|block| {
        let lines = block.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once(": "));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    });
    blocks.filter(|case| !case.is_empty()).collect()
}

fn all<'a>(case: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    case.iter()
        .filter(move |(found, _)| found == name)
        .map(|(_, value)| value.as_str())
}

fn one<'a>(case: &'a [(String, String)], name: &'a str) -> &'a str {
    all(case, name)
        .next()
        .unwrap_or_else(|| panic!("no {name} in {case:?}"))
}

fn number(case: &[(String, String)], name: &str) -> u64 {
    one(case, name).parse().expect("a number")
}

fn hash(hex: &str) -> Hash {
    let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
    Hash(bytes.try_into().expect("32 bytes"))
}

fn hashes(case: &[(String, String)], name: &str) -> Vec<Hash> {
    all(case, name).map(hash).collect()
}

#[test]
fn the_checkpoint_of_the_vectors_holds() {
    let note = fs::read(vectors().join("logs/checkpoint.note")).expect("a vector");
    let parts = cases("parts.txt");
    let name = one(&parts[0], "key-name").to_owned();
    let public = HEXLOWER
        .decode(one(&parts[0], "public-key").as_bytes())
        .expect("hexadecimal");
    check_note("checkpoint.note", &note, &[(name.clone(), public)]);

    let note = Note::from_bytes(&note).expect("it holds");
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint");
    assert_eq!(checkpoint.origin(), name);
    assert_eq!(checkpoint.extension(), "");
    // The parts lead to it: the proof of each shows its root to be the beginning of the signed one.
    let mut proven = 0;
    for part in &parts[1..] {
        let (size, root) = (number(part, "size"), hash(one(part, "root")));
        if size == checkpoint.size() {
            assert_eq!(root, *checkpoint.hash());
        } else {
            let proof = hashes(part, "proof");
            check_tree(&proof, checkpoint.size(), *checkpoint.hash(), size, root)
                .unwrap_or_else(|error| panic!("{part:?}: {error}"));
            proven += 1;
        }
    }
    assert!(proven > 0, "no part needs a proof");
}

/// A tree of `tlog_tiles`.
#[derive(Debug, Default)]
struct Foreign {
    stored: Vec<Hash>,
    size: u64,
}

impl HashReader for Foreign {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let at = |index: &u64| usize::try_from(*index).expect("a small tree");
        Ok(indexes.iter().map(|index| self.stored[at(index)]).collect())
    }
}

impl Foreign {
    fn append(&mut self, record: &[u8]) {
        let hashes = tlog_tiles::stored_hashes(self.size, record, self).expect("it can grow");
        self.stored.extend(hashes);
        self.size += 1;
    }

    fn root(&self, size: u64) -> Hash {
        tlog_tiles::tree_hash(size, self).expect("it has that size")
    }

    /// What the vectors and the test below put into a tree: 8 bytes of the index each.
    fn numbers(size: u64) -> Self {
        let mut tree = Self::default();
        (0..size).for_each(|index| tree.append(&index.to_be_bytes()));
        tree
    }
}

#[test]
fn roots_and_proofs_of_the_vectors_hold() {
    let foreign = Foreign::numbers(600);
    let (mut roots, mut proofs) = (0, 0);
    for case in cases("trees.txt") {
        let what = one(&case, "case").to_owned();
        if what.starts_with("root of ") {
            let size = number(&case, "size");
            assert_eq!(hash(one(&case, "root")), foreign.root(size), "{what}");
            roots += 1;
        } else if let Some(rest) = what.strip_prefix("inclusion of ") {
            let (index, size) = rest.split_once(" in ").expect("two numbers");
            let index: u64 = index.parse().expect("a number");
            let size: u64 = size.parse().expect("a number");
            let leaf = record_hash(&index.to_be_bytes());
            let proof = hashes(&case, "proof");
            check_record(&proof, size, foreign.root(size), index, leaf).expect(&what);
            proofs += 1;
        } else if let Some(rest) = what.strip_prefix("consistency of ") {
            let (smaller, larger) = rest.split_once(" with ").expect("two numbers");
            let smaller: u64 = smaller.parse().expect("a number");
            let larger: u64 = larger.parse().expect("a number");
            // That any tree begins with the empty one needs no proof, and theirs has no word for it.
            if smaller > 0 {
                let proof = hashes(&case, "proof");
                let (old, new) = (foreign.root(smaller), foreign.root(larger));
                check_tree(&proof, larger, new, smaller, old).expect(&what);
                proofs += 1;
            }
        }
    }
    assert!(
        roots >= 10 && proofs >= 10,
        "{roots} roots, {proofs} proofs"
    );
}

#[test]
fn roots_and_proofs_that_we_make_hold() {
    const SIZE: u64 = 1100;
    let foreign = Foreign::numbers(SIZE);
    let (mut frontier, mut nodes) = (Frontier::default(), Nodes::new());
    for index in 0..SIZE {
        let leaf = tree::leaf_hash(&index.to_be_bytes());
        frontier.append(leaf);
        nodes.add_leaf(index, leaf);
        assert_eq!(Hash(frontier.root()), foreign.root(index + 1));
    }
    let theirs = |proof: Vec<tree::Hash>| proof.into_iter().map(Hash).collect::<Vec<_>>();
    let mut checked = 0;
    for larger in (1..=SIZE).step_by(7) {
        let root = foreign.root(larger);
        for other in (0..larger).step_by(97) {
            let proof = nodes.inclusion_proof(other, larger).expect("all is known");
            let leaf = record_hash(&other.to_be_bytes());
            check_record(&theirs(proof), larger, root, other, leaf).expect("an inclusion");
            let smaller = other + 1;
            let proof = nodes.consistency_proof(smaller, larger);
            let proof = theirs(proof.expect("all is known"));
            check_tree(&proof, larger, root, smaller, foreign.root(smaller)).expect("a beginning");
            // A proof for one tree is none for another.
            if smaller < larger {
                let wrong = foreign.root(smaller - 1);
                assert!(check_tree(&proof, larger, root, smaller, wrong).is_err());
            }
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn checkpoints_that_we_sign_hold() {
    let key = SigningKey::from_seed(&[5; 32]);
    let foreign = Foreign::numbers(300);
    for size in [0, 1, 2, 255, 256, 257, 300] {
        let log = LogId {
            channel: ChannelId([1; 32]),
            origin: OrgId([2; 32]),
            incarnation: IncarnationId([3; 16]),
        };
        let root = foreign.root(size).0;
        let signed = Checkpoint { log, size, root }.sign(&key);
        let name = Checkpoint::key_name(&log).to_string();
        let public = key.verifying_key().as_bytes().to_vec();
        check_note("a checkpoint", signed.bytes(), &[(name.clone(), public)]);
        let note = Note::from_bytes(signed.bytes()).expect("it holds");
        let read = tlog_tiles::Checkpoint::from_bytes(note.text()).expect("a checkpoint");
        assert_eq!((read.origin(), read.size()), (name.as_str(), size));
        assert_eq!(*read.hash(), foreign.root(size));
        assert_eq!(read.to_bytes(), note.text());
    }
}

#[test]
fn the_identity_that_a_daemon_shows_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let acme = Organisation::begin(folder.path(), ACME, ACME_PEOPLE);
    let identity = acme.foedus().json(&["identity", "show"]);
    let name = format!("foedus/root/{}", text(&identity, "organisation_id"));
    let public = public_key(&text(&identity, "root_key"));
    check_note(
        "the identity",
        text(&identity, "note").as_bytes(),
        &[(name, public)],
    );
}
