"""`hub check` on feeders: each mistake in one line, with its place where it has one."""

import shutil
from pathlib import Path

import pytest

from hub.check import check_plugins
from hub.config import ConfigError, load
from hub.loader import Loader

IEEE13 = Path(__file__).parents[3] / "config/feeders/ieee13"
HUB = """\
houses:
  house1: {bus: 671.1}
  house2: {bus: 671.2, pv: {kwp: 8}}
plugins:
  grid:
    use: opendss_grid
    feeder: ieee13/feeder.dss
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(IEEE13, tmp_path / "ieee13")
    return tmp_path


def check(folder: Path, text: str = HUB) -> list[str]:
    path = folder / "hub.yaml"
    path.write_text(text)
    loader = Loader(folder)
    try:
        config = load(path, loader.resolve, known_types=loader.known_types())
    except ConfigError as error:
        return [str(problem).replace(f"{folder}/", "") for problem in error.problems]
    outcome = check_plugins(config, loader)
    return [problem.replace(f"{folder}/", "") for problem in outcome.problems]


def test_the_feeder_that_comes_along_has_no_mistake(folder: Path) -> None:
    assert check(folder) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Nonsense foo=bar", 'Unknown Command: "Nonsense"; Nonsense foo=bar'),
        ("Edit Load.s671 kkW=3", 'Unknown parameter "kkW"'),
        ("Edit Load.nope kW=3", "load.nope is not in the circuit"),
        ("Redirect nofile.dss", 'Redirect file not found: "nofile.dss"'),
        ("New Load.ghost bus1=999.1 phases=1 kV=2.4 kW=10", "load.ghost is on 999.1, which no"),
        ("New Load.lost bus1=611.1 phases=1 kV=2.4 kW=10", "load.lost is on 611.1, which no line"),
    ],
)
def test_a_mistake_in_the_circuit_has_its_line(folder: Path, line: str, message: str) -> None:
    feeder = folder / "ieee13/feeder.dss"
    feeder.write_text(feeder.read_text() + line + "\n")
    number = len(feeder.read_text().splitlines())
    (problem,) = check(folder)
    assert problem.startswith("hub.yaml:7:13: plugins.grid.feeder: ")
    assert f"ieee13/feeder.dss:{number}: " in problem
    assert message in problem


def test_a_mistake_in_a_redirected_file_has_that_files_line(folder: Path) -> None:
    network = folder / "ieee13/network.dss"
    lines = network.read_text().splitlines()
    lines.insert(7, "New Load.ghost bus1=999.1 phases=1 kV=2.4 kW=10")
    network.write_text("\n".join(lines))
    (problem,) = check(folder)
    assert "ieee13/network.dss:8: load.ghost is on 999.1" in problem


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("New Line.far bus1=777.1 bus2=778.1 phases=1 length=1", "bus 777 is cut off from the"),
        ("New Load.big bus1=671.1 phases=1 kv=2.4 kW=9e5 kvar=1 vminpu=0 vlowpu=0 vmaxpu=2",
         "circuit ieee13: the power flow did not converge"),
    ],
)  # fmt: skip
def test_a_circuit_that_cannot_be_solved_says_so(folder: Path, lines: str, message: str) -> None:
    feeder = folder / "ieee13/feeder.dss"
    feeder.write_text(feeder.read_text() + lines + "\n")
    (problem,) = check(folder)
    assert message in problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("671.1}", "999.1}", "hub.yaml:2:17: houses.house1.bus: house house1: bus 999 is not in"),
        ("671.2,", "611.2,", "hub.yaml:3:17: houses.house2.bus: house house2: bus 611 has"),
        ("671.2,", "671.2, feeder_load: s9,", "hub.yaml:3:37: houses.house2.feeder_load: house"),
        ("671.2,", "671.1.1,", "hub.yaml:3:17: houses.house2.bus: expected a bus with its phases"),
        ("house2:", "reg_a:", "houses.reg_a.bus: house reg_a: the circuit has transformer.reg_a"),
        ("house2:", "House1:", "hub.yaml:3:17: houses.House1.bus: house House1: its name and that"),
        ("house2:", "house1_lv:", "house house1_lv: its name and that of house1 are too"),
        ("671.2,", "671.2, meter: head,", "houses.house2.meter: house house2: the meter head is"),
        ("671.2,", "671.2, nominal_v: 4160,", "3:35: houses.house2.nominal_v: house house2: no"),
        ("671.2,", "671.2, feeder_load: s652,", "houses.house2.bus: house house2: load s652 is on"),
        ("671.2,", "652.1, feeder_load: s652,", "houses.house2: house house2: nominal_v 240 is"),
        ("feeder.dss\n", "feeder.dss\n    houses: [house1, house1]\n", "is named more than once"),
        ("feeder.dss\n", "feeder.dss\n    time_of_day: 24:00\n", "expected a time from 00:00 to"),
        ("feeder.dss", "none.dss", "hub.yaml:7:13: plugins.grid.feeder: ieee13/none.dss: no"),
        ("kwp: 8", "kwp: 8, tilt_deg: 100", "hub.yaml:3:47: houses.house2.pv.tilt_deg: must"),
        ("kwp: 8", "kwp: 8, azimuth_deg: 360", "houses.house2.pv.azimuth_deg: must be less than"),
        ("feeder.dss\n", "feeder.dss\n    latitude_deg: 91\n", "latitude_deg: must be at most"),
        ("feeder.dss\n", "feeder.dss\n    longitude_deg: -181\n", "longitude_deg: must be at"),
        ("feeder.dss\n", "feeder.dss\n    houses: [house7]\n", "8:13: plugins.grid.houses"),
        ("pv: {kwp: 8}", "service: {drop_type: NAYY 4x50, drop_ohm_per_km: 1}", "not both"),
        ("pv: {kwp: 8}", "service: {drop_type: NYY}", "houses.house2.service.drop_type"),
        ("pv: {kwp: 8}", 'ev: {kw: 8, trips: {weekday: "18:00-07:00"}}', "two times of one day"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_hubs_file_has_its_place(folder: Path, old, new, problem) -> None:
    (found,) = check(folder, HUB.replace(old, new))
    assert problem in found


def test_a_house_where_the_network_has_no_earth_is_told(folder: Path) -> None:
    feeder = folder / "ieee13/feeder.dss"
    text = "New Transformer.d buses=(671 d) conns=(wye delta) kvs=(4.16 0.48) kvas=(99 99) xhl=4\n"
    feeder.write_text(feeder.read_text() + text + "CalcVoltageBases\n")
    (problem,) = check(folder, HUB.replace("671.2,", "d.2, nominal_v: 277,"))
    assert (
        "hub.yaml:3:17: houses.house2.bus: house house2: bus d has no earth to connect" in problem
    )
    assert check(folder, HUB.replace("671.2,", "d.1.2.3, nominal_v: 277,")) == []


def test_a_house_that_does_not_fit_is_told_once_for_feeder_and_twin(folder: Path) -> None:
    twin = "  twin: {use: opendss_grid/opendss_twin, feeder: ieee13/feeder.dss}\n"
    assert len(check(folder, HUB.replace("671.1}", "999.1}") + twin)) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "2026-01-01 00:00,1\n2026-01-01 00:15,1\n2026-01-01 00:45,1",
            "house1.csv:4: expected 202",
        ),
        ("2026-01-01 00:00,1\n2026-01-01 00:15,abc", "house1.csv:3: expected a power of 0 or more"),
        ("2026-01-01 00:00,1\n2026-01-01 00:15,1\n2026-01-01 00:20,1", "house1.csv:4: expected 20"),
    ],
)
def test_a_mistake_in_a_series_has_its_line(folder: Path, rows: str, message: str) -> None:
    (folder / "house1.csv").write_text(f"time,power_w\n{rows}\n")
    (problem,) = check(folder, HUB + "    profiles: {house1: house1.csv}\n")
    assert problem.startswith("hub.yaml:8:24: plugins.grid.profiles.house1: ")
    assert message in problem


STORM = """\
- {after: 10m, target: grid/grid/sky, action: set, args: {irradiance_w_per_m2: 150}}
- {after: 12m, target: grid/grid/feeder, action: open}
- {after: 13m, target: grid/grid/feeder, action: close}
- {after: 15m, target: grid/grid/fault/tree, action: apply, args: {type: ag, bus: "671", ohm: 20}}
- {after: 16m, target: grid/grid/fault/tree, action: clear}
- {after: 17m, target: grid/grid/regulator/reg_a, action: set_tap, args: {tap: 3}}
- {after: 18m, target: grid/grid/capacitor/cap675, action: open}
- {after: 24m, target: grid/grid/capacitor/cap675, action: close}
- {after: 25m, target: grid/grid/motor/saw, action: start, args: {bus: "671", kva: 300}}
- {after: 26m, target: grid/grid/branch/line.671_692, action: open}
- {after: 27m, target: house/house1, action: open_service}
"""


def test_the_storm_that_comes_along_can_happen() -> None:
    path = IEEE13.parents[1] / "examples/storm.yaml"
    loader = Loader(path.parent)
    outcome = check_plugins(load(path, loader.resolve, known_types=loader.known_types()), loader)
    assert outcome.problems == []
    assert not any("events" in text for text in outcome.unchecked)


def test_a_storm_that_can_happen_has_no_mistake(folder: Path) -> None:
    (folder / "storm.yaml").write_text(STORM)
    assert check(folder, HUB + "    events: !include storm.yaml\n") == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("150}", "15000}", "storm.yaml:1:3: plugins.grid.events[0]: sky: expected 0 to 1500 W/m2"),
        ('"671", ohm', '"6710", ohm', "storm.yaml:4:3: plugins.grid.events[3]: fault tree: bus 67"),
        ("type: ag", "type: xg, bus: x", "storm.yaml:4:"),
        ("reg_a", "reg_q", "storm.yaml:6:3: plugins.grid.events[5]: regulator reg_q is not in the"),
        ("tap: 3", "tap: 30", "storm.yaml:6:3: plugins.grid.events[5]: tap 30 of reg_a is out of"),
        ("24m", "20m", "storm.yaml:8:3: plugins.grid.events[7]: cap675 may be operated again in"),
        ("open_service", "opn_service", "storm.yaml:11:46: plugins.grid.events[10].action: house"),
        ("house/house1", "house/house9", "storm.yaml:11:24: plugins.grid.events[10].target: house"),
        ("grid/grid/sky", "grid/grid/skye", "storm.yaml:1:24: plugins.grid.events[0].target: no s"),
        ("10m", "soon", "storm.yaml:1:11: plugins.grid.events[0].after: expected a duration"),
        ("action: clear", "actoin: clear", "unknown key (did you mean 'action'?)"),
    ],
)
def test_a_mistake_in_a_storm_has_its_line(folder: Path, old, new, problem) -> None:
    (folder / "storm.yaml").write_text(STORM.replace(old, new, 1))
    found = check(folder, HUB + "    events: !include storm.yaml\n")
    assert any(problem in line for line in found), found
    assert all(line.startswith("storm.yaml:") for line in found)
