#!/usr/bin/env python3
"""Verifies the signed notes under tests/vectors with code that is not this project's.

It follows C2SP signed-note and tlog-checkpoint, RFC 8032 by way of the package `cryptography`, and
what docs/PROTOCOL.md says of key names, text forms and note hashes. It must not call any program of
this project: that a stranger can do this from the text alone is what it shows.
"""

import base64
import hashlib
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ED25519 = b"\x01"


def base32(text):
    """Bytes of the lower-case, unpadded base32 after a prefix and `_`."""
    digits = text.partition("_")[2].upper()
    return base64.b32decode(digits + "=" * (-len(digits) % 8))


def split_note(note):
    """The text with its last newline, and the signatures as (name, key id, signature)."""
    text, _, lines = note.rpartition(b"\n\n")
    signatures = []
    for line in lines.decode("utf-8").splitlines():
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014", f"a signature line begins with an em dash, not {dash!r}"
        signature = base64.b64decode(encoded, validate=True)
        signatures.append((name, signature[:4], signature[4:]))
    return text + b"\n", signatures


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def holds(note, name, public):
    """Is the note signed by the key `public` under the name `name`?"""
    text, signatures = split_note(note)
    for found, found_id, signature in signatures:
        if (found, found_id) == (name, key_id(name, public)):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
                return True
            except InvalidSignature:
                return False
    return False


def check(where, note, name, public):
    """The signature holds, and no longer does when any one byte of the text is another."""
    assert holds(note, name, public), f"{where}: the signature by {name} does not hold"
    text, _ = split_note(note)
    for at in range(len(text)):
        changed = note[:at] + bytes([note[at] ^ 0x01]) + note[at + 1 :]
        try:
            still = holds(changed, name, public)
        except (AssertionError, UnicodeDecodeError, ValueError):
            still = False
        assert not still, f"{where}: the signature holds with byte {at} changed"


def check_note(path):
    """A file of notes/: comments and fields, `---`, the note."""
    fields, _, note = path.read_bytes().partition(b"---\n")
    signers = 0
    for line in fields.decode("utf-8").splitlines():
        name, _, value = line.partition(": ")
        if name == "signer":
            key_name, _, seed, key = value.split(" ")
            public = base32(key)
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed) * 32)
            own = private.public_key().public_bytes_raw()
            assert own == public, f"{path.name}: seed {seed} is not the key {key}"
            check(path.name, note, key_name, public)
            signers += 1
        elif name == "hash":
            text, _ = split_note(note)
            assert hashlib.sha256(text).digest() == base32(value), f"{path.name}: hash"
        elif name == "bytes":
            assert len(note) == int(value), f"{path.name}: length"
    assert signers > 0, f"{path.name}: names no signer"
    return signers


def check_checkpoint(path, parts):
    """A checkpoint: its key's name is its origin line."""
    lines = parts.read_text("utf-8").splitlines()
    keys = [line.partition(": ")[2] for line in lines if line.startswith("public-key: ")]
    assert len(keys) == 1, f"{parts.name}: names {len(keys)} keys instead of one"
    public = bytes.fromhex(keys[0])
    note = path.read_bytes()
    origin, size, root = note.decode("utf-8").split("\n")[:3]
    assert str(int(size)) == size, f"{path.name}: size {size!r}"
    assert len(base64.b64decode(root, validate=True)) == 32, f"{path.name}: root"
    check(path.name, note, origin, public)
    return 1


def main():
    vectors = Path(sys.argv[1])
    notes = [path for path in sorted((vectors / "notes").glob("*.txt")) if b"\n---\n" in path.read_bytes()]
    assert notes, "there is no signed note under notes/"
    signatures = sum(check_note(path) for path in notes)
    signatures += check_checkpoint(vectors / "logs/checkpoint.note", vectors / "logs/parts.txt")
    print(f"{len(notes)} notes, 1 checkpoint, {signatures} signatures verified")


if __name__ == "__main__":
    main()
