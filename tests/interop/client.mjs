// Calls methods of services, as docs/wire-protocol.md says. A method is {service, operation, kind,
// request, response}: "svc.echo.v1", "room.{value}", "unary", and the schemas of its messages.

import { randomBytes } from "node:crypto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { headers } from "@nats-io/transport-node";
import { Code, Statuses, StatusError } from "./status.mjs";
import { Stream } from "./stream.mjs";
import * as wire from "./wire.mjs";

const UNDER_WAY = 4 * 1024 * 1024;
const NOTHING = new Uint8Array();

const newId = () => randomBytes(16).toString("hex");

export class Client {
  #inbox;
  #calls = new Map();

  /** `registry` knows google.rpc.Status; `user` is the name that the broker knows the caller by. */
  constructor(connection, registry, { user = "node", maxMessageSize = 64 * 1024 * 1024 } = {}) {
    this.connection = connection;
    this.statuses = new Statuses(registry.getMessage("google.rpc.Status"));
    this.user = user;
    this.maxMessageSize = maxMessageSize;
    this.#inbox = `_INBOX.${user}.${newId()}`;
    connection.subscribe(`${this.#inbox}.*`, { callback: (_, message) => this.#receive(message) });
    this.#watch();
  }

  /** Calls a unary method; milliseconds. Resolves to {response, metadata, replayed}. */
  async unary(method, request, options = {}) {
    const call = this.begin(method, request, options);
    const given = (resolve, reject) => {
      call.fail = reject;
      call.timer = call.timeout && setTimeout(reject, call.timeout, deadlineExceeded());
      options.signal?.addEventListener("abort", () => {
        this.cancel(call);
        reject(new StatusError(Code.CANCELLED, "the caller gave up the call"));
      });
    };
    try {
      return await Promise.race([new Promise(given), this.#exchange(call, request)]);
    } finally {
      clearTimeout(call.timer);
      call.tokens.forEach((token) => this.forget(token));
    }
  }

  /** Opens a streaming call, and resolves to its Stream when an instance has accepted it. */
  async open(method, options = {}) {
    const first = options.first && this.encode(method.request, options.first);
    const call = this.begin(method, options.first, options);
    return await Stream.open(this, call, first, options);
  }

  // -- for streams too ---------------------------------------------------------------------------

  /** What all messages of one call share. */
  begin(method, request, { timeout = null, metadata = {}, idempotencyKey, trace }) {
    if (this.connection.isClosed() || this.lost) throw connectionLost();
    wire.checkMetadata(metadata);
    const id = newId();
    const lines = headers();
    lines.set("Pn-Call", wire.writeCall({ callId: id, remaining: timeout, trace }));
    if (idempotencyKey !== undefined) {
      wire.checkKey(idempotencyKey);
      lines.set("Pn-Idempotency-Key", idempotencyKey);
      lines.set("Pn-Caller", this.user);
    }
    Object.entries(metadata).forEach(([name, value]) => lines.set(name, value));
    const operation = `${method.service}.${method.operation}`;
    const subject = wire.fillSubject(operation, (field) => String(request[field]));
    return { id, method, subject, lines, timeout, tokens: [] };
  }

  encode(schema, message) {
    const body = toBinary(schema, message);
    if (body.length > this.maxMessageSize) throw tooLong(body.length);
    return body;
  }

  /** Where the messages behind the first one go. */
  followUp(call, instance) {
    return `${call.method.service}._i.${instance}.${call.id}`;
  }

  /** How many bytes a body may have beside these headers. */
  room(lines) {
    return this.connection.info.max_payload - lines.encode().length;
  }

  /** A reply subject, and who gets what comes there, or the error if the connection is lost. */
  expect(token, { message, fail }) {
    this.#calls.set(token, { message, fail });
    return `${this.#inbox}.${token}`;
  }

  forget(token) {
    this.#calls.delete(token);
  }

  /** Cancels a call that no instance is known for. */
  cancel(call) {
    const lines = headers();
    lines.set("Pn-Call", wire.writeCall({ callId: call.id, remaining: 0 }));
    this.connection.publish(`${call.method.service}._cancel`, NOTHING, { headers: lines });
  }

  // -- unary calls -------------------------------------------------------------------------------

  async #exchange(call, request) {
    const body = this.encode(call.method.request, request);
    const answer =
      body.length <= this.room(call.lines)
        ? await this.#request(call, call.subject, call.lines, body, call.id)
        : await this.#sendParts(call, body);
    const whole = answer.headers?.has("Pn-Part") ? await this.#fetch(call, answer) : answer.data;
    return {
      response: decode(call.method.response, whole),
      metadata: wire.readMetadata(answer.headers),
      trailers: wire.readTrailers(answer.headers),
      replayed: answer.headers?.get("Pn-Replayed") === "1",
    };
  }

  /** One message and its answer, or the status that it is. */
  async #request(call, subject, lines, body, token = newId()) {
    const answer = await new Promise((message) => {
      call.tokens.push(token);
      const reply = this.expect(token, { message, fail: call.fail });
      this.connection.publish(subject, body, { headers: lines, reply });
    });
    const failure = this.statuses.read(answer);
    if (failure === null) return answer;
    failure.trailers = wire.readTrailers(answer.headers);
    throw failure;
  }

  async #sendParts(call, body) {
    const total = body.length;
    call.lines.set("Pn-Part", wire.writePart(total, 0));
    let at = this.room(call.lines);
    const opened = body.subarray(0, at);
    const first = await this.#request(call, call.subject, call.lines, opened, call.id);
    const subject = this.followUp(call, first.headers.get("Pn-Instance"));
    const underWay = [];
    while (at < total) {
      const lines = headers();
      lines.set("Pn-Part", wire.writePart(total, at));
      const part = body.subarray(at, at + this.room(lines));
      if (underWay.length >= Math.max(1, Math.floor(UNDER_WAY / part.length))) {
        await underWay.shift();
      }
      const answer = this.#request(call, subject, lines, part);
      answer.catch(call.fail);
      underWay.push(answer);
      at += part.length;
    }
    return (await Promise.all(underWay)).at(-1);
  }

  async #fetch(call, first) {
    const { total, offset } = wire.readPart(first.headers.get("Pn-Part"));
    if (total > this.maxMessageSize) {
      this.cancel(call);
      throw tooLong(total);
    }
    const subject = this.followUp(call, first.headers.get("Pn-Instance"));
    const whole = new Uint8Array(total);
    let answer = first;
    for (let at = offset; ; ) {
      const part = wire.readPart(answer.headers.get("Pn-Part"));
      const end = at + answer.data.length;
      if (part.total !== total || part.offset !== at || end === at || end > total) {
        throw new StatusError(Code.DATA_LOSS, "the parts of the response do not fit together");
      }
      whole.set(answer.data, at);
      at = end;
      if (at === total) return whole;
      const lines = headers();
      lines.set("Pn-Fetch", wire.writeFetch(at));
      answer = await this.#request(call, subject, lines, NOTHING);
    }
  }

  // -- the connection ----------------------------------------------------------------------------

  #receive(message) {
    this.#calls.get(message.subject.slice(this.#inbox.length + 1))?.message(message);
  }

  async #watch() {
    for await (const { type } of this.connection.status()) {
      if (type === "reconnect") this.lost = false;
      if (type !== "disconnect" && type !== "close") continue;
      this.lost = true;
      [...this.#calls.values()].forEach(({ fail }) => fail(connectionLost()));
    }
  }
}

/** A message of the type that a method has. */
export function decode(schema, body) {
  try {
    return fromBinary(schema, body);
  } catch {
    throw new StatusError(Code.INTERNAL, `a body that is no ${schema.typeName}`);
  }
}

const deadlineExceeded = () =>
  new StatusError(Code.DEADLINE_EXCEEDED, "no answer before the deadline");
const connectionLost = () => new StatusError(Code.UNAVAILABLE, "the connection is lost");
const tooLong = (total) =>
  new StatusError(Code.RESOURCE_EXHAUSTED, `a message of ${total} bytes is too long`);
