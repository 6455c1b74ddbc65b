/** Browser wallets: found by EIP-6963, or as window.ethereum where a wallet is older than that. */

const REMEMBERED = "hub-wallet";

/**
 * @typedef {{request: (call: {method: string, params?: any[]}) => Promise<any>,
 *   on?: (event: string, listener: (...args: any[]) => void) => void,
 *   removeListener?: (event: string, listener: (...args: any[]) => void) => void}} Eip1193
 * @typedef {{rdns: string, name: string, icon: string, provider: Eip1193}} FoundWallet
 */

/** @type {Map<string, FoundWallet>} */
const found = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** Look for wallets; they may answer at any time. @param {() => void} changed called for each one found */
export function discover(changed) {
  listeners.add(changed);
  addEventListener("eip6963:announceProvider", take);
  dispatchEvent(new Event("eip6963:requestProvider"));
}

/** @param {any} event */
function take(event) {
  const { info, provider } = event.detail ?? {};
  if (typeof info?.rdns !== "string" || typeof provider?.request !== "function") return;
  // An icon is shown only as an image from a data: address, where it can run nothing.
  const icon = typeof info.icon === "string" && info.icon.startsWith("data:image/") ? info.icon : "";
  found.set(info.rdns, { rdns: info.rdns, name: String(info.name).slice(0, 40), icon, provider });
  listeners.forEach((listener) => listener());
}

/** All wallets of this browser. @returns {FoundWallet[]} */
export function wallets() {
  if (found.size) return [...found.values()];
  const injected = /** @type {any} */ (window).ethereum;
  return injected?.request
    ? [{ rdns: "injected", name: "Browser wallet", icon: "", provider: injected }]
    : [];
}

/** The wallet used last, by its rdns. */
export function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage is blocked
  }
}

/** @param {string | null} rdns */
export function remember(rdns) {
  try {
    if (rdns === null) localStorage.removeItem(REMEMBERED);
    else localStorage.setItem(REMEMBERED, rdns);
  } catch {
    // not remembered, then
  }
}

/**
 * Have a wallet change to the market's chain, which it may have to be told of first (code 4902).
 * @param {Eip1193} provider
 * @param {{chain_id: number, rpc_url: string, currency: string}} info
 */
export async function switchChain(provider, info) {
  const chainId = `0x${info.chain_id.toString(16)}`;
  const wanted = { method: "wallet_switchEthereumChain", params: [{ chainId }] };
  try {
    await provider.request(wanted);
  } catch (/** @type {any} */ error) {
    if (error?.code !== 4902 && error?.data?.originalError?.code !== 4902) throw error;
    await provider.request({
      method: "wallet_addEthereumChain",
      params: [
        {
          chainId,
          chainName: info.chain_id === 31337 ? "Microgrid Hub (development)" : `Chain ${info.chain_id}`,
          rpcUrls: [info.rpc_url],
          nativeCurrency: { name: "Ether", symbol: info.currency, decimals: 18 },
        },
      ],
    });
    await provider.request(wanted);
  }
}

/** Whether wallets take this address of a node: https, or this very machine. @param {string} url */
export function walletTakes(url) {
  try {
    const { protocol, hostname } = new URL(url);
    return protocol === "https:" || hostname === "localhost" || hostname === "127.0.0.1";
  } catch {
    return false;
  }
}
