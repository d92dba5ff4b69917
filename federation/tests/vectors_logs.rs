//! The test vectors of logs, `tests/vectors/logs/`, which another implementation can use too.
//!
//! Each file is generated here and compared, byte for byte, with what is there. With
//! `FOEDUS_WRITE_VECTORS=1` in the environment the files are written instead.

use std::fmt::Write as _;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use foedus_federation::checkpoint::{Checkpoint, Fork, ForkSide, KeySide, VerifiedCheckpoint};
use foedus_federation::entry::{self, Entry, Header, LogId, ORG_AUTHOR, Place};
use foedus_federation::frame::RawPart;
use foedus_federation::hlc::Hlc;
use foedus_federation::key::SigningKey;
use foedus_federation::kind::{Body, Class, ClosedLog, Head, Kind, Opened};
use foedus_federation::part::check_part;
use foedus_federation::tree::{
    Frontier, Hash, Nodes, leaf_hash, verify_consistency, verify_inclusion,
};
use foedus_policy::id::{AuthorId, ChannelId, EntryRef, IncarnationId, NoteHash, OrgId};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::AuthorKind;

/// A file of blocks of `name: value` lines.
#[derive(Default)]
struct File(String);

impl File {
    fn about(text: &str) -> Self {
        let lines = text.lines().map(|line| format!("# {line}\n"));
        Self(lines.collect())
    }

    fn block(&mut self, name: &str) -> &mut Self {
        write!(self.0, "\ncase: {name}\n").expect("a string takes what is written");
        self
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        writeln!(self.0, "{name}: {value}").expect("a string takes what is written");
        self
    }

    fn hex(&mut self, name: &str, bytes: &[u8]) -> &mut Self {
        self.field(name, HEXLOWER.encode(bytes))
    }

    fn check(&self, file: &str) {
        check_file(file, self.0.as_bytes());
    }
}

fn check_file(file: &str, expected: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/logs");
    let path = folder.join(file);
    if std::env::var_os("FOEDUS_WRITE_VECTORS").is_some() {
        std::fs::write(&path, expected).expect("the folder of vectors can be written");
    }
    let found = std::fs::read(&path).expect("the file of vectors is there");
    assert!(
        found == expected,
        "{} differs; FOEDUS_WRITE_VECTORS=1 writes it anew",
        path.display()
    );
}

fn log() -> LogId {
    LogId {
        channel: ChannelId([0x11; 32]),
        origin: OrgId([0x22; 32]),
        incarnation: IncarnationId([0x33; 16]),
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[0x77; 32])
}

fn target() -> EntryRef {
    EntryRef {
        origin: OrgId([0x44; 32]),
        incarnation: IncarnationId([0x55; 16]),
        sequence: 258,
    }
}

/// The entries of the sample log: one of each kind, `opened` first.
fn bodies() -> Vec<(&'static str, Body)> {
    let text = || "Grüße, 世界 👋\nline two".to_owned();
    let emoji = || "👍🏽".to_owned();
    let closes = vec![ClosedLog {
        incarnation: IncarnationId([0x66; 16]),
        size: 1_000_000,
        root: [0x99; 32],
    }];
    let row = |last: u8| Head {
        origin: OrgId([last; 32]),
        incarnation: IncarnationId([last; 16]),
        size: u64::from(last),
        root: [last; 32],
    };
    let key = *key().verifying_key().as_bytes();
    vec![
        ("opened", Body::Opened(Opened { key, closes })),
        (
            "joined",
            Body::Joined {
                author_kind: AuthorKind::Member,
                address: "anna@acme.example".to_owned(),
                display_name: "Anna Lindqvist".to_owned(),
            },
        ),
        (
            "post",
            Body::Post {
                text: text(),
                reply_to: None,
            },
        ),
        (
            "post, a reply",
            Body::Post {
                text: text(),
                reply_to: Some(target()),
            },
        ),
        (
            "edit",
            Body::Edit {
                target: log().entry(2),
                text: "Better".to_owned(),
            },
        ),
        (
            "retract",
            Body::Retract {
                target: log().entry(3),
            },
        ),
        (
            "react, on",
            Body::React {
                target: target(),
                emoji: emoji(),
                on: true,
            },
        ),
        (
            "react, off",
            Body::React {
                target: target(),
                emoji: emoji(),
                on: false,
            },
        ),
        ("heads", Body::Heads(vec![row(1), row(2)])),
        (
            "note",
            Body::Note(b"a note\n\n\xe2\x80\x94 a signature\n".to_vec()),
        ),
        (
            "erase",
            Body::Erase {
                target: log().entry(3),
            },
        ),
        (
            "custom",
            Body::Custom {
                name: "build.status".parse().expect("a valid name"),
                bytes: vec![0, 1, 0xff],
            },
        ),
        ("left", Body::Left),
    ]
}

fn is_of_member(body: &Body) -> bool {
    body.class() != Class::Control
}

fn sample_entry(sequence: u64, body: &Body) -> Entry {
    let place = Place {
        log: log(),
        sequence,
        hlc: Hlc(Hlc::at(Timestamp(1_800_000_000_000 + sequence)).0 + 7),
        revision: NoteHash([0x88; 32]),
        author: match is_of_member(body) {
            true => AuthorId([0xaa; 16]),
            false => ORG_AUTHOR,
        },
    };
    entry::compose(&place, body, [sequence as u8; 32]).expect("within the limits")
}

fn sample_log() -> Vec<Entry> {
    let bodies = bodies();
    (0..)
        .zip(&bodies)
        .map(|(sequence, (_, body))| sample_entry(sequence, body))
        .collect()
}

/// A tree over leaf hashes: every size's frontier, and all nodes.
fn tree(leaves: impl IntoIterator<Item = Hash>) -> (Vec<Frontier>, Nodes) {
    let (mut frontiers, mut nodes) = (vec![Frontier::EMPTY], Nodes::new());
    for (index, leaf) in (0..).zip(leaves) {
        let mut frontier = frontiers[frontiers.len() - 1].clone();
        frontier.append(leaf);
        nodes.add_leaf(index, leaf);
        frontiers.push(frontier);
    }
    (frontiers, nodes)
}

#[test]
fn entries() {
    let mut file = File::about(
        "Entries of one log, one of each kind, in order (PROTOCOL.md, section 5).\n\
         commitment = SHA-256(salt, body); leaf = SHA-256(00, header).\n\
         The fields between `sequence` and `class` are what the header says, in its order.",
    );
    for ((name, body), entry) in bodies().iter().zip(sample_log()) {
        let header = &entry.header;
        let raw_body = entry.raw.body.as_ref().expect("it was composed with one");
        assert_eq!(Entry::read(entry.raw.clone()).as_ref(), Ok(&entry));
        assert_eq!(entry.body.as_ref(), Some(body));
        file.block(name)
            .field("channel", header.log.channel)
            .field("origin", header.log.origin)
            .field("incarnation", header.log.incarnation)
            .field("sequence", header.sequence)
            .field("hlc-millis", header.hlc.wall().0)
            .field("hlc-counter", header.hlc.counter())
            .hex("revision", &header.revision.0)
            .hex("author", &header.author.0)
            .field("class", &header.class)
            .field("kind", format!("{:#06x}", header.kind))
            .hex("salt", &raw_body.salt)
            .hex("body", &raw_body.bytes)
            .hex("commitment", &header.commitment)
            .hex("header", &entry.raw.header)
            .hex("leaf", &entry.leaf);
    }
    file.check("entries.txt");
}

#[test]
fn refused_bodies() {
    let mut file = File::about(
        "Bodies that are not what their kind demands: such an entry is void.\n\
         The reason is the English text of this implementation, not part of the protocol.",
    );
    let reference = [[0x44; 32].as_slice(), &[0x55; 16], &[0; 8]].concat();
    let with = |tail: &[u8]| [reference.as_slice(), tail].concat();
    let head = |first: u8| [[first; 32].as_slice(), &[1; 16], &[0; 8], &[2; 32]].concat();
    let cases: Vec<(&str, Kind, Vec<u8>)> = vec![
        ("post without a text", Kind::Post, vec![0, 0, 0]),
        ("post with a NUL", Kind::Post, vec![0, 1, 0, 0]),
        ("post that is not UTF-8", Kind::Post, vec![0, 1, 0xff, 0]),
        (
            "post with a third way to reply",
            Kind::Post,
            vec![0, 1, b'x', 2],
        ),
        (
            "post with a byte too many",
            Kind::Post,
            vec![0, 1, b'x', 0, 0],
        ),
        ("post cut short", Kind::Post, vec![0, 2, b'x']),
        ("retract with a byte too many", Kind::Retract, with(&[0])),
        ("react neither on nor off", Kind::React, with(&[1, b'x', 2])),
        ("react with an escape", Kind::React, with(&[1, 0x1b, 1])),
        ("react without an emoji", Kind::React, with(&[0, 1])),
        (
            "joined as nobody known",
            Kind::Joined,
            vec![5, 0, 1, b'a', 0],
        ),
        ("joined without an address", Kind::Joined, vec![1, 0, 0, 0]),
        ("left with something to say", Kind::Left, vec![0]),
        ("heads without rows", Kind::Heads, vec![0, 0]),
        (
            "heads with one row twice",
            Kind::Heads,
            [vec![0, 176], head(1), head(1)].concat(),
        ),
        (
            "heads not ascending",
            Kind::Heads,
            [vec![0, 176], head(2), head(1)].concat(),
        ),
        (
            "heads whose last row reaches past its list",
            Kind::Heads,
            [vec![0, 87], head(1)].concat(),
        ),
        ("note without bytes", Kind::Note, vec![0, 0]),
    ];
    for (name, kind, bytes) in cases {
        let class = (1..=5)
            .map(|number| match number {
                1 => Class::Content,
                2 => Class::ChangeOfOwn,
                3 => Class::Reaction,
                4 => Class::Membership,
                _ => Class::Control,
            })
            .find(|class| kind.is_of(class))
            .expect("no case is custom");
        let reason = Body::decode(kind, &class, &bytes).expect_err(name);
        file.block(name)
            .field("class", class)
            .field("kind", format!("{:#06x}", kind.number()))
            .hex("body", &bytes)
            .field("reason", reason);
    }
    file.check("bodies-refused.txt");
}

/// Makes a header unfit.
type Change = fn(&mut Header);

#[test]
fn headers_of_later_versions_and_refused_headers() {
    let mut file = File::about(
        "Headers at the edge. `void`: the header is read and its entry keeps its leaf, but counts\n\
         for nothing. `refused`: the header cannot be read and its part is refused.",
    );
    let honest = sample_log()[2].header.clone();
    let changes: [(&str, Change); 4] = [
        ("a class of a later version", |header| {
            header.class = Class::Unknown(7)
        }),
        ("a kind of a later version", |header| header.kind = 0x01ff),
        ("a kind of another class", |header| header.kind = 0x0301),
        ("a post as the first entry", |header| header.sequence = 0),
    ];
    for (name, change) in changes {
        let mut header = honest.clone();
        change(&mut header);
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Ok(header.clone()));
        let fault = header.known_kind().expect_err(name);
        file.block(name)
            .field("verdict", "void")
            .hex("header", &bytes)
            .hex("leaf", &leaf_hash(&bytes))
            .field("reason", fault);
    }
    let bytes = honest.encode();
    let named = |class: u8, name: &[u8]| {
        [
            &bytes[..144],
            &[class, name.len() as u8],
            name,
            &bytes[146..],
        ]
        .concat()
    };
    let cases = [
        ("a byte too few", bytes[..179].to_vec()),
        ("a byte too many", [bytes.as_slice(), &[0]].concat()),
        ("a custom class without a name", named(6, b"")),
        ("a custom class in capitals", named(6, b"Build")),
        ("a name on a class that has none", named(1, b"build")),
        ("a name on an unknown class", named(7, b"build")),
    ];
    for (name, bytes) in cases {
        let reason = Header::decode(&bytes).expect_err(name);
        file.block(name)
            .field("verdict", "refused")
            .hex("header", &bytes)
            .field("reason", reason);
    }
    file.check("headers.txt");
}

#[test]
fn trees() {
    let mut file = File::about(
        "Roots and proofs (PROTOCOL.md, section 6) of trees whose leaf i is the hash of the\n\
         8 bytes of i, most significant first, in place of a header: leaf = SHA-256(00, i).\n\
         Proofs: hashes in order, one `proof` line each; none if the proof is empty.",
    );
    let (frontiers, nodes) = tree((0..600u64).map(|index| leaf_hash(&index.to_be_bytes())));
    for size in [
        0usize, 1, 2, 3, 4, 5, 7, 8, 9, 31, 255, 256, 257, 511, 512, 513, 600,
    ] {
        file.block(&format!("root of {size}"))
            .field("size", size)
            .hex("root", &frontiers[size].root())
            .hex("frontier", &frontiers[size].encode());
    }
    for (index, size) in [
        (0u64, 1u64),
        (0, 2),
        (1, 2),
        (2, 3),
        (4, 7),
        (255, 257),
        (256, 257),
        (300, 600),
    ] {
        let root = frontiers[size as usize].root();
        let leaf = leaf_hash(&index.to_be_bytes());
        let proof = nodes
            .inclusion_proof(index, size)
            .expect("all leaves are known");
        assert_eq!(verify_inclusion(index, &leaf, size, &root, &proof), Ok(()));
        let block = file.block(&format!("inclusion of {index} in {size}"));
        block
            .field("index", index)
            .field("size", size)
            .hex("leaf", &leaf)
            .hex("root", &root);
        for hash in proof {
            block.hex("proof", &hash);
        }
    }
    let pairs = [
        (0, 5),
        (1, 1),
        (1, 2),
        (3, 7),
        (4, 7),
        (6, 7),
        (256, 600),
        (257, 513),
        (599, 600),
    ];
    for (smaller, larger) in pairs {
        let [first, second] = [smaller, larger].map(|size| frontiers[size as usize].root());
        let proof = nodes
            .consistency_proof(smaller, larger)
            .expect("all leaves are known");
        assert_eq!(
            verify_consistency(smaller, &first, larger, &second, &proof),
            Ok(())
        );
        let block = file.block(&format!("consistency of {smaller} with {larger}"));
        block
            .field("smaller", smaller)
            .hex("smaller-root", &first)
            .field("larger", larger)
            .hex("larger-root", &second);
        for hash in proof {
            block.hex("proof", &hash);
        }
    }
    file.check("trees.txt");
}

fn signed(size: u64, root: Hash) -> VerifiedCheckpoint {
    Checkpoint {
        log: log(),
        size,
        root,
    }
    .sign(&key())
}

#[test]
fn a_part() {
    let entries = sample_log();
    let (frontiers, nodes) = tree(entries.iter().map(|entry| entry.leaf));
    let size = entries.len() as u64;
    let checkpoint = signed(size, frontiers[entries.len()].root());
    check_file("checkpoint.note", checkpoint.bytes());
    let mut file = File::about(
        "Parts of the log in entries.txt (named by sequence; headers, salts and bodies are there),\n\
         each with the checkpoint in checkpoint.note, signed under the key of this seed.\n\
         Appended to a tree of `first` leaves, a part gives the tree of `size` leaves with `root`,\n\
         and `proof` shows it to be the beginning of the checkpoint's.",
    );
    file.block("key")
        .hex("seed", &[0x77; 32])
        .hex("public-key", key().verifying_key().as_bytes())
        .field("key-name", Checkpoint::key_name(&log()))
        .hex("checkpoint", checkpoint.bytes());
    for range in [0..1, 0..4, 3..8, 8..size] {
        let proof = nodes
            .consistency_proof(range.end, size)
            .expect("all leaves are known");
        let part = RawPart {
            origin: log().origin,
            incarnation: log().incarnation,
            first: range.start,
            entries: range
                .clone()
                .map(|at| entries[at as usize].raw.clone())
                .collect(),
            checkpoint: checkpoint.bytes().to_vec(),
            proof: proof.clone(),
        };
        let checked = check_part(log().channel, part, key().verifying_key()).expect("it is sound");
        let advanced = checked
            .advance(&frontiers[range.start as usize])
            .expect("it continues");
        let block = file.block(&format!("entries {} to {}", range.start, range.end - 1));
        block
            .field("first", range.start)
            .field("size", advanced.frontier.size())
            .hex("root", &advanced.frontier.root());
        for hash in proof {
            block.hex("proof", &hash);
        }
    }
    file.check("parts.txt");
}

#[test]
fn forks() {
    let entries = sample_log();
    let other = sample_entry(3, &Body::Left);
    let side = |leaves: Vec<&Entry>| {
        let (frontiers, nodes) = tree(leaves.iter().map(|entry| entry.leaf));
        let size = leaves.len();
        ForkSide {
            checkpoint: signed(size as u64, frontiers[size].root()).bytes().to_vec(),
            header: leaves[3].raw.header.clone(),
            proof: nodes
                .inclusion_proof(3, size as u64)
                .expect("all leaves are known"),
        }
    };
    let mut changed: Vec<&Entry> = entries[..6].iter().collect();
    changed[3] = &other;
    let (first, second) = (side(entries[..5].iter().collect()), side(changed));
    let roots = Fork::Roots {
        first: signed(5, [1; 32]).bytes().to_vec(),
        second: signed(5, [2; 32]).bytes().to_vec(),
    };
    let entries = Fork::Entries {
        index: 3,
        first,
        second,
    };
    let under = |key: &SigningKey, size: u64| {
        let checkpoint = Checkpoint {
            log: log(),
            size,
            root: [1; 32],
        };
        KeySide {
            key: *key.verifying_key().as_bytes(),
            checkpoint: checkpoint.sign(key).bytes().to_vec(),
        }
    };
    let keys = Fork::Keys {
        first: under(&key(), 5),
        second: under(&SigningKey::from_seed(&[8; 32]), 6),
    };
    let mut file = File::about(
        "Evidence that the log of entries.txt forked, under the key of parts.txt\n\
         (PROTOCOL.md, section 7).",
    );
    for (name, fork) in [
        ("two roots of one size", roots),
        ("two headers for one index", entries),
        ("two keys", keys),
    ] {
        let verified = fork.verify(key().verifying_key()).expect("it is a fork");
        assert_eq!(verified.log(), &log());
        assert_eq!(Fork::decode(&fork.encode()), Ok(fork.clone()));
        file.block(name).hex("fork", &fork.encode());
    }
    file.check("forks.txt");
}

#[test]
fn hybrid_times() {
    let mut file = File::about(
        "Hybrid logical time (PROTOCOL.md, section 5.4), as the number in a header. `wall` is what\n\
         the wall clock says, in milliseconds.",
    );
    let noon = 1_800_000_000_000;
    let own = Hlc::at(Timestamp(noon)).0;
    let ticks = [
        (0, noon),
        (own, noon),
        (own, noon - 60_000),
        (own + 0xffff, noon),
        (u64::MAX, noon),
    ];
    for (last, wall) in ticks {
        let next = Hlc::tick(Hlc(last), Timestamp(wall));
        file.block("tick")
            .field("last", last)
            .field("wall", wall)
            .field("next", next.0);
    }
    let remotes = [0, own + 5, Hlc::at(Timestamp(noon + 300_000)).0, u64::MAX];
    for remote in remotes {
        let next = Hlc::observe(Hlc(own), Hlc(remote), Timestamp(noon));
        file.block("observe")
            .field("last", own)
            .field("remote", remote)
            .field("wall", noon)
            .field("next", next.0)
            .field("remote-is-ahead", Hlc(remote).is_ahead(Timestamp(noon)));
    }
    file.check("times.txt");
}
