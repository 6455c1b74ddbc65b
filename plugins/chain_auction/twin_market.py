"""The market without a chain: the contract's twin in Python behind the same interface.

Used in virtual time. Nothing outside is awaited, nothing is written but what the clearing house
writes itself, and the same program gives the same events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from . import store
from .clearing import PricingMode
from .events import Entry, Head, News
from .market import Funds, MarketFacts, Placed, Proof
from .problems import Refused
from .sentences import sentence
from .store import ChainRow
from .tables import Ledger
from .twin import Market as Twin
from .twin_events import Refused as TwinRefused
from .twin_records import Params

#: What every trader has in its wallet at the start, as on the embedded chain.
INITIAL_WALLET_WEI = 10_000 * 10**18
#: Events are for the record only, since a new twin begins anew: so many are written at once.
WRITTEN_AT_ONCE = 1_000


def pseudo_address(house: str) -> str:
    """An address for a house where there are no keys; the same for the same house."""
    return "0x" + hashlib.sha256(house.encode()).hexdigest()[:40]


class TwinMarket:
    """One twin. `now_s` is the hub's time in whole seconds."""

    def __init__(
        self, params: Params, *, price_tick_wei: int, lot_wh: int, now_s: Callable[[], int]
    ) -> None:
        self._twin = Twin(params, price_tick=price_tick_wei, lot_wh=lot_wh)
        self._now_s = now_s
        self._calls = 0
        self._wallets: dict[str, int] = {}
        self._done: dict[str, object] = {}
        self._entries: list[Entry] = []
        self._unwritten: list[Entry] = []
        self.chain_key = 0
        self.facts = MarketFacts(
            chain_id=0,
            rpc_url="",
            contract="",
            abi=(),
            embedded=True,
            price_tick_wei=price_tick_wei,
            lot_wh=lot_wh,
            min_qty_wh=params.min_qty_wh,
            order_ttl_s=params.order_ttl_s,
            settlement_ttl_s=params.settlement_ttl_s,
            deposit_permille=params.deposit_rate_permille,
            max_open_wh=params.max_open_wh,
            pricing_mode=PricingMode(params.mode),
        )

    async def open(self, ledger: Ledger, market: str) -> None:
        """Open a page in the ledger; that of an earlier twin is put aside."""

        def begin(connection: Connection) -> ChainRow:
            old = store.current_chain(connection, market)
            if old is not None:
                store.archive_chain(connection, old.id, self._now_s(), "a new simulation began")
            return store.begin_chain(
                connection, market, chain_id=0, genesis="twin",
                head=Head(0, "", self._now_s()),
            )  # fmt: skip

        self._ledger = ledger
        self.chain_key = (await ledger.run(begin)).id

    def _call(self, request_id: str, what: Callable[[], object]) -> object:
        """Carry a request out once and note what the twin said."""
        if request_id in self._done:
            return self._done[request_id]
        try:
            result = what()
        except TwinRefused as refusal:
            raise Refused(sentence(refusal.name, refusal.figures)) from refusal
        self._done[request_id] = result
        self._calls += 1
        for event in self._twin.take_events():
            self._entries.append(
                Entry(event, self._now_s(), block=self._calls, index=len(self._entries))
            )
        return result

    async def poll(self) -> News:
        entries, self._entries = self._entries, []
        self._unwritten += entries
        if len(self._unwritten) >= WRITTEN_AT_ONCE:
            await self._write()
        return News(self._head(), tuple(entries))

    def _head(self) -> Head:
        return Head(self._calls, "", self._now_s())

    async def _write(self) -> None:
        entries, self._unwritten = self._unwritten, []
        save = partial(
            store.save_checkpoint, chain=self.chain_key, head=self._head(), entries=entries, seen=()
        )
        await self._ledger.run(save)

    async def place(
        self, trader: str, *, is_bid: bool, price_wei_per_kwh: int, qty_wh: int, expiry: int,
        request_id: str,
    ) -> Placed:  # fmt: skip
        def place() -> int:
            escrow_wei = self._twin.escrow_for(
                is_bid=is_bid, price_wei_per_kwh=price_wei_per_kwh, qty_wh=qty_wh
            )
            short_wei = max(0, escrow_wei - self._twin.balances.get(trader, 0))
            wallet_wei = self._wallets.get(trader, INITIAL_WALLET_WEI)
            if short_wei > wallet_wei:
                raise TwinRefused("InsufficientBalance", needed=short_wei, available=wallet_wei)
            order_id = self._twin.place(
                trader, is_bid=is_bid, price_wei_per_kwh=price_wei_per_kwh, qty_wh=qty_wh,
                expiry=expiry, now=self._now_s(), value_wei=short_wei,
            )  # fmt: skip
            self._wallets[trader] = wallet_wei - short_wei
            return order_id

        order_id = self._call(request_id, place)
        assert isinstance(order_id, int)
        return Placed(order_id, "")

    async def cancel(self, trader: str, order_id: int, request_id: str) -> str:
        self._call(request_id, lambda: self._twin.cancel(order_id, trader))
        return ""

    async def match(self, max_matches: int, request_id: str) -> str:
        self._call(request_id, lambda: self._twin.match_orders(self._now_s()))
        return ""

    async def settle(
        self, proofs: Sequence[Proof], start_s: int, end_s: int, request_id: str
    ) -> Mapping[int, str]:
        refused: dict[int, str] = {}

        def settle() -> None:
            for proof in proofs:
                try:
                    self._twin.settle(*proof, now=self._now_s())
                except TwinRefused as refusal:
                    refused[proof.trade_id] = sentence(refusal.name, refusal.figures)

        self._call(request_id, settle)
        return refused

    async def expire(self, trade_id: int, request_id: str) -> str:
        self._call(request_id, lambda: self._twin.expire(trade_id, self._now_s()))
        return ""

    async def prune(self, order_ids: Sequence[int], request_id: str) -> str:
        self._call(request_id, lambda: self._twin.prune(order_ids, self._now_s()))
        return ""

    async def withdraw(self, trader: str, request_id: str) -> str:
        def withdraw() -> None:
            wallet_wei = self._wallets.get(trader, INITIAL_WALLET_WEI)
            self._wallets[trader] = wallet_wei + self._twin.withdraw(trader)

        self._call(request_id, withdraw)
        return ""

    async def funds(self, trader: str) -> Funds:
        return Funds(
            self._wallets.get(trader, INITIAL_WALLET_WEI), self._twin.balances.get(trader, 0)
        )

    def can_sign_for(self, trader: str) -> bool:  # there are no keys to miss
        return True

    async def retry_pending(self) -> None:
        return None

    async def close(self) -> None:
        if self._unwritten:
            await self._write()
