"""What hub.yaml says about a market on a chain, as plain values.

Pure, and free of web3, so that `plugin.py` can make them before that is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .twin_records import Params


@dataclass(frozen=True, slots=True)
class Place:
    """Where a market is to be: the instance's name, and what hub.yaml says about the contract.

    `where` is the plugin's place in hub.yaml, for error messages.
    """

    market: str
    embedded: bool
    contract: str | None
    deploy: bool
    first_block: int
    where: str


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """Patience in seconds; the highest fee per gas in wei, and the tip (None: as the node says)."""

    receipt_timeout_s: float
    resend_after_s: float
    replace_after_s: float
    max_fee_wei: int
    tip_wei: int | None = None


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Who signs. `wallets` are addresses of houses from hub.yaml, keys are never shown."""

    houses: tuple[str, ...]
    wallets: Mapping[str, str]
    operator_key: str | None = field(repr=False)
    oracle_key: str | None = field(repr=False)
    house_keys: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """A market on a chain. `rpc_url` is for the hub alone, `wallet_rpc_url` for people."""

    place: Place
    rpc_url: str = field(repr=False)
    wallet_rpc_url: str
    chain_id: int | None
    confirmations: int
    price_tick_wei: int
    lot_wh: int
    params: Params
    sender: SenderSettings
    keys: KeySettings
