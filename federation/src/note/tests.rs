use proptest::prelude::*;

use super::lines::{InvalidText, Value};
use super::value::{FreeText, LogHead, LogHeadLine, format_time, parse_time};
use super::*;
use crate::identity::{Identity, org_id};
use foedus_policy::time::Timestamp;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn name() -> KeyName {
    KeyName::Sign(org_id(key(1).verifying_key()))
}

fn signed(text: &str) -> SignedNote {
    SignedNote::sign(text, name(), &key(3))
}

#[test]
fn what_is_signed_reads_back_and_verifies() {
    let note = signed("one\n\ntwo\n");
    let read = SignedNote::parse(note.bytes()).expect("a valid note");
    assert_eq!(read, note);
    assert_eq!(read.text(), "one\n\ntwo\n");
    assert_eq!(read.verify(name(), key(3).verifying_key()), Ok(()));
    assert_eq!(read.hash(), hash_text("one\n\ntwo\n"));
}

#[test]
fn the_example_of_the_specification_verifies() {
    // Key and note of golang.org/x/mod/sumdb/note, which the specification describes.
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = SignedNote::parse(format!("{text}\n{line}").as_bytes()).expect("a valid note");
    let key: [u8; 32] = BASE64
        .decode(b"ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        .expect("base64")[1..]
        .try_into()
        .expect("32 bytes");
    let key = VerifyingKey::from_bytes(&key).expect("a key");
    assert_eq!(key_id("PeterNeumann", &key), [0xc7, 0x4f, 0x20, 0xa3]);
    let signature = note.signatures[0]
        .signature
        .as_slice()
        .try_into()
        .expect("64 bytes");
    assert!(key.verifies(text.as_bytes(), signature));
}

#[test]
fn a_signature_by_another_key_does_not_count() {
    let note = signed("text\n");
    let missing = Err(InvalidSignature::Missing { name: name() });
    assert_eq!(note.verify(name(), key(4).verifying_key()), missing);
    let other = KeyName::Root(org_id(key(1).verifying_key()));
    assert_eq!(
        note.verify(other, key(3).verifying_key()),
        Err(InvalidSignature::Missing { name: other })
    );
}

/// The note of `signed`, with a line added whose name, id and signature are as given.
fn with_line(name: &str, key_id: [u8; 4], signature: &[u8]) -> SignedNote {
    let mut bytes = signed("text\n").into_bytes();
    let line = SignatureLine {
        name: name.to_owned(),
        key_id,
        signature: signature.to_vec(),
    };
    bytes.extend_from_slice(line.to_string().as_bytes());
    SignedNote::parse(&bytes).expect("a valid note")
}

#[test]
fn lines_of_unknown_keys_are_ignored_and_a_false_line_of_a_known_key_refuses() {
    let own = *key(3).verifying_key();
    let own_name = name().to_string();
    let own_id = key_id(&own_name, &own);
    let foreign = key(4).sign(b"text\n");
    assert_eq!(
        with_line("somebody", own_id, &foreign).verify(name(), &own),
        Ok(())
    );
    assert_eq!(
        with_line(&own_name, [0; 4], &foreign).verify(name(), &own),
        Ok(())
    );
    assert_eq!(
        with_line("post-quantum", [1; 4], &[7; 3000]).verify(name(), &own),
        Ok(())
    );
    // The id of one key over the signature of another, as a forger of the four bytes would have it.
    let wrong = Err(InvalidSignature::Wrong { name: name() });
    assert_eq!(
        with_line(&own_name, own_id, &foreign).verify(name(), &own),
        wrong
    );
    assert_eq!(
        with_line(&own_name, own_id, &foreign[..63]).verify(name(), &own),
        wrong
    );
    let again = key(3).sign(b"text\n");
    assert_eq!(
        with_line(&own_name, own_id, &again).verify(name(), &own),
        Ok(())
    );
}

#[test]
fn sixteen_signatures_and_no_more() {
    let mut note = signed("text\n");
    for seed in 10..25 {
        note.add_signature(name(), &key(seed));
    }
    assert!(SignedNote::parse(note.bytes()).is_ok());
    let mut bytes = note.into_bytes();
    let line = signed("text\n").signatures[0].to_string();
    bytes.extend_from_slice(line.as_bytes());
    assert_eq!(
        SignedNote::parse(&bytes),
        Err(InvalidNote::TooManySignatures)
    );
}

#[test]
fn broken_forms_are_refused() {
    let check = |note: &[u8], expected: InvalidNote| {
        assert_eq!(
            SignedNote::parse(note),
            Err(expected),
            "{}",
            note.escape_ascii()
        );
    };
    let good = String::from_utf8(signed("text\n").into_bytes()).expect("UTF-8");
    let line = |line: usize| InvalidNote::SignatureLine { line };
    check(b"", InvalidNote::NoSignatures);
    check(b"text\n", InvalidNote::NoSignatures);
    check(b"text\n\n", InvalidNote::NoSignatures);
    check(&[0xff, b'\n', b'\n'], InvalidNote::NotUtf8);
    check(good.trim_end().as_bytes(), InvalidNote::NoLastNewline);
    check(
        good.replace('\n', "\r\n").as_bytes(),
        InvalidNote::ControlCharacter,
    );
    check(
        good.replace("text", "te\tt").as_bytes(),
        InvalidNote::ControlCharacter,
    );
    check(
        good.replace("\n\n", "\n").as_bytes(),
        InvalidNote::NoSignatures,
    );
    check(good.replace('\u{2014}', "-").as_bytes(), line(1));
    check(format!("{good}more\n").as_bytes(), line(2));
    check(format!("{good}\n").as_bytes(), InvalidNote::NoSignatures);
    check("text\n\n\u{2014} name\n".as_bytes(), line(1));
    check("text\n\n\u{2014}  AAAAAAA=\n".as_bytes(), line(1));
    check("text\n\n\u{2014} a+b AAAAAAA=\n".as_bytes(), line(1));
    check("text\n\n\u{2014} a\u{a0}b AAAAAAA=\n".as_bytes(), line(1));
    check("text\n\n\u{2014} name AAAAAA==\n".as_bytes(), line(1));
    check("text\n\n\u{2014} name AAAAAAA\n".as_bytes(), line(1));
    check("text\n\n\u{2014} name AAAAAAB=\n".as_bytes(), line(1));
    check("text\n\n\u{2014} name AAAAAAA= \n".as_bytes(), line(1));
    let long = NOTE_BYTES_MAX + 1;
    check(
        &vec![b'a'; long],
        InvalidNote::TooLong { found_bytes: long },
    );
    let text = format!("{}\n", "a".repeat(NOTE_TEXT_BYTES_MAX));
    let found_bytes = text.len();
    check(
        signed(&text).bytes(),
        InvalidNote::TextTooLong { found_bytes },
    );
    assert!(SignedNote::parse(signed(&text[1..]).bytes()).is_ok());
}

#[test]
fn times_have_one_form() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_795_339_800_007, "2026-11-22T09:30:00.007Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(format_time(Timestamp(millis)), text);
        assert_eq!(parse_time(text), Some(Timestamp(millis)));
    }
    assert_eq!(format_time(Timestamp(u64::MAX)), "9999-12-31T23:59:59.999Z");
    for bad in [
        "",
        "1969-12-31T23:59:59.999Z",
        "0000-01-01T00:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "2100-02-29T00:00:00.000Z",
        "2026-13-01T00:00:00.000Z",
        "2026-00-01T00:00:00.000Z",
        "2026-11-31T00:00:00.000Z",
        "2026-11-22T24:00:00.000Z",
        "2026-11-22T09:60:00.000Z",
        "2026-11-22T09:30:60.000Z",
        "2026-11-22T09:30:00Z",
        "2026-11-22T09:30:00.0000Z",
        "2026-11-22t09:30:00.000z",
        "2026-11-22 09:30:00.000Z",
        "2026-11-22T09:30:00.000+00:00",
        "2026-11-22T09:30:00.0\u{e4}Z",
        "+026-11-22T09:30:00.000Z",
    ] {
        assert_eq!(parse_time(bad), None, "{bad}");
    }
}

#[test]
fn free_text_has_one_form() {
    let check = |plain: &str, written: &str| {
        let text = FreeText::new(plain).expect("fits");
        assert_eq!(text.to_string(), written);
        assert_eq!(FreeText::read(written), Some(text));
    };
    check("Launch", r#""Launch""#);
    check("none", r#""none""#);
    check("a \"b\" \\ c", r#""a \"b\" \\ c""#);
    check("a\nb\u{202e}c\u{1b}[0m", r#""a\u{a}b\u{202e}c\u{1b}[0m""#);
    check("Züge 🚄", "\"Züge 🚄\"");
    for bad in [
        "",
        "\"",
        "\"\"",
        "Launch",
        r#""a"b""#,
        r#""\n""#,
        r#""\u{A}""#,
        r#""\u{0a}""#,
        r#""\u{61}""#,
        r#""\u{d800}""#,
        r#""\u{a""#,
        r#""a\""#,
        "\"a\u{7f}\"",
        "\"a\u{202e}\"",
        r#""\u{+a}""#,
    ] {
        assert_eq!(FreeText::read(bad), None, "{bad}");
    }
    assert!(FreeText::new(&"a".repeat(257)).is_err() && FreeText::new("").is_err());
    assert!(FreeText::new(&"\n".repeat(256)).is_ok());
}

#[test]
fn numbers_have_one_form() {
    assert_eq!(u64::read("0"), Some(0));
    assert_eq!(u64::read("18446744073709551615"), Some(u64::MAX));
    for bad in [
        "",
        "00",
        "01",
        "+1",
        "-1",
        "1 ",
        "1_0",
        "18446744073709551616",
    ] {
        assert_eq!(u64::read(bad), None, "{bad}");
    }
}

#[test]
fn a_note_of_one_type_is_none_of_another() {
    let identity = Identity {
        org: org_id(key(1).verifying_key()),
        handle: "acme.example".parse().expect("a handle"),
        serial: 1,
        root: *key(1).verifying_key(),
        link: *key(2).verifying_key(),
        sign: *key(3).verifying_key(),
    };
    let text = identity.to_text();
    let renamed = text.replace("foedus/identity/v1", "foedus/identity/v2");
    let expected = Err(InvalidText::Type {
        expected: "foedus/identity/v1",
    });
    assert_eq!(Identity::parse(&renamed), expected);
    let signed = SignedNote::sign(&renamed, identity.signer(), &key(1));
    assert!(matches!(
        verify::<Identity>(signed.bytes(), key(1).verifying_key()),
        Err(RefusedNote::Text(InvalidText::Type { .. }))
    ));
    let good = SignedNote::sign(&text, identity.signer(), &key(1));
    assert_eq!(NoteKind::of(good.bytes()), Some(NoteKind::Identity));
    let verified = verify::<Identity>(good.bytes(), key(1).verifying_key()).expect("valid");
    assert_eq!(verified.bytes(), good.bytes());
    assert_eq!(verified.hash(), identity.hash());
    assert_eq!(verified.note(), &identity);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            prop_assert_eq!(note.bytes(), bytes.as_slice());
        }
    }

    #[test]
    fn any_text_is_signed_and_read(text in "[^\u{0}-\u{1f}]{0,40}(\n[^\u{0}-\u{1f}]{0,40}){0,4}") {
        let text = format!("{text}\n");
        let note = SignedNote::parse(signed(&text).bytes()).expect("what we sign reads");
        prop_assert_eq!(note.text(), text);
        prop_assert!(note.verify(name(), key(3).verifying_key()).is_ok());
    }

    #[test]
    fn any_time_reads_back(millis in 0..253_402_300_800_000u64) {
        prop_assert_eq!(parse_time(&format_time(Timestamp(millis))), Some(Timestamp(millis)));
    }

    #[test]
    fn any_free_text_reads_back(text in "\\PC{1,60}|[\u{0}-\u{ff}]{1,60}") {
        let text = FreeText::new(&text).expect("at most 240 bytes");
        prop_assert_eq!(FreeText::read(&text.to_string()), Some(text));
    }

    #[test]
    fn any_head_reads_back(size: u64, org: [u8; 32], incarnation: [u8; 16], root: [u8; 32]) {
        let log = (OrgId(org), IncarnationId(incarnation));
        let line = LogHeadLine { log, head: LogHead { size, root } };
        let mut text = String::new();
        line.write(&mut text);
        prop_assert_eq!(LogHeadLine::read(&text), Some(line));
    }
}
