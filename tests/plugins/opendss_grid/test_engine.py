"""The engine against the published IEEE 13-node solution, and its way with mistakes."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import FaultSpec, GridError, ServiceSpec

ROOT = Path(__file__).parents[3]
FEEDER = ROOT / "config/feeders/ieee13/feeder.dss"
SUBSTATION = ROOT / "config/feeders/ieee13/feeder_substation.dss"
DATA = ROOT / "tests/data"


@pytest.fixture
def engine() -> OpenDssEngine:
    engine = OpenDssEngine()
    engine.compile(FEEDER)
    return engine


def volts_pu(engine: OpenDssEngine, node: str) -> float:
    return float(engine.solve().voltages_pu[engine.circuit.nodes.index(node)])


def published_rows() -> list[dict[str, str]]:
    with (DATA / "ieee13_published.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.fixture
def published(engine: OpenDssEngine) -> tuple[OpenDssEngine, dict]:
    figures = json.loads((DATA / "ieee13_published.json").read_text())
    engine.use_local_regulators(False)
    for name, tap in figures["taps"].items():
        engine.set_tap(name, tap)
    return engine, figures


def test_voltages_and_angles_agree_with_the_published_solution(published) -> None:
    engine, _ = published
    solution = engine.solve()
    rows = published_rows()
    assert len(rows) == 35
    for row in rows:
        node = f"{row['bus']}.{'abc'.index(row['phase']) + 1}"
        at = engine.circuit.nodes.index(node)
        assert solution.voltages_pu[at] == pytest.approx(float(row["vmag_pu"]), abs=0.0005), node
        turn = (solution.angles_deg[at] - float(row["angle_deg"]) + 180) % 360 - 180
        assert abs(turn) <= 0.06, node


def test_source_power_and_losses_agree_with_the_published_solution(published) -> None:
    engine, figures = published
    solution = engine.solve()
    assert solution.source_va.real.sum() == pytest.approx(sum(figures["source_w"]), rel=0.0005)
    assert solution.source_va.imag.sum() == pytest.approx(sum(figures["source_var"]), rel=0.0015)
    np.testing.assert_allclose(solution.source_va.real, figures["source_w"], rtol=0.0005)
    assert solution.losses_va.real == pytest.approx(figures["losses_w"], rel=0.002)


def test_branch_powers_and_losses_add_up(engine: OpenDssEngine) -> None:
    """What one branch passes on, the next ones take: at 632, a bus without load."""
    solution = engine.solve()
    flow = dict(zip(engine.circuit.elements, solution.element_w, strict=True))
    passed_on = flow["line.632_645"] + flow["line.632_633"] + flow["line.632_670"]
    assert flow["line.650_632"] == pytest.approx(passed_on, rel=0.03)
    assert flow["line.650_632"] > passed_on
    own = engine._dss.Circuit.Losses()
    assert solution.losses_va == pytest.approx(complex(*own), rel=1e-9)
    taken = sum(engine.load_powers(row).sum() for row in range(len(engine.circuit.loads)))
    balance = solution.source_va.real.sum() - taken.real - solution.losses_va.real
    assert balance == pytest.approx(0, abs=20)


def test_own_regulators_settle_where_commanded_ones_stay(engine: OpenDssEngine) -> None:
    assert engine.solve().taps == {"reg_a": 9, "reg_b": 6, "reg_c": 9}
    engine.use_local_regulators(False)
    engine.set_tap("reg_a", 0)
    assert engine.solve().taps == {"reg_a": 0, "reg_b": 6, "reg_c": 9}
    engine.use_local_regulators(True)
    assert engine.solve().taps["reg_a"] > 6


def test_setting_loads_gives_what_the_file_gives(engine: OpenDssEngine) -> None:
    before = engine.solve()
    power_w = np.array([load.power_w for load in engine.circuit.loads])
    power_var = np.array([load.power_var for load in engine.circuit.loads])
    engine.set_loads(power_w * 0, power_var * 0)
    empty = engine.solve()
    assert abs(empty.source_va.real.sum()) < 10_000
    engine.set_loads(power_w, power_var)
    after = engine.solve()
    np.testing.assert_allclose(after.voltages_pu, before.voltages_pu, atol=1e-6)
    assert empty.voltages_pu is not before.voltages_pu


def test_power_factor_follows_every_change(engine: OpenDssEngine) -> None:
    at = [load.name for load in engine.circuit.loads].index("s671")
    power_w = np.array([load.power_w for load in engine.circuit.loads])
    power_var = np.array([load.power_var for load in engine.circuit.loads])
    for active, reactive in [
        (1e6, 0.0),
        (0.0, 3e5),
        (5e5, 1e5),
        (6e5, 1.2e5),
        (6e5, -2e5),
        (-1e5, 5e4),
    ]:
        power_w[at], power_var[at] = active, reactive
        engine.set_loads(power_w, power_var)
        engine.solve()
        assert engine.load_powers(at).sum() == pytest.approx(complex(active, reactive), abs=1.0)


def test_loads_that_the_file_disables_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "feeder.dss"
    path.write_text(
        "Clear\nNew Circuit.x basekv=4.16 bus1=s\nNew Line.l bus1=s bus2=a length=1 units=km\n"
        "New Load.off bus1=a kv=4.16 kw=500\nNew Load.on bus1=a kv=4.16 kw=100 kvar=20\n"
        "Load.off.enabled=no\nSet VoltageBases=[4.16]\nCalcVoltageBases\n"
    )
    engine = OpenDssEngine()
    assert [load.name for load in engine.compile(path).loads] == ["on"]
    engine.set_loads(np.array([50e3]), np.array([10e3]))
    assert engine.solve().source_va.real.sum() == pytest.approx(50e3, rel=0.02)
    assert engine.load_powers(0).sum() == pytest.approx(50e3 + 10e3j, rel=1e-4)


def house(name: str = "house1", **changes) -> ServiceSpec:
    values = {"bus": "671", "phases": (1,), "nominal_v": 240.0} | changes
    return ServiceSpec(name=name, **values)


def test_a_house_hangs_on_its_phase_and_raises_its_own_voltage(engine: OpenDssEngine) -> None:
    circuit = engine.add_services([house(phases=(2,))])
    assert circuit.nodes[-1] == "house1.2"
    assert circuit.loads[-1].name == "house1"
    power_w = np.array([load.power_w for load in circuit.loads])
    power_var = np.array([load.power_var for load in circuit.loads])
    idle = volts_pu(engine, "house1.2")
    assert idle == pytest.approx(volts_pu(engine, "671.2"), abs=1e-4)
    power_w[-1] = -10_000
    engine.set_loads(power_w, power_var)
    # 10 kW through 1.2 % of 25 kVA and 2 x 30 m of 0.42 ohm/km at 240 V.
    rise = 10 / 25 * 0.012 + 10_000 * 2 * 0.030 * 0.42 / 240**2
    assert volts_pu(engine, "house1.2") - volts_pu(engine, "671.2") == pytest.approx(rise, rel=0.1)


def test_an_open_service_is_dead_and_the_rest_lives(engine: OpenDssEngine) -> None:
    engine.add_services([house(), house("house2", bus="675", phases=(1, 2, 3), nominal_v=277.0)])
    engine.set_service("house2", closed=False)
    solution = engine.solve()
    dead = [n for n, d in zip(engine.circuit.nodes, solution.dead, strict=True) if d]
    assert dead == ["house2.1", "house2.2", "house2.3"]
    assert solution.converged
    engine.set_service("house2", closed=True)
    assert not engine.solve().dead.any()


def test_a_customer_of_the_file_can_be_switched_off(engine: OpenDssEngine) -> None:
    before = engine.solve().source_va.real.sum()
    engine.set_service("s671", closed=False)
    assert before - engine.solve().source_va.real.sum() > 1.1e6
    engine.set_service("s671", closed=True)
    # Taps moved meanwhile, so the constant-impedance loads differ a little.
    assert engine.solve().source_va.real.sum() == pytest.approx(before, rel=0.01)


def test_opening_the_head_kills_the_feeder_and_closing_restores_it(engine: OpenDssEngine) -> None:
    engine.use_local_regulators(False)
    before = engine.solve()
    engine.set_switch("transformer.substation", closed=False)
    dark = engine.solve()
    assert dark.dead[3:].all()
    engine.set_switch("transformer.substation", closed=True)
    np.testing.assert_allclose(engine.solve().voltages_pu, before.voltages_pu, atol=1e-6)


def test_one_open_conductor_kills_one_phase(engine: OpenDssEngine) -> None:
    engine.set_switch("line.671_692", closed=False, phase=3)
    solution = engine.solve()
    at = dict(zip(engine.circuit.nodes, solution.voltages_pu, strict=True))
    assert at["671.3"] > 0.9
    assert at["675.3"] < 0.7
    assert at["675.1"] > 0.9


def test_capacitors_switch(engine: OpenDssEngine) -> None:
    engine.use_local_regulators(False)
    inside = volts_pu(engine, "675.1")
    engine.set_capacitor("cap675", closed=False)
    assert volts_pu(engine, "675.1") < inside - 0.01
    engine.set_capacitor("cap675", closed=True)
    assert volts_pu(engine, "675.1") == pytest.approx(inside, abs=1e-6)


def test_a_bolted_fault_behind_the_substation_draws_its_short_circuit_current() -> None:
    engine = OpenDssEngine()
    engine.compile(SUBSTATION)
    engine.use_local_regulators(False)
    before = engine.solve()
    engine.apply_fault(FaultSpec("f1", "650", (1, 2, 3), ground=True, ohm=1e-4))
    solution = engine.solve()
    assert solution.voltages_pu[engine.circuit.nodes.index("650.1")] < 0.01
    losses_a = np.sqrt(solution.losses_va.imag / 3 / (4160**2 / 5e6 * (0.08 + 5 / 2000)))
    assert losses_a == pytest.approx(8400, rel=0.1)
    engine.clear_fault("f1")
    np.testing.assert_allclose(engine.solve().voltages_pu, before.voltages_pu, atol=1e-5)


@pytest.mark.parametrize(
    ("phases", "ground", "low"),
    [
        ((1,), True, {1}),
        ((2, 3), False, {2, 3}),
        ((1, 3), True, {1, 3}),
        ((1, 2, 3), False, {1, 2, 3}),
    ],
)
def test_every_type_of_fault_sags_its_phases(engine, phases, ground, low) -> None:
    engine.use_local_regulators(False)
    engine.apply_fault(FaultSpec("f1", "671", phases, ground, ohm=0.5))
    solution = engine.solve()
    for phase in (1, 2, 3):
        value = solution.voltages_pu[engine.circuit.nodes.index(f"671.{phase}")]
        assert (value < 0.85) == (phase in low), phase


def test_the_working_directory_stays(engine: OpenDssEngine, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    OpenDssEngine().compile(FEEDER)
    assert Path.cwd() == tmp_path


def test_a_folder_may_have_spaces_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "my own feeder"
    shutil.copytree(FEEDER.parent, folder)
    circuit = OpenDssEngine().compile(folder / "feeder.dss")
    assert len(circuit.nodes) == 41
    assert circuit.bus("675").xy == (800, -2000)


def test_engines_do_not_see_each_other(engine: OpenDssEngine) -> None:
    other = OpenDssEngine()
    other.compile(SUBSTATION)
    other.use_local_regulators(False)
    other.set_tap("reg_a", -16)
    assert engine.solve().taps["reg_a"] == 9


MISTAKES = [
    (
        "New Circuit.x basekv=4.16\nNew Line.l1 bus1=a bus2=b linecode=nope\n",
        ":2: .*nope.*not found",
    ),
    ("New Circuit.x basekv=4.16\n\nNew Loadd.l bus1=a\n", ":3: .*Loadd.*not found"),
    ("New Circuit.x basekv=4.16\nNew Load.a bus1=b kww=3\n", ":2: .*kww"),
    ("New Circuit.x basekv=4.16\nRedirect gone.dss\n", ":2: Redirect file not found"),
    ("New Circuit.x basekv=4.16\nNew RegControl.r transformer=zz\n", ":2: .*r.*ransformer"),
    ("! nothing here\n", "defines no circuit"),
    ("New Circuit.x basekv=4.16\nNew Load.a bus1=sourcebus kv=4.16 kw=1\n", "no voltage base"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_in_a_circuit_is_one_line_with_its_place(tmp_path, text, message) -> None:
    path = tmp_path / "feeder.dss"
    path.write_text(text)
    with pytest.raises(GridError, match=message) as caught:
        OpenDssEngine().compile(path)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_redirected_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "feeder.dss").write_text("New Circuit.x basekv=4.16\nRedirect sub/lines.dss\n")
    (tmp_path / "sub/lines.dss").write_text("\nNew Line.l1 bus1=a bus2=b linecode=nope\n")
    with pytest.raises(GridError, match=r"lines\.dss:2: .*nope"):
        OpenDssEngine().compile(tmp_path / "feeder.dss")


def test_a_command_that_would_end_the_hub_is_refused(tmp_path: Path) -> None:
    # Without the refusal this test ends the interpreter.
    (tmp_path / "reports.dss").write_text("! plots\n  di_plot\n")
    circuit = tmp_path / "circuit.dss"
    circuit.write_text("Clear\nNew Circuit.c\n! DI_Plot\nRedirect reports.dss\n")
    with pytest.raises(GridError, match=r"reports\.dss:2: di_plot would end the hub"):
        OpenDssEngine().compile(circuit)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="no such file"):
        OpenDssEngine().compile(tmp_path / "none.dss")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (house(bus="999"), "bus 999 is not in the circuit"),
        (house(bus="611", phases=(1,)), "bus 611 has no phase 1; it has 3"),
        (house("671"), "expected a name"),
        (house("x; clear"), "expected a name"),
        (house("s671"), "already"),
    ],
)
def test_a_house_that_does_not_fit_is_refused(engine, spec, message) -> None:
    with pytest.raises(GridError, match=message):
        engine.add_services([spec])


def test_commands_for_what_is_not_there_are_refused(engine: OpenDssEngine) -> None:
    with pytest.raises(GridError, match=r"regulator reg9 .* reg_a, reg_b, reg_c"):
        engine.set_tap("reg9", 0)
    with pytest.raises(GridError, match=r"out of range -16\.\.16"):
        engine.set_tap("reg_a", 17)
    with pytest.raises(GridError, match="capacitor c9"):
        engine.set_capacitor("c9", closed=True)
    with pytest.raises(GridError, match=r"branch line\.9"):
        engine.set_switch("line.9", closed=True)
    with pytest.raises(GridError, match="load nobody"):
        engine.set_service("nobody", closed=True)


def test_a_power_flow_without_a_solution_says_so(engine: OpenDssEngine) -> None:
    engine.use_local_regulators(False)
    loads = engine.circuit.loads
    power_w = np.array([load.power_w for load in loads])
    power_var = np.array([load.power_var for load in loads])
    good = engine.solve()
    engine.set_loads(power_w * np.inf, power_var)
    solution = engine.solve()
    assert not solution.converged
    assert solution.problem
    engine.set_loads(power_w, power_var)
    np.testing.assert_allclose(engine.solve().voltages_pu, good.voltages_pu, atol=1e-6)
