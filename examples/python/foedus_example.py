#!/usr/bin/env python3
"""Posts to a channel, and follows one. To copy from, into whatever your organisation builds.

Where the daemon is and who asks is read as `foedus` reads it: FOEDUS_SERVER is https://host:port, or
http://localhost:port on the daemon's own machine; FOEDUS_TOKEN is the secret of a token.

It shows the four things that every integration needs: an idempotency key, so that what is sent again
is not done twice; a cursor, so that nothing is missed and nothing comes twice; the reason of a refusal,
for programs; and that what others write is data, which never reaches a terminal as it came.
"""

import argparse
import ipaddress
import os
import signal
import sys
import threading
import time
import unicodedata
import uuid
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from foedus.api.v1 import message_pb2, message_pb2_grpc

CALL_SECONDS_MAX = 30
# How long a message is tried, which a daemon that is started anew easily holds.
POST_SECONDS_MAX = 120
RETRY_SECONDS_MIN = 0.2
RETRY_SECONDS_MAX = 5

EXIT_UNAVAILABLE = 69
EXIT_REFUSED = 77

CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # A machine that vanished says nothing; without pings a stream would wait for it for ever.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]


class Daemon:
    """The daemon, and who asks it."""

    def __init__(self, server, token, ca):
        self._messages = message_pb2_grpc.MessageServiceStub(connect(server, ca))
        self._metadata = [("authorization", f"Bearer {token}")]

    def post(self, request):
        return self._messages.Post(request, metadata=self._metadata, timeout=CALL_SECONDS_MAX)

    def subscribe(self, request):
        # Without a time limit: it lasts as long as both sides do.
        return self._messages.Subscribe(request, metadata=self._metadata)


def connect(server, ca):
    """A gRPC channel to the daemon. It connects when it is used, and again after it broke."""
    url = urlsplit(server)
    if url.scheme not in ("http", "https") or not url.hostname or url.port is None:
        sys.exit("FOEDUS_SERVER has to be https://host:port, or http://localhost:port")
    address = f"{url.hostname}:{url.port}" if ":" not in url.hostname else f"[{url.hostname}]:{url.port}"
    if url.scheme == "http":
        if not is_loopback(url.hostname):
            sys.exit(f"{server} would send the token in the clear over the network: use https://")
        return grpc.insecure_channel(address, CHANNEL_OPTIONS)
    roots = None  # Those that gRPC brings along.
    if ca:
        with open(ca, "rb") as file:
            roots = file.read()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(roots), CHANNEL_OPTIONS)


def is_loopback(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(error):
    """Why the daemon refused: `reason` is stable, and for programs; None if it was not the daemon who spoke."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    return None


def what_happened(error):
    return error.details() or error.code().name


def is_passing(error):
    """Whether the same call may do better in a moment. What a rule refuses stays refused."""
    code = error.code()
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED):
        return True
    # A break of the connection has many codes, and no reason. OUTCOME_UNKNOWN asks for the same call again.
    info = refusal(error)
    broken = code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED)
    return broken and (info is None or info.reason == "OUTCOME_UNKNOWN")


def post(daemon, channel, texts, key):
    """Posts each text, in order, and prints what it became."""
    for number, text in enumerate(texts, start=1):
        # The key is chosen once, before the first attempt: whether a call that broke was done nobody knows,
        # and with the same key the daemon does it once and gives the same answer.
        request = message_pb2.PostRequest(channel=channel, text=text, idempotency_key=f"{key}-{number}")
        response = patiently(lambda: daemon.post(request))
        print(f"Posted: {response.entry_ref}", flush=True)


def patiently(call):
    """Makes a call, and again while what stands against it is passing."""
    give_up = time.monotonic() + POST_SECONDS_MAX
    wait = RETRY_SECONDS_MIN
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if not is_passing(error) or time.monotonic() > give_up:
                raise
            note(f"{what_happened(error)}; asking again with the same key")
        time.sleep(wait)
        wait = min(2 * wait, RETRY_SECONDS_MAX)


def follow(daemon, channel, state, from_start):
    """Prints what is written, until it is told to end; a stream that breaks is taken up where it was."""
    cursor = load(state)
    stopping = threading.Event()
    stream = None

    def stop(_signal, _frame):
        # Only the stream ends: what is being printed is printed, and its cursor stored.
        stopping.set()
        if stream is not None:
            stream.cancel()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    wait = RETRY_SECONDS_MIN
    while not stopping.is_set():
        request = message_pb2.SubscribeRequest(channel=channel, cursor=cursor, from_start=from_start)
        stream = daemon.subscribe(request)
        if stopping.is_set():
            # Told to while the stream was being made.
            return
        ended = False
        try:
            for response in stream:
                for item in response.items:
                    show(item)
                    ended = ended or item.WhichOneof("item") == "channel_ended"
                # After the items and never before: whoever is killed in between sees this list once more, and
                # misses nothing. Where twice would harm, store the cursor together with what you do.
                cursor = response.cursor
                store(state, cursor)
                wait = RETRY_SECONDS_MIN
            why = "the daemon ended the stream"
        except grpc.RpcError as error:
            if stopping.is_set():
                return
            if not is_passing(error):
                raise
            why = what_happened(error)
        if ended:
            return
        note(f"{why}; going on from the last cursor")
        stopping.wait(wait)
        wait = min(2 * wait, RETRY_SECONDS_MAX)


def load(state):
    """The cursor that was stored; empty at the first time."""
    if state and os.path.exists(state):
        with open(state, encoding="ascii") as file:
            return file.read().strip()
    return ""


def store(state, cursor):
    """Replaces the file as a whole, so that a crash leaves the cursor of before or this one."""
    if not state:
        return
    with open(f"{state}.new", "w", encoding="ascii") as file:
        file.write(cursor + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{state}.new", state)


def show(item):
    which = item.WhichOneof("item")
    if which == "event":
        print(f"{author(item.event.author)}{said(item.event)}", flush=True)
    elif which == "caught_up":
        note("all that was there is printed")
    elif which == "held":
        note(f"{item.held.entries} entries wait for their time")
    elif which == "participant_left":
        note(f"{clean(item.participant_left.handle)} has left the channel")
    elif which == "channel_ended":
        note(f"the channel has ended ({item.channel_ended.cause})")


def author(who):
    """The organisation first and always in the same place, so that no name can pass for another's."""
    marks = [clean(who.organisation_handle or who.organisation_id)]
    if who.external:
        marks.append("external" if who.verified else "external, unverified")
    words = [f"[{', '.join(marks)}]", clean(who.display_name), f"<{clean(who.address)}>" if who.address else ""]
    return " ".join(word for word in words if word)


def said(event):
    if event.kind == message_pb2.EVENT_KIND_POSTED:
        if event.retracted:
            return " (taken back since)"
        return " (its text is not here)" if event.absent else f": {clean(event.text)}"
    if event.kind == message_pb2.EVENT_KIND_EDITED:
        return f" edited {event.target}: {clean(event.text)}"
    # A kind that is newer than this program is a number.
    known = event.kind in message_pb2.EventKind.values()
    name = message_pb2.EventKind.Name(event.kind) if known else f"EVENT_KIND_{event.kind}"
    about = f" {event.target} {clean(event.emoji)}".rstrip()
    return f" {name.removeprefix('EVENT_KIND_').lower()}{about}"


def clean(text):
    """On one line, and without anything that acts on a terminal, turns the writing or can't be seen."""
    def harmless(character):
        category = unicodedata.category(character)
        return category[0] != "C" and category not in ("Zl", "Zp")

    return "".join(c if harmless(c) else f"\\u{{{ord(c):x}}}" for c in text)


def note(text):
    print(f"-- {clean(text)}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ca", metavar="FILE", help="certificates to trust instead of gRPC's own (PEM)")
    commands = parser.add_subparsers(dest="command", required=True)
    posting = commands.add_parser("post", help="post a message")
    posting.add_argument("channel", help="name or identifier of the channel")
    posting.add_argument("text", nargs="?", help="without it each line of standard input is a message")
    posting.add_argument("--key", help="repeated with the same key within 24 hours, nothing is posted twice")
    following = commands.add_parser("follow", help="follow a channel")
    following.add_argument("channel", help="name or identifier of the channel")
    following.add_argument("--state", metavar="FILE", help="keep the cursor here, and go on from it")
    following.add_argument("--from-start", action="store_true", help="without a cursor: from the first message")
    arguments = parser.parse_args()

    # What others write may hold characters that this terminal's encoding has not.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdin.reconfigure(encoding="utf-8")
    daemon = Daemon(os.environ.get("FOEDUS_SERVER", ""), os.environ.get("FOEDUS_TOKEN", ""), arguments.ca)
    try:
        if arguments.command == "follow":
            follow(daemon, arguments.channel, arguments.state, arguments.from_start)
        else:
            lines = (line.rstrip("\r\n") for line in sys.stdin if line.strip())
            texts = [arguments.text] if arguments.text is not None else lines
            post(daemon, arguments.channel, texts, arguments.key or uuid.uuid4().hex)
    except grpc.RpcError as error:
        info = refusal(error)
        print(f"error: {clean(what_happened(error))}", file=sys.stderr)
        if info is None:
            return EXIT_UNAVAILABLE
        print(f"  reason: {info.reason}\n  to do: {clean(info.metadata['fix'])}", file=sys.stderr)
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
