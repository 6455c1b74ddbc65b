"""Which trade a metered Wh belongs to, when a house delivers several trades at once.

A meter counts all energy that crossed it; the trades of a house share that energy. The rule is
earliest deadline first: at any moment the energy goes to the trades whose windows end first, among
those of one end pro rata to what they still lack, and none gets more than it was sold. So a
settled trade is never touched by a later one, and no Wh is given out twice.

Times are milliseconds since the epoch, energy is milliwatt-hours (mWh); integers throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple


class Claim(NamedTuple):
    """What one trade may take from one meter in one direction."""

    id: int
    start_ms: int
    end_ms: int
    qty_mwh: int


def edges(claims: Sequence[Claim], until_ms: int) -> list[int]:
    """The moments up to `until_ms` at which the set of running windows changes."""
    moments = {moment for claim in claims for moment in (claim.start_ms, claim.end_ms)}
    return sorted(moment for moment in moments if moment <= until_ms)


def allocate(
    claims: Sequence[Claim], until_ms: int, energy_mwh: Callable[[int, int], int]
) -> dict[int, int]:
    """Give the energy metered up to `until_ms` to the claims; returns mWh by claim id.

    `energy_mwh(start, end)` is what the meter counted between two neighbouring edges; it is asked
    only for spans in which some claim runs. What it raises passes through.
    """
    given = {claim.id: 0 for claim in claims}
    for start_ms, end_ms in pairwise(edges(claims, until_ms)):
        running = [c for c in claims if c.start_ms <= start_ms and c.end_ms >= end_ms]
        if not running:
            continue
        left_mwh = energy_mwh(start_ms, end_ms)
        running.sort(key=lambda claim: (claim.end_ms, claim.id))
        for _, group in groupby(running, key=lambda claim: claim.end_ms):
            lacking = {claim.id: claim.qty_mwh - given[claim.id] for claim in group}
            for claim_id, part_mwh in share(left_mwh, lacking).items():
                given[claim_id] += part_mwh
                left_mwh -= part_mwh
    return given


def share(available: int, lacking: dict[int, int]) -> dict[int, int]:
    """Share an amount pro rata to what is lacking, by largest remainder, ties to the lower id."""
    total = sum(lacking.values())
    if available >= total:
        return dict(lacking)
    if available <= 0:
        return dict.fromkeys(lacking, 0)
    parts = {key: available * need // total for key, need in lacking.items()}
    rest = available - sum(parts.values())
    by_remainder = sorted(lacking, key=lambda key: (-(available * lacking[key] % total), key))
    for key in by_remainder[:rest]:
        parts[key] += 1
    return parts
