import { soljson, solcVersion, settings } from "./scripts/compiler.mjs";

export default {
  solidity: { version: solcVersion, path: soljson, settings },
  paths: { sources: "./src", tests: { solidity: "./test" } },
  test: {
    solidity: {
      fuzz: { runs: 256, seed: "0x4d6963726f67726964" },
      invariant: { runs: 10, depth: 200, failOnRevert: true },
    },
  },
};
