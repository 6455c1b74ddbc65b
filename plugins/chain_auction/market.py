"""A market as the clearing house uses it: the contract on a chain, or its twin in virtual time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .clearing import PricingMode
from .events import News


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What does not change while the market runs. Energy in Wh, money in wei, times in s."""

    chain_id: int
    #: Address for wallets; empty where there is no chain.
    rpc_url: str
    contract: str
    abi: Sequence[Mapping[str, Any]]
    embedded: bool
    price_tick_wei: int
    lot_wh: int
    min_qty_wh: int
    order_ttl_s: int
    settlement_ttl_s: int
    deposit_permille: int
    #: What one trader may have open in order to place more; 0: any.
    max_open_wh: int
    pricing_mode: PricingMode

    @property
    def on_chain(self) -> bool:
        """Whether blocks and transactions stand behind the market."""
        return bool(self.contract)


class Placed(NamedTuple):
    """An order on the book."""

    order_id: int
    tx: str


class Proof(NamedTuple):
    """What the meters attest for one trade."""

    trade_id: int
    delivered_wh: int
    received_wh: int


class Funds(NamedTuple):
    """A trader's money outside escrow."""

    wallet_wei: int
    #: Withdrawable balance in the contract.
    credit_wei: int


class Market(Protocol):
    """One market.

    `request_id` makes a call idempotent: the same id is carried out once, whatever happens between.
    All calls raise `Refused` with a sentence, `Unreachable`, or `StillPending`.
    """

    @property
    def facts(self) -> MarketFacts:
        """The rules and the place of the market."""

    @property
    def chain_key(self) -> int:
        """The row in the ledger that everything about this market belongs to."""

    async def poll(self) -> News:
        """What happened since the last call."""

    async def place(
        self, trader: str, *, is_bid: bool, price_wei_per_kwh: int, qty_wh: int, expiry: int,
        request_id: str,
    ) -> Placed:  # fmt: skip
        """Put an order of a trader whose key the hub holds on the book."""

    async def cancel(self, trader: str, order_id: int, request_id: str) -> str:
        """Take an order off the book; returns the transaction."""

    async def match(self, max_matches: int, request_id: str) -> str:
        """Clear the book, or one page of it; returns the transaction."""

    async def settle(
        self, proofs: Sequence[Proof], start_s: int, end_s: int, request_id: str
    ) -> Mapping[int, str]:
        """Settle trades of one window; returns why some were left out, by trade."""

    async def expire(self, trade_id: int, request_id: str) -> str:
        """Close a trade whose deadline passed; returns the transaction."""

    async def prune(self, order_ids: Sequence[int], request_id: str) -> str:
        """Refund orders past their expiry; returns the transaction."""

    async def withdraw(self, trader: str, request_id: str) -> str:
        """Pay a trader's credit out to its wallet; returns the transaction."""

    async def funds(self, trader: str) -> Funds:
        """A trader's money outside escrow."""

    def can_sign_for(self, trader: str) -> bool:
        """Whether the hub holds the key of this address."""

    async def retry_pending(self) -> None:
        """Look after transactions that are under way."""

    async def close(self) -> None:
        """Release connections and processes."""
