/** The market's rules, applied to what was typed; and the one thing that stands in the way. Pure. */

import { WEI_DECIMALS, WH_DECIMALS, ethText, kwhText, nearestMultiples, parseDecimal } from "./units.js";

/**
 * @typedef {{priceTick: bigint, minQty: bigint, lot: bigint, depositBps: bigint}} MarketRules
 * @typedef {{value: bigint | null, problem: string, offers: bigint[]}} Field `problem` is empty or a sentence
 * @typedef {{payment: bigint, deposit: bigint, escrow: bigint}} Cost in wei
 */

const BASIS_POINTS = 10_000n;
const WH_PER_KWH = 1000n;

/** @param {any} info the answer of market/info @returns {MarketRules} */
export function rulesOf(info) {
  return {
    priceTick: BigInt(info.price_tick_wei),
    minQty: BigInt(info.min_qty_wh),
    lot: BigInt(info.lot_wh ?? 1),
    depositBps: BigInt(info.deposit_rate_bps),
  };
}

/** @param {string} text kWh @param {MarketRules} rules @returns {Field} Wh */
export function energyField(text, rules) {
  const { value, problem } = parseDecimal(text, WH_DECIMALS);
  if (value === null) return { value, problem: problem === "empty" ? "" : problem, offers: [] };
  if (value < rules.minQty) {
    return {
      value: null,
      problem: `${kwhText(value)} kWh is below the smallest order of ${kwhText(rules.minQty)} kWh.`,
      offers: [rules.minQty],
    };
  }
  const around = nearestMultiples(value, rules.lot, rules.minQty);
  if (around[0] === value) return { value, problem: "", offers: [] };
  return {
    value: null,
    problem: `${kwhText(value)} kWh is not a multiple of ${kwhText(rules.lot)} kWh.`,
    offers: around,
  };
}

/** @param {string} text ETH per kWh @param {MarketRules} rules @returns {Field} wei per kWh */
export function priceField(text, rules) {
  const { value, problem } = parseDecimal(text, WEI_DECIMALS);
  if (value === null) return { value, problem: problem === "empty" ? "" : problem, offers: [] };
  const around = nearestMultiples(value, rules.priceTick);
  if (around[0] === value) return { value, problem: "", offers: [] };
  return {
    value: null,
    problem: `Price ${ethText(value)} is not a multiple of the tick ${ethText(rules.priceTick)}.`,
    offers: around,
  };
}

/**
 * What an order takes from the balance: a bid its payment and a deposit, an ask a deposit.
 * Exact, since prices are whole ticks and quantities whole lots.
 * @param {boolean} isBid @param {bigint} price wei per kWh @param {bigint} qty Wh @param {MarketRules} rules
 * @returns {Cost}
 */
export function costOf(isBid, price, qty, rules) {
  const value = (price * qty) / WH_PER_KWH;
  const deposit = (price * qty * rules.depositBps) / (WH_PER_KWH * BASIS_POINTS);
  return { payment: value, deposit, escrow: isBid ? value + deposit : deposit };
}

/**
 * @typedef {object} Facts
 * @property {any} info the market, null if there is none
 * @property {boolean} offline whether the hub is silent
 * @property {string | null} account
 * @property {number | null} chainId of the wallet
 * @property {boolean} isBid
 * @property {Field} energy
 * @property {Field} price
 * @property {bigint | null} funds wallet and credit together, wei
 * @property {Cost | null} cost
 * @property {"" | "checking" | "signing"} busy
 */

/**
 * The label of the one button: the first thing that stands in the way, or what it will do.
 * @param {Facts} facts
 * @returns {{label: string, action: "none" | "connect" | "switch" | "place"}}
 */
export function nextStep({ info, offline, account, chainId, isBid, energy, price, funds, cost, busy }) {
  if (busy === "checking") return { label: "Checking with the contract …", action: "none" };
  if (busy === "signing") return { label: "Confirm in your wallet …", action: "none" };
  if (!info) return { label: "The market is not open", action: "none" };
  if (offline) return { label: "The hub does not answer", action: "none" };
  if (!account) return { label: "Connect a wallet", action: "connect" };
  if (chainId !== info.chain_id) return { label: "Switch network", action: "switch" };
  if (info.paused) return { label: "The market is paused", action: "none" };
  if (energy.problem) return { label: "Correct the energy", action: "none" };
  if (energy.value === null) return { label: "Enter the energy", action: "none" };
  if (price.problem) return { label: "Correct the price", action: "none" };
  if (price.value === null) return { label: "Enter a price", action: "none" };
  if (funds !== null && cost && funds < cost.escrow) {
    return { label: `Not enough ETH: ${ethText(cost.escrow)} needed`, action: "none" };
  }
  return { label: `${isBid ? "Bid for" : "Offer"} ${kwhText(energy.value)} kWh`, action: "place" };
}
