"""Circuits as others write them: what their files set, draw and write must not mislead the hub."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.houses import HouseSpec
from plugins.opendss_grid.protocol import FaultSpec, GridError
from plugins.opendss_grid.simulation import Settings, Simulation

START = datetime(2026, 3, 20, 12, tzinfo=UTC)
RADIAL = """Clear
New Circuit.radial basekv=11 r1=0 x1=0.0001 r0=0 x0=0.0001
New Line.l1 bus1=sourcebus bus2=b1 r1=0.5 x1=0.4 r0=0.5 x0=0.4 c1=0 c0=0 length=2 units=km
New Load.own bus1=b1 kv=11 kw=900 kvar=300
New Load.fixed bus1=b1 kv=11 kw=100 kvar=0 status=fixed
Set VoltageBases=[11 0.4]
CalcVoltageBases
"""
#: A low-voltage network that draws its neutral, earthed at the transformer alone.
FOUR_WIRES = """Clear
Set DefaultBaseFrequency=50
New Circuit.lv basekv=10
New Transformer.t buses=(sourcebus lv.1.2.3.4) conns=(delta wye) kvs=(10 0.4) kvas=(250 250) xhl=4
New Reactor.earth phases=1 bus1=lv.4 bus2=lv.0 R=0.1 X=0
New Line.c phases=4 bus1=lv.1.2.3.4 bus2=k.1.2.3.4 length=200 units=m
~ rmatrix=[0.0003|0 0.0003|0 0 0.0003|0 0 0 0.0003] cmatrix=[0|0 0|0 0 0|0 0 0 0]
~ xmatrix=[0.0001|0 0.0001|0 0 0.0001|0 0 0 0.0001]
New Load.a phases=1 bus1=k.1.4 kv=0.23 kw=8 pf=0.95
Set VoltageBases=[10 0.4]
CalcVoltageBases
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "circuit.dss"
    path.write_text(text)
    return path


def simulate(path: Path, *houses: HouseSpec) -> Simulation:
    return Simulation(OpenDssEngine(), path, houses, Settings(), START)


def test_a_load_multiplier_of_the_file_is_for_its_own_loads_only(tmp_path: Path) -> None:
    path = write(tmp_path, RADIAL + "Set LoadMult=0.5 Year=3\n")
    house = HouseSpec(
        "h", "h", "b1", (1, 2, 3), nominal_v=231, kva=400, profile="none", battery_kw=50
    )
    simulation = simulate(path, house)
    before = simulation.step(START, START)
    simulation.set_points.hold("battery", 0, 40_000.0, None)
    simulation.fleet.battery.capacity_wh[:] = 100_000.0
    after = simulation.step(START, START + timedelta(seconds=1))
    assert after.truth.powers_w[:3].sum() == pytest.approx(40_000)
    taken_w = after.solution.source_va.sum().real - before.solution.source_va.sum().real
    assert taken_w == pytest.approx(40_000, rel=0.02)


def test_a_load_multiplier_does_not_change_what_the_circuit_draws(tmp_path: Path) -> None:
    engine = OpenDssEngine()
    circuit = engine.compile(write(tmp_path, RADIAL + "Set LoadMult=0.5 Year=2\n"))
    assert [load.power_w for load in circuit.loads] == pytest.approx([461_250, 102_500])
    assert [load.power_var for load in circuit.loads] == pytest.approx([153_750, 0])
    solution = engine.solve()
    assert (solution.source_va.sum() - solution.losses_va).real == pytest.approx(563_750, rel=1e-4)


def test_figures_are_those_of_paper_and_pencil(tmp_path: Path) -> None:
    engine = OpenDssEngine()
    engine.compile(write(tmp_path, RADIAL))
    solution = engine.solve()
    # U1 - U2 = Z * I with I = (S / (3 * U2))* per phase, from U2 = U1 on until it stays.
    ohm, load_va = complex(0.5, 0.4) * 2, complex(1_000_000, 300_000)
    u1 = 11_000 / 3**0.5
    u2 = complex(u1)
    for _ in range(20):
        amps = (load_va / (3 * u2)).conjugate()
        u2 = u1 - ohm * amps
    assert solution.voltages_v[3:6] == pytest.approx(abs(u2), rel=1e-6)
    losses_va = 3 * ohm * abs(amps) ** 2
    assert solution.losses_va == pytest.approx(losses_va, rel=1e-3)
    assert solution.source_va.sum() == pytest.approx(load_va + losses_va, rel=1e-4)


def test_a_neutral_is_no_place_without_supply(tmp_path: Path) -> None:
    path = write(tmp_path, FOUR_WIRES)
    simulation = simulate(path, HouseSpec("h", "h", "k", (2,), nominal_v=231, annual_kwh=9000))
    assert [n for n in simulation.circuit.nodes if not n.endswith((".1", ".2", ".3"))] == []
    assert simulation.circuit.bus("k").phases == (1, 2, 3)
    result = simulation.step(START, START)
    assert result.happenings == ()
    assert result.solution.lowest_pu > 0.9
    assert result.solution.source_va.sum() == pytest.approx(
        sum(simulation._engine.load_powers(row).sum() for row in (0, 1))
        + result.solution.losses_va,
        abs=3,  # shunts, such as the earthing, have no losses in OpenDSS's words
    )
    # The meter is between phase and neutral.
    assert simulation._engine.load_powers(0).real == pytest.approx([8000], rel=1e-5)


def test_a_load_of_the_file_that_is_cut_off_stays_so(tmp_path: Path) -> None:
    path = write(tmp_path, RADIAL)
    works = HouseSpec("works", "works", "", (), feeder_load="OWN", nominal_v=6351)
    simulation = simulate(path, works)
    simulation.set_service("works", closed=False)
    for second in range(4):  # OpenDSS lets an open load draw again from the second solve on
        solution = simulation.step(START, START + timedelta(seconds=second)).solution
        assert solution.source_va.sum().real == pytest.approx(100_000, rel=0.01)
    simulation.set_service("works", closed=True)
    solution = simulation.step(START, START + timedelta(seconds=9)).solution
    assert solution.source_va.sum().real > 1_000_000


def test_what_a_circuit_shows_and_saves_does_not_land_beside_it(tmp_path: Path) -> None:
    reports = "Solve\nShow Voltages LN\nExport Voltages\nSave Circuit\nDump\nShow Eventlog\n"
    path = write(tmp_path, RADIAL + reports)
    master = tmp_path / "Master.dss"
    master.write_text("! mine")
    OpenDssEngine().compile(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["Master.dss", "circuit.dss"]
    assert master.read_text() == "! mine"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("CalcVoltageBases", "", "circuit.dss: bus sourcebus has no voltage base; end the"),
        (
            "kv=11 kw=900",
            "kv=0 kw=900",
            "circuit.dss: the power flow gives no numbers; expected no",
        ),
        (
            "CalcVoltageBases",
            "Disable Vsource.source",
            "circuit.dss: no source is on; expected one",
        ),
        (
            "Set VoltageBases=[11 0.4]",
            "Set VoltageBases=[0.4]",
            "circuit.dss: bus sourcebus has a voltage base of 0.4 kV, but stands at 11 kV without",
        ),
        (
            "basekv=11",
            "basekv=11 frequency=50",
            "circuit.dss: no bus has a voltage; expected a sou",
        ),
        (
            "kv=11 kw=900",
            "kv=0.4 kw=900",
            "circuit.dss:4: load.own has kV=0.4, but its bus b1 has 11",
        ),
    ],
)
def test_a_mistake_that_opendss_accepts_has_its_place(tmp_path, old, new, problem) -> None:
    path = write(tmp_path, RADIAL.replace(old, new))
    engine = OpenDssEngine()
    try:
        engine.compile(path)
        found = engine.mistakes(path)
    except GridError as error:
        found = [str(error)]
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize("circuit", [RADIAL, FOUR_WIRES])
def test_a_sound_circuit_has_no_mistake(tmp_path: Path, circuit: str) -> None:
    path = write(tmp_path, circuit)
    engine = OpenDssEngine()
    engine.compile(path)
    assert engine.mistakes(path) == []


def test_a_network_behind_a_delta_winding_has_no_earth(tmp_path: Path) -> None:
    yard = "New Transformer.d buses=(b1 y) conns=(wye {}) kvs=(11 0.4) kvas=(400 400) xhl=4\n"
    for winding, strong in (("wye", True), ("delta", False)):
        text = RADIAL.replace("Set Vol", yard.format(winding) + "Set Vol")
        engine = OpenDssEngine()
        engine.compile(write(tmp_path, text))
        assert (engine.earth_fault_va("y", 1) > 1e6) is strong
        assert engine.earth_fault_va("b1", 2) > 1e6


#: Names as people give them, where OpenDSS takes them in quotes.
NAMES = """Clear
New "Circuit.My town" basekv=12.47 pu=0.97
New "Line.f 1.a" bus1=sourcebus bus2="bus a" r1=0.3 x1=0.5 length=2 units=km
New "Transformer.reg 1.x" wdg=1 bus="bus a" kv=12.47 kva=2000 wdg=2 bus="b-1/ü#" kv=12.47 kva=2000
New "RegControl.rc 1.x" transformer="reg 1.x" winding=2 vreg=122 band=2 ptratio=60
New "Load.my load.1" bus1="b-1/ü#" kv=12.47 kw=500 pf=0.9
New "EnergyMeter.m 1" element="Line.f 1.a"
Set VoltageBases=[12.47]
CalcVoltageBases
"""


def test_names_with_spaces_dots_and_signs_can_be_operated(tmp_path: Path) -> None:
    path = write(tmp_path, NAMES)
    engine = OpenDssEngine()
    circuit = engine.compile(path)
    assert engine.mistakes(path) == []
    assert circuit.heads[0].element == "line.f 1.a"
    engine.use_local_regulators(False)
    engine.set_tap("rc 1.x", 3)
    assert engine.solve().taps == {"rc 1.x": 3}
    before_w = engine.solve().source_va.sum().real
    for fault in (
        FaultSpec.of_type("a", "ag", "bus a", 10),
        FaultSpec.of_type("b", "bcg", "b-1/ü#", 10),
        FaultSpec.of_type("c", "abc", "", 10, "line.f 1.a", 0.5),
    ):
        engine.apply_fault(fault)
        assert engine.solve().source_va.sum().real > 2 * before_w
        engine.clear_fault(fault.name)
    engine.set_service("my load.1", closed=False)
    assert engine.solve().source_va.sum().real < 1000
    simulate(path, HouseSpec("h", "h", "Bus A", (1,)), HouseSpec("i", "i", "b-1/ü#", (1, 2, 3)))


def test_a_fault_on_a_line_with_a_neutral_leaves_it_its_neutral(tmp_path: Path) -> None:
    engine = OpenDssEngine()
    engine.compile(write(tmp_path, FOUR_WIRES))
    before = engine.solve()
    engine.apply_fault(FaultSpec.of_type("f", "ag", "", 1e6, "line.c", 0.3))
    after = engine.solve()
    assert after.converged
    assert after.voltages_v == pytest.approx(before.voltages_v, rel=1e-6)
    assert after.losses_va == pytest.approx(before.losses_va, rel=1e-3)


@pytest.mark.parametrize("name", ['a"b', "a'b", "a!b", "(a)", "x,y=z", "ü & é", "@a"])
def test_a_path_may_have_any_character(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "loads.dss").write_text("New Load.l bus1=b kv=11 kw=100 pf=1\n")
    path = folder / f"{name}.dss"
    lines = "Clear\nNew Circuit.c basekv=11\nNew Line.l bus1=sourcebus bus2=b\n"
    path.write_text(
        f"{lines}Redirect loads.dss\nSet VoltageBases=[11]\nCalcVoltageBases\n", encoding="utf-8"
    )
    assert [load.name for load in OpenDssEngine().compile(path).loads] == ["l"]


def test_a_folder_is_no_circuit(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="is a folder; expected the OpenDSS file of a circuit in i"):
        OpenDssEngine().compile(tmp_path)
