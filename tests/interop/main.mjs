// A program that a test drives: node main.mjs <NATS URL> <file with a FileDescriptorSet>. Each line
// of the input is {"id", "do", ...}, each line of the output {"id", "result"} or {"id", "error"}.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { create, createFileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, StringValueSchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Svcm } from "@nats-io/services";
import { connect } from "@nats-io/transport-node";
import { Client } from "./client.mjs";
import { StatusError } from "./status.mjs";
import { checkVectors } from "./vectors.mjs";

const [, , url, schemas] = process.argv;
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(schemas)));
const connection = await connect({ servers: url, reconnectTimeWait: 50 });
const client = new Client(connection, registry, { user: "node" });
const running = new Map(); // AbortController by the name of a call
const streams = new Map(); // iterators and streams by the name of a call

/** Options of a call from those of a command; `name` names it for later commands. */
function options({ name, timeout, metadata, key: idempotencyKey, window, interval, first }) {
  const abort = new AbortController();
  running.set(name, abort);
  return {
    timeout, metadata, idempotencyKey, window, interval,
    first: first === undefined ? undefined : text(first),
    signal: abort.signal,
  };
}

const text = (value) => create(StringValueSchema, { value });
const KINDS = { watch: "server_stream", ingest: "client_stream", chat: "bidi_stream" };
const method = ({ service = "svc.echo.v1", operation, response }) => ({
  service, operation, kind: KINDS[operation] ?? "unary",
  request: StringValueSchema,
  response: response ? registry.getMessage(response) : StringValueSchema,
});
const json = (message) =>
  toJson(registry.getMessage(message.$typeName), message, { registry, useProtoFieldName: true });

async function* described(responses) {
  for await (const response of responses) yield response.value;
}

const commands = {
  async unary(command) {
    const answer = await client.unary(method(command), text(command.value), options(command));
    return { ...answer, response: json(answer.response) };
  },
  async open(command) {
    const stream = await client.open(method(command), options(command));
    streams.set(command.name, { stream, values: described(stream) });
    return null;
  },
  async send({ name, values }) {
    const { stream } = streams.get(name);
    for (const value of values) if (!(await stream.send(text(value)))) return false;
    return true;
  },
  async end({ name }) {
    await streams.get(name).stream.end();
    return null;
  },
  async read({ name, count = Infinity }) {
    const { stream, values } = streams.get(name);
    const read = [];
    while (read.length < count) {
      const { value, done } = await values.next();
      if (done) break;
      read.push(value);
    }
    const { metadata, trailers, credits, keepalives } = stream;
    return { values: read, metadata, trailers, credits, keepalives };
  },
  async listen({ name, keepalives }) {
    const { stream } = streams.get(name);
    while (!stream.over && stream.keepalives < keepalives) await stream.change();
    return { over: stream.over, keepalives: stream.keepalives };
  },
  async single({ name }) {
    const { stream } = streams.get(name);
    const response = json(await stream.single());
    return { response, metadata: stream.metadata, trailers: stream.trailers };
  },
  async leave({ name }) {
    await streams.get(name).values.return();
    return null;
  },
  async cancel({ name }) {
    running.get(name).abort();
    return null;
  },
  async discover({ verb, name }) {
    const found = [];
    const services = new Svcm(connection).client({ strategy: "stall", maxWait: 1000, stall: 100 });
    for await (const answer of await services[verb](name)) found.push(answer);
    return found;
  },
  async vectors({ folder }) {
    return checkVectors(folder, registry);
  },
};

function failure(error) {
  if (!(error instanceof StatusError)) throw error;
  const { code, message, trailers, unhandled } = error;
  const details = error.details.map((any) => {
    const detail = anyUnpack(any, registry);
    return { type: detail.$typeName, ...json(detail) };
  });
  return { code, message, details, trailers, unhandled };
}

async function handle(line) {
  const { id, do: name, ...command } = JSON.parse(line);
  const answer = await commands[name](command).then(
    (result) => ({ id, result }),
    (error) => ({ id, error: failure(error) }),
  );
  const big = (_, value) => (typeof value === "bigint" ? String(value) : value);
  process.stdout.write(`${JSON.stringify(answer, big)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) handle(line);
await connection.close();
