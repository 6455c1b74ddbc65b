/** Numbers for people. Power in W, energy in Wh, money in wei; units are always shown. */

const LOCALE = "en-GB";
const MINUS = "\u2212";
const NONE = "–";

/** @param {number} value @param {number} digits */
export function decimal(value, digits) {
  const text = Math.abs(value).toLocaleString(LOCALE, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return value < 0 && Number(text.replace(/[^\d.]/g, "")) !== 0 ? MINUS + text : text;
}

/** Three significant digits with the prefix that fits. @param {number | null | undefined} value @param {string} unit */
export function scaled(value, unit) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  const [factor, prefix] = size >= 999_500 ? [1e6, "M"] : size >= 999.5 ? [1e3, "k"] : [1, ""];
  const shown = value / factor;
  const digits = prefix === "" ? 0 : Math.abs(shown) >= 99.95 ? 0 : Math.abs(shown) >= 9.995 ? 1 : 2;
  return `${decimal(shown, digits)} ${prefix}${unit}`;
}

/** @param {number | null | undefined} watts */
export const power = (watts) => scaled(watts, "W");
/** @param {number | null | undefined} wattHours */
export const energy = (wattHours) => scaled(wattHours, "Wh");

/** @param {number | null | undefined} value @param {number} [digits] */
export function perUnit(value, digits = 3) {
  return value === null || value === undefined || !Number.isFinite(value)
    ? NONE
    : `${decimal(value, digits)} pu`;
}

/** Energy on the market, exact to the Wh. @param {number | string | null | undefined} wattHours */
export function kwh(wattHours) {
  if (wattHours === null || wattHours === undefined) return NONE;
  return `${(Number(wattHours) / 1000).toLocaleString(LOCALE, { maximumFractionDigits: 3 })} kWh`;
}

/**
 * An amount of wei in ETH, exact, with at least some decimals.
 * @param {bigint | number | string | null | undefined} wei
 * @param {number} [least] decimals shown at least
 */
export function eth(wei, least = 0) {
  if (wei === null || wei === undefined) return NONE;
  const amount = BigInt(wei);
  const size = amount < 0n ? -amount : amount;
  const part = (size % 10n ** 18n).toString().padStart(18, "0").replace(/0+$/, "").padEnd(least, "0");
  return `${amount < 0n ? MINUS : ""}${size / 10n ** 18n}${part ? `.${part}` : ""}`;
}

/** Decimals that a price needs so that one tick shows. @param {bigint | number | string} tickWei */
export function tickDecimals(tickWei) {
  return eth(tickWei).split(".")[1]?.length ?? 0;
}

/** @param {Date | string | number} when @param {boolean} [seconds] */
export function clock(when, seconds = true) {
  return new Date(when).toLocaleTimeString(LOCALE, {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
  });
}

/** How long ago, in words. @param {number} ms */
export function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** An address with its middle left out. @param {string} address */
export const shortAddress = (address) => `${address.slice(0, 6)}…${address.slice(-4)}`;

/** A name for people from an id: `solar_park` -> `Solar park`. @param {string} id */
export function words(id) {
  const text = id.replace(/[_-]+/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
