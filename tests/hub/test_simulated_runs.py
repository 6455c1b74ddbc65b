"""Runs of `hub simulate`: what is told of them, how they end, and what makes them doubtful."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.simulating import simulate

ROOT = Path(__file__).parents[2]


def test_a_hub_without_plugins_has_a_report_too(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    status, err = simulate(capsys, tmp_path, "--days", "0.1", "--report", str(tmp_path / "a/b"))
    assert status == 0
    assert err.splitlines()[-1] == f"report: {tmp_path / 'a/b/report.html'}"
    page = (tmp_path / "a/b/report.html").read_text()
    assert "voltages are unknown" in page
    assert "The file has no market." in page
    assert "The file names no houses." in page


def test_a_meter_that_never_spoke_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    text = (
        'hub: {tariff: {buy: "0.3"}}\nhouses: {house1: {pv: {kwp: 5}}, house2: {}}\nplugins: {}\n'
    )
    status, _ = simulate(
        capsys, tmp_path, "--hours", "1", "--report", str(tmp_path / "r"), text=text
    )
    assert status == 0
    page = (tmp_path / "r/report.html").read_text()
    assert "No reading from the meter of House 1, House 2" in page
    assert "Homes (2 houses): no meter was ever heard." not in page
    assert "Neighbourhood (2 houses): no meter was ever heard." in page
    assert "This meter was never heard." in page
    tables = json.loads((tmp_path / "r/report.json").read_text())["tables"]
    for house in tables["houses"]:
        assert (house["import_wh"], house["consumption_wh"]) == (None, None)
    for bill in tables["bills"]:
        assert (bill["market_cost_wei"], bill["grid_cost_wei"]) == (0, None)
    assert {row["import_wh"] for row in tables["groups"]} == {None}
    assert "no tariff" not in page


def test_a_plugin_that_fails_is_told_and_the_exit_status_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/broken.py").write_text(
        "from hub.api import ConfigProblemError, Plugin, hookimpl\n"
        "class Broken(Plugin):\n"
        "    async def start(self, ctx):\n"
        "        raise ConfigProblemError('a <screw> is loose')\n"
        "@hookimpl\n"
        "def hub_plugin_types():\n"
        "    return {'broken': Broken}\n"
    )
    status, _ = simulate(
        capsys, tmp_path, "--hours", "1", "--report", str(tmp_path / "r"),
        text="plugins: {b: {use: broken}}\n",
    )  # fmt: skip
    assert status == 1
    assert "Plugin b failed: a &lt;screw&gt; is loose" in (tmp_path / "r/report.html").read_text()


PICKY = """
from hub.api import Plugin, hookimpl
class Picky(Plugin):
    wall_clock_only = {wall_clock_only}
    async def start(self, ctx): pass
    @classmethod
    def check(cls, config, check): return ["the screw is loose"]
@hookimpl
def hub_plugin_types(): return {{"picky": Picky}}
"""


def test_what_a_plugin_cannot_do_with_is_told_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/picky.py").write_text(PICKY.format(wall_clock_only=False))
    report = tmp_path / "r"
    status, err = simulate(
        capsys, tmp_path, "--days", "366", "--report", str(report),
        text="plugins: {p: {use: picky}}\n",
    )  # fmt: skip
    assert (status, err) == (2, "hub.yaml: plugins.p: the screw is loose\n")
    assert not report.exists()


def test_what_virtual_time_leaves_out_is_not_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/picky.py").write_text(PICKY.format(wall_clock_only=True))
    status, _ = simulate(capsys, tmp_path, "--hours", "1", text="plugins: {p: {use: picky}}\n")
    assert status == 0


SICK_GRID = """
from hub.api import FeederState, Plugin, hookimpl
class Sick(Plugin):
    async def start(self, ctx):
        self.ctx, self.steps = ctx, 0
        ctx.every(60, self.step, now=True)
    async def step(self):
        self.steps += 1
        solved = self.steps not in (3, 4)
        if solved: self.ctx.online()
        else: self.ctx.degraded("the storm")
        now = self.ctx.clock.now()
        self.ctx.publish(FeederState(
            "sick", now, now, ("a.1",), [1.06 if self.steps < 3 else 1.0], {}, (), [], [], 0, 0, 0,
            solved, None if solved else "diverged",
        ))
@hookimpl
def hub_plugin_types(): return {"sick": Sick}
"""


def test_steps_without_a_solution_are_told_and_are_in_no_figure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/sick.py").write_text(SICK_GRID)
    status, _ = simulate(
        capsys, tmp_path, "--hours", "0.1666666667", "--report", str(tmp_path / "r"),
        text="plugins: {s: {use: sick}}\n",
    )  # fmt: skip
    assert status == 0
    report = json.loads((tmp_path / "r/report.json").read_text())
    assert report["run"]["steps_without_solution"] == 2
    first, second = report["run"]["troubles"]
    assert first.startswith("2 power flow(s) had no solution")
    assert second == "Not well for some time: s (see Plugins in trouble)."
    (node,) = report["tables"]["voltages"]
    assert (node["above_s"], node["highest_pu"]) == (120, 1.06)
    assert node["mean_pu"] == pytest.approx((2 * 1.06 + 6 * 1.0) / 8, abs=1e-5)
    (trouble,) = report["tables"]["troubles"]
    assert (trouble["state"], trouble["reason"]) == ("DEGRADED", "the storm")


@pytest.mark.parametrize("price", ["-1", "cheap", "0.0000000000000000001", ".inf"])
def test_a_price_is_a_whole_number_of_wei(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, price: str
):
    text = f"hub: {{tariff: {{buy: {price}}}}}\nplugins: {{}}\n"
    status, err = simulate(capsys, tmp_path, text=text)
    assert (status, len(err.splitlines())) == (2, 1)
    assert "hub.tariff.buy: expected a price in coin per kWh" in err


def test_what_is_due_in_the_last_moment_is_part_of_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/crier.py").write_text(
        "from hub.api import Notification, Plugin, hookimpl\n"
        "class Crier(Plugin):\n"
        "    async def start(self, ctx):\n"
        "        async def cry(): ctx.publish(Notification('all', 'hear', ctx.clock.now()))\n"
        "        for name in 'abc': ctx.every(7.2, cry, name=name)\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'crier': Crier}\n"
    )
    status, _ = simulate(
        capsys, tmp_path, "--hours", "1", "--out", str(tmp_path / "r.json"),
        text="plugins: {c: {use: crier}}\n",
    )  # fmt: skip
    assert status == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["messages"]["Notification"] == 3 * 500


def test_log_lines_have_the_time_of_the_simulation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/warner.py").write_text(
        "from hub.api import Plugin, hookimpl\n"
        "class Warner(Plugin):\n"
        "    async def start(self, ctx):\n"
        "        async def warn(): ctx.log.warning('hot')\n"
        "        ctx.every(40, warn)\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'warner': Warner}\n"
    )
    text = "hub: {time_lapse: 60}\nplugins: {w: {use: warner}}\n"
    _, err = simulate(capsys, tmp_path, "--hours", "1", text=text)
    assert err.splitlines()[0] == "2026-06-21T00:40:00.000Z WARNING w: hot"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so_and_leaves_nothing(tmp_path: Path, how: signal.Signals):
    (tmp_path / "hub.yaml").write_text("plugins: {c: {use: endless}}\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/endless.py").write_text(
        "from hub.api import Plugin, hookimpl\n"
        "class Endless(Plugin):\n"
        "    async def start(self, ctx):\n"
        "        print('started', flush=True)\n"
        "        async def turn(): pass\n"
        "        ctx.every(0.01, turn)\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'endless': Endless}\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-m", "hub", "simulate", "-c", str(tmp_path / "hub.yaml"),
         "--days", "366", "--report", str(tmp_path / "out")],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == "started\n"
        run.send_signal(how)
        _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert err == "stopped after 0.0 of 8784 h: nothing was written\n"
    assert list((tmp_path / "out").iterdir()) == []
    assert not list(tmp_path.glob("hub-simulate-*"))
