"""Fuses against the conventional times of IEC 60269 (gG)."""

import numpy as np
import pytest

from plugins.opendss_grid.fuses import FuseBox


@pytest.mark.parametrize(
    ("times_rating", "bears_s", "gone_s"),
    [(1.0, 1e9, None), (1.24, 1e9, None), (1.6, 3000, 3700), (5.0, 2, 10), (12.0, 0.001, 0.5)],
)
def test_a_fuse_bears_and_blows_as_the_standard_says(times_rating, bears_s, gone_s) -> None:
    box = FuseBox([100.0])
    currents = np.array([100.0 * times_rating])
    assert not len(box.expose(currents, bears_s))
    if gone_s is not None:
        assert list(box.expose(currents, gone_s - bears_s)) == [0]


def test_a_pause_heals_and_a_new_fuse_is_whole() -> None:
    box = FuseBox([100.0, 100.0])
    overload = np.array([160.0, 10.0])
    assert not len(box.expose(overload, 2000))
    assert not len(box.expose(np.array([10.0, 10.0]), 1))
    assert not len(box.expose(overload, 2000))
    assert list(box.expose(overload, 2000)) == [0]
    box.replace(0)
    assert not len(box.expose(overload, 2000))
