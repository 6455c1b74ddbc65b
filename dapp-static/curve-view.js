/** Supply and demand as steps; where they cross is the price. The order book is its table. */

import { empty, h, svg } from "/static/dom.js";
import { eth, kwh } from "/static/format.js";
import { Panel } from "/static/panel.js";

const WIDTH = 420;
const HEIGHT = 250;
const LEFT = 64;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 30;

/** @returns {(book: import("/static/market-feed.js").Book, decimals: number) => void} */
export function curveView() {
  const panel = new Panel("curve");
  return (book, decimals) => {
    if (!book.bids.length && !book.asks.length) {
      panel.show(empty("Nothing to draw", "Bids and asks appear here as they are placed."));
      return;
    }
    panel.show(drawing(book, decimals), legend());
  };
}

/** @param {import("/static/market-feed.js").Book} book @param {number} decimals */
function drawing(book, decimals) {
  // For drawing alone, prices may be floats.
  const prices = [...book.bids, ...book.asks].map((level) => Number(level.price_wei_per_kwh));
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const margin = (high - low || high) * 0.15;
  const [bottom, top] = [Math.max(0, low - margin), high + margin];
  const total = (/** @type {any[]} */ levels) => levels.reduce((sum, level) => sum + level.qty_wh, 0);
  const most = Math.max(total(book.bids), total(book.asks));
  const x = (/** @type {number} */ wh) => LEFT + ((WIDTH - LEFT - RIGHT) * wh) / most;
  const y = (/** @type {number} */ wei) => TOP + ((HEIGHT - TOP - BOTTOM) * (top - wei)) / (top - bottom);
  const base = HEIGHT - BOTTOM;
  const indicative = book.indicative && { wei: Number(book.indicative.mcp), wh: book.indicative.qty_wh };
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary(book, decimals) },
    [0, 1, 2, 3].map((i) => {
      const wei = bottom + ((top - bottom) * i) / 3;
      return [
        svg("path", { class: "grid-line", d: `M${LEFT} ${y(wei).toFixed(1)}H${WIDTH - RIGHT}` }),
        svg(
          "text",
          { class: "tick", x: LEFT - 6, y: y(wei) + 4, "text-anchor": "end" },
          (wei / 1e18).toFixed(decimals),
        ),
      ];
    }),
    [0, 0.5, 1].map((part) =>
      svg(
        "text",
        {
          class: "tick",
          x: x(most * part),
          y: HEIGHT - 10,
          "text-anchor": part === 0 ? "start" : part === 1 ? "end" : "middle",
        },
        kwh(Math.round(most * part)),
      ),
    ),
    svg("path", { class: "axis", d: `M${LEFT} ${base}H${WIDTH - RIGHT}` }),
    steps(book.bids, "demand", x, y),
    steps(book.asks, "supply", x, y),
    indicative && [
      svg("path", {
        class: "crossing",
        d: `M${LEFT} ${y(indicative.wei).toFixed(1)}H${x(indicative.wh).toFixed(1)}V${base}`,
      }),
      svg("circle", { class: "crossing-point", cx: x(indicative.wh), cy: y(indicative.wei), r: 4.5 }),
    ],
  );
}

/** @param {any[]} levels best first @param {string} name @param {(wh: number) => number} x @param {(wei: number) => number} y */
function steps(levels, name, x, y) {
  if (!levels.length) return null;
  let wh = 0;
  let d = `M${x(0).toFixed(1)} ${y(Number(levels[0].price_wei_per_kwh)).toFixed(1)}`;
  for (const level of levels) {
    d += `V${y(Number(level.price_wei_per_kwh)).toFixed(1)}`;
    wh += level.qty_wh;
    d += `H${x(wh).toFixed(1)}`;
  }
  return svg("path", { class: name, d });
}

function legend() {
  return h(
    "p",
    { class: "legend" },
    h("span", { class: "key demand" }, "Demand (bids)"),
    h("span", { class: "key supply" }, "Supply (asks)"),
    h("span", { class: "key cross" }, "Price if cleared now"),
  );
}

/** @param {import("/static/market-feed.js").Book} book @param {number} decimals */
function summary(book, decimals) {
  const sum = (/** @type {any[]} */ levels) => kwh(levels.reduce((total, level) => total + level.qty_wh, 0));
  const crossing = book.indicative
    ? `They meet at ${eth(book.indicative.mcp, decimals)} ETH per kWh for ${kwh(book.indicative.qty_wh)}.`
    : "They do not meet.";
  return `Demand of ${sum(book.bids)} and supply of ${sum(book.asks)}. ${crossing}`;
}
