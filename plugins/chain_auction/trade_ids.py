"""The contract's trade ids: round, bid and ask in one number of up to 29 digits.

Pure. As `Trades._pair` of the contract takes them apart.
"""

from __future__ import annotations

_ORDER_BITS = 32
_ORDER_MASK = (1 << _ORDER_BITS) - 1


def numbered(trade_id: int) -> str:
    """Return an id in words, such as `trade of bid 5 and ask 6 in round 12`."""
    round_ = trade_id >> 2 * _ORDER_BITS
    bid_id, ask_id = trade_id >> _ORDER_BITS & _ORDER_MASK, trade_id & _ORDER_MASK
    if not round_:
        return f"trade {trade_id}"  # no trade of the contract
    return f"trade of bid {bid_id} and ask {ask_id} in round {round_}"
