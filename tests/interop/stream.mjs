// One streaming call: frames, credit, liveness and its end.

import { headers } from "@nats-io/transport-node";
import { decode } from "./client.mjs";
import { Code, StatusError } from "./status.mjs";
import * as wire from "./wire.mjs";

const NOTHING = new Uint8Array();
const fail = (code, message) => {
  throw new StatusError(code, message);
};

export class Stream {
  /** Metadata of the response, and that of its end. */
  metadata = {};
  trailers = {};
  /** How many CREDIT and KEEPALIVE frames the other side has sent. */
  credits = 0;
  keepalives = 0;

  #client;
  #call;
  #interval;
  #window;
  #subject = null;
  #over = null; // {error}: null where the call succeeded
  #changed = []; // resolvers of those who wait for anything to happen
  #timers = [];
  #sent = { messages: 0n, bytes: 0n, at: 0 };
  #allowed; // what the instance granted
  #granted; // what the instance was granted
  #received = { messages: 0n, bytes: 0n, at: 0 };
  #taken = { messages: 0n, bytes: 0n };
  #queue = [];
  #partial = null;
  #hasMetadata = false;
  #turn = Promise.resolve(true); // settled when all messages so far have left

  /** Opens a call with the first message, if there is one, and `window` as credit to begin with. */
  static async open(client, call, first, options) {
    const { window = { messages: 1024, bytes: 4 << 20 }, interval = 5000, signal } = options;
    const stream = new Stream(client, call, window, interval);
    const announce = (carried) =>
      call.lines.set("Pn-Stream", wire.writeStream({ carried, ...window, interval }));
    announce(1);
    const carries = first !== undefined && first.length <= client.room(call.lines);
    if (!carries) announce(0);
    if (!carries && call.method.operation.includes("{")) {
      fail(Code.RESOURCE_EXHAUSTED, "the request does not fit into one NATS message");
    }
    const body = carries ? first : NOTHING;
    if (carries) stream.#sent = { messages: 1n, bytes: BigInt(body.length), at: Date.now() };
    const reply = client.expect(call.id, {
      message: (message) => stream.#receive(message),
      fail: (error) => stream.#finish(error),
    });
    client.connection.publish(call.subject, body, { headers: call.lines, reply });
    signal?.addEventListener("abort", () => stream.cancel());
    stream.#begin();
    await stream.#until(() => stream.#subject !== null);
    if (stream.#subject === null) throw stream.#over.error;
    if (first !== undefined && !carries) {
      stream.#send(first);
      if (call.method.kind === "server_stream") stream.end();
    }
    return stream;
  }

  constructor(client, call, window, interval) {
    this.#client = client;
    this.#call = call;
    this.#interval = interval;
    this.#window = { messages: BigInt(window.messages), bytes: BigInt(window.bytes) };
    this.#granted = { ...this.#window };
  }

  // -- what the caller does ----------------------------------------------------------------------

  /** Sends a message as soon as there is credit; false if the call is over. */
  async send(message) {
    return await this.#send(this.#client.encode(this.#call.method.request, message));
  }

  /** Sends a message when those before it have left. */
  #send(body) {
    return (this.#turn = this.#turn.then(() => this.#sendNow(body)));
  }

  async #sendNow(body) {
    const number = this.#sent.messages + 1n;
    const max = this.#client.connection.info.max_payload;
    const whole = body.length + 13 <= max;
    let at = 0;
    do {
      await this.#until(
        () => number <= this.#allowed.messages && this.#sent.bytes < this.#allowed.bytes,
      );
      if (this.over) return false;
      const content = whole ? body : body.subarray(at, at + max - 17);
      this.#sent.bytes += BigInt(content.length);
      this.#publish(
        whole
          ? wire.writeData(number, [content])
          : wire.writePartFrame(number, body.length, at, content),
      );
      at += content.length;
    } while (at < body.length);
    this.#sent.messages = number;
    return true;
  }

  /** Says that no more messages come. */
  async end() {
    await this.#turn;
    const lines = headers();
    lines.set("Pn-End", String(this.#sent.messages));
    if (!this.over) this.#publish(NOTHING, lines);
  }

  /** Ends the call early. */
  cancel() {
    this.#abort(new StatusError(Code.CANCELLED, "the caller gave up the call"));
  }

  /** Response messages, until the call has ended; raises the status that it ended with. */
  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        await this.#until(() => this.#queue.length > 0);
        if (this.#queue.length === 0) break;
        const body = this.#queue.shift();
        this.#taken.messages += 1n;
        this.#taken.bytes += BigInt(body.length);
        this.#grant();
        yield decode(this.#call.method.response, body);
      }
      if (this.#over.error !== null) throw this.#over.error;
    } finally {
      this.cancel();
    }
  }

  /** The response of a method that sends no stream. */
  async single() {
    const responses = [];
    for await (const response of this) responses.push(response);
    if (responses.length !== 1) fail(Code.INTERNAL, `${responses.length} responses instead of one`);
    return responses[0];
  }

  /** Whether the call has ended. */
  get over() {
    return this.#over !== null;
  }

  /** Waits until anything has happened. */
  async change() {
    await new Promise((resolve) => this.#changed.push(resolve));
  }

  // -- what the instance says --------------------------------------------------------------------

  #receive(message) {
    this.#received.at = Date.now();
    const status = this.#client.statuses.read(message);
    try {
      if (status !== null) {
        this.trailers = status.trailers = wire.readMetadata(message.headers);
        this.#finish(status);
      } else if (this.#subject === null) {
        this.#accepted(message.headers);
      } else if (message.headers?.has("Pn-End")) {
        this.#ended(message.headers);
      } else {
        this.#frame(message);
      }
    } catch (error) {
      this.#abort(error);
    }
    this.#wake();
  }

  #accepted(lines) {
    const { messages, bytes, interval } = wire.readStream(lines?.get("Pn-Stream") ?? "");
    this.#allowed = { messages: BigInt(messages), bytes: BigInt(bytes) };
    this.#subject = this.#client.followUp(this.#call, lines.get("Pn-Instance"));
    const every = Math.min(interval, this.#interval) / 3;
    this.#timers.push(setInterval(() => this.#live(3 * interval), every));
  }

  #ended(lines) {
    const count = wire.readEnd(lines.get("Pn-End"));
    if (this.#partial !== null || count !== this.#received.messages) {
      fail(Code.DATA_LOSS, `${this.#received.messages} of ${count} messages came`);
    }
    this.trailers = wire.readMetadata(lines);
    this.#finish(null);
  }

  #frame({ data, headers: lines }) {
    const frame = wire.readFrame(data);
    if (frame === null) return;
    if (frame.kind === wire.CREDIT) {
      this.credits += 1;
      for (const unit of ["messages", "bytes"]) {
        if (frame[unit] > this.#allowed[unit]) this.#allowed[unit] = frame[unit];
      }
      return;
    }
    if (lines !== undefined && !this.#hasMetadata) {
      this.#hasMetadata = true;
      this.metadata = wire.readMetadata(lines);
    }
    if (frame.kind === wire.KEEPALIVE) this.keepalives += 1;
    if (frame.kind === wire.DATA) {
      if (this.#partial !== null) fail(Code.DATA_LOSS, "a message inside a message in parts");
      frame.messages.forEach((message, i) => {
        this.#count(frame.first + BigInt(i), message.length);
        this.#complete(message);
      });
    }
    if (frame.kind === wire.PART) this.#part(frame);
  }

  #part({ number, total, offset, content }) {
    if (total > this.#client.maxMessageSize) {
      fail(Code.RESOURCE_EXHAUSTED, `a message of ${total} bytes is too long`);
    }
    this.#partial ??= { whole: Buffer.alloc(total), length: 0 };
    const { whole, length } = this.#partial;
    if (whole.length !== total || length !== offset) fail(Code.DATA_LOSS, "a part is missing");
    this.#count(number, content.length);
    whole.set(content, offset);
    this.#partial.length += content.length;
    if (this.#partial.length === total) {
      this.#partial = null;
      this.#complete(whole);
    } else {
      this.#grant();
    }
  }

  #count(number, length) {
    if (number !== this.#received.messages + 1n) fail(Code.DATA_LOSS, "a message is missing");
    if (number > this.#granted.messages || this.#received.bytes >= this.#granted.bytes) {
      fail(Code.RESOURCE_EXHAUSTED, "the instance sent more than its credit");
    }
    this.#received.bytes += BigInt(length);
  }

  #complete(message) {
    this.#received.messages += 1n;
    this.#queue.push(message);
  }

  // -- credit, liveness, the end -----------------------------------------------------------------

  /** Grants anew when half of a window is free: what was taken, and what has come of a message. */
  #grant() {
    if (this.over) return;
    const part = BigInt(this.#partial?.length ?? 0);
    const messages = this.#taken.messages + this.#window.messages;
    const bytes = this.#taken.bytes + part + this.#window.bytes;
    if (
      2n * (messages - this.#granted.messages) >= this.#window.messages ||
      2n * (bytes - this.#granted.bytes) >= this.#window.bytes
    ) {
      if (messages > this.#granted.messages) this.#granted.messages = messages;
      if (bytes > this.#granted.bytes) this.#granted.bytes = bytes;
      this.#publish(wire.writeCredit(this.#granted.messages, this.#granted.bytes));
    }
  }

  #begin() {
    const { timeout } = this.#call;
    if (timeout) {
      const error = new StatusError(Code.DEADLINE_EXCEEDED, "not ended before the deadline");
      this.#timers.push(setTimeout(() => this.#abort(error), timeout));
    }
    const silent = new StatusError(Code.UNAVAILABLE, "no instance has accepted the call");
    this.#timers.push(
      setTimeout(() => this.#subject === null && this.#abort(silent), 3 * this.#interval),
    );
  }

  #live(silence) {
    const now = Date.now();
    if (now - this.#received.at > silence) {
      this.#abort(new StatusError(Code.UNAVAILABLE, "the instance is silent"));
    } else if (now - this.#sent.at >= this.#interval / 2) {
      this.#publish(wire.writeKeepalive());
    }
  }

  #publish(body, lines) {
    this.#sent.at = Date.now();
    this.#client.connection.publish(this.#subject, body, { headers: lines });
  }

  /** Ends the call here, and tells the instance why. */
  #abort(error) {
    if (this.over) return;
    if (this.#subject === null) {
      this.#client.cancel(this.#call);
    } else {
      const [lines, body] = this.#client.statuses.write(error);
      this.#publish(body, lines);
    }
    this.#finish(error);
  }

  #finish(error) {
    this.#over ??= { error };
    this.#timers.forEach(clearTimeout);
    this.#client.forget(this.#call.id);
    this.#wake();
  }

  /** Waits until something holds, or the call is over. */
  async #until(condition) {
    while (!this.over && !condition()) await this.change();
  }

  #wake() {
    this.#changed.splice(0).forEach((resolve) => resolve());
  }
}
