//! The files of tests/vectors/notes hold what is written today, and PROTOCOL.md shows it.
//!
//! Nothing is written unless `FOEDUS_WRITE_VECTORS=1` asks for it.

use std::fmt::Write as _;
use std::path::PathBuf;

use data_encoding::{BASE64, HEXLOWER};

use super::*;
use crate::note::{Claimed, RefusedNote};

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The file holds exactly `expected`.
fn check_file(name: &str, expected: &str) {
    let path = project()
        .join("tests/vectors/notes")
        .join(format!("{name}.txt"));
    if std::env::var("FOEDUS_WRITE_VECTORS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, expected).expect("the vectors can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the vector is there");
    assert_eq!(
        found,
        expected,
        "{} differs from what is written today",
        path.display()
    );
}

fn note_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("notes are UTF-8")
}

#[test]
fn notes_are_as_in_their_files() {
    for (name, bytes, hash, seeds) in all() {
        let mut file = format!(
            "# A signed note, from the line after `---` to the end of the file.\nhash: {hash}\n"
        );
        let note = note_text(&bytes);
        let names = note
            .lines()
            .filter_map(|line| line.strip_prefix("\u{2014} "));
        for (seed, line) in seeds.iter().zip(names) {
            let signer = line.split(' ').next().expect("a signature line has a name");
            writeln!(file, "signer: {signer} seed {seed:02x} {}", public(*seed)).expect("a string");
        }
        write!(file, "bytes: {}\n---\n{note}", bytes.len()).expect("a string");
        check_file(name, &file);
    }
}

#[test]
fn the_pairing_is_as_in_its_file() {
    let endpoints = endpoints(GLOBEX)
        .sign(&key(sign_seed(GLOBEX)))
        .expect("valid");
    let reply = reply().sign(&key(sign_seed(GLOBEX))).expect("valid");
    let whole = PairingReply::verify(
        chain(GLOBEX, "globex.example"),
        endpoints.bytes(),
        reply.bytes(),
    )
    .expect("valid");
    let invitation = invitation();
    let mut file = String::from(
        "# An invitation by Acme, the reply of Globex as text, and the six words both are shown.\n\
         # The payloads are given in hexadecimal digits without the checksum.\n",
    );
    for (name, value) in [
        ("secret", HEXLOWER.encode(secret().expose())),
        ("id", secret().invitation_id().to_string()),
        ("inviter-root", public(ACME).to_string()),
        ("invitee-root", public(GLOBEX).to_string()),
        ("proof", HEXLOWER.encode(&reply.note().proof)),
        (
            "words",
            six_words(&public(ACME), &public(GLOBEX), &secret()).join(" "),
        ),
        ("invitation-payload", HEXLOWER.encode(&invitation.payload())),
        ("invitation", invitation.encode().expect("short")),
        ("reply", whole.encode().expect("short")),
    ] {
        writeln!(file, "{name}: {value}").expect("a string");
    }
    check_file("pairing", &file);
}

#[test]
fn what_must_be_refused_is_as_in_its_file_and_is_refused() {
    let globex = sign_seed(GLOBEX);
    let good = note_text(consent().sign(&key(globex)).expect("valid").bytes()).to_owned();
    let text = consent().to_text();
    let signer = consent().signer();
    let signed = |text: &str| {
        let note = SignedNote::sign(text, signer, &key(globex));
        note_text(note.bytes()).to_owned()
    };
    let swapped = text.replacen("channel:", "first:", 1);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .expect("the line is there")
            .to_owned()
            + "\n"
    };
    let signature = good.rsplit_once("\n\n").expect("signed").1.to_owned();
    let seventeen = format!("{text}\n{}", signature.repeat(17));
    let cases = [
        ("other-version", signed(&text.replace("/v1\n", "/v2\n"))),
        (
            "other-type",
            signed(&text.replace("foedus/consent/v1", "foedus/seal/v1")),
        ),
        (
            "line-missing",
            signed(&text.replace(&line("predecessor"), "")),
        ),
        (
            "line-twice",
            signed(&text.replace(&line("org"), &line("org").repeat(2))),
        ),
        ("line-renamed", signed(&swapped)),
        ("line-extra", signed(&format!("{text}more: 1\n"))),
        (
            "lines-swapped",
            signed(&text.replace(
                &(line("withdrawal") + &line("org")),
                &(line("org") + &line("withdrawal")),
            )),
        ),
        (
            "space-at-line-end",
            signed(&text.replace("none\n", "none \n")),
        ),
        ("empty-line", signed(&format!("{text}\n"))),
        (
            "upper-case-id",
            signed(&text.replace(
                &line("org"),
                &line("org").to_uppercase().replace("ORG: ORG_", "org: org_"),
            )),
        ),
        ("time-without-decimals", signed(&text.replace(".000Z", "Z"))),
        (
            "time-with-offset",
            signed(&text.replace(".000Z", ".000+00:00")),
        ),
        ("carriage-returns", good.replace('\n', "\r\n")),
        ("no-last-newline", good.trim_end().to_owned()),
        ("no-signature", format!("{text}\n")),
        ("hyphen-for-dash", good.replace('\u{2014}', "-")),
        ("seventeen-signatures", seventeen),
        (
            "text-changed",
            good.replace(
                "predecessor: none",
                &format!("predecessor: {}", NoteHash([1; 32])),
            ),
        ),
        (
            "other-key",
            note_text(SignedNote::sign(&text, signer, &key(sign_seed(ACME))).bytes()).to_owned(),
        ),
        (
            "other-key-name",
            note_text(
                SignedNote::sign(&text, crate::note::KeyName::Root(org(GLOBEX)), &key(globex))
                    .bytes(),
            )
            .to_owned(),
        ),
    ];
    let mut file = format!(
        "# Notes in base64 that must be refused as consents signed by\n# {signer} with {}.\n",
        public(globex)
    );
    for (name, note) in cases {
        assert!(
            verify::<Consent>(note.as_bytes(), &public(globex)).is_err(),
            "{name}:\n{note}"
        );
        writeln!(file, "{name}: {}", BASE64.encode(note.as_bytes())).expect("a string");
    }
    check_file("refused", &file);
}

#[test]
fn the_protocol_shows_the_notes_of_the_vectors() {
    let protocol = std::fs::read_to_string(project().join("docs/PROTOCOL.md")).expect("is there");
    for (name, bytes, ..) in all() {
        let block = format!("```\n{}```\n", note_text(&bytes));
        assert!(
            protocol.contains(&block),
            "docs/PROTOCOL.md lacks the note of {name}.txt"
        );
    }
    let words = six_words(&public(ACME), &public(GLOBEX), &secret()).join(" ");
    assert!(
        protocol.contains(&words),
        "docs/PROTOCOL.md lacks `{words}`"
    );
    assert!(
        protocol.contains(&invitation().to_text()),
        "docs/PROTOCOL.md lacks the invitation"
    );
    assert!(
        protocol.contains(&invitation().encode().expect("short")),
        "docs/PROTOCOL.md lacks the invitation as text"
    );
}

#[test]
fn an_older_key_verifies_what_it_signed() {
    let note = consent().sign(&key(sign_seed(GLOBEX))).expect("valid");
    let claimed = Claimed::<Consent>::parse(note.bytes()).expect("reads");
    assert_eq!(claimed.claims().org, org(GLOBEX));
    let keys = [public(50), public(sign_seed(GLOBEX))];
    assert_eq!(claimed.clone().verify_any(&keys).as_ref(), Ok(&note));
    assert!(claimed.verify_any(&keys[..1]).is_err());
    assert!(matches!(
        Claimed::<Seal>::parse(note.bytes()),
        Err(RefusedNote::Text(_))
    ));
}
