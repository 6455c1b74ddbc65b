"""A second feeder, by its file alone: 58 km, six tap changers, loads of every model."""

import json
from pathlib import Path

from typer.testing import CliRunner

from hub.check import check_plugins
from hub.config import load
from hub.loader import Loader
from hub.simulate import simulate
from plugins.opendss_grid.command_line import grid
from plugins.opendss_grid.validation import compare

ROOT = Path(__file__).parents[3]
FEEDER = ROOT / "config/feeders/ieee34"
EXAMPLE = ROOT / "config/examples/ieee34.yaml"


def test_it_agrees_with_the_published_solution():
    comparison = compare(FEEDER / "feeder.dss", FEEDER)
    assert comparison.agrees
    assert len(comparison.nodes) == 92
    assert max(abs(row.error_pu) for row in comparison.nodes) < 0.0002
    assert max(abs(row.error_deg) for row in comparison.nodes) < 0.05
    losses = next(row for row in comparison.totals if (row.name, row.unit) == ("losses", "W"))
    assert abs(losses.error) < 0.002


def test_its_own_regulators_come_to_rest_within_their_band():
    result = CliRunner().invoke(grid, ["solve", str(FEEDER / "feeder.dss"), "--json"])
    data = json.loads(result.stdout)
    assert data["converged"] is True
    assert all(4 <= tap <= 16 for tap in data["taps"].values())
    assert all(0.9 < node["pu"] < 1.07 for node in data["nodes"].values())


def test_a_microgrid_on_it_needs_nothing_but_its_file():
    """The market trades, and the controller holds every meter by six tap changers."""
    loader = Loader(EXAMPLE.parent)
    loaded = load(EXAMPLE, loader.resolve, known_types=loader.known_types())
    assert check_plugins(loaded, loader).problems == []
    report = simulate(loaded, loader, 5.0).report
    assert not report["failed"]
    assert len(report["trades"]) > 10
    raised = [alarm for alarm in report["alarms"] if not alarm["cleared"]]
    cleared = {alarm["id"] for alarm in report["alarms"] if alarm["cleared"]}
    assert raised
    assert {alarm["id"] for alarm in raised} == cleared, "every violation was mended"
