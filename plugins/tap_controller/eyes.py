"""What the controller can see: the circuit's description joined with the houses' meters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .watch import Point
from .windows import Regulator


@dataclass(frozen=True, slots=True)
class Meter:
    """A house's meter; `nominal_v` is phase to neutral."""

    house: str
    device: str
    nominal_v: float
    label: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The points that meters watch, by node of the twin, and the regulators."""

    points: Mapping[str, Point]
    regulators: tuple[Regulator, ...]


def read_layout(topology: Mapping[str, Any], meters: Sequence[Meter]) -> Layout:
    """Return the layout from a topology; ValueError if it is not one.

    A single-phase meter's quantity is `voltage`, any other has one per phase, such as `voltage_a`.
    """
    by_device = {meter.device: meter for meter in meters}
    try:
        regulators = tuple(
            Regulator(str(r["name"]), int(r["lowest"]), int(r["highest"]))
            for r in topology["regulators"]
        )
        points = {}
        for house in topology["houses"]:
            meter = by_device.get(house["device"])
            if meter is None:
                continue
            phases = [int(phase) for phase in house["phases"]]
            for phase in phases:
                letter = "abc"[phase - 1]
                node = f"{house['bus']}.{phase}"
                points[node] = Point(
                    node=node,
                    device=meter.device,
                    quantity=f"voltage_{letter}" if len(phases) > 1 else "voltage",
                    nominal_v=meter.nominal_v,
                    label=f"{meter.label} phase {letter.upper()}"
                    if len(phases) > 1
                    else meter.label,
                    house=meter.house,
                )
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the topology lacks {error}") from None
    if not regulators:
        raise ValueError("the feeder has no regulator")
    return Layout(points, regulators)
