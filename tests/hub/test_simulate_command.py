"""`hub simulate`: its options, its mistakes in one line, its progress."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli import main
from hub.config import load
from hub.loader import Loader
from hub.simulate import Result
from hub.simulate_command import _Lines, feeder_hours, tell, with_settings, write_reports
from hub.watcher import Guarded

ROOT = Path(__file__).parents[2]
EMPTY = "plugins: {}\n"


def simulate(
    capsys: pytest.CaptureFixture[str], folder: Path, *options: str, text: str = EMPTY
) -> tuple[int, str]:
    """Run in process; returns exit status and what was said on stderr."""
    path = folder / "hub.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "-c", str(path), *options])
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--days", "-1"], "--days: expected 0.00042 to 366, got -1"),
        (["--days", "367"], "--days: expected 0.00042 to 366, got 367"),
        (["--hours", "0"], "--hours: expected 0.01 to 8784, got 0"),
        (["--hours", "nan"], "--hours: expected a number such as 1 or 0.5, got 'nan'"),
        (["--days", "soon"], "--days: expected a number such as 1 or 0.5, got 'soon'"),
        (["--days", "1", "--hours", "2"], "expected --hours or --days, got both"),
    ],
)
def test_a_wrong_duration_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], told: str
):
    assert simulate(capsys, tmp_path, *options) == (2, f"{told}\n")


RECORDER = "plugins: {history: {use: recorder, flush: 2s}}\n"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("history", "--set: expected PLUGIN.KEY=VALUE such as market.window=30s, got 'history'"),
        ("hist.flush=1s", "--set hist.flush: there is no plugin 'hist'; there are: history"),
        ("history.flash=1s", "--set history.flash: unknown key (did you mean 'flush'?)"),
        ("history.flush=soon", "--set history.flush: "),
        ("history.flush=[", "--set history.flush: '[' cannot be read as a value"),
    ],
)
def test_a_wrong_setting_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str, told: str
):
    status, err = simulate(capsys, tmp_path, "--set", setting, text=RECORDER)
    assert (status, len(err.splitlines())) == (2, 1), err
    assert err.startswith(told)


def test_a_setting_changes_one_key_of_one_run(tmp_path: Path):
    path = tmp_path / "hub.yaml"
    path.write_text(RECORDER)
    loader = Loader(tmp_path)
    config = load(path, loader.resolve, known_types=loader.known_types())
    changed = with_settings(config, ["history.flush=7s", "history.significant=0.5"])
    assert config.plugins["history"].config.flush == 2
    assert changed.plugins["history"].config.flush == 7
    assert changed.plugins["history"].config.significant == 0.5
    assert changed.houses == config.houses


def test_a_number_may_stand_for_a_text(tmp_path: Path):
    path = tmp_path / "hub.yaml"
    path.write_text("plugins: {traders: {use: house_trader}}\n")
    loader = Loader(tmp_path)
    config = load(path, loader.resolve, known_types=loader.known_types())
    changed = with_settings(config, ["traders.buy_max=0.0003"])
    assert changed.plugins["traders"].config.buy_max == "0.0003"


def test_places_that_cannot_be_written_are_one_line_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    file = tmp_path / "file"
    file.touch()
    full = tmp_path / "full"
    full.mkdir()
    (full / "old.html").touch()
    for options, told in (
        (["--out", str(tmp_path / "none/r.json")], "cannot write"),
        (["--out", str(full)], "is a folder"),
        (["--report", str(full)], "is not empty; name another, or empty it"),
        (["--report", str(file)], "is a file; name a folder"),
        (["--report", str(file / "below")], "cannot make the folder"),
    ):
        status, err = simulate(capsys, tmp_path, "--hours", "8784", *options)
        assert (status, len(err.splitlines())) == (2, 1), err
        assert told in err
        assert err.startswith(f"{options[0]}: ")
    assert (full / "old.html").exists()


def test_an_earlier_result_stays_when_the_next_run_cannot_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    out = tmp_path / "r.json"
    out.write_text("old")
    status, _ = simulate(
        capsys, tmp_path, "--out", str(out), "--report", str(tmp_path / "hub.yaml")
    )
    assert (status, out.read_text()) == (2, "old")


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


def test_other_plugins_may_report_too(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/tally.py").write_text(
        "from hub.api import Plugin, hookimpl\n"
        "class Tally(Plugin):\n"
        "    async def start(self, ctx): pass\n"
        "class Watcher:\n"
        "    def __init__(self, folder): self.folder, self.looks = folder, []\n"
        "    def begin(self, run):\n"
        "        self.run = run\n"
        "        run.every(900, self.look)\n"
        "    async def look(self): self.looks.append(round(self.run.elapsed_s()))\n"
        "    async def end(self): self.nobody = await self.run.ask('no/such/question')\n"
        "    def write(self, result):\n"
        "        path = self.folder / 'tally.txt'\n"
        "        path.write_text(f'{self.looks} {self.nobody} {result[\"seed\"]}')\n"
        "        return path\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'tally': Tally}\n"
        "@hookimpl\n"
        "def hub_simulation_watchers(folder): return [Watcher(folder)]\n"
    )
    status, err = simulate(
        capsys, tmp_path, "--hours", "1", "--report", str(tmp_path / "r"),
        text="plugins: {t: {use: tally}}\n",
    )  # fmt: skip
    assert status == 0
    assert (tmp_path / "r/tally.txt").read_text() == "[0, 900, 1800, 2700] None 1"
    assert f"report: {tmp_path / 'r/tally.txt'}" in err
    assert (tmp_path / "r/report.html").exists()


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


def test_a_report_that_cannot_be_written_in_the_end_is_a_line(caplog: pytest.LogCaptureFixture):
    class Full:
        def begin(self, run): ...
        async def end(self): ...
        def write(self, result):
            raise OSError(28, "No space left on device")

    full = Guarded(Full())
    assert write_reports([full], Result({}, 1.0, 1.0)) == []
    assert full.failed
    assert caplog.messages == ["the report cannot be written: No space left on device"]


@pytest.mark.parametrize("where", ["begin", "look", "hear", "hear_all", "end", "write"])
def test_a_report_that_fails_leaves_the_others_and_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, where: str
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/sour.py").write_text(
        "from hub.api import Plugin, hookimpl\n"
        "class Sour(Plugin):\n"
        "    async def start(self, ctx): pass\n"
        "class SourReport:\n"
        f"    def fail(self, where): 1 / (where != {where!r})\n"
        "    def begin(self, run):\n"
        "        self.fail('begin')\n"
        "        run.every(900, self.look)\n"
        "        run.subscribe('plugin/#', lambda m: self.fail('hear'))\n"
        "        run.subscribe_batches(['#'], lambda m: self.fail('hear_all'))\n"
        "    async def look(self): self.fail('look')\n"
        "    async def end(self): self.fail('end')\n"
        "    def write(self, result): self.fail('write')\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'sour': Sour}\n"
        "@hookimpl\n"
        "def hub_simulation_watchers(folder): return [SourReport()]\n"
    )
    status, err = simulate(
        capsys, tmp_path, "--hours", "1", "--report", str(tmp_path / "r"),
        text="plugins: {t: {use: sour}}\n",
    )  # fmt: skip
    assert status == 1
    (line,) = [line for line in err.splitlines() if "ERROR" in line]
    assert "SourReport failed, there will be no report of it: ZeroDivisionError" in line
    assert "at sour.py:5" in line
    assert (tmp_path / "r/report.html").exists()


def test_of_a_thousand_meters_the_terminal_shows_a_few_and_counts_alarms_once():
    energy = {f"h{n}": {"energy_import": 1000.0} for n in range(1000)}
    result = {
        "voltage_pu": {}, "energy_wh": energy, "trades": [], "settled": [], "alarms": [],
        "plugins": {}, "fingerprint": "0" * 64,
    }  # fmt: skip
    result["alarms"] = [
        {"id": name, "cleared": cleared}
        for name, cleared in (
            ("a", False), ("a", False), ("b", False), ("a", True), ("a", False), ("c", True),
        )
    ]  # fmt: skip
    lines = list(tell(result))
    assert "alarms: 3" in lines
    assert lines[0] == "h0: imported 1.0 kWh, exported 0.0 kWh"
    assert lines[20] == "980 more meters: see --out or --report"


def test_help_names_both_ways_to_say_how_long(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    out = capsys.readouterr().out
    for option in ("--days", "--hours", "--report", "--config", "--out"):
        assert option in out


def test_the_default_is_a_day_and_days_are_hours():
    assert feeder_hours(None, None) == 24
    assert feeder_hours(None, 2) == 48
    assert feeder_hours(0.5, None) == 0.5


def test_without_a_terminal_progress_is_a_line_each_tenth_but_not_too_often():
    now, stream = [0.0], io.StringIO()
    lines = _Lines(24, stream, lambda: now[0])
    for percent in range(1, 101):
        now[0] = percent * 0.4
        lines(percent / 100)
    told = stream.getvalue().splitlines()
    assert told[0] == "simulating: 13%, 3.1 of 24 h, about 35 s left"
    assert len(told) == 7
