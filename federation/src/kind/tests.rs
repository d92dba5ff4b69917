use foedus_policy::id::{EntryRef, IncarnationId, OrgId};
use foedus_policy::vocabulary::AuthorKind;

use super::*;
use crate::bounds::HEADS_ROWS_MAX;

const TEXT_BYTES_MAX: usize = crate::bounds::TEXT_BYTES_MAX as usize;

fn target() -> EntryRef {
    EntryRef {
        origin: OrgId([1; 32]),
        incarnation: IncarnationId([2; 16]),
        sequence: 3,
    }
}

fn head(last: u8) -> Head {
    let mut incarnation = [0; 16];
    incarnation[15] = last;
    Head {
        origin: OrgId([9; 32]),
        incarnation: IncarnationId(incarnation),
        size: 7,
        root: [8; 32],
    }
}

fn closed(first: u8) -> ClosedLog {
    ClosedLog {
        incarnation: IncarnationId([first; 16]),
        size: 12,
        root: [5; 32],
    }
}

fn name(text: &str) -> CustomName {
    text.parse().expect("a valid name")
}

fn one_of_each() -> Vec<Body> {
    let text = || "Grüße\n👋".to_owned();
    vec![
        Body::Post {
            text: text(),
            reply_to: None,
        },
        Body::Post {
            text: text(),
            reply_to: Some(target()),
        },
        Body::Edit {
            target: target(),
            text: text(),
        },
        Body::Retract { target: target() },
        Body::React {
            target: target(),
            emoji: "👍".to_owned(),
            on: true,
        },
        Body::React {
            target: target(),
            emoji: "👍".to_owned(),
            on: false,
        },
        Body::Joined {
            author_kind: AuthorKind::Bot,
            address: "deploy@acme.example".to_owned(),
            display_name: "Deployer".to_owned(),
        },
        Body::Left,
        Body::Opened(Opened {
            key: [4; 32],
            closes: vec![closed(1), closed(2)],
        }),
        Body::Heads(vec![head(1), head(2)]),
        Body::Note(b"text\n\nsignature\n".to_vec()),
        Body::Erase { target: target() },
        Body::Custom {
            name: name("build.status"),
            bytes: vec![0, 1, 2],
        },
    ]
}

#[test]
fn each_kind_reads_back_and_no_shorter_or_longer_input_does() {
    for body in one_of_each() {
        let (kind, class) = (body.kind(), body.class());
        let bytes = body.encode().expect("within the limits");
        assert_eq!(Body::decode(kind, &class, &bytes), Ok(body.clone()));
        for length in 0..bytes.len() {
            assert!(
                Body::decode(kind, &class, &bytes[..length]).is_err(),
                "{kind} at {length}"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Body::decode(kind, &class, &longer).is_err(), "{kind}");
    }
}

#[test]
fn whatever_decodes_encodes_to_the_same_bytes() {
    for body in one_of_each() {
        let bytes = body.encode().expect("within the limits");
        for index in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[index] ^= flip;
                if let Ok(read) = Body::decode(body.kind(), &body.class(), &changed) {
                    assert_eq!(read.encode(), Ok(changed), "{} byte {index}", body.kind());
                }
            }
        }
    }
}

#[test]
fn numbers_are_distinct_and_say_their_class() {
    for body in one_of_each() {
        assert!(body.kind().is_of(&body.class()));
        assert_eq!(Kind::of_number(body.kind().number()), Some(body.kind()));
        let class = body.class();
        let read = Class::of_header(class.number(), class.custom_name().as_bytes());
        assert_eq!(read, Ok(class));
    }
    let mut numbers: Vec<u16> = Kind::ALL.iter().map(|kind| kind.number()).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), Kind::ALL.len());
    assert_eq!(Kind::of_number(0), None);
}

#[test]
fn a_body_is_read_only_under_the_class_of_its_kind() {
    let bytes = Body::Retract { target: target() }
        .encode()
        .expect("within the limits");
    let class = Class::Content;
    assert_eq!(
        Body::decode(Kind::Retract, &class, &bytes),
        Err(InvalidBody::Class {
            kind: Kind::Retract,
            class
        }),
    );
}

#[test]
fn classes_of_later_versions_are_kept_and_names_are_strict() {
    assert_eq!(Class::of_header(7, b""), Ok(Class::Unknown(7)));
    assert_eq!(Class::of_header(0, b""), Ok(Class::Unknown(0)));
    for (number, text) in [
        (1, "x"),
        (7, "x"),
        (6, ""),
        (6, "Big"),
        (6, "1st"),
        (6, "a b"),
    ] {
        assert_eq!(
            Class::of_header(number, text.as_bytes()),
            Err(InvalidCustomName),
            "{text}"
        );
    }
    assert!("a".repeat(64).parse::<CustomName>().is_ok());
    assert!("a".repeat(65).parse::<CustomName>().is_err());
}

fn check_refused(body: &Body, expected: &InvalidBody) {
    assert_eq!(body.encode().as_ref(), Err(expected));
}

#[test]
fn limits_hold_when_writing() {
    let post = |text: String| Body::Post {
        text,
        reply_to: None,
    };
    assert!(post("x".repeat(TEXT_BYTES_MAX)).encode().is_ok());
    check_refused(
        &post(String::new()),
        &InvalidBody::Empty { field: Field::Text },
    );
    check_refused(
        &post("x".repeat(TEXT_BYTES_MAX + 1)),
        &InvalidBody::TooLong {
            field: Field::Text,
            expected_max: TEXT_BYTES_MAX,
            found: TEXT_BYTES_MAX + 1,
        },
    );
    check_refused(
        &post("a\0b".to_owned()),
        &InvalidBody::Character { field: Field::Text },
    );
    check_refused(
        &Body::React {
            target: target(),
            emoji: "\u{1b}[2J".to_owned(),
            on: true,
        },
        &InvalidBody::Character {
            field: Field::Emoji,
        },
    );
    check_refused(
        &Body::Heads(Vec::new()),
        &InvalidBody::Empty {
            field: Field::Heads,
        },
    );
    let backwards = Body::Heads(vec![head(2), head(1)]);
    check_refused(
        &backwards,
        &InvalidBody::Order {
            field: Field::Heads,
        },
    );
    let twice = Body::Opened(Opened {
        key: [0; 32],
        closes: vec![closed(1), closed(1)],
    });
    check_refused(
        &twice,
        &InvalidBody::Order {
            field: Field::Closes,
        },
    );
}

#[test]
fn the_largest_bodies_fit_into_one_stored_value() {
    let rows = |number: usize| -> [u8; 16] { (number as u128).to_be_bytes() };
    let heads = (0..HEADS_ROWS_MAX).map(|number| Head {
        incarnation: IncarnationId(rows(number)),
        ..head(0)
    });
    let closes = (0..crate::bounds::CLOSES_ROWS_MAX).map(|number| ClosedLog {
        incarnation: IncarnationId(rows(number)),
        ..closed(0)
    });
    let bodies = [
        Body::Heads(heads.collect()),
        Body::Opened(Opened {
            key: [1; 32],
            closes: closes.collect(),
        }),
        Body::Note(vec![b'x'; crate::bounds::NOTE_BYTES_MAX]),
        Body::Custom {
            name: name("x"),
            bytes: vec![0; crate::bounds::CUSTOM_BYTES_MAX],
        },
    ];
    for body in bodies {
        let bytes = body.encode().expect("within the limits");
        assert!(
            bytes.len() <= crate::bounds::BODY_BYTES_MAX,
            "{}",
            body.kind()
        );
        assert_eq!(Body::decode(body.kind(), &body.class(), &bytes), Ok(body));
    }
}

#[test]
fn limits_hold_when_reading() {
    let post = |bytes: &[u8]| Body::decode(Kind::Post, &Class::Content, bytes);
    assert_eq!(
        post(&[0, 0, 0]),
        Err(InvalidBody::Empty { field: Field::Text })
    );
    assert_eq!(
        post(&[0, 1, 0, 0]),
        Err(InvalidBody::Character { field: Field::Text })
    );
    assert_eq!(
        post(&[0, 1, 0xff, 0]),
        Err(InvalidBody::Utf8 { field: Field::Text })
    );
    assert!(matches!(
        post(&[0, 1, b'x', 2]),
        Err(InvalidBody::Layout(_))
    ));
    assert_eq!(
        post(&[0, 1, b'x', 0]),
        Ok(Body::Post {
            text: "x".to_owned(),
            reply_to: None
        })
    );
    let huge = vec![0; 70_000];
    assert_eq!(
        post(&huge),
        Err(InvalidBody::Bytes {
            found_bytes: 70_000
        })
    );
    let mut reaction = [
        target().origin.0.as_slice(),
        &[2; 16],
        &[0; 8],
        &[1, b'x', 2],
    ]
    .concat();
    let react = |bytes: &[u8]| Body::decode(Kind::React, &Class::Reaction, bytes);
    assert_eq!(react(&reaction), Err(InvalidBody::Flag { found: 2 }));
    reaction.pop();
    assert!(matches!(react(&reaction), Err(InvalidBody::Layout(_))));
    // A vector whose last row reaches past its stated length.
    let mut heads = vec![0, 87];
    heads.extend([1; 88]);
    let read = Body::decode(Kind::Heads, &Class::Control, &heads);
    assert!(matches!(read, Err(InvalidBody::Layout(_))));
}
