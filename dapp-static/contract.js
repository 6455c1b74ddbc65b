/** The market's contract: what the page asks of it and has it do. */

import { Contract } from "/vendor/ethers.js";
import { Refusal, explain } from "./errors.js";

const SCANNED_ORDERS = 500n;
/** `OrderStatus.Closed` of the contract. */
const CLOSED = 3n;

/**
 * @typedef {{id: bigint, isBid: boolean, price: bigint, qty: bigint, filled: bigint, expiry: number, closed: boolean}} OwnOrder
 *   `closed`: cancelled, or taken off the book
 * @typedef {{wallet: bigint, credit: bigint, accountId: bigint, strikes: number, orders: OwnOrder[]}} Account
 */

export class MarketContract {
  /** @param {any} info the answer of market/info @param {import("./session.js").Session} session */
  constructor(info, session) {
    this.info = info;
    this.session = session;
    /** @type {any} its methods are known from the ABI alone */
    this._contract = new Contract(info.contract, info.abi, session.provider);
  }

  /** What the account has on the market, and its newest orders first. @returns {Promise<Account>} */
  async account() {
    const { account, provider } = this.session;
    const c = this._contract;
    const [wallet, credit, accountId, strikes, last] = await Promise.all([
      provider.getBalance(account),
      c.balanceOf(account),
      c.accountOf(account),
      c.strikes(account),
      c.lastOrderId(),
    ]);
    const from = last > SCANNED_ORDERS ? last - SCANNED_ORDERS + 1n : 1n;
    const orders =
      accountId === 0n || last === 0n ? [] : (await c.ordersOf(account, from, SCANNED_ORDERS))[0];
    return {
      wallet,
      credit,
      accountId,
      strikes: Number(strikes),
      orders: await Promise.all([...orders].reverse().map((o) => this._order(o))),
    };
  }

  /** @param {any} order as the contract tells it @returns {Promise<OwnOrder>} */
  async _order({ id, isBid, price, qty, qtyFilled: filled, expiry }) {
    const mayRest = filled < qty && Number(expiry) * 1000 > Date.now();
    const closed = mayRest && (await this._contract.orderStatus(id)).status === CLOSED;
    return { id, isBid, price, qty, filled, expiry: Number(expiry), closed };
  }

  /**
   * Place an order: tried without effect first, so that the wallet opens only for what will work.
   * @param {{isBid: boolean, price: bigint, qty: bigint, ttl: number}} order `ttl` in s
   * @param {() => void} checked called when only the signature is missing
   * @returns {Promise<any>} the transaction as sent
   */
  async place({ isBid, price, qty, ttl }, checked) {
    const [block, escrow, credit] = await Promise.all([
      this.session.provider.getBlock("latest"),
      this._contract.escrowFor(isBid, price, qty),
      this._contract.balanceOf(this.session.account),
    ]).catch((error) => {
      throw this._explain(error);
    });
    // A quiet development chain makes no blocks, so its last one may be old.
    const now = Math.max(block.timestamp, Math.floor(Date.now() / 1000));
    const expiry = BigInt(now + Math.min(ttl, this.info.order_ttl_s - 60));
    /** @param {bigint} known the credit, wei; what the escrow takes beyond it is sent along */
    const send = (known) => {
      const value = escrow > known ? escrow - known : 0n;
      return this._send(isBid ? "placeBid" : "placeAsk", [price, qty, expiry], { value }, checked);
    };
    try {
      return await send(credit);
    } catch (refusal) {
      // A hub that holds the same key may have spent or withdrawn credit since it was asked for, even
      // after the trial: the wallet has the gas estimated, which is a second one.
      if (!(refusal instanceof Refusal && refusal.byContract)) throw refusal;
      const left = await this._contract.balanceOf(this.session.account).catch(() => credit);
      if (left >= credit) throw refusal;
      return send(left);
    }
  }

  /** @param {bigint} orderId @param {() => void} checked */
  cancel(orderId, checked) {
    return this._send("cancelOrder", [orderId], {}, checked);
  }

  /** @param {bigint} accountId @param {() => void} checked */
  withdraw(accountId, checked) {
    return this._send("withdraw", [accountId], {}, checked);
  }

  /** @param {string} name @param {any[]} args @param {Record<string, any>} options @param {() => void} checked */
  async _send(name, args, options, checked) {
    try {
      const signer = await this.session.signer();
      const method = this._contract.connect(signer)[name];
      await method.staticCall(...args, { ...options, from: this.session.account });
      checked();
      return await method(...args, options);
    } catch (error) {
      throw this._explain(error);
    }
  }

  /** @param {unknown} error */
  _explain(error) {
    return explain(error, { parseError: (data) => this._contract.interface.parseError(data) });
  }
}
