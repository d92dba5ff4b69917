use foedus_policy::id::{AuthorId, IncarnationId, NoteHash, OrgId};

use super::*;
use crate::checkpoint::Checkpoint;
use crate::entry::{EntryFault, Header, Place, commitment, compose};
use crate::frame::RawBody;
use crate::hlc::Hlc;
use crate::key::SigningKey;
use crate::tree::Nodes;

const CHANNEL: ChannelId = ChannelId([1; 32]);

fn log() -> LogId {
    LogId {
        channel: CHANNEL,
        origin: OrgId([2; 32]),
        incarnation: IncarnationId([3; 16]),
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn opening() -> Opened {
    Opened {
        key: *key().verifying_key().as_bytes(),
        closes: Vec::new(),
    }
}

fn post(text: &str) -> Body {
    Body::Post {
        text: text.to_owned(),
        reply_to: None,
    }
}

/// A log of one's own, as its origin holds it.
struct Origin {
    entries: Vec<Entry>,
    frontiers: Vec<Frontier>,
    nodes: Nodes,
}

impl Origin {
    /// A log of `size` entries: `opened`, then posts.
    fn of_size(size: u64) -> Self {
        let mut origin = Self {
            entries: Vec::new(),
            frontiers: vec![Frontier::EMPTY],
            nodes: Nodes::new(),
        };
        for sequence in 0..size {
            let body = match sequence {
                0 => Body::Opened(opening()),
                _ => post(&format!("message {sequence}")),
            };
            origin.append(&body, Hlc(1_000 + sequence));
        }
        origin
    }

    fn append(&mut self, body: &Body, hlc: Hlc) {
        let sequence = self.entries.len() as u64;
        let place = Place {
            log: log(),
            sequence,
            hlc,
            revision: NoteHash([4; 32]),
            author: AuthorId([5; 16]),
        };
        let entry = compose(&place, body, [sequence as u8; 32]).expect("within the limits");
        self.push(entry);
    }

    fn push(&mut self, entry: Entry) {
        let mut frontier = self.frontier().clone();
        frontier.append(entry.leaf);
        self.nodes.add_leaf(self.entries.len() as u64, entry.leaf);
        self.frontiers.push(frontier);
        self.entries.push(entry);
    }

    fn frontier(&self) -> &Frontier {
        self.frontiers.last().expect("there is the empty one")
    }

    fn checkpoint(&self) -> Vec<u8> {
        let (size, root) = (self.frontier().size(), self.frontier().root());
        let checkpoint = Checkpoint {
            log: log(),
            size,
            root,
        };
        checkpoint.sign(&key()).bytes().to_vec()
    }

    /// The entries of a range of sequences, proven to the newest checkpoint.
    fn part(&self, range: std::ops::Range<u64>) -> RawPart {
        let size = self.frontier().size();
        let proof = self.nodes.consistency_proof(range.end, size);
        RawPart {
            origin: log().origin,
            incarnation: log().incarnation,
            first: range.start,
            entries: range
                .map(|at| self.entries[at as usize].raw.clone())
                .collect(),
            checkpoint: self.checkpoint(),
            proof: proof.expect("all leaves are known"),
        }
    }

    fn checked(&self, range: std::ops::Range<u64>) -> CheckedPart {
        check(self.part(range)).expect("an honest part")
    }
}

fn check(part: RawPart) -> Result<CheckedPart, InvalidPart> {
    check_part(CHANNEL, part, key().verifying_key())
}

#[test]
fn a_log_is_received_part_by_part() {
    let origin = Origin::of_size(600);
    let mut held = Frontier::EMPTY;
    let mut tiles = Vec::new();
    for range in [0..1, 1..40, 40..256, 256..512, 512..600] {
        let part = origin.checked(range.clone());
        assert_eq!((part.first(), part.end()), (range.start, range.end));
        let advanced = part.advance(&held).expect("it continues what is held");
        assert_eq!(&advanced.frontier, &origin.frontiers[range.end as usize]);
        assert_eq!(
            part.new_entries(held.size()).len() as u64,
            range.end - range.start
        );
        held = advanced.frontier;
        tiles.extend(advanced.tiles.iter().map(|tile| tile.index));
    }
    assert_eq!(tiles, [0, 1]);
    assert_eq!(held.root(), origin.frontier().root());
}

#[test]
fn the_first_entry_names_the_key() {
    let origin = Origin::of_size(3);
    assert_eq!(claimed_opening(&origin.part(0..2)), Some(opening()));
    assert_eq!(claimed_opening(&origin.part(1..2)), None);
    assert_eq!(origin.checked(0..2).opened(), Some(&opening()));
    assert_eq!(origin.checked(1..2).opened(), None);
    let mut part = origin.part(0..2);
    part.entries[0].body = None;
    let checked = check(part).expect("the body may be absent");
    assert_eq!(checked.opened(), None);
}

#[test]
fn an_overlap_is_skipped_and_a_gap_is_named() {
    let origin = Origin::of_size(20);
    let part = origin.checked(5..12);
    let advanced = part.advance(&origin.frontiers[8]).expect("it overlaps");
    assert_eq!(advanced.frontier, origin.frontiers[12]);
    let sequences: Vec<u64> = part
        .new_entries(8)
        .iter()
        .map(|entry| entry.header.sequence)
        .collect();
    assert_eq!(sequences, [8, 9, 10, 11]);
    assert_eq!(part.known_entries(8).len(), 3);
    assert_eq!(
        part.advance(&origin.frontiers[4]),
        Err(PartMismatch::Gap { held: 4, first: 5 }),
    );
    for size in [12, 15, 20] {
        let advanced = part
            .advance(&origin.frontiers[size])
            .expect("nothing is new");
        assert_eq!(advanced.frontier, origin.frontiers[size]);
        assert!(part.new_entries(size as u64).is_empty());
    }
}

#[test]
fn another_history_is_not_taken() {
    let origin = Origin::of_size(20);
    let mut forked = Origin::of_size(10);
    for at in 10..20 {
        forked.append(&post("another"), Hlc(2_000 + at));
    }
    // The held tree is of the one history, the part and its checkpoint of the other.
    let newest = forked.checked(15..20).advance(&origin.frontiers[15]);
    assert!(matches!(
        newest,
        Err(PartMismatch::RootDiffers { size: 20, .. })
    ));
    let inner = forked.checked(12..18).advance(&origin.frontiers[15]);
    assert!(matches!(
        inner,
        Err(PartMismatch::NotConsistent { size: 18, .. })
    ));
    // Nothing is new, but the checkpoint is of just the held size, or the part ends there.
    let same = forked.checked(12..18).advance(origin.frontier());
    assert!(matches!(
        same,
        Err(PartMismatch::RootDiffers { size: 20, .. })
    ));
    let ends = forked.checked(12..18).advance(&origin.frontiers[18]);
    assert!(matches!(
        ends,
        Err(PartMismatch::NotConsistent { size: 18, .. })
    ));
    assert!(forked.checked(8..12).advance(&origin.frontiers[9]).is_ok());
}

#[test]
fn every_changed_header_byte_is_refused_by_check_or_tree() {
    let origin = Origin::of_size(4);
    let held = &origin.frontiers[1];
    for range in [1..3, 1..4] {
        let honest = origin.part(range);
        for index in 0..honest.entries[1].header.len() {
            for with_body in [true, false] {
                let mut part = honest.clone();
                part.entries[1].header[index] ^= 1;
                if !with_body {
                    part.entries[1].body = None;
                }
                if let Ok(checked) = check(part) {
                    let refused = checked.advance(held).expect_err("another leaf");
                    assert!(!matches!(refused, PartMismatch::Gap { .. }), "byte {index}");
                }
            }
        }
        for index in 0..honest.proof.len() {
            let mut part = honest.clone();
            part.proof[index][31] ^= 1;
            let refused = check(part)
                .expect("a proof is looked at later")
                .advance(held);
            assert!(matches!(refused, Err(PartMismatch::NotConsistent { .. })));
        }
    }
}

/// Changes an honest part of the entries 0 to 3 of a log of 5 and expects a refusal.
fn refused(change: impl FnOnce(&mut RawPart)) -> InvalidPart {
    let mut part = Origin::of_size(5).part(0..4);
    change(&mut part);
    check(part).expect_err("it was made unsound")
}

#[test]
fn unsound_parts_are_refused_by_name() {
    let wide = Origin::of_size(300);
    assert_eq!(
        check(wide.part(1..258)),
        Err(InvalidPart::Entries { found: 257 })
    );
    assert_eq!(
        refused(|part| part.entries.clear()),
        InvalidPart::Entries { found: 0 }
    );
    assert_eq!(
        refused(|part| part.first = u64::MAX - 1),
        InvalidPart::First {
            first: u64::MAX - 1
        },
    );
    assert_eq!(
        refused(|part| part.proof = vec![[0; 32]; 66]),
        InvalidPart::Proof { found: 66 }
    );
    assert_eq!(
        refused(|part| part.first = 1),
        InvalidPart::NeedlessProof { size: 5, found: 1 },
    );
    assert_eq!(
        refused(|part| part.first = 2),
        InvalidPart::CheckpointSize {
            expected_min: 6,
            found: 5
        },
    );
    assert_eq!(
        refused(|part| part.entries.swap(1, 2)),
        InvalidPart::Sequence {
            expected: 1,
            found: 2
        },
    );
    let salted = refused(|part| {
        let body = part.entries[3].body.as_mut().expect("it is there");
        body.salt[0] ^= 1;
    });
    assert_eq!(
        salted,
        InvalidPart::Entry {
            sequence: 3,
            source: InvalidEntry::Commitment
        },
    );
    assert!(matches!(
        refused(|part| part.entries[2].header.truncate(90)),
        InvalidPart::Entry {
            sequence: 2,
            source: InvalidEntry::Header(_)
        },
    ));
    assert!(matches!(
        refused(|part| part.checkpoint[200] ^= 1),
        InvalidPart::Checkpoint(_)
    ));
    let other = SigningKey::from_seed(&[8; 32]);
    let stranger = check_part(
        CHANNEL,
        Origin::of_size(5).part(0..4),
        other.verifying_key(),
    );
    assert!(matches!(
        stranger,
        Err(InvalidPart::Checkpoint(InvalidCheckpoint::Signature(_)))
    ));
}

#[test]
fn entries_and_checkpoints_of_other_logs_are_refused() {
    let elsewhere = LogId {
        channel: ChannelId([9; 32]),
        ..log()
    };
    let part = Origin::of_size(5).part(0..4);
    let moved = check_part(elsewhere.channel, part, key().verifying_key());
    assert_eq!(
        moved,
        Err(InvalidPart::CheckpointLog {
            found: Box::new(log())
        })
    );
    let checkpoint = Checkpoint {
        log: elsewhere,
        size: 5,
        root: [0; 32],
    }
    .sign(&key());
    assert_eq!(
        refused(|part| part.checkpoint = checkpoint.bytes().to_vec()),
        InvalidPart::CheckpointLog {
            found: Box::new(elsewhere)
        },
    );
    let foreign = refused(|part| {
        let mut header = Header::decode(&part.entries[1].header).expect("an honest header");
        header.log = elsewhere;
        part.entries[1].header = header.encode();
    });
    assert_eq!(
        foreign,
        InvalidPart::EntryLog {
            sequence: 1,
            found: Box::new(elsewhere)
        }
    );
}

#[test]
fn a_log_begins_with_its_key() {
    let mut unopened = Origin::of_size(0);
    unopened.append(&post("first"), Hlc(1));
    assert_eq!(check(unopened.part(0..1)), Err(InvalidPart::NotOpened));
    let mut stranger = Origin::of_size(0);
    let other = Opened {
        key: [1; 32],
        closes: Vec::new(),
    };
    stranger.append(&Body::Opened(other), Hlc(1));
    assert_eq!(
        check(stranger.part(0..1)),
        Err(InvalidPart::Key { found: [1; 32] })
    );
}

#[test]
fn faults_of_single_entries_void_them_and_nothing_else() {
    let mut origin = Origin::of_size(2);
    origin.append(&Body::Opened(opening()), Hlc(5_000));
    origin.append(&post("late"), Hlc(5_000));
    let mut entry = Origin::of_size(5).entries[4].clone();
    let body = RawBody {
        salt: [0; 32],
        bytes: b"garbage".to_vec(),
    };
    entry.header.commitment = commitment(&body.salt, &body.bytes);
    entry.header.hlc = Hlc(6_000);
    let header = entry.header.encode();
    let raw = crate::frame::RawEntry {
        header,
        body: Some(body),
    };
    origin.push(Entry::read(raw).expect("it commits"));
    origin.append(&post("fine"), Hlc(7_000));
    let part = origin.checked(0..6);
    assert_eq!(
        part.advance(&Frontier::EMPTY)
            .map(|log| log.frontier.size()),
        Ok(6)
    );
    let faults: Vec<_> = part
        .new_entries(0)
        .iter()
        .map(|entry| entry.fault.clone())
        .collect();
    assert_eq!(faults[..2], [None, None]);
    assert_eq!(faults[2], Some(EntryFault::Opened));
    let (before, found) = (Hlc(5_000), Hlc(5_000));
    assert_eq!(
        faults[3],
        Some(EntryFault::TimeNotGrowing { before, found })
    );
    assert!(matches!(faults[4], Some(EntryFault::Body(_))));
    assert_eq!(faults[5], None);
}
