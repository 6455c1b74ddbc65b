// What it costs to make money of a trade, and a trade's whole life.
import { Market, keyOf, tradesOf } from "../chain.mjs";

const TRADES = 50;
const DAY = 86_400n;

export async function measureLife() {
  const alone = await everyStepAlone();
  return [
    { name: "settle alone", figure: alone.settle, limit: 100_000, aim: 70_000 },
    { name: "settle, batch of 50, per trade", figure: await settleBatch(), limit: 24_000, aim: 15_000 },
    { name: "expire, the bid returning to the book", figure: await expireOne(), limit: 125_000, aim: 100_000 },
    { name: "withdraw", figure: alone.withdraw, limit: 35_000, aim: 30_000 },
    { name: "whole life of a trade, every step alone", figure: alone.life, limit: 345_000, aim: 290_000 },
    { name: "whole life of a trade, relayed and in batches", figure: await relayedLife(), limit: 140_000, aim: 110_000 },
  ];
}

/** A market in use: levels, accounts, signer and status words exist. */
async function usedMarket() {
  const market = await Market.deploy();
  const [, alice, bob, relay] = market.accounts;
  for (let index = 0; index < 2; ++index) {
    await market.place(alice, true, 1000n, 5n);
    await market.place(bob, false, 1000n, 5n);
  }
  const { events } = await market.send(relay, "matchOrders", [10n]);
  for (const { tradeId, qty } of tradesOf(events)) {
    await market.send(relay, "settle", [tradeId, await market.proof(tradeId, qty)]);
  }
  await market.placeMany(alice, [[true, 900n, 5n], [true, 990n, 5n]]);
  await market.placeMany(bob, [[false, 1100n, 5n], [false, 1010n, 5n]]);
  return market;
}

async function everyStepAlone() {
  const market = await usedMarket();
  const [, alice, bob, relay] = market.accounts;
  const pairs = 100;
  const bid = { gas: 0 };
  const ask = { gas: 0 };
  for (let index = 0; index < pairs; ++index) {
    const tick = BigInt(index % 10);
    bid.gas += (await market.place(alice, true, 1000n + tick, 5n)).gas;
    ask.gas += (await market.place(bob, false, 1000n - tick, 5n)).gas;
  }
  const { gas, events } = await market.send(relay, "matchOrders", [2000n]);
  const trades = tradesOf(events);
  if (trades.length !== pairs) throw new Error(`${trades.length} pairs, expected ${pairs}`);
  let settle = 0;
  for (const { tradeId, qty } of trades.slice(0, 20)) {
    settle += (await market.send(relay, "settle", [tradeId, await market.proof(tradeId, qty)])).gas;
  }
  settle = Math.round(settle / 20);
  const withdrawals = [];
  for (const trader of [alice, bob]) {
    const accountId = await market.view("accountOf", [trader]);
    withdrawals.push((await market.send(trader, "withdraw", [accountId])).gas);
  }
  const life = (bid.gas + ask.gas + gas) / pairs + settle + withdrawals[0] + withdrawals[1];
  return { settle, withdraw: Math.max(...withdrawals), life: Math.round(life) };
}

async function settleBatch() {
  const { market, trades } = await matchedTraders();
  const { gas, events } = await market.send(market.accounts[3], "settleBatch", await market.batchProof(trades));
  const settled = events.filter(({ eventName }) => eventName === "TradeSettled").length;
  if (settled !== TRADES) throw new Error(`${settled} of ${TRADES} trades settled`);
  return Math.round(gas / TRADES);
}

/** Fifty trades between fifty traders, each of whom buys once and sells once. */
async function matchedTraders() {
  const market = await usedMarket();
  const relay = market.accounts[3];
  const keys = Array.from({ length: TRADES }, (_, index) => keyOf(1 + index));
  const signed = [];
  for (const [index, key] of keys.entries()) {
    await market.send(relay, "deposit", [key.address, 10n ** 18n], 10n ** 18n);
    const accountId = await market.view("accountOf", [key.address]);
    const lots = 5n;
    signed.push(await market.signOrder(key, accountId, true, 1000n + BigInt(index % 10), lots, 0));
    // Sold at the other end of the queue, lest a trader meet itself.
    signed.push(await market.signOrder(key, accountId, false, 999n - BigInt((index + 5) % 10), lots, 1));
  }
  let placing = 0;
  for (let start = 0; start < signed.length; start += 50) {
    const page = signed.slice(start, start + 50);
    const args = [page.map(({ order }) => order), page.map(({ signature }) => signature)];
    placing += (await market.send(relay, "placeSigned", args)).gas;
  }
  const { gas, events } = await market.send(relay, "matchOrders", [2000n]);
  const trades = tradesOf(events);
  if (trades.length !== TRADES) throw new Error(`${trades.length} pairs, expected ${TRADES}`);
  return { market, trades, placing, matching: gas };
}

async function relayedLife() {
  const { market, trades, placing, matching } = await matchedTraders();
  const settled = await market.send(market.accounts[3], "settleBatch", await market.batchProof(trades));
  const key = keyOf(1);
  await market.fund(key.address, 10n ** 18n);
  const accountId = await market.view("accountOf", [key.address]);
  const withdrawal = await market.send(key.address, "withdraw", [accountId]);
  // A trader collects once in twenty trades, and a trade has two of them.
  return Math.round((placing + matching + settled.gas) / TRADES + (2 * withdrawal.gas) / 20);
}

async function expireOne() {
  const market = await usedMarket();
  const [, alice, bob, relay] = market.accounts;
  await market.place(alice, true, 990n, 5n);
  await market.place(alice, true, 1000n, 5n);
  await market.place(bob, false, 1000n, 5n);
  const { events } = await market.send(relay, "matchOrders", [10n]);
  const [{ tradeId }] = tradesOf(events);
  await market.passTime(DAY + 10n);
  const { gas, events: outcome } = await market.send(relay, "expire", [tradeId]);
  if (!outcome.some(({ eventName }) => eventName === "OrderRequeued")) throw new Error("the bid did not return");
  return gas;
}
