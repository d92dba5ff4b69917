//! One example of each note, the same in tests, test vectors and docs/PROTOCOL.md, and what holds
//! for the text of every type.
//!
//! Keys are made from seeds of 32 equal bytes; see tests/vectors/README.md.

use foedus_policy::id::{IncarnationId, NoteHash, OrgId};
use foedus_policy::time::{DAY_MILLIS, Timestamp};
use foedus_policy::vocabulary::{Access, AuthorKind, Capability, EndCause};

use crate::charter::*;
use crate::export::Export;
use crate::identity::{Identity, IdentityChain, org_id};
use crate::key::{SigningKey, VerifyingKey};
use crate::note::value::{FreeText, LogHead, LogHeads};
use crate::note::{NoteKind, NoteType, SignedNote, Verified, verify};
use crate::pairing::*;
use crate::record::*;

mod vectors;

/// The key pair whose seed is 32 times this byte.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> VerifyingKey {
    *key(seed).verifying_key()
}

/// 2026-11-22T09:30:00.000Z.
pub(crate) const AT: Timestamp = Timestamp(1_795_339_800_000);

/// Seeds of the root keys: Acme is the host and inviter, Globex its partner, Initech a third.
pub(crate) const ACME: u8 = 1;
pub(crate) const GLOBEX: u8 = 4;
pub(crate) const INITECH: u8 = 7;

pub(crate) fn org(root: u8) -> OrgId {
    org_id(&public(root))
}

/// Seed of the `sign` key of the organisation whose root has seed `root`.
pub(crate) const fn sign_seed(root: u8) -> u8 {
    root + 2
}

pub(crate) fn identity(root: u8, handle: &str) -> Identity {
    Identity {
        org: org(root),
        handle: handle.parse().expect("a handle"),
        serial: 1,
        root: public(root),
        link: public(root + 1),
        sign: public(sign_seed(root)),
    }
}

/// Acme's second identity note, which brings a new root key of seed 17.
pub(crate) fn identity_new_root() -> Identity {
    Identity {
        serial: 2,
        root: public(17),
        ..identity(ACME, "acme.example")
    }
}

pub(crate) fn chain(root: u8, handle: &str) -> IdentityChain {
    let note = identity(root, handle)
        .sign(&key(root))
        .expect("a valid note");
    IdentityChain::verify([note.bytes()]).expect("a valid chain")
}

pub(crate) fn secret() -> InvitationSecret {
    InvitationSecret::from_bytes([0x5e; 32])
}

pub(crate) fn endpoints(root: u8) -> Endpoints {
    Endpoints {
        org: org(root),
        serial: 1,
        addresses: ["foedus.example:7447", "[2001:db8::1]:7447"]
            .map(|address| address.parse().expect("an address"))
            .into(),
        versions: Versions { min: 1, max: 1 },
    }
}

pub(crate) fn reply() -> InvitationReply {
    InvitationReply {
        invitation: secret().invitation_id(),
        inviter: org(ACME),
        inviter_root: public(ACME),
        invitee: org(GLOBEX),
        invitee_root: public(GLOBEX),
        proof: reply_proof(&secret(), &public(ACME), &public(GLOBEX)),
        at: AT,
    }
}

pub(crate) fn invitation() -> Invitation {
    Invitation {
        inviter: chain(ACME, "acme.example"),
        addresses: endpoints(ACME).addresses,
        secret: secret(),
        expires: AT.plus_millis(7 * DAY_MILLIS),
        expected: Some("globex.example".parse().expect("a handle")),
        offer: Some(Offer {
            channel: charter().channel,
            project: charter().project,
            end: charter().end,
            capabilities: charter().capabilities,
        }),
    }
}

pub(crate) fn charter() -> Charter {
    let nonce = [0xa5; 16];
    Charter {
        channel: channel_id(&org(ACME), &nonce),
        nonce,
        number: 1,
        predecessor: None,
        format: FORMAT,
        host: org(ACME),
        participants: [(org(ACME), Access::Full), (org(GLOBEX), Access::Full)].into(),
        capabilities: [
            Capability::Edit,
            Capability::Post,
            Capability::React,
            Capability::Retract,
            Capability::Thread,
        ]
        .into_iter()
        .collect(),
        kinds: [AuthorKind::Bot, AuthorKind::Member].into_iter().collect(),
        custom: [].into(),
        project: Some(FreeText::new("Launch \"Züge\"").expect("short")),
        end: Some(AT.plus_millis(30 * DAY_MILLIS)),
        at_end: AtEnd::Keep,
        direct_at_end: DirectAtEnd::Close,
        newcomers: Newcomers::FromJoin,
        text_bytes: 8192,
        admission: Admission::All,
        finals: LogHeads::new(),
    }
}

/// The heads of one log of each of `orgs`.
pub(crate) fn heads(orgs: &[u8]) -> LogHeads {
    let head = |seed: &u8| {
        let log = (org(*seed), IncarnationId([seed + 0x10; 16]));
        (
            log,
            LogHead {
                size: 40 + u64::from(*seed),
                root: [seed + 0x20; 32],
            },
        )
    };
    orgs.iter().map(head).collect()
}

/// A second revision with every kind of line: Initech joins, Globex may only read on.
pub(crate) fn second_charter() -> Charter {
    let first = charter();
    Charter {
        number: 2,
        predecessor: Some(first.hash()),
        participants: [
            (org(ACME), Access::Full),
            (org(GLOBEX), Access::ReadOnly),
            (org(INITECH), Access::PostOnly),
        ]
        .into(),
        capabilities: first.capabilities.with(Capability::Custom),
        custom: ["build.done", "build.started"]
            .map(|name| name.parse().expect("a name"))
            .into(),
        finals: heads(&[GLOBEX]),
        ..first
    }
}

pub(crate) fn consent() -> Consent {
    Consent {
        channel: charter().channel,
        charter: charter().hash(),
        predecessor: None,
        withdrawal: None,
        org: org(GLOBEX),
        good_until: AT.plus_millis(DAY_MILLIS),
    }
}

pub(crate) fn seal() -> Seal {
    Seal {
        channel: charter().channel,
        charter: charter().hash(),
        predecessor: None,
        host: org(ACME),
        consents: [consent().hash()].into(),
        at: AT,
    }
}

pub(crate) fn withdrawal() -> Withdrawal {
    Withdrawal {
        channel: charter().channel,
        org: org(GLOBEX),
        revision: charter().hash(),
        heads: heads(&[GLOBEX]),
        at: AT,
    }
}

pub(crate) fn termination() -> Termination {
    Termination {
        channel: charter().channel,
        host: org(ACME),
        revision: charter().hash(),
        heads: heads(&[ACME, GLOBEX]),
        at: AT,
    }
}

pub(crate) fn suspension() -> Suspension {
    Suspension {
        org: org(ACME),
        partner: org(GLOBEX),
        serial: 1,
        state: SuspensionState::On,
        at: AT,
    }
}

pub(crate) fn peering() -> Peering {
    Peering {
        org: org(ACME),
        partner: org(GLOBEX),
        org_root: public(ACME),
        partner_root: public(GLOBEX),
        invitation: secret().invitation_id(),
        at: AT,
    }
}

pub(crate) fn export() -> Export {
    Export {
        org: org(GLOBEX),
        channel: Some(charter().channel),
        at: AT,
        digest: [0x2d; 32],
    }
}

pub(crate) fn disconnect_record() -> DisconnectRecord {
    DisconnectRecord {
        channel: charter().channel,
        org: org(GLOBEX),
        revision: charter().hash(),
        cause: EndCause::End,
        at: AT.plus_millis(30 * DAY_MILLIS),
        logs: heads(&[ACME, GLOBEX]),
    }
}

/// Lines of which a note may have fewer.
const REPEATED: [&str; 9] = [
    "address",
    "participant",
    "capability",
    "kind",
    "custom",
    "final",
    "consent",
    "head",
    "log",
];

/// The text of `note`, changed in every way that is no text of its type.
fn check_strict<T: NoteType + PartialEq + std::fmt::Debug>(note: &T) {
    let text = note.to_text();
    assert_eq!(T::parse(&text).expect("reads back"), *note);
    let refused = |changed: &str| {
        assert!(T::parse(changed).is_err(), "accepted:\n{changed}");
    };
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    refused("");
    refused(text.trim_end());
    refused(&text.replace('\n', "\r\n"));
    refused(&format!("\n{text}"));
    refused(&format!("{text}\n"));
    for at in 0..lines.len() {
        let name = lines[at].split_once(':').map_or("", |(name, _value)| name);
        let mut without = lines.clone();
        without.remove(at);
        if REPEATED.contains(&name) {
            assert!(T::parse(&joined(&without)).map_or(true, |other| other != *note));
        } else {
            refused(&joined(&without));
        }
        for extra in [lines[at], "extra: 1", "", "# comment"] {
            let mut more = lines.clone();
            more.insert(at + 1, extra);
            refused(&joined(&more));
        }
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            refused(&joined(&swapped));
        }
        for changed in [
            format!("{} ", lines[at]),
            format!(" {}", lines[at]),
            lines[at].replacen(": ", ":", 1) + "\t",
            lines[at].replacen(": ", ":  ", 1) + " ",
            lines[at].to_uppercase() + "X",
            name.to_owned() + ": ",
        ] {
            let mut other = lines.clone();
            other[at] = &changed;
            refused(&joined(&other));
        }
    }
}

/// Signs with the right key; is taken under it alone, and as this type alone.
fn check_signed<T: NoteType + PartialEq + std::fmt::Debug + Clone>(
    note: &T,
    root: u8,
    seed: u8,
    kind: NoteKind,
) -> Verified<T> {
    check_strict(note);
    let verified = note.sign(&key(seed)).expect("a valid note");
    assert_eq!(
        verify::<T>(verified.bytes(), &public(seed)).ok().as_ref(),
        Some(&verified)
    );
    assert!(verify::<T>(verified.bytes(), &public(root + 100)).is_err());
    assert_eq!(NoteKind::of(verified.bytes()), Some(kind));
    assert_eq!(verified.hash(), note.hash());
    // Changed by one letter, it is refused.
    let mut changed = verified.bytes().to_vec();
    let at = changed
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("has lines")
        + 12;
    changed[at] ^= 1;
    assert!(verify::<T>(&changed, &public(seed)).is_err());
    check_own_type(verified.bytes(), kind);
    verified
}

/// Of all types, only `kind` reads the text of the note.
fn check_own_type(bytes: &[u8], kind: NoteKind) {
    let signed = SignedNote::parse(bytes).expect("a signed note");
    let text = signed.text();
    let readers = [
        (NoteKind::Identity, Identity::parse(text).is_ok()),
        (NoteKind::Endpoints, Endpoints::parse(text).is_ok()),
        (
            NoteKind::InvitationReply,
            InvitationReply::parse(text).is_ok(),
        ),
        (NoteKind::Peering, Peering::parse(text).is_ok()),
        (NoteKind::Charter, Charter::parse(text).is_ok()),
        (NoteKind::Consent, Consent::parse(text).is_ok()),
        (NoteKind::Seal, Seal::parse(text).is_ok()),
        (NoteKind::Withdrawal, Withdrawal::parse(text).is_ok()),
        (NoteKind::Termination, Termination::parse(text).is_ok()),
        (NoteKind::Suspension, Suspension::parse(text).is_ok()),
        (
            NoteKind::DisconnectRecord,
            DisconnectRecord::parse(text).is_ok(),
        ),
        (NoteKind::Export, Export::parse(text).is_ok()),
    ];
    for (reader, reads) in readers {
        assert_eq!(reads, reader == kind, "{reader:?} reads {kind:?}");
    }
}

/// Every example, signed: name of the file, signed bytes, hash, and seeds of the signers.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>, NoteHash, Vec<u8>)> {
    let mut all = Vec::new();
    macro_rules! example {
        ($file:literal, $note:expr, $root:expr, $seed:expr, $kind:ident) => {
            let verified = check_signed(&$note, $root, $seed, NoteKind::$kind);
            all.push((
                $file,
                verified.bytes().to_vec(),
                verified.hash(),
                vec![$seed],
            ));
        };
    }
    let acme = sign_seed(ACME);
    let globex = sign_seed(GLOBEX);
    example!(
        "identity",
        identity(ACME, "acme.example"),
        ACME,
        ACME,
        Identity
    );
    example!("endpoints", endpoints(GLOBEX), GLOBEX, globex, Endpoints);
    example!("invitation-reply", reply(), GLOBEX, globex, InvitationReply);
    example!("peering", peering(), ACME, acme, Peering);
    example!("charter", charter(), ACME, acme, Charter);
    example!("charter-second", second_charter(), ACME, acme, Charter);
    example!("consent", consent(), GLOBEX, globex, Consent);
    example!("seal", seal(), ACME, acme, Seal);
    example!("withdrawal", withdrawal(), GLOBEX, globex, Withdrawal);
    example!("termination", termination(), ACME, acme, Termination);
    example!("suspension", suspension(), ACME, acme, Suspension);
    example!(
        "disconnect-record",
        disconnect_record(),
        GLOBEX,
        globex,
        DisconnectRecord
    );
    example!("export", export(), GLOBEX, globex, Export);
    let new_root = identity_new_root()
        .sign_new_root(&key(17), &key(ACME))
        .expect("a valid note");
    all.push((
        "identity-new-root",
        new_root.bytes().to_vec(),
        new_root.hash(),
        vec![17, ACME],
    ));
    all
}
