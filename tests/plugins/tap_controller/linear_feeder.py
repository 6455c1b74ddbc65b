"""A feeder that answers exactly linearly to taps, with known numbers, and a driver of searches."""

from collections.abc import Sequence

import numpy as np

from plugins.tap_controller.ranking import Floats
from plugins.tap_controller.search import Decision, Search, Taps
from plugins.tap_controller.windows import Regulator

STEP_PU = 0.00625


class LinearFeeder:
    """Voltages are `base + slopes.T @ taps` plus, if asked for, a bend that no line follows."""

    def __init__(self, base: Sequence[float], slopes: Sequence[Sequence[float]], bend: float = 0):
        self.base = np.array(base, dtype=np.float64)
        self.slopes = np.array(slopes, dtype=np.float64)
        self.bend = bend
        self.solved: list[Taps] = []
        self.unsolvable: set[Taps] = set()

    def solve(self, taps: Taps) -> Floats:
        self.solved.append(taps)
        if taps in self.unsolvable:
            return np.empty(0)
        moved = np.array(taps, dtype=np.float64)
        return self.base + moved @ self.slopes + self.bend * (moved**2).sum() * STEP_PU**2

    def run(self, search: Search) -> Decision:
        try:
            wanted = next(search)
            while True:
                wanted = search.send([self.solve(taps) for taps in wanted])
        except StopIteration as end:
            decision: Decision = end.value
            return decision


def regulators(count: int, lowest: int = -16, highest: int = 16) -> list[Regulator]:
    return [Regulator(f"reg{i}", lowest, highest) for i in range(count)]
