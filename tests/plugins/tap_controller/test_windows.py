"""Positions around a position: all that are near, or a few regulators at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.tap_controller.windows import MOST_COMBINATIONS, Regulator, Window


@given(st.integers(1, 60), st.integers(0, 32), st.data())
def test_a_window_is_small_enough_and_has_its_centre(count, travel, data):
    regulators = [Regulator(f"r{i}", -16, -16 + travel) for i in range(count)]
    centre = np.array([data.draw(st.integers(-16, -16 + travel)) for _ in regulators])
    window = Window(regulators)
    around = window.around(centre)
    assert len(around) <= MOST_COMBINATIONS
    assert (around == centre).all(axis=1).any()
    assert around.min() >= -16
    assert around.max() <= -16 + travel
    assert np.abs(around - centre).max() <= window.reach


@pytest.mark.parametrize(("count", "whole"), [(1, True), (3, True), (7, True), (8, False)])
def test_up_to_seven_regulators_are_moved_together(count: int, whole: bool):
    window = Window([Regulator(f"r{i}", -16, 16) for i in range(count)])
    assert window.is_whole is whole
    together = (window.around(np.zeros(count, dtype=np.int64)) != 0).sum(axis=1).max()
    assert together == (count if whole else 2)
