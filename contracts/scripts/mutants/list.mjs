// Bugs that were made once, or that a tired hand would make. `from` occurs exactly once in the file under src/; `test` names
// the Solidity tests to begin with where the differential does not do what the bug is in.
import { matching } from "./matching.mjs";
import { settling } from "./settling.mjs";
import { trading } from "./trading.mjs";

export const mutants = [...matching, ...trading, ...settling];
