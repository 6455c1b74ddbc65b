"""Tap operations: when which regulator moved, how far, and on whose word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

#: Who moves a tap without a command: the regulator's own control.
OWN_CONTROL = "own control"


@dataclass(frozen=True, slots=True)
class TapMove:
    """One operation; `steps` are counted without sign."""

    elapsed_s: float
    feeder: str
    regulator: str
    before: int
    after: int
    by: str = OWN_CONTROL

    @property
    def steps(self) -> int:
        return abs(self.after - self.before)


class TapLog:
    """All regulators of all feeders. Positions are steps from neutral."""

    def __init__(self) -> None:
        self.moves: list[TapMove] = []
        self.start: dict[tuple[str, str], int] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self._commands: dict[float, str] = {}

    def note(self, elapsed_s: float, feeder: str, taps: Mapping[str, int]) -> None:
        """Take in the positions after a power flow."""
        for regulator, tap in taps.items():
            key = (feeder, regulator)
            before = self.positions.setdefault(key, tap)
            self.start.setdefault(key, tap)
            if tap != before:
                self.moves.append(TapMove(elapsed_s, feeder, regulator, before, tap))
                self.positions[key] = tap

    def commanded(self, elapsed_s: float, by: str) -> None:
        """Take in that a command to move was carried out; it may come before or after the move."""
        self._commands[elapsed_s] = by

    def attributed(self) -> list[TapMove]:
        """Return all moves with who commanded them."""
        return [
            replace(move, by=self._commands.get(move.elapsed_s, OWN_CONTROL)) for move in self.moves
        ]
