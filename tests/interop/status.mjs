// Statuses: how a call fails, as headers and as a google.rpc.Status.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { headers } from "@nats-io/transport-node";

const NAMES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
  "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
  "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

/** The numbers of google.rpc.Code by their names. */
export const Code = Object.fromEntries(NAMES.map((name, number) => [name, number]));

/** A call that failed. */
export class StatusError extends Error {
  constructor(code, message, { details = [], trailers = {}, unhandled = false } = {}) {
    super(message || NAMES[code]);
    this.code = code;
    /** google.protobuf.Any messages. */
    this.details = details;
    /** Metadata that came with the status. */
    this.trailers = trailers;
    /** Whether no handler was begun, so that any method may be tried again. */
    this.unhandled = unhandled;
  }
}

/** Writes and reads statuses; `schema` is that of google.rpc.Status. */
export class Statuses {
  constructor(schema) {
    this.schema = schema;
  }

  write({ code, message, details = [] }) {
    const lines = headers();
    lines.set("Nats-Service-Error-Code", String(code));
    lines.set("Nats-Service-Error", oneLine(message) || NAMES[code]);
    return [lines, toBinary(this.schema, create(this.schema, { code, message, details }))];
  }

  /** The error that an answer is, or null. */
  read(answer) {
    const lines = answer.headers;
    if (lines?.code === 503) {
      return new StatusError(Code.UNAVAILABLE, "no instance", { unhandled: true });
    }
    if (!lines?.has("Nats-Service-Error-Code")) return null;
    const number = lines.get("Nats-Service-Error-Code");
    const code = /^([1-9]|1[0-6])$/.test(number) ? Number(number) : Code.UNKNOWN;
    const unhandled = lines.get("Pn-Unhandled") === "1";
    const status = this.#body(answer.data);
    return status?.code === code
      ? new StatusError(code, status.message, { details: status.details, unhandled })
      : new StatusError(code, lines.get("Nats-Service-Error"), { unhandled });
  }

  #body(data) {
    try {
      return fromBinary(this.schema, data);
    } catch {
      return null;
    }
  }
}

function oneLine(message) {
  const text = Buffer.from(message.replace(/[\u0000-\u001f\u007f]/g, " ").trim());
  let end = Math.min(text.length, 512);
  while (end < text.length && (text[end] & 0xc0) === 0x80) end -= 1;
  return text.toString("utf8", 0, end);
}
