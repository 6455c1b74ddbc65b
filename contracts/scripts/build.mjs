// Compiles the market with the compiler from npm and writes build/EnergyDoubleAuction.json:
// {contractName, abi, bytecode, sourceHash}.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import solc from "solc";
import { root, settings } from "./compiler.mjs";

const contractName = "EnergyDoubleAuction";
/** EIP-170 allows 24,576; the margin leaves room for a repair. */
const maxDeployedBytes = 23_000;

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

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
const problems = (output.errors ?? []).filter(
  // OpenZeppelin's transient guard makes the compiler warn about its own use of tstore.
  (problem) => problem.severity === "error" || problem.sourceLocation?.file.startsWith("src/"),
);
if (problems.length > 0) {
  process.stderr.write(problems.map((problem) => problem.formattedMessage).join("\n"));
  process.exit(1);
}

const contract = output.contracts[`src/${contractName}.sol`][contractName];
const deployedBytes = contract.evm.deployedBytecode.object.length / 2;
if (deployedBytes > maxDeployedBytes) {
  process.stderr.write(`${contractName}: ${deployedBytes} bytes deployed, at most ${maxDeployedBytes} allowed\n`);
  process.exit(1);
}

const sourceHash = createHash("sha256").update(JSON.stringify(input)).digest("hex");
const artefact = { contractName, abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}`, sourceHash };
const buildDirectory = path.join(root, "build");
mkdirSync(buildDirectory, { recursive: true });
writeFileSync(path.join(buildDirectory, `${contractName}.json`), `${JSON.stringify(artefact, null, 2)}\n`);
process.stdout.write(`${contractName}: ${deployedBytes} bytes deployed, source ${sourceHash.slice(0, 12)}\n`);
