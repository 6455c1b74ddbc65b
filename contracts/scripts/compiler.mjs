// The one place that says how the contract is compiled. Legacy code generation on purpose: the intermediate
// representation saves under 2 % of gas here and costs slow builds and the branch coverage of forge.
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

export const solcVersion = "0.8.37";

/** The compiler as shipped by npm: nothing is downloaded. */
export const soljson = path.join(root, "node_modules", "solc", "soljson.js");

/** Tests that compile often do without the optimizer: it takes four fifths of the time and changes no meaning. */
const optimizer = process.env.MARKET_UNOPTIMIZED === "1" ? { enabled: false } : { enabled: true, runs: 200 };

export const settings = {
  optimizer,
  evmVersion: "cancun",
  viaIR: false,
  // The hash of the sources is in the build artefact; the code has no room for it twice.
  metadata: { appendCBOR: false },
};
