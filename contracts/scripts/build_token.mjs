// Compiles the plain token of the tests and writes build/GoodToken.json: the differential runs markets on it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import solc from "solc";
import { root, settings } from "./compiler.mjs";

const name = "test/support/Tokens.sol";
const contractName = "GoodToken";
const input = {
  language: "Solidity",
  sources: { [name]: { content: readFileSync(path.join(root, name), "utf8") } },
  settings: { ...settings, outputSelection: { [name]: { [contractName]: ["abi", "evm.bytecode.object"] } } },
};

function readImport(imported) {
  const directory = imported.startsWith("@") ? path.join(root, "node_modules") : root;
  return { contents: readFileSync(path.join(directory, imported), "utf8") };
}

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
if (errors.length > 0) {
  process.stderr.write(errors.map((problem) => problem.formattedMessage).join("\n"));
  process.exit(1);
}
const { abi, evm } = output.contracts[name][contractName];
const target = path.join(root, "build", `${contractName}.json`);
mkdirSync(path.dirname(target), { recursive: true });
// Whole or not at all, should two tests want it at once.
writeFileSync(`${target}.${process.pid}`, JSON.stringify({ contractName, abi, bytecode: `0x${evm.bytecode.object}` }));
renameSync(`${target}.${process.pid}`, target);
