/**
 * Accounts to try the market with, on the hub's embedded development chain only: those of the
 * houses, which that chain has unlocked, and one of this browser's own. Their coin has no value.
 */

import { JsonRpcProvider, Wallet } from "/vendor/ethers.js";

export const DEV_CHAIN_ID = 31337;
const KEY = "hub-demo-key";
const GIFT_WEI = 10n * 10n ** 18n;

/**
 * @typedef {{id: string, name: string, address: string, chainId: number, provider: any, signer: any}} DemoAccount
 */

/** Whether the market's chain is one for demonstrations. @param {any} info the answer of market/info */
export function demoAllowed(info) {
  return Boolean(info) && info.chain_id === DEV_CHAIN_ID && info.embedded === true && Boolean(info.rpc_url);
}

/** @param {any} info @returns {Promise<any>} a provider, once the node itself says it is a development chain */
async function devProvider(info) {
  if (!demoAllowed(info)) throw new Error("Demo accounts exist on the development chain only.");
  // The hub passes calls on: the node itself answers wallets, and no pages.
  const provider = new JsonRpcProvider(new URL("/rpc", location.origin).href, DEV_CHAIN_ID, {
    staticNetwork: true,
    polling: true,
    pollingInterval: 1000,
    cacheTimeout: -1,
  });
  const answered = Number(await provider.send("eth_chainId", []));
  if (answered !== DEV_CHAIN_ID)
    throw new Error(`The node is on chain ${answered}, which is no development chain.`);
  return provider;
}

/** The account of a house. @param {any} info @param {string} house @param {string} name @returns {Promise<DemoAccount>} */
export async function houseAccount(info, house, name) {
  const provider = await devProvider(info);
  const { address } = info.accounts.find((/** @type {any} */ a) => a.house === house) ?? {};
  if (!address) throw new Error(`${name} has no account on this market.`);
  const unlocked = await provider.listAccounts();
  if (!unlocked.some((/** @type {any} */ signer) => signer.address === address))
    throw new Error(`${name} signs with its own wallet.`);
  return {
    id: house,
    name,
    address,
    chainId: DEV_CHAIN_ID,
    provider,
    signer: await provider.getSigner(address),
  };
}

/** An account whose key is made here and stays in this browser. @param {any} info @returns {Promise<DemoAccount>} */
export async function ownAccount(info) {
  const provider = await devProvider(info);
  const wallet = new Wallet(key(), provider);
  if ((await provider.getBalance(wallet.address)) === 0n) await give(provider, wallet.address);
  return {
    id: "own",
    name: "Demo wallet",
    address: wallet.address,
    chainId: DEV_CHAIN_ID,
    provider,
    signer: wallet,
  };
}

/** Add coin to an account of the development chain. @param {any} provider @param {string} address */
export async function give(provider, address) {
  const balance = await provider.getBalance(address);
  await provider.send("anvil_setBalance", [address, `0x${(balance + GIFT_WEI).toString(16)}`]);
}

function key() {
  let stored = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch {
    // storage is blocked: the account lasts as long as the page
  }
  if (stored && /^0x[0-9a-f]{64}$/.test(stored)) return stored;
  const made = Wallet.createRandom().privateKey;
  try {
    localStorage.setItem(KEY, made);
  } catch {
    // see above
  }
  return made;
}
