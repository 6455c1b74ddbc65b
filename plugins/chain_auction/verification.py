"""Was a round cleared as the rules say? The same book through the clearing in Python.

Pure.
"""

from __future__ import annotations

from .book import FinishedRound
from .clearing import clear


def differences(finished: FinishedRound) -> list[str]:
    """Where a round deviates from the exact clearing of the book it found; empty if nowhere."""
    cleared = finished.cleared
    expected = clear(finished.orders, mode=cleared.mode, now=finished.opened_at)
    found = []
    if expected.mcp_wei_per_kwh != cleared.mcp_wei_per_kwh:
        found.append(
            f"clearing price {cleared.mcp_wei_per_kwh} instead of {expected.mcp_wei_per_kwh}"
        )
    if expected.volume_wh != cleared.qty_wh:
        found.append(f"{cleared.qty_wh} Wh cleared instead of {expected.volume_wh} Wh")
    got = [(t.bid_id, t.ask_id, t.qty_wh, t.price_wei_per_kwh) for t in finished.trades]
    wanted = [(f.bid_id, f.ask_id, f.qty_wh, f.price_wei_per_kwh) for f in expected.fills]
    if got != wanted:
        wrong = next((pair for pair in zip(got, wanted, strict=False) if pair[0] != pair[1]), None)
        found.append(
            f"trade {wrong[0]} instead of {wrong[1]}"
            if wrong
            else f"{len(got)} trades instead of {len(wanted)}"
        )
    return found
