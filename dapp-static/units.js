/** Decimals typed by people, as whole numbers of the smallest unit: never a float in between. */

export const WEI_DECIMALS = 18;
export const WH_DECIMALS = 3;

/** @typedef {{value: bigint, problem: ""} | {value: null, problem: string}} Parsed */

/**
 * Read a positive decimal exactly.
 * @param {string} text what was typed; a comma counts as a point
 * @param {number} decimals how many places the unit has: 3 for kWh in Wh, 18 for ETH in wei
 * @returns {Parsed}
 */
export function parseDecimal(text, decimals) {
  const typed = text.trim().replace(",", ".");
  if (typed === "") return { value: null, problem: "empty" };
  const match = /^(\d{0,20})(?:\.(\d*))?$/.exec(typed);
  if (!match || (!match[1] && !match[2])) return { value: null, problem: "Type a number such as 2.5." };
  const places = (match[2] ?? "").replace(/0+$/, "");
  if (places.length > decimals) return { value: null, problem: `At most ${decimals} decimals.` };
  return { value: BigInt((match[1] || "0") + places.padEnd(decimals, "0")), problem: "" };
}

/**
 * Write an exact amount as a decimal without trailing zeros.
 * @param {bigint} value @param {number} decimals
 */
export function formatDecimal(value, decimals) {
  const digits = value.toString().padStart(decimals + 1, "0");
  const part = digits.slice(-decimals).replace(/0+$/, "");
  return digits.slice(0, -decimals) + (part ? `.${part}` : "");
}

/** @param {bigint} wei */
export const ethText = (wei) => formatDecimal(wei, WEI_DECIMALS);
/** @param {bigint} wattHours */
export const kwhText = (wattHours) => formatDecimal(wattHours, WH_DECIMALS);

/**
 * The whole multiples of a step around a value, smaller first; one if the value is such a multiple.
 * @param {bigint} value @param {bigint} step @param {bigint} [least]
 * @returns {bigint[]}
 */
export function nearestMultiples(value, step, least = step) {
  const below = value - (value % step);
  if (below === value && value >= least) return [value];
  return [below, below + step].filter((v) => v >= least);
}
