"""Answers the questions of others about the market, by the names of the services `market/…`.

Pure: `plugin.py` offers the answers to the hub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import views
from .clearing_house import ClearingHouse


@dataclass(frozen=True, slots=True)
class Answerer:
    """Knows the market and the schedule. `window_s` is the length of a delivery window in s."""

    house: ClearingHouse
    names: views.Names
    next_match_at: Callable[[], datetime]
    window_s: float
    time_lapse: float

    @property
    def answers(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """What answers which question."""
        return {
            "info": self._info,
            "book": self._book,
            "trades": self._trades,
            "balances": self._balances,
            "sellers": self._sellers,
            "explain": self._explain,
        }

    def _now_s(self) -> int:
        return self.house.now_ms() // 1000

    async def _info(self, _: Any) -> Any:
        return views.info(
            self.house.market.facts,
            self.house.book,
            next_match_at=self.next_match_at(),
            window_s=self.window_s,
            head_block=self.house.head.number,
            accounts={party.house: party.address for party in self.house.parties.values()},
            time_lapse=self.time_lapse,
        )

    async def _book(self, _: Any) -> Any:
        facts = self.house.market.facts
        return views.book_answer(self.house.book, facts, self.names, self._now_s())

    async def _trades(self, request: Any) -> Any:
        wanted = dict(request or {})
        return views.trades_answer(
            self.house.book,
            self.house.plan,
            self.names,
            self.house.now_ms(),
            limit=int(wanted.get("limit", 50)),
            house=wanted.get("house"),
        )

    async def _balances(self, _: Any) -> Any:
        return {
            party.house: views.balance(
                self.house.book, party.address, await self.house.market.funds(party.address)
            )
            for party in self.house.parties.values()
        }

    async def _sellers(self, request: Any) -> Any:
        exclude = dict(request or {}).get("exclude")
        return views.sellers(self.house.book, self.names, self._now_s(), exclude)

    async def _explain(self, request: Any) -> Any:
        order_id = int(dict(request)["order_id"])
        facts = self.house.market.facts
        return {"text": views.explanation(self.house.book, facts, order_id, self._now_s())}
