// Asks the official parsers: `node validate.mjs asyncapi|openapi <file>` prints what they say, as
// JSON.
import { readFileSync } from "node:fs";

import { Parser } from "@asyncapi/parser";
import { compileErrors, validate } from "@readme/openapi-parser";

async function asyncapi(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const operations = document?.operations().all() ?? [];
  return {
    valid: document !== undefined,
    problems: diagnostics.map((one) => `${one.code} ${one.path.join(".")}: ${one.message}`),
    operations: operations.map((one) => one.id()),
    addresses: (document?.channels().all() ?? []).map((one) => one.address()),
  };
}

async function openapi(text) {
  const result = await validate(JSON.parse(text));
  return {
    valid: result.valid,
    problems: result.valid ? result.warnings.map((one) => one.message) : [compileErrors(result)],
    specification: result.specification,
  };
}

const [kind, path] = process.argv.slice(2);
const result = await { asyncapi, openapi }[kind](readFileSync(path, "utf8"));
process.stdout.write(JSON.stringify(result));
