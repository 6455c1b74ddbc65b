/** A form filled by a link, such as the one in an alert. Pure, and strict: unknown or odd means ignored. */

const KEYS = new Set(["side", "qty_wh", "max_price", "src"]);
const MAX_DIGITS = 30;

/**
 * @typedef {{side: "buy" | "sell", qtyWh: bigint | null, priceWei: bigint | null, fromAlert: boolean}} Prefill
 */

/**
 * Read a query string. A link can fill the form and nothing else: no address, no node, no order.
 * @param {string} search such as `?side=buy&qty_wh=3000&max_price=120000000000000&src=alert`
 * @returns {{prefill: Prefill | null, ignored: string[]}} what to fill in, and the keys that were not understood
 */
export function parseDeepLink(search) {
  const query = new URLSearchParams(search);
  const ignored = [...new Set(query.keys())].filter((key) => !KEYS.has(key) || query.getAll(key).length > 1);
  const value = (/** @type {string} */ key) => (ignored.includes(key) ? null : query.get(key));
  const side = value("side");
  if (side !== null && side !== "buy" && side !== "sell") ignored.push("side");
  const qtyWh = whole(value("qty_wh"));
  const priceWei = whole(value("max_price"));
  if (value("qty_wh") !== null && qtyWh === null) ignored.push("qty_wh");
  if (value("max_price") !== null && priceWei === null) ignored.push("max_price");
  const useful = side === "buy" || side === "sell" || qtyWh !== null || priceWei !== null;
  return {
    prefill: useful
      ? { side: side === "sell" ? "sell" : "buy", qtyWh, priceWei, fromAlert: value("src") === "alert" }
      : null,
    ignored: ignored.map((key) => key.slice(0, 40)),
  };
}

/** A whole number above 0. @param {string | null} text @returns {bigint | null} */
function whole(text) {
  return text !== null && text.length <= MAX_DIGITS && /^[1-9]\d*$/.test(text) ? BigInt(text) : null;
}
