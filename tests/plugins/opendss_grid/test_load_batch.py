"""Loads set in one call against loads set one by one through the solver's classic interface."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugins.opendss_grid import load_batch
from plugins.opendss_grid.load_batch import LoadBatch
from plugins.opendss_grid.protocol import GridError
from plugins.opendss_grid.solver_library import dss

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"


def compiled() -> Any:
    context = dss.NewContext()
    context.Basic.AllowChangeDir(False)
    context.Text.Command(f'Compile "{FEEDER}"')
    context.Text.Command("Set Tolerance=1e-7")
    context.Solution.Solve()
    context.Text.Command("Set ControlMode=Off")
    return context


@pytest.mark.parametrize("worth_comparing", [0, 100])
def test_a_batch_gives_the_solution_of_loads_set_one_by_one(monkeypatch, worth_comparing) -> None:
    monkeypatch.setattr(load_batch, "_WORTH_COMPARING", worth_comparing)
    one_by_one, at_once = compiled(), compiled()
    names = one_by_one.Loads.AllNames()
    batch = LoadBatch(at_once, names, np.zeros(len(names)), np.zeros(len(names)))
    rng = np.random.default_rng(3)
    for round_ in range(8):
        power_w = rng.uniform(-50e3, 300e3, len(names))
        power_var = rng.uniform(-20e3, 100e3, len(names))
        if round_ % 4 == 3:
            power_w[:] = 0.0
        for name, w, var in zip(names, power_w, power_var, strict=True):
            one_by_one.Loads.Name(name)
            one_by_one.Loads.kW(w * 1e-3)
            one_by_one.Loads.kvar(var * 1e-3)
        batch.set(power_w, power_var)
        for context in (one_by_one, at_once):
            context.Solution.Solve()
            assert context.Solution.Converged()
        assert at_once.Circuit.AllBusVolts() == one_by_one.Circuit.AllBusVolts()
        # A common factor keeps all power factors; the solver then works kvar out itself.
        batch.set(power_w * 0.7, power_var * 0.7)
        for row, name in enumerate(names):
            at_once.Loads.Name(name)
            assert at_once.Loads.kvar() == pytest.approx(power_var[row] * 0.7e-3, rel=1e-9)


def test_a_batch_has_the_order_of_its_names() -> None:
    context = compiled()
    names = context.Loads.AllNames()[::-1][:3]
    batch = LoadBatch(context, names, np.zeros(3), np.zeros(3))
    batch.set(np.array([1e3, 2e3, 3e3]), np.array([4e3, 5e3, 6e3]))
    for row, name in enumerate(names):
        context.Loads.Name(name)
        assert context.Loads.kW() == pytest.approx(row + 1)
        assert context.Loads.kvar() == pytest.approx(row + 4)


def test_a_load_that_is_not_there_is_named() -> None:
    with pytest.raises(GridError, match="load nobody is not in the circuit"):
        LoadBatch(compiled(), ["s671", "nobody"], np.zeros(2), np.zeros(2))
