use super::*;
use crate::tree::{Frontier, InvalidProof, Nodes, leaf_hash};

fn log() -> LogId {
    LogId {
        channel: ChannelId([1; 32]),
        origin: OrgId([2; 32]),
        incarnation: IncarnationId([3; 16]),
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn checkpoint(size: u64, root: Hash) -> Checkpoint {
    Checkpoint {
        log: log(),
        size,
        root,
    }
}

#[test]
fn what_is_signed_verifies_and_reads_back() {
    let signed = checkpoint(300, [9; 32]).sign(&key());
    let read = VerifiedCheckpoint::verify(signed.bytes(), key().verifying_key());
    assert_eq!(read, Ok(signed.clone()));
    assert_eq!(
        (signed.size(), signed.root(), signed.log()),
        (300, &[9; 32], &log())
    );
    let text = signed.checkpoint().to_text();
    assert_eq!(Checkpoint::parse_text(&text), Ok(*signed.checkpoint()));
    assert!(text.starts_with("foedus/log/v1/chan_aeaq"));
    assert!(
        text.ends_with("\n300\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n"),
        "{text}"
    );
}

#[test]
fn every_changed_byte_is_refused() {
    let signed = checkpoint(300, [9; 32]).sign(&key());
    for index in 0..signed.bytes().len() {
        for flip in [1, 2, 0x20, 0x80] {
            let mut bytes = signed.bytes().to_vec();
            bytes[index] ^= flip;
            let read = VerifiedCheckpoint::verify(&bytes, key().verifying_key());
            assert!(read.is_err(), "byte {index} ^ {flip}");
        }
    }
}

#[test]
fn another_key_and_another_log_are_refused() {
    let signed = checkpoint(1, [9; 32]).sign(&key());
    let other = SigningKey::from_seed(&[8; 32]);
    let read = VerifiedCheckpoint::verify(signed.bytes(), other.verifying_key());
    assert!(matches!(read, Err(InvalidCheckpoint::Signature(_))));
    // A good signature, but under the name of another log.
    let elsewhere = LogId {
        incarnation: IncarnationId([4; 16]),
        ..log()
    };
    let text = signed.checkpoint().to_text();
    let name = Checkpoint::key_name(&elsewhere);
    let note = SignedNote::sign(&text, name, &key());
    let read = VerifiedCheckpoint::verify(note.bytes(), key().verifying_key());
    assert!(matches!(read, Err(InvalidCheckpoint::Signature(_))));
    let long = vec![b'x'; CHECKPOINT_BYTES_MAX + 1];
    let read = VerifiedCheckpoint::verify(&long, key().verifying_key());
    assert_eq!(
        read,
        Err(InvalidCheckpoint::TooLong {
            found_bytes: CHECKPOINT_BYTES_MAX + 1
        })
    );
}

#[test]
fn a_text_has_one_form() {
    let text = checkpoint(300, [9; 32]).to_text();
    let check = |from: &str, to: &str, expected: InvalidCheckpointText| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(Checkpoint::parse_text(&changed), Err(expected), "{changed}");
    };
    check("\n300", "\n0300", InvalidCheckpointText::Size);
    check("\n300", "\n+300", InvalidCheckpointText::Size);
    check("\n300", "\n", InvalidCheckpointText::Size);
    check(
        "\n300",
        "\n18446744073709551616",
        InvalidCheckpointText::Size,
    );
    check("Qk=\n", "Qk\n", InvalidCheckpointText::Root);
    check("Qk=\n", "Ql=\n", InvalidCheckpointText::Root);
    check("Qk=\n", "Qk=", InvalidCheckpointText::Lines);
    check("Qk=\n", "Qk=\nmore\n", InvalidCheckpointText::Lines);
    check("v1/", "v2/", InvalidCheckpointText::Origin);
    check("/inc_", "/x/inc_", InvalidCheckpointText::Origin);
    let changed = text.replacen("/org_", "/chan_", 1);
    let read = Checkpoint::parse_text(&changed);
    assert!(matches!(read, Err(InvalidCheckpointText::OriginId(_))));
    let zero = checkpoint(0, [9; 32]);
    assert_eq!(Checkpoint::parse_text(&zero.to_text()), Ok(zero));
}

fn roots(first: &VerifiedCheckpoint, second: &VerifiedCheckpoint) -> Fork {
    Fork::Roots {
        first: first.bytes().to_vec(),
        second: second.bytes().to_vec(),
    }
}

#[test]
fn two_roots_of_one_size_are_a_fork() {
    let one = checkpoint(5, [1; 32]).sign(&key());
    let other = checkpoint(5, [2; 32]).sign(&key());
    let fork = roots(&one, &other);
    let verified = fork.verify(key().verifying_key()).expect("two histories");
    assert_eq!(verified.log(), &log());
    assert_eq!(Fork::decode(&fork.encode()), Ok(fork));
    let check = |first, second, expected| {
        assert_eq!(
            roots(first, second).verify(key().verifying_key()),
            Err(expected)
        );
    };
    check(&one, &one, InvalidFork::Same);
    let longer = checkpoint(6, [2; 32]).sign(&key());
    check(
        &one,
        &longer,
        InvalidFork::Sizes {
            first: 5,
            second: 6,
        },
    );
    let elsewhere = LogId {
        channel: ChannelId([9; 32]),
        ..log()
    };
    let elsewhere = Checkpoint {
        log: elsewhere,
        ..checkpoint(5, [2; 32])
    }
    .sign(&key());
    check(&one, &elsewhere, InvalidFork::Logs);
    let forged = checkpoint(5, [2; 32]).sign(&SigningKey::from_seed(&[8; 32]));
    let refused = roots(&one, &forged).verify(key().verifying_key());
    assert!(matches!(
        refused,
        Err(InvalidFork::Checkpoint(InvalidCheckpoint::Signature(_)))
    ));
}

/// A log of `headers`, and the side of a fork that shows header `index` in it.
fn side(headers: &[&[u8]], index: u64) -> ForkSide {
    let mut frontier = Frontier::EMPTY;
    let mut nodes = Nodes::new();
    for (sequence, header) in (0..).zip(headers) {
        nodes.add_leaf(sequence, leaf_hash(header));
        frontier.append_header(header);
    }
    let proof = nodes.inclusion_proof(index, frontier.size());
    let signed = checkpoint(frontier.size(), frontier.root()).sign(&key());
    ForkSide {
        checkpoint: signed.bytes().to_vec(),
        header: headers[usize::try_from(index).expect("a small index")].to_vec(),
        proof: proof.expect("all leaves are known"),
    }
}

#[test]
fn two_headers_for_one_index_are_a_fork() {
    let first = side(&[b"a", b"b", b"c"], 1);
    let second = side(&[b"a", b"x", b"c", b"d", b"e"], 1);
    let fork = |first: &ForkSide, second: &ForkSide| Fork::Entries {
        index: 1,
        first: first.clone(),
        second: second.clone(),
    };
    let evidence = fork(&first, &second);
    assert_eq!(
        evidence
            .verify(key().verifying_key())
            .map(|fork| *fork.log()),
        Ok(log())
    );
    let bytes = evidence.encode();
    assert_eq!(Fork::decode(&bytes), Ok(evidence));
    for length in 0..bytes.len() {
        assert!(Fork::decode(&bytes[..length]).is_err());
    }
    let grown = side(&[b"a", b"b", b"c", b"d"], 1);
    let honest = fork(&first, &grown).verify(key().verifying_key());
    assert_eq!(honest, Err(InvalidFork::Same));
    let elsewhere = side(&[b"a", b"b", b"x"], 2);
    let moved = fork(&first, &elsewhere).verify(key().verifying_key());
    assert!(matches!(
        moved,
        Err(InvalidFork::Proof(
            InvalidProof::Root | InvalidProof::Length
        ))
    ));
    let invented = ForkSide {
        header: b"y".to_vec(),
        ..second
    };
    let invented = fork(&first, &invented).verify(key().verifying_key());
    assert_eq!(invented, Err(InvalidFork::Proof(InvalidProof::Root)));
}

#[test]
fn two_keys_are_a_fork() {
    let other = SigningKey::from_seed(&[8; 32]);
    let side = |key: &SigningKey, checkpoint: &Checkpoint| KeySide {
        key: *key.verifying_key().as_bytes(),
        checkpoint: checkpoint.sign(key).bytes().to_vec(),
    };
    let under = |first: &KeySide, second: &KeySide| Fork::Keys {
        first: first.clone(),
        second: second.clone(),
    };
    let (five, six) = (checkpoint(5, [1; 32]), checkpoint(6, [2; 32]));
    let (one, two) = (side(&key(), &five), side(&other, &six));
    for fork in [under(&one, &two), under(&two, &one)] {
        let verified = fork.verify(key().verifying_key()).expect("two keys");
        let other_key = Some(other.verifying_key().as_bytes());
        assert_eq!((verified.log(), verified.other_key()), (&log(), other_key));
        let bytes = fork.encode();
        assert_eq!(Fork::decode(&bytes), Ok(fork));
        for length in 0..bytes.len() {
            assert!(Fork::decode(&bytes[..length]).is_err());
        }
    }
    let check = |fork: Fork, expected| {
        assert_eq!(fork.verify(key().verifying_key()), Err(expected));
    };
    check(under(&one, &one), InvalidFork::Same);
    check(under(&two, &two), InvalidFork::Key);
    let elsewhere = LogId {
        channel: ChannelId([9; 32]),
        ..log()
    };
    let elsewhere = Checkpoint {
        log: elsewhere,
        ..six
    };
    check(under(&one, &side(&other, &elsewhere)), InvalidFork::Logs);
    let forged = KeySide {
        key: two.key,
        checkpoint: one.checkpoint.clone(),
    };
    let refused = under(&one, &forged).verify(key().verifying_key());
    assert!(matches!(refused, Err(InvalidFork::Checkpoint(_))));
}
