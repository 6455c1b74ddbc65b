"""Energy measures against a case computed by hand, and what must always hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plugins.simulation_report.measures import Balance, Flows, balance
from plugins.simulation_report.netting_log import NettingLog


def flows(**columns: list[list[int]]) -> Flows:
    """One list per house, of its intervals; what is not given is 0."""
    shape = np.array(columns["imported"]).T.shape
    names = ("imported", "exported", "produced", "charged", "discharged")
    found = {n: np.array(columns[n]).T if n in columns else np.zeros(shape, int) for n in names}
    known = np.ones(shape[1], dtype=bool)
    return Flows(**found, metered=known.copy(), known=known)


def grouped(of: Flows) -> Balance:
    """All houses as one group, netted in each of their intervals."""
    houses = of.imported.shape[1]
    log = NettingLog({"all": range(houses)}, houses)
    for imported, exported in zip(of.imported, of.exported, strict=True):
        log.count(imported, exported)
        log.close()
    return balance(of, log.of("all"))


def test_one_house_by_hand():
    """PV gives 10, of which 4 leave and 2 charge; 3 imported, 1 from the battery: 8 are used."""
    of = balance(
        flows(
            imported=[[0, 3]], exported=[[4, 0]], produced=[[10, 0]],
            charged=[[2, 0]], discharged=[[0, 1]],
        )
    )  # fmt: skip
    assert of.consumed == 3 - 4 + 10 - 2 + 1 == 8
    assert of.self_sufficiency == pytest.approx(5 / 8)
    assert of.self_consumption == pytest.approx(6 / 10)


def test_two_neighbours_by_hand():
    """First interval: A gives 5, B takes 3 of them. Second: A gives 1, B takes 4."""
    both = flows(imported=[[0, 0], [3, 4]], exported=[[5, 1], [0, 0]], produced=[[5, 1], [0, 0]])
    of = grouped(both)
    assert (of.imported, of.exported) == (7, 6)
    assert (of.from_grid, of.to_grid) == (0 + 3, 2 + 0)
    assert of.shared == 4 == of.exported - of.to_grid
    assert of.consumed == 7
    assert of.self_sufficiency == pytest.approx(1 - 3 / 7)
    assert of.self_consumption == pytest.approx(1 - 2 / 6)


def test_without_production_or_consumption_there_is_no_share():
    assert balance(flows(imported=[[5]])).self_consumption is None
    assert balance(flows(imported=[[5]])).self_sufficiency == 0
    assert balance(flows(imported=[[0]])).self_sufficiency is None


def test_what_one_house_does_not_tell_is_unknown_for_the_group_but_not_for_the_others():
    both = flows(imported=[[5], [6]], produced=[[1], [0]])
    both.known[1] = False
    assert balance(both).consumed is None
    assert balance(both).produced is None
    assert balance(both).self_sufficiency is None
    assert balance(both).imported == 11
    assert balance(both.of([0])).consumed == 6


def test_a_meter_that_was_never_heard_is_unknown_and_in_no_sum():
    both = flows(imported=[[5], [0]])
    both.metered[1] = both.known[1] = False
    silent = balance(both.of([1]))
    assert (silent.imported, silent.exported, silent.consumed) == (None, None, None)
    assert (silent.self_sufficiency, silent.shared) == (None, None)
    assert grouped(both).imported == 5
    assert grouped(both).consumed is None


def test_what_is_netted_does_not_depend_on_how_often_one_looks_in_between():
    """In a quarter of an hour one house gives 4 and then another takes 3: 3 are shared."""
    log = NettingLog({"all": [0, 1], "one": [1]}, 2)
    log.count(np.array([0, 0]), np.array([4, 0]))
    log.count(np.array([0, 3]), np.array([0, 0]))
    log.close()
    assert (log.of("all").from_grid, log.of("all").to_grid) == (0, 1)
    assert (log.of("one").from_grid, log.of("one").to_grid) == (3, 0)
    log.count(np.array([0, 2]), np.array([0, 0]))
    assert log.of("all").from_grid == 0  # that quarter is not over
    log.close()
    assert (log.of("all").from_grid, log.of("all").to_grid) == (2, 1)


ENERGY = arrays(np.int64, (3, 2), elements=st.integers(0, 10**12))


@given(ENERGY, ENERGY, ENERGY, ENERGY, ENERGY)
def test_houses_add_up_to_the_group_and_energy_is_conserved(
    imported, exported, produced, charged, discharged
):
    all_of = Flows(imported, exported, produced, charged, discharged, *np.ones((2, 2), dtype=bool))
    group = grouped(all_of)
    houses = [balance(all_of.of([h])) for h in range(2)]
    for name in ("imported", "exported", "produced", "charged", "discharged", "consumed"):
        assert sum(getattr(house, name) for house in houses) == getattr(group, name), name
    assert group.imported - group.from_grid == group.exported - group.to_grid == group.shared
    assert 0 <= group.shared <= min(group.imported, group.exported)
    sources = group.from_grid + group.produced + group.discharged
    assert sources == group.consumed + group.to_grid + group.charged
    for of in (group, *houses):
        for share in (of.self_sufficiency, of.self_consumption):
            assert share is None or 0 <= share <= 1
