// Posts to a channel, and follows one. To copy from, into whatever your organisation builds.
//
// Where the daemon is and who asks is read as `foedus` reads it: FOEDUS_SERVER is https://host:port, or
// http://localhost:port on the daemon's own machine; FOEDUS_TOKEN is the secret of a token.
//
// It shows the four things that every integration needs: an idempotency key, so that what is sent again
// is not done twice; a cursor, so that nothing is missed and nothing comes twice; the reason of a refusal,
// for programs; and that what others write is data, which never reaches a terminal as it came.

import { randomUUID } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";

import type { Author__Output as Author } from "./generated/foedus/api/v1/Author";
import type { Event__Output as Event } from "./generated/foedus/api/v1/Event";
import type { MessageServiceClient } from "./generated/foedus/api/v1/MessageService";
import type { PostRequest } from "./generated/foedus/api/v1/PostRequest";
import type { PostResponse__Output as PostResponse } from "./generated/foedus/api/v1/PostResponse";
import type { SubscribeItem__Output as SubscribeItem } from "./generated/foedus/api/v1/SubscribeItem";
import type { SubscribeRequest } from "./generated/foedus/api/v1/SubscribeRequest";
import type { SubscribeResponse__Output as SubscribeResponse } from "./generated/foedus/api/v1/SubscribeResponse";
import type { ErrorInfo__Output as ErrorInfo } from "./generated/google/rpc/ErrorInfo";
import type { ProtoGrpcType as MessageTypes } from "./generated/message";
import type { ProtoGrpcType as RefusalTypes } from "./generated/refusal";

const CALL_MILLIS_MAX = 30_000;
// How long a message is tried, which a daemon that is started anew easily holds.
const POST_MILLIS_MAX = 120_000;
const RETRY_MILLIS_MIN = 200;
const RETRY_MILLIS_MAX = 5_000;

const EXIT_USAGE = 64;
const EXIT_UNAVAILABLE = 69;
const EXIT_REFUSED = 77;

const USAGE = `Usage: foedus-example.js [--ca FILE] COMMAND

  post CHANNEL [TEXT] [--key KEY]                  without TEXT each line of standard input is a message;
                                                   repeated with the same KEY within 24 hours, nothing is posted twice
  follow CHANNEL [--state FILE] [--from-start]     --state: keep the cursor there, and go on from it;
                                                   --from-start: without a cursor, from the first message
  --ca FILE                                        certificates to trust instead of Node's own (PEM)`;

const CLIENT_OPTIONS: grpc.ClientOptions = {
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // A machine that vanished says nothing; without pings a stream would wait for it for ever.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/** The command line, or the environment, makes no sense. */
class Misused extends Error {}

// The .proto files are read when the program starts; their types were generated from the same files.
function definitions(file: string): grpc.GrpcObject {
  // Compiled, this file lies in dist/.
  const includeDirs = [join(__dirname, "../../../proto/proto"), join(__dirname, "..")];
  const options = { longs: String, enums: String, defaults: true, oneofs: true, includeDirs };
  return grpc.loadPackageDefinition(protoLoader.loadSync(file, options));
}

const { MessageService } = (definitions("foedus/api/v1/message.proto") as unknown as MessageTypes).foedus.api.v1;
const rpc = (definitions("google/rpc/refusal.proto") as unknown as RefusalTypes).google.rpc;

/** The daemon, and who asks it. */
class Daemon {
  private readonly messages: MessageServiceClient;
  private readonly metadata = new grpc.Metadata();

  constructor(server: string, token: string, ca: string | undefined) {
    this.messages = connect(server, ca);
    this.metadata.set("authorization", `Bearer ${token}`);
  }

  post(request: PostRequest): Promise<PostResponse> {
    const options = { deadline: Date.now() + CALL_MILLIS_MAX };
    return new Promise((resolve, reject) => {
      this.messages.post(request, this.metadata, options, (error, response) => {
        if (response) resolve(response);
        else reject(error ?? new Error("the daemon answered nothing"));
      });
    });
  }

  subscribe(request: SubscribeRequest): grpc.ClientReadableStream<SubscribeResponse> {
    // Without a deadline: it lasts as long as both sides do.
    return this.messages.subscribe(request, this.metadata);
  }
}

/** A client of the daemon. It connects when it is used, and again after it broke. */
function connect(server: string, ca: string | undefined): MessageServiceClient {
  const found = /^(https?):\/\/([^/@]+:\d+)\/?$/.exec(server);
  const [, scheme, address] = found ?? [];
  if (scheme === undefined || address === undefined) {
    throw new Misused("FOEDUS_SERVER has to be https://host:port, or http://localhost:port");
  }
  if (scheme === "https") {
    const roots = ca === undefined ? null : readFileSync(ca);
    return new MessageService(address, grpc.credentials.createSsl(roots), CLIENT_OPTIONS);
  }
  const host = address.replace(/:\d+$/, "");
  if (host !== "localhost" && host !== "[::1]" && !(isIP(host) === 4 && host.startsWith("127."))) {
    throw new Misused(`${server} would send the token in the clear over the network: use https://`);
  }
  return new MessageService(address, grpc.credentials.createInsecure(), CLIENT_OPTIONS);
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

/** Why the daemon refused: `reason` is stable, and for programs. Undefined if it was not the daemon who spoke. */
function refusal(error: grpc.ServiceError): ErrorInfo | undefined {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) return undefined;
  const { details } = rpc.Status.deserialize(bytes);
  const detail = details.find(({ typeUrl }) => typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return detail && rpc.ErrorInfo.deserialize(detail.value);
}

/** Whether the same call may do better in a moment. What a rule refuses stays refused. */
function isPassing(error: grpc.ServiceError): boolean {
  switch (error.code) {
    case grpc.status.UNAVAILABLE:
    case grpc.status.DEADLINE_EXCEEDED:
    case grpc.status.ABORTED:
      return true;
    // A break of the connection has many codes, and no reason. OUTCOME_UNKNOWN asks for the same call again.
    case grpc.status.UNKNOWN:
    case grpc.status.INTERNAL:
    case grpc.status.CANCELLED:
      return (refusal(error)?.reason ?? "OUTCOME_UNKNOWN") === "OUTCOME_UNKNOWN";
    default:
      return false;
  }
}

/** Posts each text, in order, and prints what it became. */
async function post(daemon: Daemon, channel: string, texts: AsyncIterable<string> | string[], key: string) {
  let number = 0;
  for await (const text of texts) {
    number += 1;
    // The key is chosen once, before the first attempt: whether a call that broke was done nobody knows,
    // and with the same key the daemon does it once and gives the same answer.
    const request = { channel, text, idempotencyKey: `${key}-${number}` };
    const response = await patiently(() => daemon.post(request));
    console.log(`Posted: ${response.entryRef}`);
  }
}

/** Makes a call, and again while what stands against it is passing. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const giveUp = Date.now() + POST_MILLIS_MAX;
  for (let wait = RETRY_MILLIS_MIN; ; wait = Math.min(2 * wait, RETRY_MILLIS_MAX)) {
    try {
      return await call();
    } catch (error) {
      if (!isServiceError(error) || !isPassing(error) || Date.now() > giveUp) throw error;
      note(`${error.details}; asking again with the same key`);
    }
    await pause(wait);
  }
}

/** Prints what is written, until it is told to end; a stream that breaks is taken up where it was. */
async function follow(daemon: Daemon, channel: string, state: string | undefined, fromStart: boolean) {
  let cursor = load(state);
  // Only the stream ends then: what is being printed is printed, and its cursor stored.
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  process.once("SIGTERM", () => stopping.abort());
  let wait = RETRY_MILLIS_MIN;
  while (!stopping.signal.aborted) {
    const stream = daemon.subscribe({ channel, cursor, fromStart });
    const cancel = () => stream.cancel();
    stopping.signal.addEventListener("abort", cancel);
    let ended = false;
    let why = "the daemon ended the stream";
    try {
      for await (const response of stream as AsyncIterable<SubscribeResponse>) {
        for (const item of response.items) {
          show(item);
          ended ||= item.item === "channelEnded";
        }
        // After the items and never before: whoever is killed in between sees this list once more, and misses
        // nothing. Where twice would harm, store the cursor together with what you do.
        cursor = response.cursor;
        store(state, cursor);
        wait = RETRY_MILLIS_MIN;
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (!isServiceError(error) || !isPassing(error)) throw error;
      why = error.details;
    } finally {
      stopping.signal.removeEventListener("abort", cancel);
    }
    if (ended) return;
    note(`${why}; going on from the last cursor`);
    await pause(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
    wait = Math.min(2 * wait, RETRY_MILLIS_MAX);
  }
}

/** The cursor that was stored; empty at the first time. */
function load(state: string | undefined): string {
  return state !== undefined && existsSync(state) ? readFileSync(state, "utf8").trim() : "";
}

/** Replaces the file as a whole, so that a crash leaves the cursor of before or this one. */
function store(state: string | undefined, cursor: string) {
  if (state === undefined) return;
  const file = openSync(`${state}.new`, "w", 0o600);
  writeSync(file, `${cursor}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${state}.new`, state);
}

function show({ event, caughtUp, held, participantLeft, channelEnded }: SubscribeItem) {
  if (event) console.log(`${author(event.author)}${said(event)}`);
  else if (caughtUp) note("all that was there is printed");
  else if (held) note(`${held.entries} entries wait for their time`);
  else if (participantLeft) note(`${clean(participantLeft.handle)} has left the channel`);
  else if (channelEnded) note(`the channel has ended (${channelEnded.cause})`);
}

/** The organisation first and always in the same place, so that no name can pass for another's. */
function author(who: Author | null): string {
  if (who === null) return "[unknown]";
  const marks = [clean(who.organisationHandle || who.organisationId)];
  if (who.external) marks.push(who.verified ? "external" : "external, unverified");
  const words = [`[${marks.join(", ")}]`, clean(who.displayName), who.address && `<${clean(who.address)}>`];
  return words.filter((word) => word !== "").join(" ");
}

function said(event: Event): string {
  switch (event.kind) {
    case "EVENT_KIND_POSTED":
      if (event.retracted) return " (taken back since)";
      return event.absent ? " (its text is not here)" : `: ${clean(event.text)}`;
    case "EVENT_KIND_EDITED":
      return ` edited ${event.target}: ${clean(event.text)}`;
    default: {
      // A kind that is newer than this program is a number.
      const name = String(event.kind).replace("EVENT_KIND_", "").toLowerCase();
      return ` ${name} ${event.target} ${clean(event.emoji)}`.trimEnd();
    }
  }
}

/** On one line, and without anything that acts on a terminal, turns the writing or can't be seen. */
function clean(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);
}

function note(text: string) {
  console.error(`-- ${clean(text)}`);
}

async function* lines(): AsyncGenerator<string> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() !== "") yield line;
  }
}

async function run() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ca: { type: "string" },
      key: { type: "string" },
      state: { type: "string" },
      "from-start": { type: "boolean" },
    },
  });
  const [command, channel, text, ...more] = positionals;
  if (channel === undefined || more.length > 0) throw new Misused(USAGE);
  const daemon = new Daemon(process.env["FOEDUS_SERVER"] ?? "", process.env["FOEDUS_TOKEN"] ?? "", values.ca);
  if (command === "post") {
    await post(daemon, channel, text === undefined ? lines() : [text], values.key ?? randomUUID());
  } else if (command === "follow" && text === undefined) {
    await follow(daemon, channel, values.state, values["from-start"] ?? false);
  } else {
    throw new Misused(USAGE);
  }
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    if (!isServiceError(error)) {
      console.error(error instanceof Misused ? error.message : error);
      process.exit(EXIT_USAGE);
    }
    const info = refusal(error);
    console.error(`error: ${clean(error.details)}`);
    if (info === undefined) process.exit(EXIT_UNAVAILABLE);
    console.error(`  reason: ${info.reason}\n  to do: ${clean(info.metadata["fix"] ?? "")}`);
    process.exit(EXIT_REFUSED);
  },
);
