// The long random runs, `npm run test:long`: 50,000 calls under the invariants, then everything else with long fuzzing. The
// lives come in chunks with seeds of their own, each chunk in a process of its own that is ended beyond a bound of
// memory. Fails if a call breaks an invariant, or if the calls of all lives together missed a branch.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { runBounded } from "./bounded.mjs";
import { root } from "./compiler.mjs";

const chunks = 10;
const livesPerChunk = 25;
const callsPerLife = 200;
const limits = { seconds: 1800, megabytes: 4000 };
const hardhat = path.join(root, "node_modules/hardhat/dist/src/cli.js");
const livesFile = path.join(root, "cache", "lives.csv");

/** What a life can reach, in the order in which it counts. */
function branchNames() {
  const handler = readFileSync(path.join(root, "test/support/Handler.sol"), "utf8");
  const [, members] = handler.match(/enum Reached \{([^}]*)\}/);
  return members.split(",").map((name) => name.trim());
}

/** Runs Solidity tests; a failure is shown and ends the run. */
async function test(args, environment) {
  const { passed, ended, output, peakMegabytes, seconds } = await runBounded(
    process.execPath,
    [hardhat, "test", "solidity", ...args],
    { cwd: root, env: { ...process.env, ...environment }, ...limits },
  );
  if (!passed) {
    process.stderr.write(`${output}\n${ended === null ? "" : `ended: ${ended}\n`}`);
    process.exit(1);
  }
  return { output, peakMegabytes, seconds };
}

/** One line a life: its calls, then how often it reached each branch. The runner repeats the last life at the end. */
function readLives() {
  const lines = readFileSync(livesFile, "utf8").trim().split("\n");
  return lines.slice(0, livesPerChunk).map((line) => line.split(",").map(Number));
}

const names = branchNames();
const total = new Array(names.length + 1).fill(0);
let mostMegabytes = 0;
mkdirSync(path.dirname(livesFile), { recursive: true });
for (let chunk = 1; chunk <= chunks; ++chunk) {
  if (existsSync(livesFile)) rmSync(livesFile);
  const { peakMegabytes, seconds } = await test(["--grep", "invariant_", "test/Invariants.t.sol"], {
    MARKET_LIVES: String(livesPerChunk),
    MARKET_CALLS_PER_LIFE: String(callsPerLife),
    MARKET_FUZZ_SEED: `0x${(0x4c00 + chunk).toString(16)}`,
    MARKET_LIVES_FILE: livesFile,
  });
  const lives = readLives();
  for (const life of lives) life.forEach((count, at) => (total[at] += count));
  mostMegabytes = Math.max(mostMegabytes, peakMegabytes);
  process.stdout.write(
    `chunk ${chunk} of ${chunks}: ${lives.length} lives, ${total[0]} calls so far, ` +
      `peak ${peakMegabytes} MB, ${Math.round(seconds)} s\n`,
  );
}

const [calls, ...reached] = total;
names.forEach((name, at) => process.stdout.write(`  ${name}: ${reached[at]}\n`));
const missed = names.filter((_, at) => reached[at] === 0);
if (calls < chunks * livesPerChunk * callsPerLife || missed.length > 0) {
  process.stderr.write(`${calls} calls; not reached: ${missed.join(", ") || "nothing"}\n`);
  process.exit(1);
}
process.stdout.write(
  `${calls} calls under the invariants in ${chunks * livesPerChunk} lives; ${names.length} of ${names.length} ` +
    `branches reached; at most ${mostMegabytes} MB\n`,
);

const rest = await test(["--grep-exclude", "invariant_"], { MARKET_FUZZ_RUNS: "1000" });
process.stdout.write(`${rest.output.match(/\d+ passing/)[0]} with 1,000 runs of each fuzz test; peak ${rest.peakMegabytes} MB\n`);
