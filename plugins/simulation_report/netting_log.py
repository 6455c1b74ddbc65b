"""Energy of groups of houses, netted in each quarter of an hour.

That is how communities are settled: what one house exports while another imports is shared among
them only if it happens at about the same time. The length must not depend on that of the run, or a
long run would look more self-sufficient than a short one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .counter_log import IntArray

NETTED_EACH_S = 900.0


@dataclass(frozen=True, slots=True)
class Netted:
    """What a group drew from the rest of the feeder and gave to it, in mWh."""

    from_grid: int = 0
    to_grid: int = 0


class NettingLog:
    """All groups, by name; each is the columns of its houses."""

    def __init__(self, groups: Mapping[str, Sequence[int]], houses: int) -> None:
        self._groups = {name: np.array(columns, np.int64) for name, columns in groups.items()}
        self._netted = dict.fromkeys(self._groups, Netted())
        self._net: IntArray = np.zeros(houses, dtype=np.int64)

    def count(self, imported_mwh: IntArray, exported_mwh: IntArray) -> None:
        """Take in what the houses imported and exported since the last time."""
        self._net = self._net + imported_mwh - exported_mwh

    def close(self) -> None:
        """End a quarter of an hour."""
        for name, columns in self._groups.items():
            net, so_far = int(self._net[columns].sum()), self._netted[name]
            self._netted[name] = Netted(
                so_far.from_grid + max(0, net), so_far.to_grid + max(0, -net)
            )
        self._net = np.zeros_like(self._net)

    def of(self, name: str) -> Netted:
        """Return the sums of a group over all that was closed."""
        return self._netted[name]
