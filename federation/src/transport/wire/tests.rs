use super::*;

fn samples() -> Vec<Frame> {
    let cursor = Cursor {
        run: RunId([1; 16]),
        arrival: 7,
    };
    let part = RawPart {
        origin: OrgId([2; 32]),
        incarnation: IncarnationId([3; 16]),
        first: 9,
        entries: vec![
            RawEntry {
                header: vec![4; 190],
                body: None,
            },
            RawEntry {
                header: vec![5; 190],
                body: Some(RawBody {
                    salt: [6; 32],
                    bytes: Vec::new(),
                }),
            },
        ],
        checkpoint: b"checkpoint".to_vec(),
        proof: vec![[7; 32], [8; 32]],
    };
    let mut frames = vec![
        Frame::Hello(Box::new(Hello {
            version_min: 1,
            version_max: 3,
            run: RunId([9; 16]),
            wall: Timestamp(1_800_000_000_000),
            identity: vec![vec![1], vec![2]],
            endpoints: vec![3],
            peering: vec![4],
        })),
        Frame::Notes(Notes {
            channel: ChannelId([10; 32]),
            identities: vec![vec![vec![1], vec![2]], Vec::new()],
            notes: vec![vec![3], vec![4]],
        }),
        Frame::Subscribe(Subscribe {
            channel: ChannelId([11; 32]),
            subscription: 2,
            cursor: Some(cursor),
            held: vec![LogSize {
                origin: OrgId([12; 32]),
                incarnation: IncarnationId([13; 16]),
                size: u64::MAX,
            }],
            relayed: vec![OrgId([14; 32])],
            notes: NoteHash([15; 32]),
        }),
        Frame::UnknownCursor(ChannelId([19; 32])),
        Frame::Entries(Entries {
            channel: ChannelId([17; 32]),
            subscription: 2,
            number: 5,
            cursor: Some(cursor),
            parts: vec![part],
        }),
        Frame::Ack(Ack {
            channel: ChannelId([18; 32]),
            number: 5,
            void: 1,
            withheld: 2,
        }),
    ];
    frames.extend(
        [
            Goodbye::Restart,
            Goodbye::Duplicate,
            Goodbye::Version,
            Goodbye::Protocol,
            Goodbye::Refused,
            Goodbye::NothingShared,
        ]
        .map(Frame::Goodbye),
    );
    frames
}

#[test]
fn every_frame_reads_back_as_it_was() {
    for frame in samples() {
        assert_eq!(
            Frame::try_from(proto::Frame::from(frame.clone())),
            Ok(frame)
        );
    }
}

/// Converts a sample to the wire, spoils it there, and converts it back.
fn check<Wire, Domain>(sample: Domain, spoil: impl FnOnce(&mut Wire), expected: InvalidFrame)
where
    Wire: From<Domain>,
    Domain: TryFrom<Wire, Error = InvalidFrame> + std::fmt::Debug,
{
    let mut wire = Wire::from(sample);
    spoil(&mut wire);
    match Domain::try_from(wire) {
        Ok(found) => panic!("expected {expected:?}, found {found:?}"),
        Err(found) => assert_eq!(found, expected),
    }
}

macro_rules! sample {
    ($kind:ident) => {
        samples()
            .into_iter()
            .find_map(|frame| match frame {
                Frame::$kind(inner) => Some(inner),
                _ => None,
            })
            .expect("there is one of each kind")
    };
}

fn length(field: &'static str, expected_bytes: usize, found_bytes: usize) -> InvalidFrame {
    InvalidFrame::Length {
        field,
        expected_bytes,
        found_bytes,
    }
}

fn too_long(field: &'static str, bytes_max: usize) -> InvalidFrame {
    InvalidFrame::TooLong {
        field,
        bytes_max,
        found_bytes: bytes_max + 1,
    }
}

fn too_many(field: &'static str, count_max: usize) -> InvalidFrame {
    InvalidFrame::TooMany {
        field,
        count_max,
        found: count_max + 1,
    }
}

#[test]
fn a_spoilt_hello_is_refused() {
    let hello = || *sample!(Hello);
    let check = |spoil: fn(&mut proto::Hello), expected| check(hello(), spoil, expected);
    check(
        |hello| hello.version_min = 0,
        InvalidFrame::Versions { min: 0, max: 3 },
    );
    check(
        |hello| hello.version_max = 0,
        InvalidFrame::Versions { min: 1, max: 0 },
    );
    check(|hello| hello.run.truncate(15), length("run", 16, 15));
    check(
        |hello| hello.identity = vec![vec![1]; bounds::IDENTITY_CHAIN_NOTES_MAX + 1],
        too_many("identity", bounds::IDENTITY_CHAIN_NOTES_MAX),
    );
    check(
        |hello| hello.peering = vec![1; bounds::NOTE_BYTES_MAX + 1],
        too_long("peering", bounds::NOTE_BYTES_MAX),
    );
}

#[test]
fn spoilt_notes_are_refused() {
    let check = |spoil: fn(&mut proto::Notes), expected| check(sample!(Notes), spoil, expected);
    check(|notes| notes.channel.push(0), length("channel", 32, 33));
    check(
        |frame| frame.notes = vec![vec![1]; bounds::FRAME_NOTES_MAX + 1],
        too_many("notes", bounds::FRAME_NOTES_MAX),
    );
    check(
        |frame| {
            let empty = proto::IdentityChain::default();
            frame.identities = vec![empty; bounds::PARTICIPANTS_MAX + 1];
        },
        too_many("identities", bounds::PARTICIPANTS_MAX),
    );
}

#[test]
fn a_spoilt_subscription_is_refused() {
    let check =
        |spoil: fn(&mut proto::Subscribe), expected| check(sample!(Subscribe), spoil, expected);
    check(|frame| frame.notes.clear(), length("notes", 32, 0));
    check(|frame| frame.relayed[0].clear(), length("relayed", 32, 0));
    check(
        |frame| frame.held[0].incarnation.clear(),
        length("incarnation", 16, 0),
    );
    check(
        |frame| frame.held = vec![frame.held[0].clone(); bounds::FRAME_HELD_MAX + 1],
        too_many("held", bounds::FRAME_HELD_MAX),
    );
    check(
        |frame| frame.relayed = vec![vec![1; 32]; bounds::PARTICIPANTS_MAX + 1],
        too_many("relayed", bounds::PARTICIPANTS_MAX),
    );
    check(
        |frame| frame.cursor = Some(proto::Cursor::default()),
        length("run", 16, 0),
    );
}

#[test]
fn spoilt_entries_are_refused() {
    let check = |spoil: fn(&mut proto::Entries), expected| check(sample!(Entries), spoil, expected);
    check(
        |frame| frame.parts = vec![frame.parts[0].clone(); bounds::FRAME_PARTS_MAX + 1],
        too_many("parts", bounds::FRAME_PARTS_MAX),
    );
    check(
        |frame| frame.parts[0].entries.clear(),
        InvalidFrame::Missing {
            field: "parts.entries",
        },
    );
    check(
        |frame| {
            let entry = frame.parts[0].entries[0].clone();
            frame.parts[0].entries = vec![entry; bounds::PART_ENTRIES_MAX + 1];
        },
        too_many("parts.entries", bounds::PART_ENTRIES_MAX),
    );
    check(
        |frame| frame.parts[0].first = u64::MAX - 1,
        InvalidFrame::Sequence {
            first: u64::MAX - 1,
            count: 2,
        },
    );
    check(
        |frame| frame.parts[0].proof[0].truncate(31),
        length("proof", 32, 31),
    );
    check(
        |frame| {
            frame.parts[0].entries[0].header = vec![1; bounds::HEADER_BYTES_MAX + 1];
        },
        too_long("header", bounds::HEADER_BYTES_MAX),
    );
    check(
        |frame| {
            frame.parts[0].entries[0].body = Some(proto::Body {
                salt: vec![1; 32],
                bytes: vec![1; bounds::BODY_BYTES_MAX + 1],
            });
        },
        too_long("bytes", bounds::BODY_BYTES_MAX),
    );
    check(
        |frame| frame.parts[0].entries[0].body = Some(proto::Body::default()),
        length("salt", 32, 0),
    );
}

#[test]
fn a_goodbye_without_a_reason_is_refused() {
    check(
        sample!(Goodbye),
        |goodbye: &mut proto::Goodbye| goodbye.reason = 0,
        InvalidFrame::Goodbye,
    );
}

#[test]
fn a_goodbye_for_an_unknown_reason_is_a_goodbye() {
    for reason in [7, i32::MAX, -1] {
        let read = Goodbye::try_from(proto::Goodbye { reason });
        assert_eq!(read, Ok(Goodbye::Restart));
    }
}

/// The file of tests/vectors/frames: each kind of frame as bytes, with what it says, and frames
/// that are refused. Nothing is written unless `FOEDUS_WRITE_VECTORS=1` asks for it.
#[test]
fn frames_are_as_in_their_file() {
    use prost::Message as _;
    let hex = |frame: &proto::Frame| data_encoding::HEXLOWER.encode(&frame.encode_to_vec());
    let mut expected = String::from(
        "# Frames of a link (PROTOCOL.md, 8.3; the syntax is foedus/federation/v1/link.proto).\n\
         # Each case: the encoded message in hexadecimal digits, and what it says. Bytes are in\n\
         # hexadecimal digits. Protocol buffers know other encodings of the same message; readers\n\
         # take them all. After them, messages that are refused.\n",
    );
    for frame in samples() {
        let (kind, fields) = said(&frame);
        let wire = proto::Frame::from(frame);
        expected += &format!("\ncase: {kind}\nframe: {}\n", hex(&wire));
        for (name, value) in fields {
            expected += &format!("{name}: {value}\n");
        }
    }
    for (name, wire, invalid) in refused() {
        let found = Frame::try_from(wire.clone());
        assert_eq!(found, Err(invalid), "{name}");
        expected += &format!("\ncase: refused, {name}\nframe: {}\n", hex(&wire));
    }
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/vectors/frames/frames.txt");
    if std::env::var("FOEDUS_WRITE_VECTORS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &expected).expect("the vectors can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the vector is there");
    assert!(
        found == expected,
        "frames.txt differs from what is written today"
    );
    for line in found
        .lines()
        .filter_map(|line| line.strip_prefix("frame: "))
    {
        let bytes = data_encoding::HEXLOWER.decode(line.as_bytes());
        proto::Frame::decode(bytes.expect("digits").as_slice()).expect("the syntax holds");
    }
}

type Fields = Vec<(&'static str, String)>;

/// What a frame says, line by line.
fn said(frame: &Frame) -> (&'static str, Fields) {
    let bytes = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let list = |all: &[Vec<u8>]| {
        let all: Vec<String> = all.iter().map(|one| bytes(one)).collect();
        all.join(" ")
    };
    let cursor = |cursor: &Option<Cursor>| {
        cursor.as_ref().map_or("none".to_owned(), |cursor| {
            format!("{} {}", bytes(cursor.run.as_bytes()), cursor.arrival)
        })
    };
    match frame {
        Frame::Hello(hello) => (
            "hello",
            vec![
                (
                    "versions",
                    format!("{}-{}", hello.version_min, hello.version_max),
                ),
                ("run", bytes(hello.run.as_bytes())),
                ("wall-milliseconds", hello.wall.0.to_string()),
                ("identity", list(&hello.identity)),
                ("endpoints", bytes(&hello.endpoints)),
                ("peering", bytes(&hello.peering)),
            ],
        ),
        Frame::Notes(notes) => {
            let mut fields = vec![("channel", bytes(notes.channel.as_bytes()))];
            let chains = notes.identities.iter();
            fields.extend(chains.map(|chain| ("identity", list(chain))));
            fields.extend(notes.notes.iter().map(|note| ("note", bytes(note))));
            ("notes", fields)
        }
        Frame::Subscribe(subscribe) => {
            let mut fields = vec![
                ("channel", bytes(subscribe.channel.as_bytes())),
                ("subscription", subscribe.subscription.to_string()),
                ("cursor", cursor(&subscribe.cursor)),
            ];
            fields.extend(subscribe.held.iter().map(|held| {
                let (origin, log) = (held.origin.as_bytes(), held.incarnation.as_bytes());
                let line = format!("{} {} {}", bytes(origin), bytes(log), held.size);
                ("held", line)
            }));
            let relayed = subscribe.relayed.iter();
            fields.extend(relayed.map(|org| ("relayed", bytes(org.as_bytes()))));
            fields.push(("notes", bytes(subscribe.notes.as_bytes())));
            ("subscribe", fields)
        }
        Frame::UnknownCursor(channel) => {
            let fields = vec![("channel", bytes(channel.as_bytes()))];
            ("unknown_cursor", fields)
        }
        Frame::Entries(entries) => {
            let mut fields = vec![
                ("channel", bytes(entries.channel.as_bytes())),
                ("subscription", entries.subscription.to_string()),
                ("number", entries.number.to_string()),
                ("cursor", cursor(&entries.cursor)),
            ];
            for part in &entries.parts {
                fields.push(("part-origin", bytes(part.origin.as_bytes())));
                fields.push(("part-incarnation", bytes(part.incarnation.as_bytes())));
                fields.push(("part-first", part.first.to_string()));
                for entry in &part.entries {
                    fields.push(("header", bytes(&entry.header)));
                    let body = entry.body.as_ref();
                    let body = body.map_or("none".to_owned(), |body| {
                        format!("{} {}", bytes(&body.salt), bytes(&body.bytes))
                    });
                    fields.push(("salt-and-body", body));
                }
                fields.push(("checkpoint", bytes(&part.checkpoint)));
                fields.extend(part.proof.iter().map(|hash| ("proof", bytes(hash))));
            }
            ("entries", fields)
        }
        Frame::Ack(ack) => (
            "ack",
            vec![
                ("channel", bytes(ack.channel.as_bytes())),
                ("number", ack.number.to_string()),
                ("void", ack.void.to_string()),
                ("withheld", ack.withheld.to_string()),
            ],
        ),
        Frame::Goodbye(goodbye) => {
            let reason = proto::Goodbye::from(*goodbye).reason().as_str_name();
            let reason = reason.trim_start_matches("GOODBYE_REASON_").to_owned();
            ("goodbye", vec![("reason", reason)])
        }
    }
}

/// Frames whose syntax holds and that are refused all the same.
fn refused() -> Vec<(&'static str, proto::Frame, InvalidFrame)> {
    let frame = |kind| proto::Frame { kind: Some(kind) };
    let mut short = proto::Ack::from(sample!(Ack));
    short.channel.pop();
    vec![
        ("no kind", proto::Frame { kind: None }, InvalidFrame::Kind),
        (
            "a channel of 31 bytes",
            frame(proto::frame::Kind::Ack(short)),
            length("channel", 32, 31),
        ),
    ]
}
