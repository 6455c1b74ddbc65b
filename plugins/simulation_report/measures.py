"""Energy flows of houses and of groups of houses, and the measures made of them.

All energies are whole mWh per interval, one row per interval and one column per house. What each
measure means is said in `definitions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .counter_log import IntArray
from .netting_log import Netted


@dataclass(frozen=True, slots=True)
class Flows:
    """Energy per interval (rows) and house (columns) in mWh.

    `metered` says per house whether its meter was ever heard; where not, import and export are 0
    here and unknown. `known` says whether production and battery are known besides; where not,
    consumption is not.
    """

    imported: IntArray
    exported: IntArray
    produced: IntArray
    charged: IntArray
    discharged: IntArray
    metered: NDArray[np.bool_]
    known: NDArray[np.bool_]

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
            self.metered[rows],
            self.known[rows],
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Energies of a house or a group over the run in mWh; None where they are not known.

    Import and export of a group are those of its houses whose meters were heard. For a group,
    `from_grid` and `to_grid` are netted; for a house they are import and export.
    """

    imported: int | None
    exported: int | None
    from_grid: int | None
    to_grid: int | None
    produced: int | None
    charged: int | None
    discharged: int | None
    consumed: int | None

    @property
    def shared(self) -> int | None:
        """What stayed among the houses of a group."""
        if self.imported is None or self.from_grid is None:
            return None
        return self.imported - self.from_grid

    @property
    def self_sufficiency(self) -> float | None:
        """0 to 1; None where consumption is unknown or nothing was consumed."""
        if self.consumed is None or self.consumed <= 0 or self.from_grid is None:
            return None
        return 1 - min(self.from_grid, self.consumed) / self.consumed

    @property
    def self_consumption(self) -> float | None:
        """0 to 1; None where production is unknown or nothing was produced."""
        if not self.produced or self.to_grid is None:
            return None
        return 1 - min(self.to_grid, self.produced) / self.produced


def balance(flows: Flows, netted: Netted | None = None) -> Balance:
    """Return the balance of the houses of `flows`: of a group with what it `netted`, of one house
    without.
    """
    known, heard = bool(flows.known.all()), bool(flows.metered.any())
    imported, exported = int(flows.imported.sum()), int(flows.exported.sum())
    whole = netted or Netted(imported, exported)
    return Balance(
        imported=imported if heard else None,
        exported=exported if heard else None,
        from_grid=whole.from_grid if heard else None,
        to_grid=whole.to_grid if heard else None,
        produced=int(flows.produced.sum()) if known else None,
        charged=int(flows.charged.sum()) if known else None,
        discharged=int(flows.discharged.sum()) if known else None,
        consumed=int(flows.consumed.sum()) if known else None,
    )
