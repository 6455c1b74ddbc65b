// Compiles the market with the compiler from npm and writes build/EnergyDoubleAuction.json:
// {contractName, abi, bytecode, sourceHash}.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import solc from "solc";
import { root, settings } from "./compiler.mjs";

const contractName = "EnergyDoubleAuction";
/** Served at the same address by delegatecall, so its functions belong to the same ABI. */
const deskName = "MarketDesk";
/** EIP-170 allows 24,576; the margin leaves room for a repair. */
const maxDeployedBytes = 23_000;
/** EIP-3860 allows 49,152 with the constructor's arguments, which take 416. */
const maxCreationBytes = 48_736;

function sourcesUnder(directory) {
  return readdirSync(path.join(root, directory), { recursive: true })
    .filter((name) => name.endsWith(".sol"))
    .map((name) => path.posix.join(directory, name.split(path.sep).join("/")))
    .sort();
}

const sources = Object.fromEntries(
  sourcesUnder("src").map((name) => [name, { content: readFileSync(path.join(root, name), "utf8") }]),
);

const input = {
  language: "Solidity",
  sources,
  settings: {
    ...settings,
    outputSelection: {
      [`src/${contractName}.sol`]: { [contractName]: ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] },
      [`src/${deskName}.sol`]: { [deskName]: ["abi", "evm.deployedBytecode.object"] },
    },
  },
};

function readImport(name) {
  try {
    return { contents: readFileSync(path.join(root, "node_modules", name), "utf8") };
  } catch {
    return { error: `${name} not found in node_modules: run npm ci` };
  }
}

/** A planted bug may be a few bytes long and leave a variable unused. */
const lenient = process.argv.includes("--lenient");

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
const problems = (output.errors ?? []).filter(
  // OpenZeppelin's transient guard makes the compiler warn about its own use of tstore.
  (problem) => problem.severity === "error" || (!lenient && problem.sourceLocation?.file.startsWith("src/")),
);
if (problems.length > 0) {
  process.stderr.write(problems.map((problem) => problem.formattedMessage).join("\n"));
  process.exit(1);
}

function compiled(name) {
  return output.contracts[`src/${name}.sol`][name];
}

function requireSize(what, hex, limit) {
  const bytes = hex.length / 2;
  if (bytes > limit && !lenient) {
    process.stderr.write(`${what}: ${bytes} bytes, at most ${limit} allowed\n`);
    process.exit(1);
  }
  return bytes;
}

/** The ABI of the one address: the market's own entries and those of the desk that it lacks. */
function mergedAbi(own, desk) {
  const key = (entry) => JSON.stringify([entry.type, entry.name, entry.inputs]);
  const known = new Set(own.map(key));
  const added = desk.filter((entry) => entry.type !== "constructor" && entry.name !== "initialize" && !known.has(key(entry)));
  return [...own, ...added];
}

const market = compiled(contractName);
const desk = compiled(deskName);
const marketBytes = requireSize(contractName, market.evm.deployedBytecode.object, maxDeployedBytes);
const deskBytes = requireSize(deskName, desk.evm.deployedBytecode.object, maxDeployedBytes);
const creationBytes = requireSize(`creation of ${contractName}`, market.evm.bytecode.object, maxCreationBytes);

const sourceHash = createHash("sha256").update(JSON.stringify(input)).digest("hex");
const artefact = {
  contractName,
  abi: mergedAbi(market.abi, desk.abi),
  bytecode: `0x${market.evm.bytecode.object}`,
  sourceHash,
};
const buildDirectory = path.join(root, "build");
mkdirSync(buildDirectory, { recursive: true });
writeFileSync(path.join(buildDirectory, `${contractName}.json`), `${JSON.stringify(artefact, null, 2)}\n`);
process.stdout.write(
  `${contractName}: ${marketBytes} bytes deployed, ${deskName}: ${deskBytes}, creation: ${creationBytes}, ` +
    `source ${sourceHash.slice(0, 12)}\n`,
);
