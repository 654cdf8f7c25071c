// What stands in headers and frames of the wire protocol: written and read, without a connection.

import { Code, StatusError } from "./status.mjs";

export const NO_DEADLINE = 0xffffffff;
export const DATA = 1;
export const PART = 2;
export const CREDIT = 3;
export const KEEPALIVE = 4;

const TRACE = /(?:-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?)?/.source;
const CALL = new RegExp(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{8})${TRACE}$`, "i");
const STREAM = /^([01])-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})(?:-.*)?$/i;
const PART_OF = /^([0-9a-f]{8})-([0-9a-f]{8})$/i;
const FETCH = /^[0-9a-f]{8}$/i;
const METADATA_NAME = /^[a-z0-9][a-z0-9_.-]{0,63}$/;
const METADATA_VALUE = /^[!-~]([ -~]*[!-~])?$/;
const RESERVED = /^(pn-|nats-)|-bin$/;
const NO_TOKEN = /[.*>\s\u0000-\u001f\u007f]/u;

const hex = (number, digits) => number.toString(16).padStart(digits, "0");
const bytes = (text) => Buffer.byteLength(text);
const malformed = (what) => new StatusError(Code.INTERNAL, `malformed ${what}`);
const invalid = (message) => new StatusError(Code.INVALID_ARGUMENT, message);

// -- subjects ------------------------------------------------------------------------------------

/** Puts the values of a request's fields into a method's subject. */
export function fillSubject(template, valueOf) {
  const subject = template.replace(/\{([^}]+)\}/g, (_, field) => {
    const value = valueOf(field);
    if (value === "" || NO_TOKEN.test(value)) throw invalid(`${field} makes no token: ${value}`);
    return value;
  });
  if (bytes(subject) > 2048) throw invalid("the subject is longer than 2,048 bytes");
  return subject;
}

// -- headers -------------------------------------------------------------------------------------

export function writeCall({ callId, remaining, trace }) {
  const time = remaining === null ? NO_DEADLINE : Math.min(Math.ceil(remaining), NO_DEADLINE - 1);
  const value = `01-${callId}-${hex(time, 8)}`;
  return trace ? `${value}-${trace.traceId}-${trace.spanId}-${hex(trace.flags, 2)}` : value;
}

export function readCall(value) {
  const version = /^[0-9a-f]{2}/i.exec(value);
  if (version !== null && parseInt(version[0], 16) > 1) {
    throw new StatusError(Code.UNIMPLEMENTED, `protocol version ${version[0]}`);
  }
  const match = CALL.exec(value);
  if (match === null || match[1] !== "01") throw invalid(`malformed Pn-Call: ${value}`);
  const [, , callId, time, traceId, spanId, flags] = match;
  const remaining = parseInt(time, 16);
  return {
    callId: callId.toLowerCase(),
    remaining: remaining === NO_DEADLINE ? null : remaining,
    trace: traceId ? { traceId, spanId, flags: parseInt(flags, 16) } : null,
  };
}

export function writeStream({ carried, messages, bytes, interval }) {
  return `${carried}-${hex(messages, 8)}-${hex(bytes, 8)}-${hex(interval, 8)}`;
}

export function readStream(value) {
  const match = STREAM.exec(value);
  const [carried, messages, bytes, interval] = (match ?? []).slice(1).map((d) => parseInt(d, 16));
  if (match === null || interval === 0) throw malformed("Pn-Stream header");
  return { carried, messages, bytes, interval };
}

export function readEnd(value) {
  if (!/^[0-9]+$/.test(value)) throw malformed("Pn-End header");
  return BigInt(value);
}

export const writePart = (total, offset) => `${hex(total, 8)}-${hex(offset, 8)}`;

export function readPart(value) {
  const match = PART_OF.exec(value);
  if (match === null) throw invalid(`malformed Pn-Part: ${value}`);
  return { total: parseInt(match[1], 16), offset: parseInt(match[2], 16) };
}

export const writeFetch = (offset) => hex(offset, 8);

export function readFetch(value) {
  if (!FETCH.test(value)) throw invalid(`malformed Pn-Fetch: ${value}`);
  return parseInt(value, 16);
}

// -- metadata ------------------------------------------------------------------------------------

const isPair = (name, value) =>
  METADATA_NAME.test(name) && !RESERVED.test(name) && METADATA_VALUE.test(value);

/** Refuses metadata that no peer would read. */
export function checkMetadata(metadata) {
  const pairs = Object.entries(metadata);
  const size = pairs.reduce((sum, [name, value]) => sum + bytes(name) + bytes(value), 0);
  if (size > 8192) throw invalid("the metadata is longer than 8,192 bytes");
  for (const [name, value] of pairs) {
    if (!isPair(name, value)) throw invalid(`no metadata: ${name}: ${value}`);
  }
}

/** Refuses an idempotency key that no peer would read. */
export function checkKey(key) {
  if (key.length > 128 || !METADATA_VALUE.test(key)) throw invalid(`no idempotency key: ${key}`);
}

/** The metadata among the headers of a message; lines that break the rules are ignored. */
export function readMetadata(headers) {
  const pairs = (headers?.keys() ?? []).map((name) => [name, headers.get(name)]);
  return Object.fromEntries(pairs.filter(([name, value]) => isPair(name, value)));
}

/** Of the answer to a unary call. */
export function readTrailers(headers) {
  const prefix = "Pn-Trailer-";
  const names = (headers?.keys() ?? []).filter((name) => name.startsWith(prefix));
  const pairs = names.map((name) => [name.slice(prefix.length), headers.get(name)]);
  return Object.fromEntries(pairs.filter(([name, value]) => isPair(name, value)));
}

// -- frames --------------------------------------------------------------------------------------

export function writeData(first, messages) {
  const head = Buffer.alloc(9);
  head[0] = DATA;
  head.writeBigUInt64BE(first, 1);
  const lengths = messages.map((message) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return length;
  });
  return Buffer.concat([head, ...messages.flatMap((message, i) => [lengths[i], message])]);
}

export function writePartFrame(number, total, offset, content) {
  const head = Buffer.alloc(17);
  head[0] = PART;
  head.writeBigUInt64BE(number, 1);
  head.writeUInt32BE(total, 9);
  head.writeUInt32BE(offset, 13);
  return Buffer.concat([head, content]);
}

export function writeCredit(messages, bytes) {
  const frame = Buffer.alloc(17);
  frame[0] = CREDIT;
  frame.writeBigUInt64BE(messages, 1);
  frame.writeBigUInt64BE(bytes, 9);
  return frame;
}

export const writeKeepalive = () => Buffer.from([KEEPALIVE]);

/** What a frame says; null for a kind that is not known. */
export function readFrame(body) {
  const frame = Buffer.from(body.buffer, body.byteOffset, body.length);
  switch (frame[0]) {
    case DATA:
      return readData(frame);
    case PART:
      return readPartFrame(frame);
    case CREDIT:
      if (frame.length !== 17) throw malformed("CREDIT frame");
      return {
        kind: CREDIT,
        messages: frame.readBigUInt64BE(1),
        bytes: frame.readBigUInt64BE(9),
      };
    case KEEPALIVE:
      return { kind: KEEPALIVE };
    case undefined:
      throw malformed("empty frame");
    default:
      return null;
  }
}

function readData(frame) {
  if (frame.length < 13) throw malformed("DATA frame");
  const messages = [];
  for (let at = 9; at < frame.length; ) {
    if (at + 4 > frame.length) throw malformed("DATA frame");
    const end = at + 4 + frame.readUInt32BE(at);
    if (end > frame.length) throw malformed("DATA frame");
    messages.push(frame.subarray(at + 4, end));
    at = end;
  }
  return { kind: DATA, first: frame.readBigUInt64BE(1), messages };
}

function readPartFrame(frame) {
  if (frame.length < 18) throw malformed("PART frame");
  const total = frame.readUInt32BE(9);
  const offset = frame.readUInt32BE(13);
  const content = frame.subarray(17);
  if (offset + content.length > total) throw malformed("PART frame");
  return { kind: PART, number: frame.readBigUInt64BE(1), total, offset, content };
}
