"""Which tap positions are tried around a position.

Up to seven regulators every combination nearby is tried. With more that would be too many: then
all combinations of every two regulators are, while the others stay, and the window moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from .ranking import Ints

#: Combinations tried at once; a window is as wide as this allows.
MOST_COMBINATIONS = 6_000


@dataclass(frozen=True, slots=True)
class Regulator:
    """A tap changer and the range of its positions."""

    name: str
    lowest: int
    highest: int


class Window:
    """The positions up to `reach` steps from a centre."""

    def __init__(self, regulators: Sequence[Regulator], most_reach: int | None = None) -> None:
        """`most_reach` makes it narrower than it could be."""
        self._regulators = regulators
        count = len(regulators)
        #: How many regulators differ from the centre at once.
        self._together = count if 3**count <= MOST_COMBINATIONS else min(2, count)
        if self._together < count and 9 * comb(count, 2) > MOST_COMBINATIONS:
            self._together = 1
        reach = self._widest()
        self.reach = reach if most_reach is None else min(reach, most_reach)

    @property
    def is_whole(self) -> bool:
        """Whether all combinations within the reach are in it."""
        return self._together == len(self._regulators)

    def _widest(self) -> int:
        groups = comb(len(self._regulators), self._together)
        travel = max(r.highest - r.lowest for r in self._regulators)
        reach = 1
        while reach < travel and groups * (2 * reach + 3) ** self._together <= MOST_COMBINATIONS:
            reach += 1
        return reach

    def around(self, centre: Ints) -> Ints:
        """Return all its positions, one row each."""
        ranges = [
            np.arange(max(r.lowest, int(c) - self.reach), min(r.highest, int(c) + self.reach) + 1)
            for r, c in zip(self._regulators, centre, strict=True)
        ]
        parts = []
        for group in combinations(range(len(ranges)), self._together):
            grid = np.meshgrid(*(ranges[i] for i in group), indexing="ij")
            part = np.tile(centre, (grid[0].size, 1))
            part[:, group] = np.stack(grid, axis=-1).reshape(-1, len(group))
            parts.append(part)
        return np.concatenate(parts)
