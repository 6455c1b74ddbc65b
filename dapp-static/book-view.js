/** The order book: price levels with one's own orders marked, and the clearing it would give. */

import { empty, h, on, svg } from "/static/dom.js";
import { eth, kwh } from "/static/format.js";
import { Panel } from "/static/panel.js";

const LEVELS = 8;

/**
 * @param {(price: string, isBid: boolean) => void} pick called when a price is clicked, with the side to trade
 * @returns {(book: import("/static/market-feed.js").Book, account: string | null, decimals: number) => void}
 */
export function bookView(pick) {
  const panel = new Panel("book");
  on(panel.body, "click", "[data-price]", (button) =>
    pick(button.dataset.price ?? "", button.dataset.side === "ask"),
  );
  return (book, account, decimals) => {
    panel.fresh();
    const asks = book.asks.slice(0, LEVELS).reverse();
    const bids = book.bids.slice(0, LEVELS);
    if (!asks.length && !bids.length) {
      panel.show(empty("The book is empty", "The first order sets the price others see."));
      return;
    }
    const most = Math.max(...[...asks, ...bids].map((level) => level.qty_wh));
    const mine = (/** @type {any} */ level, /** @type {boolean} */ isBid) =>
      book.orders
        .filter(
          (o) =>
            account &&
            o.trader.toLowerCase() === account.toLowerCase() &&
            o.is_bid === isBid &&
            String(o.price_wei_per_kwh) === String(level.price_wei_per_kwh),
        )
        .reduce((sum, o) => sum + o.qty_wh - o.filled_wh, 0);
    const row = (/** @type {any} */ level, /** @type {boolean} */ isBid) =>
      line(level, isBid, mine(level, isBid), most, decimals);
    panel.show(
      h(
        "table",
        { class: "book" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", {}, "Side"),
            h("th", { class: "number" }, "ETH/kWh"),
            h("th", { class: "number" }, "Energy"),
            h("th", { class: "number" }, "Yours"),
          ),
        ),
        h(
          "tbody",
          {},
          asks.map((level) => row(level, false)),
          h(
            "tr",
            { class: "middle", "data-key": "middle" },
            h("td", { colspan: 4 }, between(book, decimals)),
          ),
          bids.map((level) => row(level, true)),
        ),
      ),
    );
  };
}

/** @param {any} level @param {boolean} isBid @param {number} own Wh @param {number} most Wh @param {number} decimals */
function line(level, isBid, own, most, decimals) {
  const side = isBid ? "bid" : "ask";
  const price = eth(level.price_wei_per_kwh, decimals);
  return h(
    "tr",
    { class: side, "data-key": `${side}${level.price_wei_per_kwh}` },
    h("td", {}, h("span", { class: `side ${side}` }, isBid ? "Bid" : "Ask")),
    h(
      "td",
      { class: "number" },
      h(
        "button",
        {
          class: "quiet small price",
          "data-price": level.price_wei_per_kwh,
          "data-side": side,
          title: `${isBid ? "Sell" : "Buy"} at this price`,
        },
        price,
      ),
    ),
    h(
      "td",
      { class: "number depth" },
      svg(
        "svg",
        { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", {
          x: (100 - (100 * level.qty_wh) / most).toFixed(2),
          width: ((100 * level.qty_wh) / most).toFixed(2),
          height: 10,
        }),
      ),
      h("span", {}, kwh(level.qty_wh)),
    ),
    h("td", { class: "number" }, own > 0 ? h("span", { class: "own" }, "● ", kwh(own)) : ""),
  );
}

/** @param {import("/static/market-feed.js").Book} book @param {number} decimals */
function between(book, decimals) {
  if (book.indicative) {
    return [
      h("strong", {}, `${eth(book.indicative.mcp, decimals)} ETH/kWh`),
      ` for ${kwh(book.indicative.qty_wh)} if cleared now`,
    ];
  }
  const [bid, ask] = [book.bids[0], book.asks[0]];
  if (!bid || !ask) return bid ? "Nobody sells" : "Nobody buys";
  return `Spread ${eth(BigInt(ask.price_wei_per_kwh) - BigInt(bid.price_wei_per_kwh), decimals)} ETH/kWh: no trade yet`;
}
