"""`hub grid solve` and `hub grid validate`, as a user runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from plugins.opendss_grid import command_line
from plugins.opendss_grid.command_line import grid

ROOT = Path(__file__).parents[3]
FEEDERS = ROOT / "config/feeders/ieee13"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(grid, [str(a) for a in arguments])


def test_validate_agrees_with_the_published_solution() -> None:
    result = run("validate", FEEDERS / "feeder.dss", "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["agrees"] is True
    assert len(data["nodes"]) == 35
    assert data["largest_voltage_error_pu"] < 0.0002
    assert abs(data["totals"]["source_w"]["error"]) < 0.0005
    text = run("validate", FEEDERS / "feeder.dss").stdout
    assert "675.3" in text
    assert "agrees" in text


def test_validate_says_no_for_a_feeder_that_differs() -> None:
    result = run("validate", FEEDERS / "feeder_substation.dss")
    assert result.exit_code == 1
    assert "DOES NOT AGREE" in result.stdout


def test_the_figures_of_the_command_are_those_of_the_tests() -> None:
    for name, copy in (("voltages.csv", "ieee13_published.csv"), ("json", "ieee13_published.json")):
        shipped = FEEDERS / f"published{'_' if name != 'json' else '.'}{name}"
        assert shipped.read_text() == (ROOT / "tests/data" / copy).read_text()


def test_solve_prints_what_it_solved() -> None:
    result = run("solve", FEEDERS / "feeder.dss", "--taps", "reg_a=10,reg_b=8,REG_C=11", "--json")
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert data["taps"] == {"reg_a": 10, "reg_b": 8, "reg_c": 11}
    assert data["nodes"]["675.2"]["pu"] == pytest.approx(1.0553, abs=0.0005)
    assert data["source_w"] == pytest.approx(3_577_191, rel=0.0005)
    text = run("solve", FEEDERS / "feeder.dss").stdout
    assert "reg_a +9" in text
    assert "losses:" in text


def test_a_large_circuit_is_printed_without_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "_MOST_IN_A_TABLE", 5)
    lines = run("solve", FEEDERS / "feeder.dss").stdout.splitlines()
    framed = run("validate", FEEDERS / "feeder.dss").stdout
    assert "│" in framed
    assert lines[0] == "ieee13: |V| in pu, angle"
    assert lines[1].split() == ["bus", "A", "B", "C"]
    (bus_675,) = (line for line in lines if line.startswith("675 "))
    assert len(bus_675.split()) == 7
    assert not any("│" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("solve", "nowhere.dss"), "nowhere.dss: no such file"),
        (("solve", FEEDERS / "feeder.dss", "--taps", "reg_a"), "NAME=POSITION"),
        (("solve", FEEDERS / "feeder.dss", "--taps", "=1"), "NAME=POSITION"),
        (("solve", FEEDERS / "feeder.dss", "--taps", "reg_a=1,REG_A=2"), "REG_A is named twice"),
        (("solve", FEEDERS / "feeder.dss", "--taps", "reg_a=99"), "out of range"),
        (("solve", FEEDERS / "feeder.dss", "--taps", "x=1"), "regulator x is not in the circuit"),
        (("validate", FEEDERS / "feeder.dss", "--published", "."), "published figures"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(arguments, message) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_validate_finds_its_feeder_from_any_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("validate").stdout.endswith("agrees\n")
