/** Who trades: the connected account, its chain, and how it signs. */

import { BrowserProvider, getAddress } from "/vendor/ethers.js";
import { explain } from "./errors.js";
import { remember, remembered, switchChain, wallets } from "./wallets.js";

const NO_CONTRACT = { parseError: () => null };

export class Session {
  constructor() {
    /** @type {string | null} */
    this.account = null;
    /** @type {number | null} */
    this.chainId = null;
    /** @type {any} an ethers provider */
    this.provider = null;
    /** @type {"" | "wallet" | "demo"} */
    this.kind = "";
    this.name = "";
    /** @type {import("./wallets.js").FoundWallet | null} */
    this._wallet = null;
    /** @type {any} signs for a demo account */
    this._demoSigner = null;
    /** @type {Set<() => void>} */
    this._listeners = new Set();
    this._onAccounts = (/** @type {string[]} */ accounts) => this._useWallet(accounts);
    this._onChain = () => this._useWallet(this.account ? [this.account] : []);
    this._onDisconnect = () => this.disconnect();
  }

  /** @param {() => void} listener */
  onChange(listener) {
    this._listeners.add(listener);
  }

  _changed() {
    this._listeners.forEach((listener) => listener());
  }

  /** Take up the wallet of the last visit, if it still trusts this page. Never opens a window. */
  async resume() {
    if (this.kind) return;
    const rdns = remembered();
    const wallet = rdns && wallets().find((w) => w.rdns === rdns);
    if (!wallet) return;
    const accounts = await wallet.provider.request({ method: "eth_accounts" }).catch(() => []);
    if (accounts.length && !this.kind) await this._attach(wallet, accounts);
  }

  /** Ask a wallet for an account. @param {import("./wallets.js").FoundWallet} wallet */
  async connect(wallet) {
    try {
      const accounts = await wallet.provider.request({ method: "eth_requestAccounts" });
      await this._attach(wallet, accounts);
    } catch (error) {
      throw explain(error, NO_CONTRACT);
    }
  }

  /** @param {import("./wallets.js").FoundWallet} wallet @param {string[]} accounts */
  async _attach(wallet, accounts) {
    this._detach();
    this._wallet = wallet;
    this.kind = "wallet";
    this.name = wallet.name;
    wallet.provider.on?.("accountsChanged", this._onAccounts);
    wallet.provider.on?.("chainChanged", this._onChain);
    wallet.provider.on?.("disconnect", this._onDisconnect);
    remember(wallet.rdns);
    await this._useWallet(accounts);
  }

  /** @param {string[]} accounts */
  async _useWallet(accounts) {
    const wallet = this._wallet;
    if (!wallet) return;
    if (!accounts.length) {
      this.disconnect();
      return;
    }
    // Nothing is answered from a cache: credit that was true 250 ms ago may be spent by now.
    const uncached = { cacheTimeout: -1 };
    this.provider = new BrowserProvider(/** @type {any} */ (wallet.provider), "any", uncached);
    const network = await this.provider.getNetwork();
    if (this._wallet !== wallet) return;
    this.chainId = Number(network.chainId);
    this.account = getAddress(accounts[0]);
    this._changed();
  }

  /** Trade with a demo account. @param {import("./demo-wallet.js").DemoAccount} demo */
  useDemo(demo) {
    this._detach();
    Object.assign(this, {
      kind: "demo",
      name: demo.name,
      account: demo.address,
      chainId: demo.chainId,
      provider: demo.provider,
      _demoSigner: demo.signer,
    });
    remember(`demo:${demo.id}`);
    this._changed();
  }

  disconnect() {
    this._detach();
    remember(null);
    this._changed();
  }

  _detach() {
    const source = this._wallet?.provider;
    source?.removeListener?.("accountsChanged", this._onAccounts);
    source?.removeListener?.("chainChanged", this._onChain);
    source?.removeListener?.("disconnect", this._onDisconnect);
    Object.assign(this, {
      kind: "",
      name: "",
      account: null,
      chainId: null,
      provider: null,
      _wallet: null,
      _demoSigner: null,
    });
  }

  /** @param {any} info the answer of market/info */
  async switchTo(info) {
    if (!this._wallet) return;
    try {
      await switchChain(this._wallet.provider, info);
      await this._onChain();
    } catch (error) {
      throw explain(error, NO_CONTRACT);
    }
  }

  /** What signs for the account. @returns {Promise<any>} */
  async signer() {
    return this._demoSigner ?? this.provider.getSigner(this.account);
  }
}
