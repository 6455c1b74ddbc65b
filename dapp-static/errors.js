/** What wallets, nodes and the contract refuse, as sentences with numbers. */

import { ethText, kwhText } from "./units.js";

/** @param {bigint} seconds */
const when = (seconds) => new Date(Number(seconds) * 1000).toLocaleTimeString("en-GB");

/** @type {Record<string, (...args: any[]) => string>} */
const SENTENCES = {
  PriceOffTick: (/** @type {bigint} */ price, /** @type {bigint} */ tick) => {
    const below = price - (price % tick);
    const near = below > 0n ? `${ethText(below)} or ${ethText(below + tick)}` : ethText(tick);
    return `Price ${ethText(price)} is not a multiple of the tick ${ethText(tick)}. Nearest: ${near} ETH/kWh.`;
  },
  PriceOutOfRange: (price, lowest, highest) =>
    `Price ${ethText(price)} is not between ${ethText(lowest)} and ${ethText(highest)} ETH/kWh.`,
  PriceOutsideCollar: (price, lowest, highest) =>
    `Price ${ethText(price)} is too far from the last clearing price: it must be between ${ethText(lowest)} and ${ethText(highest)} ETH/kWh.`,
  QtyOffLot: (qty, lot) => `${kwhText(qty)} kWh is not a multiple of ${kwhText(lot)} kWh.`,
  QtyOutOfRange: (qty, smallest, largest) =>
    `${kwhText(qty)} kWh is not between ${kwhText(smallest)} and ${kwhText(largest)} kWh.`,
  OpenLimitReached: (open, asked, limit) =>
    `You have ${kwhText(open)} kWh open, on the book or in trades not settled yet. With ${kwhText(asked)} kWh more it would be above the ${kwhText(limit)} kWh that one trader may have.`,
  ExpiryOutOfRange: (_, earliest, latest) =>
    `The order must end between ${when(earliest)} and ${when(latest)} by the chain's clock.`,
  StrikeLimitReached: (_, strikes, limit) =>
    `This account failed ${strikes} trades; with ${limit} it may place no more orders.`,
  InsufficientBalance: (_, needed, available) =>
    `The order needs ${ethText(needed)} ETH and only ${ethText(available)} ETH would be there.`,
  WrongNativeAmount: (sent, expected) => `${ethText(sent)} ETH were sent, ${ethText(expected)} ETH expected.`,
  MarketFull: (held, limit) =>
    `The market holds ${ethText(held)} ETH and takes no more than ${ethText(limit)} ETH.`,
  UnknownOrder: (id) => `There is no order ${id}.`,
  NotOrderOwner: (id) => `Order ${id} belongs to another account.`,
  OrderNotResting: (id) =>
    `Nothing of order ${id} is left on the book: it was matched, cancelled or has expired.`,
  OrderInOpenRound: (id, round) =>
    `Order ${id} takes part in round ${round}, which is being cleared. Try again in a moment.`,
  NotAccountOwner: () => "This credit belongs to another account.",
  UnknownAccount: () => "This account has not traded yet.",
  NativeTransferFailed: (_, amount) =>
    `The payout of ${ethText(amount)} ETH was refused by the receiving account.`,
  EnforcedPause: () => "The market is paused. Orders can be cancelled and credit withdrawn meanwhile.",
};

/**
 * A refusal in words. `declined`: the person said no, which is no error. `byContract`: the contract
 * said no when it was asked beforehand, so nothing was sent.
 */
export class Refusal extends Error {
  /** @param {string} message @param {boolean} [declined] @param {boolean} [byContract] */
  constructor(message, declined = false, byContract = false) {
    super(message);
    this.declined = declined;
    this.byContract = byContract;
  }
}

/**
 * Put any failure of a call or transaction into words.
 * @param {any} error as thrown by ethers or a wallet
 * @param {{parseError: (data: string) => {name: string, args: any} | null}} contract decodes custom errors
 * @returns {Refusal}
 */
export function explain(error, contract) {
  if (error instanceof Refusal) return error;
  const code = error?.code ?? error?.error?.code;
  if (code === "ACTION_REJECTED" || code === 4001 || error?.info?.error?.code === 4001) {
    return new Refusal("You declined in the wallet. Nothing was sent.", true);
  }
  if (code === -32002 || error?.error?.code === -32002) {
    return new Refusal("The wallet already waits for your answer: open it.", true);
  }
  const known = decode(error, contract);
  if (known) return new Refusal(known, false, true);
  if (code === "INSUFFICIENT_FUNDS")
    return new Refusal("The wallet does not hold enough ETH for the order and its fee.");
  if (code === "NETWORK_ERROR" || code === "TIMEOUT" || code === "SERVER_ERROR") {
    return new Refusal("The chain does not answer. Check the wallet's network and try again.");
  }
  const text = error?.shortMessage ?? error?.info?.error?.message ?? error?.message ?? "unknown reason";
  return new Refusal(`It did not work: ${String(text).slice(0, 200)}`);
}

/** @param {any} error @param {{parseError: (data: string) => {name: string, args: any} | null}} contract */
function decode(error, contract) {
  for (const data of [
    error?.data,
    error?.info?.error?.data,
    error?.error?.data,
    error?.info?.error?.data?.data,
  ]) {
    if (typeof data !== "string" || !data.startsWith("0x") || data.length < 10) continue;
    const found = contract.parseError(data);
    if (found)
      return (
        SENTENCES[found.name]?.(...found.args) ??
        `The contract refused: ${found.name}(${[...found.args].join(", ")}).`
      );
  }
  return "";
}
