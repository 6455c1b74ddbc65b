/**
 * The scale of voltages: blue is low, orange is high, and a sign says it without colour.
 * Limits of ANSI C84.1 range A (0.95 to 1.05), and the emergency limits 0.90 and 1.08.
 */

export const LIMITS = { low: 0.95, high: 1.05, emergencyLow: 0.9, emergencyHigh: 1.08 };
/** Below this there is no voltage, pu. */
export const DEAD = 0.1;

/**
 * @param {number} pu voltage in per unit
 * @returns {{name: string, sign: string, words: string}} class, sign and words of its level
 */
export function level(pu) {
  if (pu < DEAD) return { name: "v-dead", sign: "✕", words: "no voltage" };
  if (pu < LIMITS.emergencyLow) return { name: "v-low-2", sign: "▼▼", words: "far too low" };
  if (pu < LIMITS.low) return { name: "v-low-1", sign: "▼", words: "low" };
  if (pu <= LIMITS.high) return { name: "v-normal", sign: "", words: "normal" };
  if (pu <= LIMITS.emergencyHigh) return { name: "v-high-1", sign: "▲", words: "high" };
  return { name: "v-high-2", sign: "▲▲", words: "far too high" };
}
