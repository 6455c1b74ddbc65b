"""Where a feeder's head is: the power there is that of all customers and all losses."""

from pathlib import Path

import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import HeadTerminal

BEGIN = "Clear\nNew Circuit.c basekv=12.47 pu=1.02\n"
END = "Set VoltageBases=[12.47 0.48]\nCalcVoltageBases\n"
RADIAL = """New Line.a bus1=sourcebus bus2=x r1=0.3 x1=0.5 length=2 units=km
New Line.b bus1=x bus2=y r1=0.3 x1=0.5 length=3 units=km
New Load.y bus1=y kv=12.47 kw=1500 pf=0.9
"""
#: Half of the feeder comes in here.
SECOND_SOURCE = "New Vsource.two bus1=y basekv=12.47 pu=1.02\n"
FEEDERS = """New Line.f1 bus1=sourcebus bus2=a r1=0.3 x1=0.5 length=2 units=km
New Line.f2 bus1=sourcebus bus2=b r1=0.3 x1=0.5 length=3 units=km
New Load.a bus1=a kv=12.47 kw=1000 pf=0.9
New Load.b bus1=b kv=12.47 kw=1500 pf=0.9
New EnergyMeter.one element=line.f1
New EnergyMeter.two element=line.f2
"""
PARALLEL = """New Transformer.t1 buses=(sourcebus x) kvs=(12.47 0.48) kvas=(1000 1000) xhl=5
New Transformer.t2 buses=(sourcebus x) kvs=(12.47 0.48) kvas=(500 500) xhl=5
New Load.x bus1=x kv=0.48 kw=900 pf=0.9
New EnergyMeter.m element=transformer.t1 terminal=2
"""
SOURCE = (HeadTerminal("vsource.source", 1, False),)


@pytest.mark.parametrize(
    ("circuit", "heads"),
    [
        (RADIAL, SOURCE),
        (RADIAL + "New EnergyMeter.m element=line.a", (HeadTerminal("line.a", 1, True),)),
        (
            RADIAL + "New EnergyMeter.far element=line.a terminal=2",
            (HeadTerminal("line.a", 2, False),),
        ),
        (
            RADIAL.replace("bus1=sourcebus bus2=x", "bus1=x bus2=sourcebus")
            + "New EnergyMeter.m element=line.a terminal=2",
            (HeadTerminal("line.a", 2, True),),
        ),
        # One feeder of several, one of two parallel transformers, a meter with a customer above.
        (FEEDERS, SOURCE),
        (PARALLEL, SOURCE),
        (
            RADIAL + "New Load.x bus1=x kv=12.47 kw=9\nNew EnergyMeter.m element=line.b",
            SOURCE,
        ),
        (
            RADIAL + SECOND_SOURCE + "New EnergyMeter.m element=line.a",
            (*SOURCE, HeadTerminal("vsource.two", 1, False)),
        ),
        # The first meter that all customers lie behind, and ties that are open do not count.
        (
            RADIAL
            + "New EnergyMeter.sub element=line.b\nNew EnergyMeter.all element=line.a\n"
            + "New Line.tie bus1=sourcebus bus2=y length=1 units=km\nOpen Line.tie 1",
            (HeadTerminal("line.b", 1, True),),
        ),
    ],
)
def test_all_power_passes_the_head(tmp_path: Path, circuit: str, heads) -> None:
    path = tmp_path / "circuit.dss"
    path.write_text(f"{BEGIN}{circuit}\n{END}")
    engine = OpenDssEngine()
    compiled = engine.compile(path)
    assert compiled.heads == heads
    engine.use_local_regulators(False)
    for _ in range(2):  # the second is worked out from admittances
        solution = engine.solve()
        consumed_va = sum(engine.load_powers(row).sum() for row in range(len(compiled.loads)))
        upstream_va = 0 if heads[0].element.startswith("vsource") else solution.losses_va
        assert solution.source_va.sum() == pytest.approx(
            consumed_va + solution.losses_va, abs=abs(upstream_va) + 20
        )
        assert solution.source_va.sum().real > 0.9 * consumed_va.real


def test_the_breaker_at_the_head_takes_everything_away(tmp_path: Path) -> None:
    path = tmp_path / "circuit.dss"
    path.write_text(f"{BEGIN}{FEEDERS}{END}")
    engine = OpenDssEngine()
    engine.compile(path)
    engine.set_head(False)
    engine.solve()
    assert abs(engine.solve().source_va.sum()) < 1
    engine.set_head(True)
    assert engine.solve().source_va.sum().real > 2.5e6
