// Measures the acceptance table: `npm run gas` prints it, fails where a limit is broken or where a figure left the
// committed snapshot by more than the tolerance, and `npm run gas -- --update` writes the snapshot and the table in README.md.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./compiler.mjs";
import { measureClearing, measureRounds } from "./gas/clearing.mjs";
import { measureLife } from "./gas/life.mjs";
import { measurePlacing } from "./gas/placing.mjs";

const README = path.join(root, "README.md");
const TABLE_BEGINS = "<!-- gas table: npm run gas -- --update -->";
const TABLE_ENDS = "<!-- end of gas table -->";
/** The row of the comparison table that is measured here; the others are figures of prototypes. */
const ROUNDS_ROW = /^\| bitmap and queues, intervals \(this contract\) \|.*$/m;
const SNAPSHOT = path.join(root, "gas-snapshot.json");
/** Calldata bytes that happen to be zero move a figure a little from run to run. */
const TOLERANCE = 0.005;

const rounds = await measureRounds();
const rows = [...(await measurePlacing()), ...(await measureClearing()), ...(await measureLife())];

const update = process.argv.includes("--update");
const known = update ? {} : JSON.parse(readFileSync(SNAPSHOT, "utf8"));
const failures = [];
const lines = ["| | gas | at most | aim |", "|---|---:|---:|---:|"];
for (const { name, figure, limit, aim, atLeast } of rows) {
  const inBounds = atLeast ? figure >= limit : figure <= limit;
  if (!inBounds) failures.push(`${name}: ${figure}, limit ${limit}`);
  lines.push(`| ${name} | ${format(figure)} | ${format(limit)} | ${format(aim)} |`);
}

for (const { name, figure } of update ? [] : [...rows, ...rounds]) {
  const snapshot = known[name];
  if (snapshot === undefined || Math.abs(figure - snapshot) > Math.max(snapshot * TOLERANCE, 1)) {
    failures.push(`${name}: ${figure}, snapshot ${snapshot ?? "has no such row"}; if meant, run npm run gas -- --update`);
  }
}

function format(value) {
  return value === undefined ? "" : value.toLocaleString("en-US");
}

const roundsRow = `| bitmap and queues, intervals (this contract) | ${rounds.map(({ figure }) => millions(figure)).join(" | ")} |`;

/** In millions, three digits. */
function millions(gas) {
  return `${(gas / 1e6).toPrecision(3)}M`;
}

process.stdout.write(`${lines.join("\n")}\n\n${roundsRow}\n`);
if (update) {
  const snapshot = Object.fromEntries([...rows, ...rounds].map(({ name, figure }) => [name, figure]));
  writeFileSync(SNAPSHOT, `${JSON.stringify(snapshot, null, 2)}\n`);
  const readme = readFileSync(README, "utf8");
  const [before, rest] = readme.split(TABLE_BEGINS);
  const [, after] = rest.split(TABLE_ENDS);
  writeFileSync(README, `${before}${TABLE_BEGINS}\n${lines.join("\n")}\n${TABLE_ENDS}${after.replace(ROUNDS_ROW, roundsRow)}`);
}
if (failures.length > 0) {
  process.stderr.write(`${failures.join("\n")}\n`);
  process.exit(1);
}
process.exit(0);
