/** What frames the market: its figures, its banners, whom to trust, and what became of transactions. */

import { find, h, setText, show } from "/static/dom.js";
import { age, eth, kwh, shortAddress } from "/static/format.js";
import { walletTakes } from "./wallets.js";

/** @type {Record<string, [string, string]>} */
const TX_STATES = {
  sent: ["sent", "info"],
  confirming: ["", "info"],
  final: ["final", "good"],
  reverted: ["failed on the chain", "bad"],
  replaced: ["replaced or dropped", "warn"],
};

/**
 * @param {import("/static/market-feed.js").MarketFeed} feed @param {number} decimals
 */
export function drawFigures({ info, book }, decimals) {
  const best = (/** @type {any[] | undefined} */ levels) =>
    levels?.length ? `${eth(levels[0].price_wei_per_kwh, decimals)}` : "–";
  const figure = (/** @type {string} */ name, /** @type {any} */ value, note = "") =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value), h("dd", { class: "note" }, note || "\u00a0"));
  show(
    find("#figures"),
    figure(
      "Last price",
      info?.last_mcp_wei_per_kwh ? eth(info.last_mcp_wei_per_kwh, decimals) : "–",
      info?.last_mcp_wei_per_kwh ? "ETH per kWh, for everybody" : "no round cleared yet",
    ),
    figure(
      "If cleared now",
      book?.indicative ? eth(book.indicative.mcp, decimals) : "–",
      book?.indicative ? `ETH per kWh, ${kwh(book.indicative.qty_wh)}` : "bids do not reach asks",
    ),
    figure("Best bid", best(book?.bids), "ETH per kWh"),
    figure("Best ask", best(book?.asks), "ETH per kWh"),
    figure(
      "Next clearing",
      h("span", { id: "countdown" }, "–"),
      info ? `then ${info.window_s} s of delivery` : "",
    ),
  );
}

/** Seconds to the next clearing, by the hub's clock. @param {any} info @param {number} now ms */
export function drawCountdown(info, now) {
  const place = document.querySelector("#countdown");
  if (!info?.next_match_at) return setText(place, "–");
  const left = Math.ceil((Date.parse(info.next_match_at) - now) / 1000);
  setText(
    place,
    info.paused ? "paused" : left <= 0 ? "now" : left < 90 ? `${left} s` : `${Math.floor(left / 60)} min`,
  );
}

/**
 * @param {any} info @param {import("./session.js").Session} session
 * @param {{offline: number | null, problem: string, absence: {title: string, text: string} | null, location: Location}} state
 */
export function drawBanners(info, session, { offline, problem, absence, location }) {
  const wrongChain = info && session.account && session.chainId !== info.chain_id;
  show(
    find("#banners"),
    offline !== null &&
      h(
        "p",
        { class: "banner bad", role: "alert" },
        `The hub does not answer. What you see is ${age(offline)} old; the page keeps trying.`,
      ),
    absence &&
      h(
        "p",
        { class: "banner warn", role: "status" },
        h("strong", {}, `The market: ${absence.title}.`),
        ` ${absence.text}`,
      ),
    problem && h("p", { class: "banner warn", role: "status" }, `The market does not answer: ${problem}`),
    info?.paused &&
      h(
        "p",
        { class: "banner warn", role: "status" },
        "The market is paused. Orders can be cancelled and credit withdrawn.",
      ),
    wrongChain &&
      h(
        "p",
        { class: "banner warn", role: "alert" },
        `Your wallet is on chain ${session.chainId}; this market is on chain ${info.chain_id}.`,
        h("button", { class: "small", "data-switch": "" }, "Switch network"),
      ),
    wrongChain &&
      !walletTakes(info.rpc_url) &&
      h(
        "p",
        { class: "banner info" },
        `Wallets add only nodes with https, or on this machine. ${info.rpc_url || "This node"} needs TLS in front of it; add the chain in the wallet by hand otherwise.`,
      ),
    session.kind === "demo" &&
      h(
        "p",
        { class: "banner info" },
        h("strong", {}, `Demo account: ${session.name}.`),
        " A development chain; its coin has no value, and the account is open to anybody.",
      ),
    location.protocol === "http:" &&
      !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname) &&
      h(
        "p",
        { class: "banner info" },
        "This page is not encrypted. Use https before trading with money of value.",
      ),
  );
}

/** @param {any} info @param {any} hubState */
export function drawTrust(info, hubState) {
  const item = (/** @type {string} */ name, /** @type {any} */ value) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value));
  show(
    find("#trust"),
    info && [
      item("Contract", h("code", { title: info.contract }, info.contract)),
      item("Chain", `${info.chain_id}${info.embedded ? ", run by this hub" : ""}`),
      item("Last block", String(info.head_block)),
      item("Price rule", info.pricing_mode === "uniform" ? "one price per round" : "each at its bid"),
      item("Deposit", `${info.deposit_rate_bps / 100} %`),
      info.max_open_wh > 0 && item("Open per trader", `at most ${kwh(info.max_open_wh)}`),
    ],
    hubState && item("Hub", `${hubState.name} ${hubState.version}`),
  );
}

/** @param {import("./transactions.js").Tx[]} transactions */
export function drawTransactions(transactions) {
  show(
    find("#transactions"),
    transactions.slice(0, 4).map((tx) => {
      const [words, kind] = TX_STATES[tx.state] ?? [tx.state, ""];
      return h(
        "li",
        { "data-key": tx.hash },
        h(
          "span",
          {},
          tx.text,
          h(
            "button",
            { class: "quiet small mono", "data-copy": tx.hash, title: "Copy the transaction's hash" },
            shortAddress(tx.hash),
          ),
        ),
        h(
          "span",
          { class: `pill ${kind}` },
          tx.state === "confirming" ? `${tx.confirmations} of ${tx.needed} blocks` : words,
        ),
        tx.state !== "sent" &&
          tx.state !== "confirming" &&
          h("button", { class: "quiet small", "data-dismiss": tx.hash, "aria-label": "Dismiss" }, "✕"),
      );
    }),
  );
}
