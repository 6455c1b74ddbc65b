"""Distances and diagrams, with coordinates and without."""

from pathlib import Path

import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import ServiceSpec
from plugins.opendss_grid.topology import layout, span

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
#: A small feeder without coordinates: a trunk with two laterals, one bus apart from all.
BARE = """Clear
New Circuit.bare basekv=12.47 bus1=s
New Line.l1 bus1=s bus2=a length=2 units=km
New Line.l2 bus1=a bus2=b length=1 units=km
New Line.l3 bus1=a bus2=c length=500 units=m
New Line.l4 bus1=c bus2=d length=0.25 units=mi
New Load.l bus1=d kv=12.47 kw=100
Set VoltageBases=[12.47]
CalcVoltageBases
"""


def test_distances_follow_the_lines() -> None:
    circuit = OpenDssEngine().compile(FEEDER)
    tree = span(circuit)
    feet = {"632": 2000, "645": 2500, "634": 2500, "671": 4000, "675": 4500, "652": 5100}
    for bus, expected in feet.items():
        assert tree.distance_m[bus] == pytest.approx(expected * 0.3048, abs=0.1), bus
    assert tree.parent["rg60"] == "650"
    assert tree.order[0] == "650"


def test_a_house_is_drawn_beside_its_bus() -> None:
    engine = OpenDssEngine()
    engine.compile(FEEDER)
    circuit = engine.add_services([ServiceSpec(f"h{i}", "671", (1,), 240.0) for i in range(12)])
    places = layout(circuit, span(circuit))
    assert len(set(places.values())) == len(circuit.buses)
    for i in range(12):
        for axis in (0, 1):
            assert abs(places[f"h{i}"][axis] - places["671"][axis]) < 0.3


def test_a_feeder_without_coordinates_is_drawn_as_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "bare.dss"
    path.write_text(BARE)
    circuit = OpenDssEngine().compile(path)
    assert circuit.head_bus == "s"
    tree = span(circuit)
    assert tree.distance_m["d"] == pytest.approx(2500 + 402.336)
    places = layout(circuit, tree)
    assert places["s"][1] == 1.0
    assert places["d"][1] == 0.0
    assert places["a"][1] > places["b"][1] == places["c"][1]
    assert places["s"][0] == places["a"][0]
    assert len(set(places.values())) == 5
