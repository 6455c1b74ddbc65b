/** The market as the hub tells it: its rules, its book, its trades. */

import { get } from "./api.js";
import { repeat } from "./panel.js";

const EVERY_MS = 4000;
const TRADES = 60;

/**
 * @typedef {{price_wei_per_kwh: number | string, qty_wh: number, orders: number}} Level
 * @typedef {{id: number, trader: string, house: string | null, is_bid: boolean, price_wei_per_kwh: number | string,
 *   qty_wh: number, filled_wh: number, expiry: string, state: string}} BookOrder
 * @typedef {{bids: Level[], asks: Level[], indicative: {mcp: number | string, qty_wh: number} | null, orders: BookOrder[]}} Book
 */

export class MarketFeed {
  /** @param {import("./hub.js").Hub} hub @param {() => void} changed */
  constructor(hub, changed) {
    this._hub = hub;
    this._changed = changed;
    /** @type {any} rules and state, null while there is no market */
    this.info = null;
    /** @type {Book | null} */
    this.book = null;
    /** @type {any[]} newest first */
    this.trades = [];
    this.problem = "";
    this.soon = () => {};
  }

  /** Ask now, at intervals, and whenever something happened on the market. */
  start() {
    this.soon = repeat(() => this._refresh(), EVERY_MS);
    this._hub.onState(() => {
      if (this._hub.has("market/info") !== (this.info !== null)) this.soon();
    });
    this._hub.live.onChange(({ events }) => {
      if (events.some((/** @type {any} */ event) => event.topic.startsWith("market/"))) this.soon();
    });
  }

  async _refresh() {
    await this._hub.ready;
    try {
      if (!this._hub.has("market/info")) throw new Error("");
      const [info, book, trades] = await Promise.all([
        get("/api/market/info"),
        get("/api/market/book"),
        get(`/api/market/trades?limit=${TRADES}`),
      ]);
      Object.assign(this, { info, book, trades, problem: "" });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === "") Object.assign(this, { info: null, book: null, trades: [] });
      this.problem = message;
    }
    this._changed();
  }
}
