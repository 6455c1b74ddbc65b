/** What is one's own on the market: credit, orders, trades. */

import { empty, h, on } from "/static/dom.js";
import { clock, eth, kwh, shortAddress } from "/static/format.js";
import { Panel } from "/static/panel.js";
import { ethText, kwhText } from "./units.js";

const SHOWN = 8;
const CONNECT = empty(
  "No wallet connected",
  "Connect one to see what is yours. The market can be watched without.",
);

/** @type {Record<string, [string, string]>} state of a trade: words and kind of pill */
const TRADE_STATES = {
  matched: ["matched", "info"],
  delivering: ["delivering", "info"],
  settled: ["settled", "good"],
  unproven: ["will expire", "bad"],
  expired: ["not delivered", "bad"],
};

/**
 * @param {{cancel: (id: bigint) => void, explain: (id: string) => void, withdraw: () => void, gift: () => void}} actions
 */
export function accountView({ cancel, explain, withdraw, gift }) {
  const credit = new Panel("credit");
  const orders = new Panel("orders");
  const trades = new Panel("trades");
  on(credit.body, "click", "[data-withdraw]", withdraw);
  on(credit.body, "click", "[data-gift]", gift);
  on(orders.body, "click", "[data-explain]", (button) => explain(button.dataset.explain ?? ""));
  on(orders.body, "click", "[data-cancel]", (button) => cancel(BigInt(button.dataset.cancel ?? "0")));

  return {
    /** Nobody is connected, or on another chain. @param {string} why */
    nobody(why) {
      for (const panel of [credit, orders, trades])
        panel.show(why ? empty(why, "") : CONNECT.cloneNode(true));
    },

    /**
     * @param {import("./session.js").Session} session
     * @param {import("./contract.js").Account} account
     * @param {any[]} allTrades @param {number} decimals @param {number} now s
     */
    show(session, account, allTrades, decimals, now) {
      credit.show(funds(session, account));
      orders.show(
        account.orders.length
          ? table(
              ["Order", "Price", "Energy", "Ends", "State", ""],
              openFirst(account.orders, now)
                .slice(0, SHOWN)
                .map((o) => orderRow(o, decimals, now)),
              4,
            )
          : empty("No orders yet", "Place one with the form above."),
      );
      const own = allTrades.filter(
        (trade) => same(trade.buyer, session.account) || same(trade.seller, session.account),
      );
      trades.show(
        own.length
          ? table(
              ["Trade", "Price", "Energy", "Delivered", "Received", "State"],
              own.slice(0, SHOWN).map((t) => tradeRow(t, session.account, decimals)),
              5,
            )
          : empty(
              "No trades yet",
              "The market is cleared every few seconds; a trade appears when your order is matched.",
            ),
      );
    },
  };
}

/** @param {string} a @param {string | null} b */
const same = (a, b) => b !== null && a.toLowerCase() === b.toLowerCase();

/** @param {string[]} heads @param {any[]} rows @param {number} numbers columns before this one hold numbers */
function table(heads, rows, numbers) {
  return h(
    "table",
    { class: "stack" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((head, i) =>
          h(
            "th",
            { class: i > 0 && i < numbers ? "number" : "", scope: "col" },
            head || h("span", { class: "visually-hidden" }, "Actions"),
          ),
        ),
      ),
    ),
    h("tbody", {}, rows),
  );
}

/** @param {import("./contract.js").OwnOrder} order @param {number} now s */
const isOpen = ({ filled, qty, expiry, closed }, now) => filled < qty && expiry > now && !closed;

/** @param {import("./contract.js").OwnOrder[]} orders newest first @param {number} now s */
const openFirst = (orders, now) => [
  ...orders.filter((o) => isOpen(o, now)),
  ...orders.filter((o) => !isOpen(o, now)),
];

/** @param {string} label @param {any} content @param {string} [kind] */
const cell = (label, content, kind = "number") => h("td", { class: kind, "data-label": label }, content);

/** @param {import("./session.js").Session} session @param {import("./contract.js").Account} account */
function funds(session, { wallet, credit, strikes }) {
  return [
    h(
      "dl",
      { class: "sum" },
      h(
        "div",
        {},
        h("dt", {}, session.name),
        h("dd", { class: "mono", title: session.account }, shortAddress(session.account ?? "")),
      ),
      h("div", {}, h("dt", {}, "In the wallet"), h("dd", {}, `${rounded(wallet)} ETH`)),
      h(
        "div",
        { class: "total" },
        h("dt", {}, "Credit on the market"),
        h("dd", {}, `${ethText(credit)} ETH`),
      ),
      strikes > 0 && h("div", {}, h("dt", {}, "Failed trades"), h("dd", {}, strikes)),
    ),
    h(
      "div",
      { class: "actions" },
      h("button", { "data-withdraw": "", disabled: credit === 0n }, "Withdraw the credit"),
      session.kind === "demo" && h("button", { "data-gift": "" }, "Get 10 test ETH"),
    ),
  ];
}

/** Six decimals are enough for a balance. @param {bigint} wei */
const rounded = (wei) => eth(wei - (wei % 10n ** 12n));

/** @param {import("./contract.js").OwnOrder} order @param {number} decimals @param {number} now s */
function orderRow(order, decimals, now) {
  const { id, isBid, price, qty, filled, expiry } = order;
  const open = isOpen(order, now);
  const state = open
    ? filled > 0n
      ? "partly filled"
      : "open"
    : filled === qty
      ? "filled"
      : order.closed
        ? "cancelled"
        : "expired";
  return h(
    "tr",
    { "data-key": String(id) },
    h("td", {}, h("span", { class: `side ${isBid ? "bid" : "ask"}` }, isBid ? "Bid" : "Ask"), ` ${id}`),
    cell("Price", eth(price, decimals)),
    cell(
      "Energy",
      filled > 0n && filled < qty ? `${kwhText(filled)} of ${kwhText(qty)} kWh` : `${kwhText(qty)} kWh`,
    ),
    cell("Ends", clock(expiry * 1000)),
    cell("State", h("span", { class: `pill ${open ? "info" : filled === qty ? "good" : ""}` }, state), ""),
    h(
      "td",
      { class: "number" },
      h(
        "button",
        { class: "quiet small", "data-explain": String(id), "aria-label": `Why? Explain order ${id}` },
        "Why?",
      ),
      open &&
        h(
          "button",
          { class: "small", "data-cancel": String(id), "aria-label": `Cancel order ${id}` },
          "Cancel",
        ),
    ),
  );
}

/** @param {any} trade @param {string | null} account @param {number} decimals */
function tradeRow(trade, account, decimals) {
  const [state, kind] = TRADE_STATES[trade.state] ?? [trade.state, ""];
  return h(
    "tr",
    { "data-key": trade.trade_id },
    h(
      "td",
      {},
      h(
        "span",
        { class: `side ${same(trade.buyer, account) ? "bid" : "ask"}` },
        same(trade.buyer, account) ? "Bought" : "Sold",
      ),
      ` ${clock(trade.matched_at)}`,
    ),
    cell("Price", eth(trade.price_wei_per_kwh, decimals)),
    cell("Energy", kwh(trade.qty_wh)),
    cell("Delivered", kwh(trade.delivered_wh)),
    cell("Received", kwh(trade.received_wh)),
    cell(
      "State",
      [
        h("span", { class: `pill ${kind}` }, state),
        trade.problem && h("small", { class: "reason" }, trade.problem),
      ],
      "",
    ),
  );
}

/**
 * The newest trades of everybody.
 * @returns {(trades: any[], decimals: number, nameOf: (house: string | null, address: string) => string) => void}
 */
export function latestView() {
  const panel = new Panel("latest");
  return (trades, decimals, nameOf) => {
    if (!trades.length) {
      panel.show(empty("No trades yet", "Trades appear here as soon as a bid meets an ask."));
      return;
    }
    panel.show(
      table(
        ["Time", "Price", "Energy", "From and to", "State"],
        trades.slice(0, 8).map((trade) => {
          const [state, kind] = TRADE_STATES[trade.state] ?? [trade.state, ""];
          return h(
            "tr",
            { "data-key": trade.trade_id },
            h("td", {}, clock(trade.matched_at)),
            cell("Price", eth(trade.price_wei_per_kwh, decimals)),
            cell("Energy", kwh(trade.qty_wh)),
            cell(
              "From and to",
              `${nameOf(trade.seller_house, trade.seller)} → ${nameOf(trade.buyer_house, trade.buyer)}`,
              "number",
            ),
            cell("State", h("span", { class: `pill ${kind}` }, state), ""),
          );
        }),
        4,
      ),
    );
  };
}
