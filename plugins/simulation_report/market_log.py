"""Rounds, trades and penalties of a market as its messages told them, in wei and Wh."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Round:
    """One clearing."""

    elapsed_s: float
    market: str
    number: int
    price_wei_per_kwh: int
    qty_wh: int
    trades: int


@dataclass(slots=True)
class Trade:
    """One trade from match to settlement. Buyer and seller are house ids, else addresses.

    `state`: matched, settled, short (settled in part) or expired. `paid_wh` is what was paid for.
    """

    elapsed_s: float
    market: str
    trade_id: int
    buyer: str
    seller: str
    qty_wh: int
    price_wei_per_kwh: int
    delivery_start_s: float | None = None
    delivery_end_s: float | None = None
    state: str = "matched"
    paid_wh: int = 0
    paid_wei: int = 0


@dataclass(frozen=True, slots=True)
class Penalty:
    """A deposit that went from the side at fault to the other; None where that is not known."""

    elapsed_s: float
    payer: str
    receiver: str | None
    amount_wei: int


@dataclass(slots=True)
class MarketLog:
    """All markets of a hub."""

    rounds: list[Round] = field(default_factory=list)
    trades: dict[tuple[str, int], Trade] = field(default_factory=dict)
    penalties: list[Penalty] = field(default_factory=list)
    #: House ids by address, as far as trades or the market itself told.
    houses: dict[str, str] = field(default_factory=dict)
    _closed_last: dict[str, Trade] = field(default_factory=dict)

    def matched(self, trade: Trade) -> None:
        """Take in a new trade."""
        self.trades[trade.market, trade.trade_id] = trade

    def scheduled(
        self, market: str, trade_id: int, parties: tuple[str, str], start_s: float, end_s: float
    ) -> None:
        """Take in the delivery window of a trade, and the houses behind the addresses."""
        trade = self.trades.get((market, trade_id))
        if trade is None:
            return
        for address, house in zip((trade.buyer, trade.seller), parties, strict=True):
            self.houses[address] = house
        trade.delivery_start_s, trade.delivery_end_s = start_s, end_s

    def settled(self, market: str, trade_id: int, paid_wh: int, paid_wei: int) -> None:
        """Take in a settlement."""
        trade = self.trades.get((market, trade_id))
        if trade is not None:
            trade.paid_wh, trade.paid_wei = paid_wh, paid_wei
            trade.state = "settled" if paid_wh >= trade.qty_wh else "short"
            self._closed_last[market] = trade

    def expired(self, market: str, trade_id: int) -> None:
        """Take in that nobody proved a trade in time."""
        trade = self.trades.get((market, trade_id))
        if trade is not None:
            trade.state = "expired"
            self._closed_last[market] = trade

    def penalised(self, elapsed_s: float, market: str, payer: str, amount_wei: int) -> None:
        """Take in a penalty: it belongs to the trade that was closed right before."""
        trade = self._closed_last.get(market)
        receiver = None
        if trade is not None and payer in (trade.buyer, trade.seller):
            receiver = trade.seller if payer == trade.buyer else trade.buyer
        self.penalties.append(Penalty(elapsed_s, payer, receiver, amount_wei))

    def name_houses(self) -> None:
        """Put house ids in the place of their addresses; call it once all is known."""
        for trade in self.trades.values():
            trade.buyer, trade.seller = self._house(trade.buyer), self._house(trade.seller)
        self.penalties = [
            replace(p, payer=self._house(p.payer), receiver=p.receiver and self._house(p.receiver))
            for p in self.penalties
        ]

    def _house(self, address: str) -> str:
        return self.houses.get(address, address)
