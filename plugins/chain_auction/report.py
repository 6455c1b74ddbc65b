"""The oracle's word: meter reports as EIP-712 data, signed.

Field names and types are those of `IEnergyDoubleAuction.MeterBatch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from .market import Proof

_TYPES = {
    "Delivery": [
        {"name": "tradeId", "type": "uint256"},
        {"name": "deliveredWh", "type": "uint256"},
        {"name": "receivedWh", "type": "uint256"},
    ],
    "MeterBatch": [
        {"name": "windowStart", "type": "uint64"},
        {"name": "windowEnd", "type": "uint64"},
        {"name": "sequence", "type": "uint64"},
        {"name": "deliveries", "type": "Delivery[]"},
    ],
}


def meter_batch(proofs: Sequence[Proof], start_s: int, end_s: int) -> dict[str, Any]:
    """The message for the trades of one window.

    Its sequence number follows from the window and the trades alone: a report made again, even
    after the ledger was lost, has the same number, and the contract takes each number once.
    """
    deliveries = [
        {"tradeId": p.trade_id, "deliveredWh": p.delivered_wh, "receivedWh": p.received_wh}
        for p in sorted(proofs)
    ]
    identity = f"{start_s} {end_s} " + " ".join(str(d["tradeId"]) for d in deliveries)
    return {
        "windowStart": start_s,
        "windowEnd": end_s,
        "sequence": int.from_bytes(keccak(text=identity)[:8], "big"),
        "deliveries": deliveries,
    }


def sign_batch(
    oracle: LocalAccount, message: Mapping[str, Any], *, chain_id: int, contract: str
) -> bytes:
    """The oracle's signature over a batch for one contract on one chain."""
    domain = {
        "name": "EnergyDoubleAuction",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": contract,
    }
    signable = encode_typed_data(domain, _TYPES, dict(message))
    return bytes(oracle.sign_message(signable).signature)


def as_tuple(message: Mapping[str, Any]) -> tuple[int, int, int, list[tuple[int, int, int]]]:
    """The message in the order of the contract's struct."""
    return (
        message["windowStart"],
        message["windowEnd"],
        message["sequence"],
        [(d["tradeId"], d["deliveredWh"], d["receivedWh"]) for d in message["deliveries"]],
    )
