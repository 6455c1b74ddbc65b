#!/usr/bin/env node
// The compiler from npm in the clothes of the native one, for forge.
import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace("Emscripten.clang", "Linux.g++")}\n`);
} else {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
}
