"""What the controller says of what it sees and does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .planner import Doubt, Plan
from .watch import Point


@dataclass(frozen=True, slots=True)
class Worst:
    """One voltage among all: `over` tells to which limit it is nearer."""

    label: str
    pu: float
    over: bool


def worst(
    voltages_pu: Mapping[str, float], points: Mapping[str, Point], low_pu: float, high_pu: float
) -> Worst:
    """Return the voltage that is farthest outside the limits; ValueError without voltages."""
    node = max(
        voltages_pu, key=lambda n: (max(voltages_pu[n] - high_pu, low_pu - voltages_pu[n]), n)
    )
    pu = voltages_pu[node]
    return Worst(points[node].label, pu, over=pu - high_pu >= low_pu - pu)


def highest(voltages_pu: Mapping[str, float], points: Mapping[str, Point]) -> Worst:
    """Return the highest voltage; ValueError without voltages."""
    node = max(voltages_pu, key=lambda n: (voltages_pu[n], n))
    return Worst(points[node].label, voltages_pu[node], over=True)


def violation(found: Worst, low_pu: float, high_pu: float, sales: Sequence[str]) -> str:
    """Return the sentence of a raised alarm; `sales` are descriptions of deliveries under way."""
    side, limit = ("above", high_pu) if found.over else ("below", low_pu)
    sentence = f"{found.label} has {found.pu:.3f} p.u., {side} the limit of {limit:g} p.u."
    if sales:
        sentence += f" Energy is being delivered: {', '.join(sales)}."
    return sentence


def moves(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Return `reg_a 7 to -2, reg_b 6 to 0`; what stays is left out."""
    changed = [
        f"{name} {before[name]} to {tap}" for name, tap in after.items() if before[name] != tap
    ]
    return ", ".join(changed)


def decision(
    before: Mapping[str, int], after: Mapping[str, int], highest_pu: float, lowest_pu: float
) -> str:
    """Return what is going to be done and what it is expected to lead to."""
    return (
        f"Moving {moves(before, after)}: voltages between {lowest_pu:.3f} and "
        f"{highest_pu:.3f} p.u. are expected."
    )


def doubts(found: Sequence[Doubt], points: Mapping[str, Point]) -> str:
    """Return what is said of meters that are not believed."""
    return "; ".join(
        f"{points[doubt.node].label} reads {doubt.measured_pu:.3f} p.u. where the twin expects "
        f"{doubt.expected_pu:.3f}: that is no matter of taps"
        for doubt in found
    )


def restored(peak: Worst, low_pu: float, moved: str | None) -> str:
    """Return the sentence of a cleared alarm."""
    how = f" after moving {moved}" if moved else ""
    band = f"from {low_pu:.3f} to {peak.pu:.3f} p.u., the highest at {peak.label}"
    return f"Voltages are within limits again{how}: {band}."


def shortened(address: str) -> str:
    """Return an address as wallets show it, such as `0x7099…79C8`."""
    return f"{address[:6]}…{address[-4:]}" if len(address) > 16 else address


def record(found: Plan, before: Mapping[str, int], at: datetime, reason: str) -> dict[str, Any]:
    """Return a decision as plain data, for the page."""
    return {
        "at": at.isoformat(),
        "reason": reason,
        "text": decision(before, found.taps, found.after_highest, found.after_lowest),
        "from": dict(before),
        "to": dict(found.taps),
        "moves": found.moves,
        "predicted": {
            "before_max": round(found.before_highest, 4),
            "before_min": round(found.before_lowest, 4),
            "after_max": round(found.after_highest, 4),
            "after_min": round(found.after_lowest, 4),
        },
        "limits_hold": found.limit_excess == 0,
        "target_reached": found.target_excess == 0,
    }
