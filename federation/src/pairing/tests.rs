use super::*;
use crate::bounds::{
    HANDLE_BYTES_MAX, IDENTITY_CHAIN_NOTES_MAX, INVITATION_BYTES_MAX, INVITATION_REPLY_BYTES_MAX,
};
use crate::examples::{
    ACME, GLOBEX, INITECH, chain, endpoints, identity, invitation, key, org, public, reply, secret,
    sign_seed,
};
use crate::identity::{Handle, Identity, IdentityChain};
use crate::note::lines::InvalidText;
use crate::note::{NoteType, RefusedNote, SignedNote};

fn pairing_reply(reply: &InvitationReply) -> Result<PairingReply, InvalidReply> {
    let sign = key(sign_seed(GLOBEX));
    PairingReply::verify(
        chain(GLOBEX, "globex.example"),
        endpoints(GLOBEX).sign(&sign).expect("valid").bytes(),
        reply.sign(&sign).expect("valid").bytes(),
    )
}

#[test]
fn an_invitation_reads_back() {
    let pasted = invitation().encode().expect("short enough");
    assert!(pasted.starts_with("foedus-invitation-v1.") && pasted.len() <= INVITATION_BYTES_MAX);
    assert_eq!(Invitation::parse(&pasted), Ok(invitation()));
    // As a mailer would have wrapped it.
    let wrapped: Vec<&str> = (0..pasted.len())
        .step_by(72)
        .map(|at| &pasted[at..pasted.len().min(at + 72)])
        .collect();
    assert_eq!(
        Invitation::parse(&format!("  {}\r\n", wrapped.join("\r\n  "))),
        Ok(invitation())
    );

    let bare = Invitation {
        offer: None,
        expected: None,
        addresses: [].into(),
        ..invitation()
    };
    assert_eq!(Invitation::parse(&bare.encode().expect("short")), Ok(bare));
}

#[test]
fn a_damaged_invitation_is_refused() {
    let pasted = invitation().encode().expect("short enough");
    let damaged = Err(InvalidInvitation::Paste(InvalidPaste::Damaged));
    for at in "foedus-invitation-v1.".len()..pasted.len() {
        let mut other = pasted.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).expect("ASCII");
        assert_eq!(Invitation::parse(&other), damaged, "letter {at} changed");
        assert!(Invitation::parse(&pasted[..at]).is_err(), "cut at {at}");
    }
    let prefix = Invitation::parse(&pasted.replace("-v1", "-v2"));
    assert!(matches!(
        prefix,
        Err(InvalidInvitation::Paste(InvalidPaste::Prefix { .. }))
    ));
    let long = Invitation::parse(&"a".repeat(INVITATION_BYTES_MAX + 1));
    assert!(matches!(
        long,
        Err(InvalidInvitation::Paste(InvalidPaste::TooLong { .. }))
    ));
    let long = Invitation::parse(&" ".repeat(1 << 20));
    assert!(matches!(
        long,
        Err(InvalidInvitation::Paste(InvalidPaste::TooLong { .. }))
    ));
}

#[test]
fn the_content_of_an_invitation_is_strict() {
    let text = invitation().to_text();
    let read = |text: &[u8]| {
        let payload = packed::pack(&invitation().inviter, [text]);
        Invitation::parse(&paste("foedus-invitation-v1.", &payload))
    };
    let check = |text: &str| read(text.as_bytes());
    assert_eq!(check(&text), Ok(invitation()));
    for line in text.lines().filter(|line| !line.starts_with("address: ")) {
        let line = format!("{line}\n");
        if !line.starts_with("capability") {
            assert!(check(&text.replace(&line, "")).is_err(), "without {line}");
        }
        assert!(
            check(&text.replace(&line, &line.repeat(2))).is_err(),
            "twice {line}"
        );
    }
    assert!(check(text.trim_end()).is_err());
    assert!(check(&format!("{text}more: 1\n")).is_err());
    assert!(check(&text.replace('\n', "\r\n")).is_err());
    assert_eq!(read(&[0xff]), Err(InvalidInvitation::NotUtf8));
}

#[test]
fn an_invitation_is_of_whose_identity_it_carries() {
    let payload = invitation().payload();
    let check = |payload: &[u8]| Invitation::parse(&paste("foedus-invitation-v1.", payload));
    assert_eq!(check(&payload), Ok(invitation()));
    let parts = Err(InvalidInvitation::Parts(InvalidPacked::Parts));
    for length in 0..payload.len() {
        assert_eq!(check(&payload[..length]), parts, "{length} bytes");
    }
    assert_eq!(check(&[payload.as_slice(), &[0]].concat()), parts);
    // The note's own bytes: the number, two of its length, and the first letters of its text.
    let note = invitation().inviter.notes()[0].bytes().len();
    for at in 3..3 + note {
        let mut other = payload.clone();
        other[at] ^= 1;
        assert!(
            matches!(
                check(&other),
                Err(InvalidInvitation::Parts(InvalidPacked::Identity(_)))
            ),
            "byte {at} of the identity"
        );
    }
}

#[test]
fn the_longest_invitation_fits() {
    // Every note brings a new root: two signatures each, as many as a chain may have.
    let handle = vec!["a".repeat(63); 4].join(".");
    let handle: Handle = handle[..HANDLE_BYTES_MAX].parse().expect("a handle");
    let mut notes = Vec::new();
    for serial in 1..=u8::try_from(IDENTITY_CHAIN_NOTES_MAX).expect("few") {
        let root = if serial == 1 { ACME } else { 100 + serial };
        let identity = Identity {
            serial: serial.into(),
            root: public(root),
            handle: handle.clone(),
            ..identity(ACME, "acme.example")
        };
        let note = match serial {
            1 => identity.sign(&key(root)).map(|note| note.bytes().to_vec()),
            _ => {
                let before = if serial == 2 { ACME } else { 99 + serial };
                let note = identity.sign_new_root(&key(root), &key(before));
                note.map(SignedNote::into_bytes)
            }
        };
        notes.push(note.expect("a valid note"));
    }
    let inviter = IdentityChain::verify(notes.iter().map(Vec::as_slice)).expect("a valid chain");
    let label = "a".repeat(60);
    let addresses = (1..=8).map(|port| {
        format!("{label}.{label}.{label}.{label}:{port}")
            .parse()
            .expect("an address")
    });
    let long = Invitation {
        inviter,
        addresses: addresses.collect(),
        expected: Some(handle),
        ..invitation()
    };
    let pasted = long.encode().expect("short enough");
    assert_eq!(Invitation::parse(&pasted), Ok(long));
}

#[test]
fn a_reply_proves_that_the_secret_is_known() {
    let acme = chain(ACME, "acme.example");
    let proved = pairing_reply(&reply())
        .expect("valid")
        .prove(&secret(), &acme)
        .expect("proved");
    assert_eq!(proved.reply().identity().org(), org(GLOBEX));

    let check = |reply: InvitationReply| {
        let verified = pairing_reply(&reply).expect("signed by Globex");
        assert_eq!(verified.prove(&secret(), &acme), Err(InvalidProof));
    };
    check(InvitationReply {
        proof: [0; 32],
        ..reply()
    });
    check(InvitationReply {
        inviter: org(INITECH),
        ..reply()
    });
    check(InvitationReply {
        inviter_root: public(INITECH),
        ..reply()
    });
    check(InvitationReply {
        invitation: InvitationId([0; 32]),
        ..reply()
    });
    // A proof for other roots, as somebody in the middle would have it.
    check(InvitationReply {
        inviter_root: public(INITECH),
        proof: reply_proof(&secret(), &public(INITECH), &public(GLOBEX)),
        ..reply()
    });
    let other_secret = InvitationSecret::from_bytes([1; 32]);
    assert_eq!(
        pairing_reply(&reply())
            .expect("valid")
            .prove(&other_secret, &acme),
        Err(InvalidProof)
    );
}

#[test]
fn a_reply_is_of_whose_identity_comes_with_it() {
    let other = InvitationReply {
        invitee_root: public(INITECH),
        ..reply()
    };
    assert_eq!(pairing_reply(&other), Err(InvalidReply::OtherOrg));
    let sign = key(sign_seed(GLOBEX));
    let identity = chain(GLOBEX, "globex.example");
    let good = reply().sign(&sign).expect("valid");
    let foreign = endpoints(ACME).sign(&sign).expect("valid");
    assert_eq!(
        PairingReply::verify(identity.clone(), foreign.bytes(), good.bytes()),
        Err(InvalidReply::OtherOrg)
    );
    let own = endpoints(GLOBEX).sign(&sign).expect("valid");
    let by_acme = reply().sign(&key(sign_seed(ACME))).expect("valid");
    assert!(matches!(
        PairingReply::verify(identity.clone(), own.bytes(), by_acme.bytes()),
        Err(InvalidReply::Reply(RefusedNote::Signature(_)))
    ));
    assert!(matches!(
        PairingReply::verify(identity, good.bytes(), good.bytes()),
        Err(InvalidReply::Endpoints(RefusedNote::Text(
            InvalidText::Type { .. }
        )))
    ));
}

#[test]
fn a_pasted_reply_reads_back_and_is_strict() {
    let whole = pairing_reply(&reply()).expect("valid");
    let pasted = whole.encode().expect("short enough");
    assert!(pasted.len() <= INVITATION_REPLY_BYTES_MAX);
    assert_eq!(PairingReply::parse(&pasted).as_ref(), Ok(&whole));

    let payload = unpaste("foedus-reply-v1.", &pasted, INVITATION_REPLY_BYTES_MAX).expect("whole");
    let check = |payload: &[u8]| PairingReply::parse(&paste("foedus-reply-v1.", payload));
    for length in 0..payload.len() {
        assert_eq!(
            check(&payload[..length]),
            Err(InvalidReply::Parts(InvalidPacked::Parts)),
            "{length} bytes"
        );
    }
    assert_eq!(
        check(&[payload.as_slice(), &[0]].concat()),
        Err(InvalidReply::Parts(InvalidPacked::Parts))
    );
    for count in [0, 2, 9, 255] {
        let mut other = payload.clone();
        other[0] = count;
        assert_eq!(
            check(&other),
            Err(InvalidReply::Parts(InvalidPacked::Parts)),
            "{count} notes"
        );
    }
    assert!(matches!(
        PairingReply::parse(&invitation().encode().expect("short")),
        Err(InvalidReply::Paste(InvalidPaste::Prefix { .. }))
    ));
}

#[test]
fn the_proof_is_the_hmac_of_rfc_2104() {
    // By hand: H(K ⊕ opad ‖ H(K ⊕ ipad ‖ text)).
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block
            .iter_mut()
            .zip(secret().expose())
            .for_each(|(pad, key)| *pad ^= key);
        Sha256::new().chain_update(block)
    };
    let inner = pad(0x36)
        .chain_update(b"foedus/invitation-reply/v1\n")
        .chain_update(public(ACME).as_bytes())
        .chain_update(public(GLOBEX).as_bytes())
        .finalize();
    let expected: [u8; 32] = pad(0x5c).chain_update(inner).finalize().into();
    assert_eq!(
        reply_proof(&secret(), &public(ACME), &public(GLOBEX)),
        expected
    );
}

#[test]
fn words_depend_on_both_roots_and_the_secret() {
    let words = six_words(&public(ACME), &public(GLOBEX), &secret());
    assert_ne!(words, six_words(&public(GLOBEX), &public(ACME), &secret()));
    assert_ne!(words, six_words(&public(ACME), &public(INITECH), &secret()));
    let other = InvitationSecret::from_bytes([1; 32]);
    assert_ne!(words, six_words(&public(ACME), &public(GLOBEX), &other));
}

#[test]
fn the_secret_is_not_printed() {
    assert_eq!(format!("{:?}", secret()), "InvitationSecret");
    assert!(
        !format!("{:?}", invitation()).contains("5e5e")
            && !format!("{:?}", invitation()).contains("94, 94")
    );
    let id = secret().invitation_id();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!(
        id.to_string()
            .to_uppercase()
            .parse::<InvitationId>()
            .is_err()
    );
}
