// Checks the scripts by ESLint and the Solidity by `forge lint` (rules: foundry.toml): `npm run lint`. Forge is there on
// Linux x64 only; elsewhere the Solidity is checked by the compiler alone, whose warnings `npm run build` refuses.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { root } from "./compiler.mjs";

const binaries = path.join(root, "node_modules", ".bin");
const checks = [["eslint", "--max-warnings", "0", "."]];
if (existsSync(path.join(binaries, "forge"))) checks.push(["forge", "lint", "--deny", "notes", "src", "test"]);
else process.stdout.write("forge is not installed: the Solidity is not linted\n");

for (const [tool, ...args] of checks) {
  const { status, stdout, stderr, error } = spawnSync(path.join(binaries, tool), args, { cwd: root, encoding: "utf8" });
  if (status === 0) continue;
  process.stderr.write(error ? `${tool}: ${error.message}\n` : stdout + stderr);
  process.exitCode = 1;
}
