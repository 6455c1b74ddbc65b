"""Energy flows of houses and of groups of houses, and the measures made of them.

All energies are whole mWh per interval, one row per interval and one column per house. What each
measure means is said in `definitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .counter_log import IntArray


@dataclass(frozen=True, slots=True)
class Flows:
    """Energy per interval (rows) and house (columns) in mWh.

    `known` says per house whether production and battery are known; where not, consumption is not.
    """

    imported: IntArray
    exported: IntArray
    produced: IntArray
    charged: IntArray
    discharged: IntArray
    known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    @property
    def consumed(self) -> IntArray:
        """Consumption by the balance at the meter; its error can make it fall below 0."""
        return self.imported - self.exported + self.produced - self.charged + self.discharged

    def of(self, columns: Sequence[int]) -> Flows:
        """Return the flows of some of the houses."""
        rows = list(columns)
        return Flows(
            self.imported[:, rows],
            self.exported[:, rows],
            self.produced[:, rows],
            self.charged[:, rows],
            self.discharged[:, rows],
            self.known[rows],
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Energies of a house or a group over the run in mWh; None where they are not known.

    For a group, `from_grid` and `to_grid` are netted per interval; for a house they are import and
    export.
    """

    imported: int
    exported: int
    from_grid: int
    to_grid: int
    produced: int | None
    charged: int | None
    discharged: int | None
    consumed: int | None

    @property
    def shared(self) -> int:
        """What stayed among the houses of a group."""
        return self.imported - self.from_grid

    @property
    def self_sufficiency(self) -> float | None:
        """0 to 1; None where consumption is unknown or nothing was consumed."""
        if self.consumed is None or self.consumed <= 0:
            return None
        return 1 - min(self.from_grid, self.consumed) / self.consumed

    @property
    def self_consumption(self) -> float | None:
        """0 to 1; None where production is unknown or nothing was produced."""
        if not self.produced:
            return None
        return 1 - min(self.to_grid, self.produced) / self.produced


def balance(flows: Flows) -> Balance:
    """Return the balance of all houses of `flows` as one group; of one house, if it is one."""
    net = (flows.imported - flows.exported).sum(axis=1)
    imported, exported = int(flows.imported.sum()), int(flows.exported.sum())
    single = flows.imported.shape[1] == 1
    known = bool(flows.known.all())
    return Balance(
        imported=imported,
        exported=exported,
        from_grid=imported if single else int(np.maximum(net, 0).sum()),
        to_grid=exported if single else int(np.maximum(-net, 0).sum()),
        produced=int(flows.produced.sum()) if known else None,
        charged=int(flows.charged.sum()) if known else None,
        discharged=int(flows.discharged.sum()) if known else None,
        consumed=int(flows.consumed.sum()) if known else None,
    )
