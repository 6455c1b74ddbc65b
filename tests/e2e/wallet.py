"""A browser wallet for tests: announced by EIP-6963, it forwards to a real development node.

A real wallet is no page and reaches the node itself; this one goes through the hub, as pages do.
"""

import json

#: Speaks EIP-1193 and signs with accounts that the node has unlocked. `window.testWallet` steers
#: it: `reject` makes it decline, `chain` is the chain it is on, `known` those it has been told of,
#: `meanwhile` is done once, as soon as a call whose data starts with `[0]` has been answered.
_WALLET = """
(() => {
  const settings = %s;
  const listeners = {};
  const wallet = window.testWallet = {
    calls: [], reject: false, meanwhile: null, accounts: settings.accounts,
    chain: settings.chain, known: [settings.chain],
    connected: sessionStorage.getItem("test-wallet-connected") === "yes",
    emit(event, value) { (listeners[event] ?? []).forEach((listener) => listener(value)); },
  };
  const fail = (code, message) => Object.assign(new Error(message), {code});
  const forward = async (method, params) => {
    const answer = await fetch("/rpc", {
      method: "POST", headers: {"content-type": "application/json"},
      body: JSON.stringify({jsonrpc: "2.0", id: 1, method, params}),
    });
    const {result, error} = await answer.json();
    if (error) throw Object.assign(new Error(error.message), error);
    return result;
  };
  const connect = () => {
    if (wallet.reject) throw fail(4001, "User rejected the request.");
    wallet.connected = true;
    sessionStorage.setItem("test-wallet-connected", "yes");
    return wallet.accounts;
  };
  const own = {
    eth_accounts: () => (wallet.connected ? wallet.accounts : []),
    eth_requestAccounts: connect,
    eth_chainId: () => wallet.chain,
    net_version: () => String(parseInt(wallet.chain, 16)),
    wallet_addEthereumChain: ([chain]) => { wallet.known.push(chain.chainId); return null; },
    wallet_switchEthereumChain: ([{chainId}]) => {
      if (!wallet.known.includes(chainId)) throw fail(4902, "Unrecognized chain.");
      wallet.chain = chainId;
      wallet.emit("chainChanged", chainId);
      return null;
    },
    eth_sendTransaction: (params) => {
      if (wallet.reject) throw fail(4001, "User rejected the request.");
      return forward("eth_sendTransaction", params);
    },
  };
  const provider = {
    async request({method, params = []}) {
      wallet.calls.push(method);
      const answer = await (method in own ? own[method](params) : forward(method, params));
      const [start, work] = wallet.meanwhile ?? [];
      if (method === "eth_call" && start && params[0].data.startsWith(start)) {
        wallet.meanwhile = null;
        await work(forward);
      }
      return answer;
    },
    on(event, listener) { (listeners[event] ??= []).push(listener); },
    removeListener(event, listener) {
      listeners[event] = (listeners[event] ?? []).filter((l) => l !== listener);
    },
  };
  const detail = Object.freeze({
    info: {uuid: "1", name: settings.name, icon: settings.icon, rdns: "test.wallet"}, provider,
  });
  const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", {detail}));
  addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""

ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'/%3E"


def wallet_script(
    account: str, *, chain_id: int = 31337, name: str = "Test wallet", icon: str = ICON
) -> str:
    """Return the script that puts the wallet into a page, before the page's own scripts."""
    settings = {
        "accounts": [account.lower()],
        "chain": hex(chain_id),
        "name": name,
        "icon": icon,
    }
    return _WALLET % json.dumps(settings)
