"""A circuit as utilities write them, run unchanged: files in folders, own controls, odd parts."""

import asyncio
from pathlib import Path

import pytest

from hub.check import check_plugins
from hub.config import load
from hub.grid_messages import MeteringPoints
from hub.loader import Loader
from hub.messages import Command
from hub.testing import Recording, in_virtual_time, running
from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.topology import layout, span

MASTER = r"""Clear
Set DefaultBaseFrequency=50
New Circuit.any basekv=66 bus1=grid pu=1.02 r1=0.1 x1=1 r0=0.1 x0=1
New Transformer.sub phases=3 windings=2 buses=(grid head) conns=(delta wye) kvs=(66 11)
~ kvas=(8000 8000) xhl=8
Redirect parts\lines.dss
Redirect "parts/loads.dss"
New EnergyMeter.m element=Line.a terminal=1
Set VoltageBases=[66, 11, 0.416, 0.208]
CalcVoltageBases
Buscoords coords.csv
Set Editor="{editor}"
Solve
Show Voltages LN Nodes
Plot profile phases=all
"""
LINES = """Redirect deep/Codes.DSS
New Line.a bus1=head bus2=B1 linecode=oh length=2 units=km
New Line.b bus1=B1 bus2=b2 linecode=oh length=1.5 units=mi
New Line.c phases=1 bus1=b2.2 bus2=b3.2 linecode=one length=800 units=m
New Line.tie bus1=b2 bus2=b9 linecode=oh length=10 units=m
New Line.far bus1=b9 bus2=b10 linecode=oh length=1 units=km
Open Line.tie 1
New Line.old bus1=b2 bus2=b4 linecode=oh length=1 enabled=no
New Line.sw bus1=b2 bus2=b5 switch=yes
New Transformer.lv phases=3 windings=2 buses=(b5 l5.1.2.3.0) conns=(delta wye) kvs=(11 0.4)
~ kvas=(400 400) xhl=4
New Transformer.split phases=1 windings=3 buses=(b3.2 s3.1.0 s3.0.2) kvs=(6.35 0.12 0.12)
~ kvas=(50 50 50) xhl=2 xht=2 xlt=1.4
New Capacitor.bank bus1=b5 kvar=300 kv=11
New CapControl.cc element=line.b capacitor=bank type=kvar ON=100 OFF=-250
New Reactor.neutral bus1=b5 bus2=b6 r=0.1 x=0.1
New Fuse.f MonitoredObj=Line.c MonitoredTerm=1 RatedCurrent=100
"""
CODES = """New linecode.oh nphases=3 r1=0.3 x1=0.35 r0=0.6 x0=1.4 c1=10 c0=5 units=km
New linecode.one nphases=1 r1=0.6 x1=0.5 r0=0.6 x0=0.5 c1=8 c0=8 units=km
"""
LOADS = """New LoadShape.day npts=2 interval=12 mult=(1 1)
New Load.delta bus1=b5.1.2 phases=1 conn=delta kv=11 kw=80 pf=0.95 daily=day
New Load.lv bus1=l5 kv=0.4 kw=120 kvar=40
New Load.split1 bus1=s3.1 phases=1 kv=0.12 kw=4 pf=1
New Load.split2 bus1=s3.1.2 phases=1 kv=0.24 kw=9 pf=0.98
New Load.alloc bus1=b6 kv=11 xfkva=200 allocationfactor=0.5 pf=0.9
New Generator.g bus1=b5 kv=11 kw=200 pf=1 model=1
New PVSystem.pv bus1=l5 kv=0.4 kva=60 pmpp=50 irradiance=0.8
New Storage.batt bus1=l5 kv=0.4 kwrated=30 kwhrated=100 %stored=50 state=idling
"""
COORDS = "head,0,0\nB1,10,0\nb2,20,0\nb3,20,5\nb5,30,0\nb6,30,5\nb9,20,-5\nnowhere,1,1\n"
HUB = """
houses:
  h1: {bus: b5.1, nominal_v: 240, pv: {kwp: 5}}
  h2: {bus: l5.1, nominal_v: 240}
  shop: {bus: b6.1.2.3, nominal_v: 6351, feeder_load: alloc, load: {profile: none}}
plugins:
  grid: {use: opendss_grid, feeder: my feeder/Master file.dss}
"""


@pytest.fixture
def master(tmp_path: Path) -> Path:
    folder = tmp_path / "my feeder"
    (folder / "parts/deep").mkdir(parents=True)
    editor = tmp_path / "editor.sh"
    editor.write_text(f"#!/bin/sh\ntouch '{tmp_path}/opened'\n")
    editor.chmod(0o755)
    for name, text in (
        ("Master file.dss", MASTER.replace("{editor}", str(editor))),
        ("parts/lines.dss", LINES),
        ("parts/loads.dss", LOADS),
        ("parts/deep/Codes.DSS", CODES),
        ("coords.csv", COORDS),
    ):
        (folder / name).write_text(text)
    return folder / "Master file.dss"


def test_it_compiles_and_every_bus_has_a_place(master: Path) -> None:
    engine = OpenDssEngine()
    circuit = engine.compile(master)
    assert circuit.head_bus == "head"
    assert "line.old" not in [branch.name for branch in circuit.branches]
    assert circuit.bus("b2").xy == (20, 0)
    tree = span(circuit)
    places = layout(circuit, tree)
    assert set(places) == {bus.name for bus in circuit.buses}
    assert tree.distance_m["b2"] == pytest.approx(2000 + 1.5 * 1609.344)


def test_buses_behind_an_open_switch_have_the_base_of_their_line(master: Path) -> None:
    circuit = OpenDssEngine().compile(master)
    for bus in ("b2", "b9", "b10"):
        assert circuit.bus(bus).kv_base == pytest.approx(11 / 3**0.5, rel=1e-6), bus
    assert circuit.bus("l5").kv_base == pytest.approx(0.416 / 3**0.5, rel=1e-6)


def test_no_window_opens(master: Path) -> None:
    OpenDssEngine().compile(master)
    assert not (master.parents[1] / "opened").exists()


def test_it_is_checked_and_runs_with_houses(master: Path) -> None:
    path = master.parents[1] / "hub.yaml"
    path.write_text(HUB)
    loader = Loader(path.parent)
    checked = check_plugins(load(path, loader.resolve, known_types=loader.known_types()), loader)
    assert checked.problems == []

    async def program():
        async with running(path.parent, HUB) as hub:
            await hub.settled()
            seen = Recording(hub, "grid/grid/metering")
            await asyncio.sleep(3.5)
            state = hub.bus.last("grid/grid/state").message
            results = [
                await hub.commands.send(Command(target, action, {}))
                for target, action in (
                    ("grid/grid/capacitor/bank", "open"),
                    ("grid/grid/branch/line.tie", "close"),
                    ("house/shop", "open_service"),
                )
            ]
            return state, seen.messages, results, hub.bus.last("grid/grid/state").message

    state, metering, results, after = in_virtual_time(program)
    assert state.converged
    volts = dict(zip(state.nodes, state.voltages_pu, strict=True))
    assert volts["b10.1"] == 0.0
    assert 0.9 < volts["h2.1"] < 1.1
    assert len(metering) == 4  # one at the start, then one a step
    assert all(isinstance(message, MeteringPoints) for message in metering)
    powers = dict(zip(metering[0].devices, metering[0].powers_w, strict=True))
    assert powers["shop"] > 0
    assert "head" in powers
    # Its own control closes the bank again at once.
    assert "bank still gives" in results[0].reason
    assert [result.reason for result in results[1:]] == ["", ""]
    assert after.voltages_pu[after.nodes.index("b10.1")] > 0.9
