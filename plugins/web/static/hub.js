/** The hub as the panels see it: what runs, what is answered, who lives where. */

import { get } from "./api.js";

const EVERY_MS = 4000;
const HURRY_MS = 300;

/**
 * @typedef {{plugin: string, type: string, state: string, reason: string, summary: string, at: string,
 *   attempt: number, attempts: number, retry_in_s: number, restarts: number, errors: number}} PluginState
 * @typedef {{name: string, device: string, bus: string | null, phases: string[], nominal_v: number,
 *   site: string, pv: boolean, battery: boolean, ev: boolean, wallet: string | null}} House
 */

export class Hub {
  /** @param {import("./live.js").Live} live */
  constructor(live) {
    this.live = live;
    /** @type {any} the answer of /api/state, null until it came */
    this.state = null;
    /** @type {Set<() => void>} */
    this._listeners = new Set();
    this._timer = 0;
    /** @type {() => void} */
    this._isReady = () => {};
    /** Resolves when the first state has come. */
    this.ready = new Promise((resolve) => {
      this._isReady = () => resolve(undefined);
    });
  }

  /** Ask now and then, and soon after a plugin changed its state. */
  start() {
    this.live.onChange(({ topics }) => {
      if ([...topics].some((topic) => topic.startsWith("plugin/"))) this._soon(HURRY_MS);
    });
    return this.refresh();
  }

  /** @param {() => void} listener called whenever the state is new */
  onState(listener) {
    this._listeners.add(listener);
    if (this.state) listener();
  }

  async refresh() {
    try {
      this.state = await get("/api/state");
      this.live.offset = Date.parse(this.state.now) - Date.now();
      this._isReady();
      this._listeners.forEach((listener) => listener());
    } catch {
      // The line to the hub is down; the banner says so.
    }
    this._soon(document.hidden ? 4 * EVERY_MS : EVERY_MS);
  }

  /** @param {number} ms */
  _soon(ms) {
    clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this.refresh(), ms);
  }

  /** Whether a question is answered. @param {string} service */
  has(service) {
    return service in (this.state?.services ?? {});
  }

  /** Names of the feeders that are running, in the same order whichever started first. @returns {string[]} */
  feeders() {
    return Object.keys(this.state?.services ?? {})
      .filter((name) => /^grid\/.+\/topology$/.test(name))
      .map((name) => name.split("/")[1])
      .sort();
  }

  /** Whether somebody carries out commands for a target. @param {string} target */
  handles(target) {
    return Object.keys(this.state?.targets ?? {}).some(
      (filter) =>
        filter === target ||
        (filter.includes("+") &&
          new RegExp(`^${filter.replace(/[.*?^${}()|[\]\\]/g, "\\$&").replaceAll("+", "[^/]+")}$`).test(
            target,
          )),
    );
  }

  /** @returns {PluginState[]} */
  get plugins() {
    return this.state?.plugins ?? [];
  }

  /** @returns {Record<string, House>} */
  get houses() {
    return this.state?.houses ?? {};
  }

  /** What people call a house, given its id or a wallet's address. @param {string | null | undefined} id */
  nameOf(id) {
    return (id && this.houses[id]?.name) || id || "–";
  }

  /**
   * Why a question is not answered, in words.
   * @param {string} type the plugin type that would answer it
   * @returns {{title: string, text: string}}
   */
  absence(type) {
    const found = this.plugins.filter((p) => p.type === type || p.type.startsWith(`${type}/`));
    if (!found.length)
      return { title: "Not in use", text: `Add a plugin with “use: ${type}” to hub.yaml to see this.` };
    const { plugin, state, reason } = found[0];
    if (state === "STARTING" || state === "LOADED" || state === "ONLINE")
      return { title: `${plugin} is starting`, text: "One moment." };
    const words =
      { BACKOFF: "is being restarted", FAILED: "has failed", STOPPED: "is stopped" }[state] ??
      `is ${state.toLowerCase()}`;
    return { title: `${plugin} ${words}`, text: reason || "It does not answer at the moment." };
  }
}
