// Reads the files of test vectors, and tells where this client reads or writes otherwise.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { StringValueSchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { headers } from "@nats-io/transport-node";
import { Statuses, StatusError } from "./status.mjs";
import * as wire from "./wire.mjs";

const bytes = (hex) => Buffer.from(hex, "hex");
const hex = (data) => Buffer.from(data).toString("hex");
const headersOf = (text) => (text ? headers().constructor.decode(bytes(text)) : undefined);
const value = (text) => toBinary(StringValueSchema, create(StringValueSchema, { value: text }));

/** Checks all files of a folder: how many vectors each has, and what is wrong. */
export function checkVectors(folder, registry) {
  const statuses = new Statuses(registry.getMessage("google.rpc.Status"));
  const counts = {};
  const wrong = [];
  for (const [file, check] of Object.entries({
    "call-header": callHeader, metadata, subjects, status, unary, parts, stream,
  })) {
    // Numbers that a double cannot hold are compared as text.
    const text = readFileSync(`${folder}/${file}.json`, "utf8").replace(/: (\d{16,})/g, ': "$1"');
    counts[file] = 0;
    const same = (name, actual, expected) => {
      counts[file] += 1;
      if (!isDeepStrictEqual(actual, expected)) wrong.push([file, name, actual, expected]);
    };
    check(JSON.parse(text), same, statuses, registry);
  }
  return { counts, wrong };
}

/** What a function returns, or the code that it refuses with. */
function codeOr(action) {
  try {
    return action();
  } catch (error) {
    if (error instanceof StatusError) return error.code;
    throw error;
  }
}

const refused = (action) => typeof codeOr(action) === "number";

function traceOf(trace) {
  return trace && { traceId: trace.trace_id, spanId: trace.span_id, flags: trace.flags };
}

function callHeader({ valid, invalid }, same) {
  for (const { value, call_id: callId, remaining_ms: remaining, trace, canonical } of valid) {
    const call = { callId, remaining, trace: traceOf(trace) };
    same(value, wire.readCall(value), call);
    if (canonical) same(value, wire.writeCall(call), value);
  }
  for (const { value, code } of invalid) same(value, codeOr(() => wire.readCall(value)), code);
}

function metadata({ accepted, refused: bad }, same) {
  const check = (name, value) => refused(() => wire.checkMetadata({ [name]: value }));
  for (const [name, value] of accepted) same(name, check(name, value), false);
  for (const [name, value] of bad) same(name, check(name, value), true);
}

function subjects({ fill, size }, same) {
  for (const { template, values, subject } of fill) {
    const filled = codeOr(() => wire.fillSubject(template, (field) => values[field]));
    same(template, typeof filled === "number" ? null : filled, subject);
  }
  for (const { repeat, times, allowed } of size) {
    same(`${times}`, !refused(() => wire.fillSubject(repeat.repeat(times), () => "")), allowed);
  }
}

function status({ write, read }, same, statuses, registry) {
  for (const { code, message, details, headers: lines, body } of write) {
    const packed = fromBinary(statuses.schema, bytes(body)).details;
    same(message, packed.map((any) => anyUnpack(any, registry)?.$typeName), details);
    const written = statuses.write({ code, message, details: packed });
    same(message, [String(written[0]), hex(written[1])], [bytes(lines).toString(), body]);
  }
  for (const { name, headers: lines, body, code, message, details } of read) {
    const error = statuses.read({ headers: headersOf(lines), data: bytes(body) });
    const types = error.details.map((any) => anyUnpack(any, registry)?.$typeName);
    same(name, [error.code, message && error.message, types], [code, message, details]);
  }
}

function unary({ request, response }, same) {
  for (const { name, call, headers: lines, body } of request) {
    const expected = headersOf(lines);
    const { remaining_ms: remaining, call_id: callId } = call;
    const written = wire.writeCall({ callId, remaining, trace: traceOf(call.trace) });
    same(name, written, expected.get("Pn-Call"));
    same(name, expected.get("Pn-Idempotency-Key") || null, call.idempotency_key);
    same(name, wire.readMetadata(expected), call.metadata);
    same(name, hex(value(call.value)), body);
  }
  for (const { name, headers: lines, body, value: text, metadata, trailers } of response) {
    same(name, fromBinary(StringValueSchema, bytes(body)).value, text);
    same(name, wire.readMetadata(headersOf(lines)), metadata);
    same(name, wire.readTrailers(headersOf(lines)), trailers);
  }
}

function parts({ part, fetch, exchange }, same) {
  for (const { value, total, offset, canonical } of part.valid) {
    same(value, wire.readPart(value), { total, offset });
    if (canonical) same(value, wire.writePart(total, offset), value);
  }
  for (const { value, offset, canonical } of fetch.valid) {
    same(value, wire.readFetch(value), offset);
    if (canonical) same(value, wire.writeFetch(offset), value);
  }
  for (const value of part.invalid) same(value, refused(() => wire.readPart(value)), true);
  for (const value of fetch.invalid) same(value, refused(() => wire.readFetch(value)), true);
  const whole = { caller: "", instance: "" };
  for (const { to, headers: lines, body } of exchange) {
    const from = to === "reply" ? "instance" : "caller";
    const head = headersOf(lines);
    if (body) same(body, wire.readPart(head.get("Pn-Part")).offset, whole[from].length / 2);
    whole[from] += body;
  }
  same("exchange", whole, { caller: "0a080102030405060708", instance: "0a0401020304" });
}

function stream({ header, end, frame, malformed, ignored, conversation }, same) {
  for (const { value, canonical, interval_ms: interval, ...rest } of header.valid) {
    same(value, wire.readStream(value), { ...rest, interval });
    if (canonical) same(value, wire.writeStream({ ...rest, interval }), value);
  }
  for (const value of header.invalid) same(value, codeOr(() => wire.readStream(value)), 13);
  for (const { value, count } of end.valid) same(value, wire.readEnd(value), BigInt(count));
  for (const value of end.invalid) same(value, refused(() => wire.readEnd(value)), true);
  for (const vector of frame) checkFrame(vector, same);
  for (const { name, hex } of malformed) same(name, codeOr(() => wire.readFrame(bytes(hex))), 13);
  for (const { name, hex } of ignored) {
    const read = wire.readFrame(bytes(hex));
    same(name, read === null || read.kind === wire.KEEPALIVE, true);
  }
  for (const { name, responses, messages } of conversation) {
    same(name, readResponses(messages), responses);
  }
}

function checkFrame({ name, kind, hex: expected, ...vector }, same) {
  const read = wire.readFrame(bytes(expected));
  const number = (field) => BigInt(vector[field]);
  const [fields, written] = {
    data: () => [
      { kind: 1, first: number("first"), messages: vector.messages.map(bytes) },
      wire.writeData(number("first"), vector.messages.map(bytes)),
    ],
    part: () => [
      {
        kind: 2, number: number("number"), total: vector.total, offset: vector.offset,
        content: bytes(vector.content),
      },
      wire.writePartFrame(
        number("number"), vector.total, vector.offset, bytes(vector.content),
      ),
    ],
    credit: () => [
      { kind: 3, messages: number("messages"), bytes: number("bytes") },
      wire.writeCredit(number("messages"), number("bytes")),
    ],
    keepalive: () => [{ kind: 4 }, wire.writeKeepalive()],
  }[kind]();
  same(name, read, fields);
  same(name, hex(written), expected);
}

/** The messages that the instance sends in a recorded call. */
function readResponses(messages) {
  const bodies = [];
  let partial = Buffer.alloc(0);
  for (const { from, headers: lines, body } of messages) {
    const head = headersOf(lines);
    const isFrame = !["Pn-Stream", "Pn-End", "Nats-Service-Error-Code"].some((n) => head?.has(n));
    if (from !== "instance" || !isFrame) continue;
    const frame = wire.readFrame(bytes(body));
    if (frame.kind === wire.DATA) bodies.push(...frame.messages);
    if (frame.kind === wire.PART) {
      partial = Buffer.concat([partial, frame.content]);
      if (partial.length === frame.total) bodies.push(partial);
    }
  }
  return bodies.map((body) => fromBinary(StringValueSchema, body).value);
}
