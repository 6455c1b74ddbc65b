// What it costs to match, at sizes up to what one transaction holds.
import { Market, tradesOf } from "../chain.mjs";

const MID = 5000n;

export async function measureClearing() {
  const small = await matchEqual(100, 10);
  const large = await matchEqual(1000, 10);
  const random = await matchRandom(400);
  const deepBook = await matchEqual(100, 1000);
  const shallowBook = await matchEqual(100, 10);
  return [
    { name: "match a pair, equal quantities, 100 pairs in one call", figure: small, limit: 20_000, aim: 15_000 },
    { name: "match a pair, equal quantities, 1,000 pairs in one call", figure: large, limit: 17_000, aim: 13_000 },
    { name: "match a pair, random quantities, 400 orders a side", figure: random, limit: 11_000, aim: 9_000 },
    { name: "pairs in one transaction", figure: await mostPairs(), limit: 900, aim: 1_100, atLeast: true },
    {
      name: "matching at 1,000 resting orders against 10, in per mille of it",
      figure: Math.round((deepBook / shallowBook) * 1000),
      limit: 1010,
      aim: 1000,
    },
  ];
}

/** A whole round of so many pairs on a book of 1,000 orders a side, for the comparison with other ways in README.md. */
export async function measureRounds() {
  const rounds = [];
  for (const pairs of [10, 100, 400, 1000]) {
    const market = await equalBook(pairs, 1000 - pairs);
    const { gas } = await market.send(market.accounts[3], "matchOrders", [2000n]);
    rounds.push({ name: `a whole round of ${pairs} equal pairs, 1,000 orders a side`, pairs, figure: gas });
  }
  return rounds;
}

/** `pairs` bids and asks of equal quantity over ten levels a side, with `resting` orders a side that do not cross. */
async function equalBook(pairs, resting) {
  const market = await Market.deploy();
  const [, alice, bob] = market.accounts;
  const level = (index) => BigInt(index % 10);
  const crossing = Array.from({ length: pairs }, (_, index) => index);
  const others = Array.from({ length: resting }, (_, index) => index);
  await market.placeMany(alice, crossing.map((index) => [true, MID + 10n + level(index), 5n]));
  await market.placeMany(bob, crossing.map((index) => [false, MID - 10n - level(index), 5n]));
  await market.placeMany(alice, others.map((index) => [true, MID - 100n - level(index), 5n]));
  await market.placeMany(bob, others.map((index) => [false, MID + 100n + level(index), 5n]));
  return market;
}

async function matchEqual(pairs, resting) {
  const market = await equalBook(pairs, resting);
  return perPair(await market.send(market.accounts[3], "matchOrders", [2000n]), pairs);
}

async function matchRandom(ordersPerSide) {
  const market = await Market.deploy();
  const [, alice, bob] = market.accounts;
  const random = generator(1n);
  const side = (isBid, base) =>
    Array.from({ length: ordersPerSide }, () => [isBid, base + random(10n), 1n + random(50n)]);
  await market.placeMany(alice, side(true, MID + 10n));
  await market.placeMany(bob, side(false, MID - 20n));
  return perPair(await market.send(market.accounts[3], "matchOrders", [2000n]));
}

function perPair({ gas, events }, expected) {
  const pairs = tradesOf(events).length;
  if (expected !== undefined && pairs !== expected) throw new Error(`${pairs} pairs, expected ${expected}`);
  if (!events.some(({ eventName }) => eventName === "RoundCleared")) throw new Error("the round did not end");
  return Math.round(gas / pairs);
}

/** The largest call for equal pairs that fits into a transaction, by halving. */
async function mostPairs() {
  const market = await equalBook(1200, 0);
  let fits = 0;
  let tooMany = 1201;
  while (tooMany - fits > 8) {
    const pairs = Math.floor((fits + tooMany) / 2);
    const snapshot = await market.provider.request({ method: "evm_snapshot" });
    try {
      await market.send(market.accounts[3], "matchOrders", [BigInt(pairs)]);
      fits = pairs;
    } catch {
      tooMany = pairs;
    }
    await market.provider.request({ method: "evm_revert", params: [snapshot] });
  }
  return fits;
}

/** A small linear congruential generator: the same books on every machine. */
function generator(seed) {
  let state = seed;
  return (below) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return (state >> 33n) % below;
  };
}
