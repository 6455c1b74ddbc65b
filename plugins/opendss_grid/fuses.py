"""Service fuses: how long they bear an overload."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .protocol import FloatArray

#: A gG fuse (IEC 60269) never blows below 1.25 times its rating and blows within an hour at 1.6
#: times. The exponent puts five times its rating at about five seconds.
_NEVER_BELOW = 1.25
_HOUR_AT = 1.6
_EXPONENT = 5.8


class FuseBox:
    """One fuse per house. Damage adds up while a fuse is overloaded and heals when it is not."""

    def __init__(self, ratings_a: Sequence[float]) -> None:
        self._ratings_a = np.array(ratings_a, dtype=np.float64)
        self._damage = np.zeros(len(ratings_a))

    def expose(self, currents_a: FloatArray, elapsed_s: float) -> NDArray[np.intp]:
        """Return the houses whose fuse blows after so many seconds at these currents."""
        ratio = currents_a / self._ratings_a
        melting_s = 3600 * (np.maximum(ratio, _NEVER_BELOW) / _HOUR_AT) ** -_EXPONENT
        overloaded = ratio > _NEVER_BELOW
        self._damage = np.where(overloaded, self._damage + elapsed_s / melting_s, 0.0)
        return np.flatnonzero(self._damage >= 1)

    def replace(self, house: int) -> None:
        """Put a new fuse in."""
        self._damage[house] = 0.0
