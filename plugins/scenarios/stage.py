"""What a scenario can do and see: told here as an interface, so that the plays know no hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class ScenarioFailed(Exception):
    """A step did not come out as it should; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Point:
    """A voltage that a meter tells: on which topic, and of which node of the circuit, as `675.2`.

    `phase` is empty at a meter of one phase; `nominal_v` is phase to neutral.
    """

    house: str
    phase: str
    label: str
    topic: str
    node: str
    nominal_v: float


class Listener(Protocol):
    """Messages of one topic filter, from the moment it was opened."""

    async def first(self, wanted: Callable[[Any], bool], *, within_s: float, what: str) -> Any:
        """Return the first message that is wanted; `ScenarioFailed` if it does not come."""
        ...


class Stage(Protocol):
    """The hub as a play sees it. `elapsed_s` counts from the play's start."""

    time_lapse: float

    @property
    def elapsed_s(self) -> float: ...

    def say(self, text: str, **figures: Any) -> None:
        """Tell one step to whoever watches."""
        ...

    def name(self, house: str) -> str:
        """Return what people call a house; `ScenarioFailed` if it is not in hub.yaml."""
        ...

    def device(self, house: str) -> str:
        """Return the device name of its meter."""
        ...

    async def points(self, twin: str) -> Sequence[Point]:
        """Return all voltages of the feeder's meters, as a twin knows where they are."""
        ...

    def voltage_pu(self, point: Point, since: datetime) -> float | None:
        """Return |V| in pu as the meter last told it; None if it has not since then."""
        ...

    async def solve(self, twin: str, power_w: Mapping[str, float]) -> Mapping[str, float]:
        """Return |V| in pu by node if some meters had another net import, as a twin sees it."""
        ...

    def now(self) -> datetime: ...

    def listen(self, topic_filter: str) -> Listener: ...

    async def send(self, target: str, action: str, **args: Any) -> Mapping[str, Any]:
        """Have a command carried out; `ScenarioFailed` with the reason if it is not."""
        ...

    async def ask(self, service: str, request: Any = None) -> Any:
        """Ask a question; `ScenarioFailed` if nobody answers."""
        ...

    def reading(self, device: str, quantity: str) -> float | None:
        """Return a reading that is not stale, or None."""
        ...

    async def pause(self, seconds: float) -> None: ...


def check(condition: bool, text: str) -> None:
    """Fail the scenario with a sentence if a condition does not hold."""
    if not condition:
        raise ScenarioFailed(text)


def kwh(wh: int) -> str:
    """Return an energy for people: 3000 -> `3 kWh`."""
    return f"{wh / 1000:g} kWh"


def eth(wei: int) -> str:
    """Return an amount or a price per kWh in ETH, exactly."""
    whole, part = divmod(wei, 10**18)
    digits = f"{part:018d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
