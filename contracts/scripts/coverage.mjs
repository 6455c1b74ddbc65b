// Branch coverage of src/ by forge, which is the only one to count branches: `npm run coverage` prints the table and fails
// below the limit. Compiled without the optimizer, as coverage is. Forge is there on Linux x64 only.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { root } from "./compiler.mjs";

const leastBranches = 95;
const forge = path.join(root, "node_modules", ".bin", "forge");
if (!existsSync(forge)) {
  process.stdout.write("forge is not installed: branches are not counted\n");
  process.exit(0);
}
const args = ["coverage", "--offline", "--report", "summary", "--no-match-coverage", "test/", "--no-match-contract", "MarketInvariants|MarketLives"];
const { status, stdout, stderr } = spawnSync(forge, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
const table = stdout.split("\n").filter((line) => line.startsWith("|") || line.startsWith("+"));
process.stdout.write(`${table.join("\n")}\n`);
const total = table.find((line) => line.startsWith("| Total"));
if (total === undefined) {
  process.stderr.write(`${stderr}\n${stdout.slice(-2000)}\n`);
  process.exit(status === 0 ? 1 : status);
}
const branches = Number(total.split("|")[4].match(/[\d.]+/)[0]);
if (branches < leastBranches) {
  process.stderr.write(`${branches} % of branches, at least ${leastBranches} % wanted\n`);
  process.exit(1);
}
