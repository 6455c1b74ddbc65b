// Plants bugs, one at a time, in a copy of the project and runs the tests that must find them: first the differential
// against the Python reference where there is one (MARKET_PYTHON names the interpreter), then the Solidity tests.
//   npm run mutants                 all of them; writes mutants.md
//   npm run mutants -- spill page   those whose name holds one of the words
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./compiler.mjs";
import { mutants } from "./mutants/list.mjs";

const repository = path.resolve(root, "..");
const differential = path.join(repository, "tests", "contracts", "test_differential.py");
const python = process.env.MARKET_PYTHON ?? path.join(repository, ".venv", "bin", "python");

function run(command, args, options) {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  return { passed: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

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

function plant(copy, { file, from, to }) {
  const target = path.join(copy, "src", file);
  const source = readFileSync(target, "utf8");
  if (source.split(from).length !== 2) throw new Error(`${file} does not hold exactly once: ${from}`);
  writeFileSync(target, source.replace(from, () => to));
}

/** Which tests found the bug, or null if none did. */
function hunt(copy, { solidityOnly }) {
  const build = run("node", ["scripts/build.mjs", "--lenient"], { cwd: copy });
  if (!build.passed) throw new Error(build.output);
  if (!solidityOnly && existsSync(differential) && existsSync(python)) {
    const env = {
      ...process.env,
      MARKET_ARTEFACT: path.join(copy, "build", "EnergyDoubleAuction.json"),
      MARKET_SEEDS: "8",
      MARKET_OPERATIONS: "300",
      MARKET_SHRINK_RUNS: "0",
    };
    const args = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not reach", differential];
    if (!run(python, args, { cwd: repository, env }).passed) return "differential";
  }
  const solidity = run("node", [path.join(root, "node_modules/hardhat/dist/src/cli.js"), "test", "solidity"], { cwd: copy });
  return solidity.passed ? null : "Solidity tests";
}

const words = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const lines = ["| planted bug | file | found by |", "|---|---|---|"];
let survivors = 0;
for (const mutant of chosen) {
  const copy = copyProject();
  try {
    plant(copy, mutant);
    const finder = hunt(copy, mutant);
    if (finder === null) ++survivors;
    const line = `| ${mutant.name} | ${mutant.file} | ${finder ?? "**nothing**"} |`;
    lines.push(line);
    process.stdout.write(`${line}\n`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
process.stdout.write(`${chosen.length - survivors} of ${chosen.length} found\n`);
if (words.length === 0) {
  writeFileSync(path.join(root, "mutants.md"), `# Planted bugs\n\nBy \`npm run mutants\`.\n\n${lines.join("\n")}\n`);
}
process.exit(survivors === 0 ? 0 : 1);
