/** The market for the operator: price, book in a line, last trades with their states. */

import { command } from "../api.js";
import { empty, h, on, show, toast } from "../dom.js";
import { clock, eth, kwh, tickDecimals } from "../format.js";
import { MarketFeed } from "../market-feed.js";
import { Panel, perFrame } from "../panel.js";

const SHOWN = 7;
/** @type {Record<string, [string, string]>} */
const STATES = {
  matched: ["matched", "info"],
  delivering: ["delivering", "info"],
  unproven: ["will expire", "bad"],
  settled: ["settled", "good"],
  expired: ["not delivered", "bad"],
};

/** @param {import("../hub.js").Hub} hub */
export function startMarket(hub) {
  const panel = new Panel("market");
  const draw = perFrame(() => {
    if (!hub.state) return;
    if (!hub.has("market/info")) panel.absent(hub.absence("chain_auction"));
    else if (feed.info) drawMarket();
    else if (feed.problem) panel.failed(feed.problem);
  });
  const feed = new MarketFeed(hub, draw);
  feed.start();
  hub.onState(draw);
  on(panel.tools, "click", "[data-clear]", (button) =>
    command(button.dataset.clear ?? "", "match").then(
      ({ matched }) => toast(matched ? "The market is cleared." : "No bid reaches an ask: nothing to clear."),
      (error) => toast(`Not cleared: ${error.message}`, "bad"),
    ),
  );

  function drawMarket() {
    const { info, book, trades } = feed;
    const decimals = tickDecimals(info.price_tick_wei);
    const orders = Object.keys(hub.state.targets).find((target) => /^market\/[^/]+\/orders$/.test(target));
    show(panel.tools, orders ? h("button", { class: "small", "data-clear": orders }, "Clear now") : null);
    panel.show(
      h(
        "dl",
        { class: "strip" },
        item(
          "Last price",
          info.last_mcp_wei_per_kwh ? `${eth(info.last_mcp_wei_per_kwh, decimals)} ETH/kWh` : "–",
        ),
        item(
          "If cleared now",
          book?.indicative
            ? `${eth(book.indicative.mcp, decimals)} for ${kwh(book.indicative.qty_wh)}`
            : "no trade",
        ),
        item("Bids", sum(book?.bids)),
        item("Asks", sum(book?.asks)),
        item("Chain", `${info.chain_id}${info.embedded ? " (embedded)" : ""}, block ${info.head_block}`),
        info.paused && item("State", h("span", { class: "pill warn" }, "paused")),
      ),
      trades.length
        ? h(
            "table",
            { class: "stack" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["Matched", "From", "To", "Energy", "Price", "Delivered", "State"].map((head, i) =>
                  h("th", { class: i > 2 && i < 6 ? "number" : "", scope: "col" }, head),
                ),
              ),
            ),
            h(
              "tbody",
              {},
              trades.slice(0, SHOWN).map((trade) => row(trade, decimals)),
            ),
          )
        : empty("No trades yet", "A trade appears when a bid meets an ask."),
    );
  }

  /** @param {any} trade @param {number} decimals */
  function row(trade, decimals) {
    const [state, kind] = STATES[trade.state] ?? [trade.state, ""];
    return h(
      "tr",
      { "data-key": trade.trade_id },
      h("td", { class: "muted" }, clock(trade.matched_at)),
      h("td", { "data-label": "From" }, hub.nameOf(trade.seller_house ?? trade.seller)),
      h("td", { "data-label": "To" }, hub.nameOf(trade.buyer_house ?? trade.buyer)),
      h("td", { class: "number", "data-label": "Energy" }, kwh(trade.qty_wh)),
      h("td", { class: "number", "data-label": "Price" }, eth(trade.price_wei_per_kwh, decimals)),
      h("td", { class: "number", "data-label": "Delivered" }, kwh(trade.delivered_wh)),
      h(
        "td",
        {},
        h("span", { class: `pill ${kind}` }, state),
        trade.problem && h("small", { class: "reason" }, trade.problem),
      ),
    );
  }
}

/** @param {string} name @param {any} value */
const item = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** @param {any[] | undefined} levels */
function sum(levels) {
  if (!levels?.length) return "none";
  const orders = levels.reduce((total, level) => total + level.orders, 0);
  return `${kwh(levels.reduce((total, level) => total + level.qty_wh, 0))} in ${orders} order${orders === 1 ? "" : "s"}`;
}
