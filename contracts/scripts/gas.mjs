// Measures the acceptance table: `npm run gas` prints it, fails where a limit is broken or where a figure left the
// committed snapshot by more than the tolerance, and `npm run gas -- --update` writes the snapshot and the table in README.md.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./compiler.mjs";
import { measureClearing } from "./gas/clearing.mjs";
import { measureLife } from "./gas/life.mjs";
import { measurePlacing } from "./gas/placing.mjs";

const README = path.join(root, "README.md");
const TABLE_BEGINS = "<!-- gas table: npm run gas -- --update -->";
const TABLE_ENDS = "<!-- end of gas table -->";
const SNAPSHOT = path.join(root, "gas-snapshot.json");
/** Calldata bytes that happen to be zero move a figure a little from run to run. */
const TOLERANCE = 0.005;

const rows = [...(await measurePlacing()), ...(await measureClearing()), ...(await measureLife())];

const update = process.argv.includes("--update");
const known = update ? {} : JSON.parse(readFileSync(SNAPSHOT, "utf8"));
const failures = [];
const lines = ["| | gas | at most | aim |", "|---|---:|---:|---:|"];
for (const { name, figure, limit, aim, atLeast } of rows) {
  const inBounds = atLeast ? figure >= limit : figure <= limit;
  if (!inBounds) failures.push(`${name}: ${figure}, limit ${limit}`);
  const snapshot = known[name];
  if (!update && (snapshot === undefined || Math.abs(figure - snapshot) > Math.max(snapshot * TOLERANCE, 1))) {
    failures.push(`${name}: ${figure}, snapshot ${snapshot ?? "has no such row"}; if meant, run npm run gas -- --update`);
  }
  lines.push(`| ${name} | ${format(figure)} | ${format(limit)} | ${format(aim)} |`);
}

function format(value) {
  return value === undefined ? "" : value.toLocaleString("en-US");
}

process.stdout.write(`${lines.join("\n")}\n`);
if (update) {
  const snapshot = Object.fromEntries(rows.map(({ name, figure }) => [name, figure]));
  writeFileSync(SNAPSHOT, `${JSON.stringify(snapshot, null, 2)}\n`);
  const readme = readFileSync(README, "utf8");
  const [before, rest] = readme.split(TABLE_BEGINS);
  const [, after] = rest.split(TABLE_ENDS);
  writeFileSync(README, `${before}${TABLE_BEGINS}\n${lines.join("\n")}\n${TABLE_ENDS}${after}`);
}
if (failures.length > 0) {
  process.stderr.write(`${failures.join("\n")}\n`);
  process.exit(1);
}
process.exit(0);
