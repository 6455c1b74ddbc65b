// Plants bugs, one at a time, in a copy of the project and runs the tests that must find them: the differential against
// the Python reference (MARKET_PYTHON names the interpreter), then the Solidity tests; a bug in what the differential does
// not do, such as tokens, names the Solidity file to begin with. All without the optimizer, which compiles five times
// faster and changes no meaning. The first finder is noted.
//   npm run mutants                        all of them; writes mutants.md
//   npm run mutants -- spill page          those whose name holds one of the words
//   npm run mutants -- --fresh --jobs 2    forget what earlier runs found; two at a time
//   npm run mutants -- --table             writes mutants.md by what is known, runs nothing
// What was found is kept in cache/mutants.json by a hash of the sources, so that an interrupted run goes on, and one with
// new tests looks only for what was not found.
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { runBounded } from "./bounded.mjs";
import { root } from "./compiler.mjs";
import { mutants } from "./mutants/list.mjs";

const repository = path.resolve(root, "..");
const reference = path.join(repository, "tests", "contracts");
const python = process.env.MARKET_PYTHON ?? path.join(repository, ".venv", "bin", "python");
const kept = path.join(root, "cache", "mutants.json");
/** A market that a bug keeps from ending must not keep us. Each figure is several times what is usual. */
const limits = { seconds: 300, megabytes: 3000 };
const seeds = 6;
const operations = 250;

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: "string", default: "1" },
    fresh: { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});

// --------------------------------------------------------------------------------------------------------- the copy

function copyProject() {
  const copy = mkdtempSync(path.join(tmpdir(), "mutant-"));
  for (const name of ["src", "test", "scripts", "package.json", "hardhat.config.js"]) {
    cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  // Random lives find nothing here that the differential does not, and take the longest.
  rmSync(path.join(copy, "test", "Invariants.t.sol"));
  symlinkSync(path.join(root, "node_modules"), path.join(copy, "node_modules"));
  return copy;
}

/** Replaces the source by the one with the bug. */
function plant(copy, { name, file, from, to }) {
  const source = readFileSync(path.join(root, "src", file), "utf8");
  if (source.split(from).length !== 2) throw new Error(`${name}: ${file} does not hold exactly once: ${from}`);
  writeFileSync(path.join(copy, "src", file), source.replace(from, () => to));
}

function restore(copy, { file }) {
  cpSync(path.join(root, "src", file), path.join(copy, "src", file));
}

// ---------------------------------------------------------------------------------------------------------- the hunt

const unoptimized = { ...process.env, MARKET_UNOPTIMIZED: "1" };

async function build(copy) {
  const { passed, output } = await runBounded(process.execPath, ["scripts/build.mjs", "--lenient"], {
    cwd: copy,
    env: unoptimized,
    ...limits,
  });
  if (!passed) throw new Error(`does not compile:\n${output}`);
}

/** What the differential found, or null. */
async function differential(copy) {
  const env = {
    ...process.env,
    MARKET_ARTEFACT: path.join(copy, "build", "EnergyDoubleAuction.json"),
    MARKET_SEEDS: String(seeds),
    MARKET_OPERATIONS: String(operations),
    MARKET_SHRINK_RUNS: "0",
  };
  const file = path.join(reference, "test_differential.py");
  const args = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not reach", file];
  const { passed, ended, output } = await runBounded(python, args, { cwd: repository, env, ...limits });
  if (passed) return null;
  const [, seed, what] = output.match(/^(?:E +)?(?:Failed: )?seed (\d+): ([^\n:]*)/m) ?? [];
  return `differential, ${ended ?? (seed === undefined ? "the reference itself fails" : `seed ${seed}: ${unfigured(what)}`)}`;
}

/** A mismatch without the figures of its case. */
function unfigured(text) {
  return text.replace(/\(.*/, "").replace(/\d+/g, "n").slice(0, 60);
}

/** Which Solidity test found it, or null. */
async function solidity(copy, files) {
  const hardhat = path.join(root, "node_modules/hardhat/dist/src/cli.js");
  const paths = files.map((name) => `test/${name}.t.sol`);
  const { passed, ended, output } = await runBounded(process.execPath, [hardhat, "test", "solidity", ...paths], {
    cwd: copy,
    env: unoptimized,
    ...limits,
  });
  if (passed) return null;
  const failed = output.match(/^ +1\) (\w+#\w+)/m);
  if (failed === null && ended === null) throw new Error(`the Solidity tests do not run:\n${output.slice(-2000)}`);
  return ended ?? failed[1];
}

const hasReference = existsSync(reference) && existsSync(python);
const allFiles = readdirSync(path.join(root, "test"))
  .filter((name) => name.endsWith(".t.sol") && name !== "Invariants.t.sol")
  .map((name) => name.replace(".t.sol", ""));

/** Who found the bug, or null if nobody did. */
async function hunt(copy, { test }) {
  const others = allFiles.filter((name) => name !== test);
  const byReference = async () => {
    if (!hasReference) return null;
    await build(copy);
    return differential(copy);
  };
  const order = test
    ? [() => solidity(copy, [test]), () => solidity(copy, others), byReference]
    : [byReference, () => solidity(copy, others)];
  for (const look of order) {
    const finder = await look();
    if (finder !== null) return finder;
  }
  return null;
}

// ---------------------------------------------------------------------------------------------------------- the runs

function contentsUnder(directory, extension) {
  return readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => [name, readFileSync(path.join(directory, name), "utf8")]);
}

function hashOf(...parts) {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

const sources = hashOf(contentsUnder(path.join(root, "src"), ".sol"));
const everything = hashOf(
  sources,
  contentsUnder(path.join(root, "test"), ".sol"),
  existsSync(reference) ? contentsUnder(reference, ".py") : [],
);

function keyOf({ file, from, to }) {
  return hashOf(sources, file, from, to);
}

const found = !options.fresh && existsSync(kept) ? JSON.parse(readFileSync(kept, "utf8")) : {};

function keep(key, finder) {
  found[key] = finder;
  mkdirSync(path.dirname(kept), { recursive: true });
  writeFileSync(kept, JSON.stringify(found, null, 1));
}

/** Tests that fail anyway find no bug. */
async function requireSoundTests(copy) {
  if (found[everything] === "sound") return;
  await build(copy);
  const complaint = (hasReference ? await differential(copy) : null) ?? (await solidity(copy, allFiles));
  if (complaint !== null) throw new Error(`the tests fail without a planted bug: ${complaint}`);
  keep(everything, "sound");
}

async function work(queue, copy) {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const key = keyOf(mutant);
    const startedAt = Date.now();
    const known = key in found;
    if (!known) {
      plant(copy, mutant);
      try {
        const finder = await hunt(copy, mutant);
        if (finder === null) escaped.add(mutant);
        else keep(key, finder);
      } catch (error) {
        // One that cannot be planted or run is no reason to lose the others.
        broken.push(mutant.name);
        process.stderr.write(`${mutant.name}: ${error.message}\n`);
      } finally {
        restore(copy, mutant);
      }
    }
    const time = known ? "known" : `${Math.round((Date.now() - startedAt) / 1000)} s`;
    process.stdout.write(`${lineOf(mutant)} ${time}\n`);
  }
}

/** Mutants that were hunted now and not found; of others without a finder nothing is known. */
const escaped = new Set();

/** Names of mutants that could not be hunted, because they do not compile or the tests do not run. */
const broken = [];

function lineOf(mutant) {
  const finder = found[keyOf(mutant)] ?? (escaped.has(mutant) ? "**nothing**" : "not run yet");
  return `| ${mutant.name} | ${mutant.file.replace("libraries/", "")} | ${finder} |`;
}

function writeTable() {
  const known = mutants.filter((mutant) => keyOf(mutant) in found).length;
  const text =
    `# Planted bugs\n\nBy \`npm run mutants\`: ${mutants.length} bugs, planted one at a time, and the first test that found each. ` +
    `${known} were found,\n${escaped.size} were not, ${mutants.length - known - escaped.size} wait to be run. ` +
    `The differential had ${seeds} seeds of ${operations} operations.\n\n`;
  const lines = ["| planted bug | file | found by |", "|---|---|---|", ...mutants.map(lineOf)];
  writeFileSync(path.join(root, "mutants.md"), `${text}${lines.join("\n")}\n`);
}

if (options.table) {
  writeTable();
  process.exit(0);
}
const chosen = mutants.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const startedAt = Date.now();
const copies = Array.from({ length: Number(options.jobs) }, copyProject);
process.on("exit", () => {
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});
await requireSoundTests(copies[0]);
const queue = [...chosen];
await Promise.all(copies.map((copy) => work(queue, copy)));

const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
const count = chosen.length - escaped.size - broken.length;
process.stdout.write(`${count} of ${chosen.length} found, in ${minutes} minutes\n`);
if (broken.length > 0) process.stdout.write(`not hunted, see above: ${broken.join("; ")}\n`);
if (words.length === 0) writeTable();
process.exit(escaped.size + broken.length === 0 ? 0 : 1);
