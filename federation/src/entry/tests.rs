use foedus_policy::id::{AuthorId, ChannelId, IncarnationId, NoteHash, OrgId};

use super::*;
use crate::kind::Opened;

fn log() -> LogId {
    LogId {
        channel: ChannelId([1; 32]),
        origin: OrgId([2; 32]),
        incarnation: IncarnationId([3; 16]),
    }
}

fn place(sequence: u64) -> Place {
    Place {
        log: log(),
        sequence,
        hlc: Hlc(0x0123_4567_89ab_cdef),
        revision: NoteHash([4; 32]),
        author: AuthorId([5; 16]),
    }
}

fn post() -> Body {
    Body::Post {
        text: "hello".to_owned(),
        reply_to: None,
    }
}

fn composed(sequence: u64, body: &Body) -> Entry {
    compose(&place(sequence), body, [6; 32]).expect("within the limits")
}

#[test]
fn what_is_composed_reads_back() {
    let opened = Body::Opened(Opened {
        key: [7; 32],
        closes: Vec::new(),
    });
    let custom = Body::Custom {
        name: "build.status".parse().expect("a valid name"),
        bytes: vec![1],
    };
    for (sequence, body) in [(0, opened), (1, post()), (2, Body::Left), (3, custom)] {
        let entry = composed(sequence, &body);
        assert_eq!(entry.fault, None);
        assert_eq!(Entry::read(entry.raw.clone()), Ok(entry.clone()));
        assert_eq!(entry.header.encode(), entry.raw.header);
        assert!(entry.raw.header.len() <= crate::bounds::HEADER_BYTES_MAX);
        let headless = RawEntry {
            body: None,
            ..entry.raw.clone()
        };
        let read = Entry::read(headless).expect("an absent body is no fault");
        assert_eq!((read.body, read.fault, read.leaf), (None, None, entry.leaf));
    }
}

#[test]
fn a_header_is_laid_out_as_the_protocol_says() {
    let entry = composed(9, &post());
    let bytes = &entry.raw.header;
    assert_eq!(bytes.len(), 180);
    assert_eq!(
        bytes[..80],
        [[1; 32].as_slice(), &[2; 32], &[3; 16]].concat()
    );
    assert_eq!(
        bytes[80..96],
        [9u64.to_be_bytes(), 0x0123_4567_89ab_cdefu64.to_be_bytes()].concat()
    );
    assert_eq!(bytes[96..144], [[4; 32].as_slice(), &[5; 16]].concat());
    assert_eq!(bytes[144..148], [1, 0, 1, 1]);
    assert_eq!(bytes[148..], entry.header.commitment);
}

#[test]
fn every_changed_byte_is_a_named_refusal_or_another_leaf() {
    let entry = composed(1, &post());
    for index in 0..entry.raw.header.len() {
        let mut raw = entry.raw.clone();
        raw.header[index] ^= 0x20;
        match Entry::read(raw.clone()) {
            Ok(read) => {
                assert_ne!(read.leaf, entry.leaf, "byte {index}");
                assert_eq!(read.header.encode(), raw.header, "byte {index}");
            }
            Err(InvalidEntry::Header(_)) => assert_eq!(index, 145, "only the name has a form"),
            Err(InvalidEntry::Commitment) => assert!(index >= 148, "byte {index}"),
        }
    }
    let body = entry.raw.body.clone().expect("it was composed with one");
    for index in 0..body.bytes.len() {
        let mut body = body.clone();
        body.bytes[index] ^= 1;
        let raw = RawEntry {
            body: Some(body),
            ..entry.raw.clone()
        };
        assert_eq!(Entry::read(raw), Err(InvalidEntry::Commitment));
    }
    let mut salted = body;
    salted.salt[0] ^= 1;
    let raw = RawEntry {
        body: Some(salted),
        ..entry.raw
    };
    assert_eq!(Entry::read(raw), Err(InvalidEntry::Commitment));
}

#[test]
fn a_header_of_another_length_is_none() {
    let bytes = composed(1, &post()).raw.header;
    for length in 0..bytes.len() {
        let read = Header::decode(&bytes[..length]);
        assert!(
            matches!(read, Err(InvalidHeader::Layout(_))),
            "{length} bytes"
        );
    }
    let longer = Header::decode(&[bytes.as_slice(), &[0]].concat());
    assert_eq!(
        longer,
        Err(InvalidHeader::Layout(tls_codec::Error::TrailingData))
    );
}

/// Reads an entry with this header whose body is `bytes`, and says what is wrong with it.
fn fault_of(change: impl Fn(&mut Header), bytes: &[u8]) -> Option<EntryFault> {
    let mut header = composed(1, &post()).header;
    let salt = [6; 32];
    header.commitment = commitment(&salt, bytes);
    change(&mut header);
    let body = Some(RawBody {
        salt,
        bytes: bytes.to_vec(),
    });
    let entry = Entry::read(RawEntry {
        header: header.encode(),
        body,
    })
    .expect("it commits");
    assert_eq!(entry.body.is_none(), entry.fault.is_some());
    assert_eq!(entry.raw.body.is_some(), bytes.len() <= BODY_BYTES_MAX);
    entry.fault
}

#[test]
fn faults_make_an_entry_void_and_not_unreadable() {
    let bytes = post().encode().expect("within the limits");
    assert_eq!(fault_of(|_| (), &bytes), None);
    assert_eq!(
        fault_of(|header| header.class = Class::Unknown(9), &bytes),
        Some(EntryFault::UnknownClass { class: 9 }),
    );
    assert_eq!(
        fault_of(|header| header.kind = 0x01ff, &bytes),
        Some(EntryFault::UnknownKind { kind: 0x01ff }),
    );
    assert_eq!(
        fault_of(|header| header.kind = Kind::React.number(), &bytes),
        Some(EntryFault::ClassOfKind {
            kind: Kind::React,
            class: Class::Content
        }),
    );
    assert_eq!(
        fault_of(|header| header.sequence = 0, &bytes),
        Some(EntryFault::Opened)
    );
    let garbage = fault_of(|_| (), b"garbage");
    assert!(matches!(
        garbage,
        Some(EntryFault::Body(InvalidBody::Layout(_)))
    ));
    let huge = fault_of(|_| (), &vec![0; BODY_BYTES_MAX + 1]);
    assert!(matches!(
        huge,
        Some(EntryFault::Body(InvalidBody::Bytes { .. }))
    ));
}

#[test]
fn time_must_grow() {
    let mut entry = composed(1, &post());
    entry.check_time(Hlc(entry.header.hlc.0 - 1));
    assert_eq!(entry.fault, None);
    let before = entry.header.hlc;
    entry.check_time(before);
    assert_eq!(
        entry.fault,
        Some(EntryFault::TimeNotGrowing {
            before,
            found: before
        })
    );
    assert_eq!(entry.body, None);
}
