import { soljson, solcVersion, settings } from "./scripts/compiler.mjs";

// Short runs while working; scripts/long.mjs asks for long ones.
const { MARKET_FUZZ_RUNS = "20", MARKET_FUZZ_SEED = "0x4d6963726f67726964" } = process.env;
const { MARKET_LIVES = "8", MARKET_CALLS_PER_LIFE = "100" } = process.env;

export default {
  solidity: { version: solcVersion, path: soljson, settings },
  paths: { sources: "./src", tests: { solidity: "./test" } },
  test: {
    solidity: {
      fuzz: { runs: Number(MARKET_FUZZ_RUNS), seed: MARKET_FUZZ_SEED },
      invariant: {
        runs: Number(MARKET_LIVES),
        depth: Number(MARKET_CALLS_PER_LIFE),
        failOnRevert: true,
        // A step is one random number. Values gathered from the state would only make it less random, and fill the
        // memory: 22 GB in a long run.
        dictionaryWeight: 0,
        includeStorage: false,
        includePushBytes: false,
      },
      // Where a long run gathers what its lives reached.
      fsPermissions: { dangerouslyReadWriteDirectory: ["./cache"] },
    },
  },
};
