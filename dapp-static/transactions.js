/**
 * Transactions of this browser, from signature to finality. They are kept in the browser, so that a
 * reload loses none; what became of them is always asked of the chain.
 */

const KEY = "hub-transactions";
const EVERY_MS = 1500;
const KEEP_MS = 24 * 3600 * 1000;
const MOST = 30;
const DEV_CHAINS = new Set([31337, 1337]);

/**
 * @typedef {"sent" | "confirming" | "final" | "reverted" | "replaced"} TxState
 * @typedef {{hash: string, text: string, account: string, chainId: number, nonce: number, at: number,
 *   state: TxState, confirmations: number, needed: number, dismissed?: boolean}} Tx
 */

/** Blocks until an event counts as final. @param {number} chainId */
export const needed = (chainId) => (DEV_CHAINS.has(chainId) ? 1 : 3);

export class Transactions {
  /** @param {import("./session.js").Session} session @param {() => void} changed @param {(tx: Tx) => void} ended */
  constructor(session, changed, ended) {
    this._session = session;
    this._changed = changed;
    this._ended = ended;
    /** @type {Tx[]} newest first */
    this._all = load();
    this._timer = setTimeout(() => this._look(), 0);
  }

  /** Those of the connected account that are not dismissed, newest first. @returns {Tx[]} */
  get shown() {
    const { account, chainId } = this._session;
    return this._all.filter((tx) => tx.account === account && tx.chainId === chainId && !tx.dismissed);
  }

  /** @param {any} response of a provider @param {string} text what it does, for people */
  add(response, text) {
    const { account, chainId } = this._session;
    this._all.unshift({
      hash: response.hash,
      text,
      account: account ?? "",
      chainId: chainId ?? 0,
      nonce: response.nonce,
      at: Date.now(),
      state: "sent",
      confirmations: 0,
      needed: needed(chainId ?? 0),
    });
    this._keep();
    this._soon();
  }

  /** @param {string} hash */
  dismiss(hash) {
    this._all.forEach((tx) => {
      if (tx.hash === hash) tx.dismissed = true;
    });
    this._keep();
  }

  _soon() {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._look(), 200);
  }

  async _look() {
    const open = this.shown.filter((tx) => tx.state === "sent" || tx.state === "confirming");
    // Where the chain does not answer now, what it said before stands.
    await Promise.allSettled(open.map((tx) => this._judge(tx)));
    if (open.length) this._keep();
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._look(), EVERY_MS);
  }

  /** @param {Tx} tx */
  async _judge(tx) {
    const { provider } = this._session;
    const receipt = await provider.getTransactionReceipt(tx.hash);
    if (receipt) {
      tx.confirmations = (await provider.getBlockNumber()) - receipt.blockNumber + 1;
      tx.state = receipt.status === 0 ? "reverted" : tx.confirmations >= tx.needed ? "final" : "confirming";
    } else {
      tx.confirmations = 0;
      const used = await provider.getTransactionCount(tx.account, "latest");
      const known = used > tx.nonce ? await provider.getTransaction(tx.hash) : true;
      tx.state = known ? "sent" : "replaced";
    }
    if (tx.state !== "sent" && tx.state !== "confirming") this._ended(tx);
  }

  _keep() {
    this._all = this._all.filter((tx) => Date.now() - tx.at < KEEP_MS).slice(0, MOST);
    try {
      localStorage.setItem(KEY, JSON.stringify(this._all));
    } catch {
      // storage is blocked: they last as long as the page
    }
    this._changed();
  }
}

/** @returns {Tx[]} */
function load() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored)
      ? stored.filter((tx) => typeof tx?.hash === "string" && typeof tx?.text === "string")
      : [];
  } catch {
    return [];
  }
}
