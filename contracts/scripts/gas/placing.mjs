// What it costs to place an order and to take it back.
import { Market, keyOf } from "../chain.mjs";

const BATCH = 50;

export async function measurePlacing() {
  const market = await Market.deploy();
  const [, alice, bob, relay] = market.accounts;
  await market.placeMany(bob, [[true, 1000n, 5n], [true, 1001n, 5n], [true, 1003n, 5n]]);
  await market.place(alice, true, 900n, 5n);

  const existing = await market.place(alice, true, 1000n, 5n);
  const fresh = await market.place(alice, true, 1002n, 5n);
  await market.place(bob, true, 1000n, 5n);
  const [placed] = existing.events;
  const cancelled = await market.send(alice, "cancelOrder", [placed.args.id]);

  return [
    { name: "place, own transaction, existing price level", figure: existing.gas, limit: 98_000, aim: 80_000 },
    { name: "place, own transaction, new price level", figure: fresh.gas, limit: 115_000, aim: 98_000 },
    { name: "place, signed, batch of 50, per order", figure: await perSignedOrder(relay), limit: 45_000, aim: 38_000 },
    { name: "cancelOrder, in the middle of its level", figure: cancelled.gas, limit: 75_000, aim: 60_000 },
  ];
}

/** Fifty traders, ten price levels that exist. */
async function perSignedOrder() {
  const market = await Market.deploy();
  const [, bob, relay] = market.accounts;
  await market.placeMany(
    bob,
    Array.from({ length: 10 }, (_, level) => [true, 1000n + BigInt(level), 5n]),
  );
  const signed = [];
  for (let index = 0; index < BATCH; ++index) {
    const key = keyOf(1 + index);
    await market.send(relay, "deposit", [key.address, 10n ** 18n], 10n ** 18n);
    const accountId = await market.view("accountOf", [key.address]);
    signed.push(await market.signOrder(key, accountId, true, 1000n + BigInt(index % 10), 5n, 0));
  }
  const args = [signed.map(({ order }) => order), signed.map(({ signature }) => signature)];
  const { gas, events } = await market.send(relay, "placeSigned", args);
  const placed = events.filter(({ eventName }) => eventName === "OrderPlaced").length;
  if (placed !== BATCH) throw new Error(`${placed} of ${BATCH} signed orders placed`);
  return Math.round(gas / BATCH);
}
