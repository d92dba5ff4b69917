#!/usr/bin/env python3
"""Verifies an exported channel with code that is not this project's.

It follows docs/PROTOCOL.md, section 11.1, and what that rests on, and calls no program of this project. It checks what
proves who said what: identities, signatures of notes and checkpoints, trees, commitments, and the exporter's word over all.
It does not judge charters, nor compare what organisations state of each other's logs.
"""

import base64
import hashlib
import struct
import sys

from check_signature import base32, holds

FIRST = "foedus/channel-export/v1"
SIGNER = {
    "foedus/charter/v1": "host",
    "foedus/consent/v1": "org",
    "foedus/seal/v1": "host",
    "foedus/withdrawal/v1": "org",
    "foedus/termination/v1": "host",
    "foedus/disconnect-record/v1": "org",
    "foedus/export/v1": "org",
}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decoded(text):
    data = base64.b64decode(text, validate=True)
    assert base64.b64encode(data).decode() == text, "base64 has one form"
    return data


def fields(note):
    """The type of a note, and the first value of each of its lines."""
    lines = note.decode("utf-8").split("\n\n")[0].split("\n")
    found = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        found.setdefault(name, value)
    return lines[0], found


def lines_of(data):
    """The lines after the first, each as (bytes before it, word, values)."""
    assert data.endswith(b"\n"), "the last line does not end"
    at = 0
    for number, line in enumerate(data.decode("utf-8").split("\n")[:-1]):
        if number == 0:
            assert line == FIRST, "the first line is another"
        else:
            text, _, check = line.rpartition(" ")
            assert sha256(text.encode())[:4].hex() == check, f"line {number + 1} was changed"
            word, *values = text.split(" ")
            yield data[:at], word, values
        at += len(line.encode()) + 1


class Organisations:
    """Who each is, by the notes of its chain."""

    def __init__(self):
        self.last, self.signs = {}, {}

    def learn(self, note):
        kind, said = fields(note)
        assert kind == "foedus/identity/v1", kind
        org, root = said["org"], said["root"]
        name = f"foedus/root/{org}"
        assert holds(note, name, base32(root)), f"{org}: not signed by its own root"
        before = self.last.get(org)
        if before is None:
            assert sha256(b"foedus/org/v1\n", base32(root)) == base32(org), f"{org}: first root"
        else:
            assert int(said["serial"]) > int(before["serial"]), f"{org}: serial"
            if root != before["root"]:
                assert holds(note, name, base32(before["root"])), f"{org}: root not chained"
        self.last[org] = said
        self.signs.setdefault(org, []).append(base32(said["sign"]))

    def signed(self, note):
        kind, said = fields(note)
        org = said[SIGNER[kind]]
        keys = self.signs.get(org, [])
        assert any(holds(note, f"foedus/sign/{org}", key) for key in keys), f"{kind} by {org}"
        return said


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01", root_of(leaves[:split]), root_of(leaves[split:]))


class Log:
    """One log, whose entries come one by one."""

    def __init__(self, channel, org, incarnation, entries):
        self.names = (channel, org, incarnation)
        self.entries, self.leaves, self.checkpoint, self.key = int(entries), [], None, None

    def entry(self, header, body):
        channel, org, incarnation = map(base32, self.names)
        place = channel + org + incarnation + struct.pack(">Q", len(self.leaves))
        assert header.startswith(place), "an entry in another place than its own"
        if body is not None:
            assert sha256(body) == header[-32:], "a body that is not its header's"
            if not self.leaves:
                # After the salt an `opened` begins with the key that signs the log.
                self.key = body[32:64]
        self.leaves.append(sha256(b"\x00", header))

    def verify(self, organisations):
        channel, org, incarnation = self.names
        assert len(self.leaves) == self.entries, "another number of entries than the log says"
        name = f"foedus/log/v1/{channel}/{org}/{incarnation}"
        keys = organisations.signs[org]
        if self.key is not None:
            assert self.key in keys, "a key that the origin's identity does not name"
            keys = [self.key]
        assert any(holds(self.checkpoint, name, key) for key in keys), "the checkpoint"
        origin, size, root = self.checkpoint.decode("utf-8").split("\n")[:3]
        assert (origin, int(size)) == (name, self.entries), "a checkpoint of something else"
        assert base64.b64decode(root) == root_of(self.leaves), "the tree is not the signed one"


def verify(data):
    """How many entries of how many logs were proven; anything else is an AssertionError."""
    organisations, log, logs, over = Organisations(), None, [], False
    for before, word, values in lines_of(data):
        assert not over, "something stands after the statement"
        if word == "channel":
            (channel,) = values
        elif word == "identity":
            organisations.learn(decoded(values[0]))
        elif word == "note":
            said = organisations.signed(decoded(values[0]))
            assert said["channel"] == channel, "a note about another channel"
        elif word == "log":
            log = Log(channel, *values)
            logs.append(log)
        elif word == "checkpoint":
            log.checkpoint = decoded(values[0])
        elif word == "entry":
            header, body = values
            log.entry(decoded(header), None if body == "none" else decoded(body))
        elif word == "statement":
            said = organisations.signed(decoded(values[0]))
            assert said["channel"] == channel, "a statement about another channel"
            assert bytes.fromhex(said["digest"]) == sha256(before), "not what was exported"
            over = True
        else:
            raise AssertionError(f"this verifier does not know lines `{word}`")
    assert over, "the export was cut off"
    for log in logs:
        log.verify(organisations)
    return sum(log.entries for log in logs), len(logs)


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    entries, logs = verify(data)
    for at in range(0, len(data), int(sys.argv[2]) if len(sys.argv) > 2 else len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            verify(changed)
        except (AssertionError, KeyError, UnicodeDecodeError, ValueError):
            continue
        raise AssertionError(f"byte {at} was changed, and nothing was found")
    print(f"{entries} entries of {logs} logs proven")


if __name__ == "__main__":
    main()
