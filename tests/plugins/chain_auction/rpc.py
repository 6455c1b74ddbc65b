"""Plain JSON-RPC for tests, apart from the code under test."""

import json
import time
import urllib.request
from typing import Any


def rpc(url: str, method: str, *params: Any) -> Any:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as response:
        answer = json.load(response)
    if "error" in answer:
        raise AssertionError(f"{method}: {answer['error']}")
    return answer["result"]


def block_number(url: str) -> int:
    return int(rpc(url, "eth_blockNumber"), 16)


def send_coin(url: str) -> str:
    """One mined transaction from an account that the hub does not use."""
    accounts = rpc(url, "eth_accounts")
    tx = {"from": accounts[8], "to": accounts[9], "value": "0x1"}
    return mined(url, str(rpc(url, "eth_sendTransaction", tx)))


def mined(url: str, tx: str) -> str:
    """Wait for a transaction: anvil makes its blocks a moment after it has answered."""
    deadline = time.monotonic() + 5
    while rpc(url, "eth_getTransactionReceipt", tx) is None:
        assert time.monotonic() < deadline, f"{tx} was not mined"
        time.sleep(0.005)
    return tx
