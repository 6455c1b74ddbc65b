// The market on Hardhat's in-process chain, with the gas of every call as its receipt says. Hardhat enforces the gas cap
// of one transaction (EIP-7825), so what runs here fits.
import { readFileSync } from "node:fs";
import path from "node:path";
import { network } from "hardhat";
import { decodeEventLog, encodeAbiParameters, encodeDeployData, encodeFunctionData, decodeFunctionResult } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { root } from "./compiler.mjs";

export const artefact = JSON.parse(readFileSync(path.join(root, "build", "EnergyDoubleAuction.json"), "utf8"));
const { abi, bytecode } = artefact;

export const NATIVE_COIN = "0x0000000000000000000000000000000000000000";
export const PRICE_TICK = 10n ** 12n;
export const LOT = 10n;
const DAY = 86_400n;

/** A key that is the same in every run. */
export function keyOf(index) {
  return privateKeyToAccount(`0x${(0x4d470000n + BigInt(index)).toString(16).padStart(64, "0")}`);
}

export const ORDER_TYPES = {
  SignedOrder: [
    { name: "accountId", type: "uint256" },
    { name: "isBid", type: "bool" },
    { name: "price", type: "uint256" },
    { name: "qty", type: "uint256" },
    { name: "expiry", type: "uint64" },
    { name: "maxSlippage", type: "uint16" },
    { name: "nonce", type: "uint32" },
  ],
};

const REPORT = [
  { name: "tradeId", type: "uint256" },
  { name: "deliveredWh", type: "uint256" },
  { name: "receivedWh", type: "uint256" },
  { name: "windowStart", type: "uint64" },
  { name: "windowEnd", type: "uint64" },
  { name: "sequence", type: "uint64" },
];

const BATCH_TYPES = {
  MeterBatch: [
    { name: "windowStart", type: "uint64" },
    { name: "windowEnd", type: "uint64" },
    { name: "sequence", type: "uint64" },
    { name: "deliveries", type: "Delivery[]" },
  ],
  Delivery: REPORT.slice(0, 3),
};

const PROOF = [
  {
    type: "tuple[]",
    components: [
      { name: "report", type: "tuple", components: REPORT },
      { name: "signer", type: "address" },
      { name: "signature", type: "bytes" },
    ],
  },
];

export class Market {
  static async deploy() {
    const { provider } = await network.create();
    const accounts = await provider.request({ method: "eth_accounts" });
    const market = new Market(provider, accounts);
    const rules = {
      minQty: LOT,
      orderTTL: 30n * DAY,
      settlementTTL: DAY,
      depositRate: 100,
      maxSlippage: 0,
      pricingMode: 0,
      strikeLimit: 0,
      maxOpen: 0n,
    };
    const args = [NATIVE_COIN, PRICE_TICK, LOT, rules, accounts[0], market.oracle.address];
    const receipt = await market.#transact(accounts[0], { data: encodeDeployData({ abi, bytecode, args }) });
    market.address = receipt.contractAddress;
    market.deployGas = Number(receipt.gasUsed);
    market.expiry = (await market.now()) + 20n * DAY;
    return market;
  }

  constructor(provider, accounts) {
    this.provider = provider;
    this.accounts = accounts;
    this.oracle = keyOf(0);
    this.sequence = 0n;
  }

  async now() {
    const block = await this.provider.request({ method: "eth_getBlockByNumber", params: ["latest", false] });
    return BigInt(block.timestamp);
  }

  async passTime(seconds) {
    await this.provider.request({ method: "evm_increaseTime", params: [Number(seconds)] });
    await this.provider.request({ method: "evm_mine", params: [] });
  }

  async fund(address, wei) {
    await this.provider.request({ method: "hardhat_setBalance", params: [address, `0x${wei.toString(16)}`] });
    await this.provider.request({ method: "hardhat_impersonateAccount", params: [address] });
  }

  async #transact(from, transaction) {
    const params = [{ from, gas: "0x1000000", ...transaction }];
    const hash = await this.provider.request({ method: "eth_sendTransaction", params });
    const receipt = await this.provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt.status !== "0x1") throw new Error(`transaction of ${from} failed`);
    return receipt;
  }

  /** Sends a call of the market and gives its gas and its events. */
  async send(from, functionName, args = [], value = 0n) {
    const receipt = await this.#transact(from, {
      to: this.address,
      data: encodeFunctionData({ abi, functionName, args }),
      value: `0x${value.toString(16)}`,
    });
    const events = receipt.logs.map((log) => decodeEventLog({ abi, data: log.data, topics: log.topics }));
    return { gas: Number(receipt.gasUsed), events };
  }

  async view(functionName, args = []) {
    const call = { to: this.address, data: encodeFunctionData({ abi, functionName, args }) };
    const data = await this.provider.request({ method: "eth_call", params: [call, "latest"] });
    return decodeFunctionResult({ abi, functionName, data });
  }

  escrow(isBid, tick, lots) {
    return tick * lots * (isBid ? 1100n : 100n) * ((PRICE_TICK * LOT) / 1_000_000n);
  }

  /** Places an order at `tick` ticks over `lots` lots. */
  async place(from, isBid, tick, lots) {
    const args = [tick * PRICE_TICK, lots * LOT, this.expiry];
    return this.send(from, isBid ? "placeBid" : "placeAsk", args, this.escrow(isBid, tick, lots));
  }

  /** Places many orders `[isBid, tick, lots]` of one account in few transactions. */
  async placeMany(from, orders) {
    for (let start = 0; start < orders.length; start += 100) {
      const page = orders.slice(start, start + 100);
      const value = page.reduce((sum, [isBid, tick, lots]) => sum + this.escrow(isBid, tick, lots), 0n);
      const args = page.map(([isBid, tick, lots]) => ({
        isBid,
        price: tick * PRICE_TICK,
        qty: lots * LOT,
        expiry: this.expiry,
        maxSlippage: 0,
      }));
      const { events } = await this.send(from, "placeBatch", [args], value);
      if (events.some(({ eventName }) => eventName === "OrderRefused")) throw new Error("an order was refused");
    }
  }

  async signOrder(key, accountId, isBid, tick, lots, nonce) {
    const message = {
      accountId,
      isBid,
      price: tick * PRICE_TICK,
      qty: lots * LOT,
      expiry: this.expiry,
      maxSlippage: 0,
      nonce,
    };
    const domain = await this.#domain();
    const signature = await key.signTypedData({ domain, types: ORDER_TYPES, primaryType: "SignedOrder", message });
    return { order: message, signature: compact(signature) };
  }

  async #domain() {
    const chainId = Number(await this.provider.request({ method: "eth_chainId" }));
    return { name: "EnergyDoubleAuction", version: "1", chainId, verifyingContract: this.address };
  }

  /** The proof of a trade by the oracle; `received` defaults to what was delivered. */
  async proof(tradeId, delivered, received = delivered) {
    const { clearedAt } = await this.view("round", [tradeId >> 64n]);
    const report = {
      tradeId,
      deliveredWh: delivered,
      receivedWh: received,
      windowStart: clearedAt,
      windowEnd: clearedAt + 1n,
      sequence: ++this.sequence,
    };
    const signature = await this.oracle.signTypedData({
      domain: await this.#domain(),
      types: { MeterReport: REPORT },
      primaryType: "MeterReport",
      message: report,
    });
    return encodeAbiParameters(PROOF, [[{ report, signer: this.oracle.address, signature }]]);
  }

  /** The arguments of settleBatch for trades `{tradeId, qty}`, all delivered. */
  async batchProof(trades) {
    const { clearedAt } = await this.view("round", [trades[0].tradeId >> 64n]);
    const message = {
      windowStart: clearedAt,
      windowEnd: clearedAt + 1n,
      sequence: ++this.sequence,
      deliveries: trades.map(({ tradeId, qty }) => ({ tradeId, deliveredWh: qty, receivedWh: qty })),
    };
    const domain = await this.#domain();
    const signature = await this.oracle.signTypedData({ domain, types: BATCH_TYPES, primaryType: "MeterBatch", message });
    return [message, this.oracle.address, signature];
  }
}

/** The trades of a call's events, with their ids. */
export function tradesOf(events) {
  const end = events.find(({ eventName }) => eventName === "RoundCleared" || eventName === "RoundPaged");
  return events
    .filter(({ eventName }) => eventName === "TradeMatched")
    .map(({ args }) => ({ tradeId: (end.args.round << 64n) | (args.bidId << 32n) | args.askId, qty: args.qty }));
}

/** r, s, v in 64 bytes (ERC-2098). */
function compact(signature) {
  const r = signature.slice(2, 66);
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  const parity = BigInt(`0x${signature.slice(130, 132)}`) - 27n;
  return `0x${r}${(s | (parity << 255n)).toString(16).padStart(64, "0")}`;
}
