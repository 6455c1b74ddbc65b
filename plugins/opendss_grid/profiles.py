"""Clouds and consumption over the day: pure functions of time, place and seed.

Every value depends on the moment and the seed alone, not on the steps before, so a simulation gives
the same whatever its step and goes on alike after a restart.
"""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from statistics import NormalDist

import numpy as np

from .protocol import FloatArray

#: Relative powers by profile, month, kind of day and hour; the file names their source.
_TABLES: dict[str, list[list[list[float]]]] = {
    name: table
    for name, table in json.loads(
        Path(__file__).with_name("bdew_2025.json").read_text(encoding="utf-8")
    ).items()
    if isinstance(table, list)
}
_SATURDAY = 5
_HALF_AN_HOUR, _AN_HOUR = timedelta(minutes=30), timedelta(hours=1)


def load_factor(profile: str, local_time: datetime) -> float:
    """Return power relative to the yearly mean for `household`, `business`, `flat` or `none`.

    Households and business follow the BDEW standard load profiles H25 and G25.
    """
    if profile == "flat":
        return 1.0
    if profile == "none":
        return 0.0
    # Hourly means sit at the middle of their hour; in between they are joined by lines.
    before = local_time - _HALF_AN_HOUR
    share = (before.minute * 60 + before.second + before.microsecond / 1e6) / 3600
    after = before + _AN_HOUR
    return _hourly(profile, before) * (1 - share) + _hourly(profile, after) * share


def _hourly(profile: str, local_time: datetime) -> float:
    kind = max(0, local_time.weekday() - _SATURDAY + 1)
    return _TABLES[profile][local_time.month - 1][kind][local_time.hour]


class SmoothNoise:
    """Noise that is a function of time: normal values at knots, joined in between.

    The knots come from a counter-based generator keyed by seed and channel.
    """

    def __init__(self, seed: int, channel: int, size: int, knot_s: float) -> None:
        self._key = ((seed & 0xFFFF_FFFF_FFFF) << 16) | channel
        self._size = size
        self._knot_s = knot_s
        self._cache: dict[int, FloatArray] = {}

    def at(self, when: datetime) -> FloatArray:
        """Return `size` values with mean 0 and deviation 1."""
        position = when.timestamp() / self._knot_s
        index = math.floor(position)
        share = position - index
        between = self._knot(index) * (1 - share) + self._knot(index + 1) * share
        # A mean of two independent values varies less than each: bring it back.
        return between / math.hypot(1 - share, share)

    def before(self, when: datetime, lags_s: FloatArray) -> FloatArray:
        """Return the first of the values as it was so many seconds before a moment."""
        positions = (when.timestamp() - lags_s) / self._knot_s
        index = np.floor(positions).astype(np.intp)
        share = positions - index
        first, last = int(index.min()), int(index.max()) + 1
        knots = np.array([float(self._knot(each)[0]) for each in range(first, last + 1)])
        between = knots[index - first] * (1 - share) + knots[index - first + 1] * share
        return np.asarray(between / np.hypot(1 - share, share))

    def _knot(self, index: int) -> FloatArray:
        values = self._cache.get(index)
        if values is None:
            if len(self._cache) > 1:
                self._cache = {k: v for k, v in self._cache.items() if k >= index - 1}
            bits = np.random.Philox(key=self._key, counter=index << 64)
            values = np.random.Generator(bits).standard_normal(self._size)
            self._cache[index] = values
        return values


class Sky:
    """Clouds over the feeder: the share of the clear-sky light that comes through."""

    #: What a cloud lets through.
    _BEHIND_CLOUD = 0.3

    def __init__(self, seed: int, clouds: float) -> None:
        """`clouds` is the share of time with a cloud before the sun, 0 to 1."""
        self._noise = SmoothNoise(seed, channel=1, size=1, knot_s=600)
        self._clouds = clouds

    def clearness(self, when: datetime, lags_s: FloatArray) -> FloatArray:
        """Return the share of light, 0.3 to 1, at places that clouds reach so many seconds late."""
        if self._clouds <= 0:
            return np.ones(len(lags_s))
        if self._clouds >= 1 or not len(lags_s):
            return np.full(len(lags_s), self._BEHIND_CLOUD)
        excess = self._noise.before(when, lags_s) - NormalDist().inv_cdf(1 - self._clouds)
        return np.asarray(1 - (1 - self._BEHIND_CLOUD) / (1 + np.exp(-6 * excess)))
