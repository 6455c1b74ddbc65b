/** What the hub says, as it says it: a WebSocket that comes back, and the newest of everything. */

/**
 * @typedef {{value: number, at: number, quality: string}} Reading `at` in ms by the hub's clock
 * @typedef {(change: {readings: boolean, topics: Set<string>, events: any[], first: boolean}) => void} Listener
 */

const SILENCE_MS = 8000;

export class Live {
  constructor() {
    /** @type {Map<string, Map<string, Reading>>} */
    this.readings = new Map();
    /** @type {Map<string, any>} the newest state of each topic */
    this.states = new Map();
    /** @type {any[]} the last events, oldest first */
    this.events = [];
    this.connected = false;
    /** @type {number} hub's clock minus ours, ms */
    this.offset = 0;
    this.heardAt = 0;
    /** @type {Set<Listener>} */
    this._listeners = new Set();
    /** @type {Set<(connected: boolean) => void>} */
    this._watchers = new Set();
    this._attempt = 0;
    this._seq = 0;
  }

  /** The hub's clock, ms. */
  now() {
    return Date.now() + this.offset;
  }

  /** @param {Listener} listener */
  onChange(listener) {
    this._listeners.add(listener);
  }

  /** @param {(connected: boolean) => void} watcher */
  onConnection(watcher) {
    this._watchers.add(watcher);
  }

  /** @param {string} device @param {string} quantity */
  reading(device, quantity) {
    return this.readings.get(device)?.get(quantity) ?? null;
  }

  /** States whose topic begins and ends as given. @param {string} prefix @param {string} suffix */
  matching(prefix, suffix = "") {
    return [...this.states]
      .filter(([topic]) => topic.startsWith(prefix) && topic.endsWith(suffix))
      .map(([, state]) => state);
  }

  connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    socket.addEventListener("message", (event) => this._take(JSON.parse(event.data)));
    socket.addEventListener("open", () => {
      this._attempt = 0;
    });
    socket.addEventListener("close", () => {
      this._connection(false);
      // A hub that restarts is back in a second or two; a hub that is off is not hurried.
      const wait = Math.min(1000 * 2 ** this._attempt++, 15000) * (0.75 + Math.random() / 2);
      setTimeout(() => this.connect(), wait);
    });
  }

  /** Whether nothing was heard for too long although the line is open. */
  silent() {
    return this.connected && Date.now() - this.heardAt > SILENCE_MS;
  }

  /** @param {boolean} connected */
  _connection(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    this._watchers.forEach((watcher) => watcher(connected));
  }

  /** @param {any} message */
  _take(message) {
    const first = message.kind === "snapshot";
    this.heardAt = Date.now();
    if (first) {
      this.readings.clear();
      this.states.clear();
      this.events = [];
      this._seq = 0;
      this._connection(true);
    }
    this._takeReadings(message.readings);
    for (const state of message.states) this._takeState(state);
    const events = message.events.filter((/** @type {any} */ event) => event.seq > this._seq);
    if (events.length) this._seq = events.at(-1).seq;
    this.events = [...this.events, ...events].slice(-400);
    const change = {
      readings: Object.keys(message.readings).length > 0,
      topics: new Set(message.states.map((/** @type {any} */ s) => s.topic)),
      events,
      first,
    };
    this._listeners.forEach((listener) => listener(change));
  }

  /** @param {Record<string, Record<string, [number, string, string]>>} readings */
  _takeReadings(readings) {
    for (const [device, quantities] of Object.entries(readings)) {
      const known = this.readings.get(device) ?? new Map();
      for (const [quantity, [value, at, quality]] of Object.entries(quantities)) {
        known.set(quantity, { value, at: Date.parse(at), quality });
      }
      this.readings.set(device, known);
    }
  }

  /** @param {any} batch one quantity of many devices */
  _takeBatch({ devices, values, quantity, at, quality }) {
    devices.forEach((/** @type {string} */ device, /** @type {number} */ i) =>
      this._takeReadings({ [device]: { [quantity]: [values[i], at, quality] } }),
    );
  }

  /** @param {any} state */
  _takeState(state) {
    if (state.type === "ReadingBatch") this._takeBatch(state);
    const before = this.states.get(state.topic);
    // The names of a feeder's arrays are sent once.
    this.states.set(
      state.topic,
      before?.nodes && !state.nodes ? { ...state, nodes: before.nodes, elements: before.elements } : state,
    );
  }
}
