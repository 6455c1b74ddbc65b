import { soljson, solcVersion, settings } from "./scripts/compiler.mjs";

// Short runs while working, long ones by `npm run test:long`.
const long = process.env.MARKET_TEST_LONG === "1";

export default {
  solidity: { version: solcVersion, path: soljson, settings },
  paths: { sources: "./src", tests: { solidity: "./test" } },
  test: {
    solidity: {
      fuzz: { runs: long ? 1_000 : 20, seed: "0x4d6963726f67726964" },
      // 250 lives of 200 steps: 50,000 calls
      invariant: { runs: long ? 250 : 8, depth: long ? 200 : 100, failOnRevert: true },
    },
  },
};
