"""Reports of other plugins: what they see, and what becomes of one that fails."""

from pathlib import Path

import pytest

from hub.simulate import Result
from hub.simulate_command import write_reports
from hub.watcher import Guarded
from tests.hub.simulating import simulate


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


def test_a_report_that_cannot_be_written_in_the_end_is_a_line(caplog: pytest.LogCaptureFixture):
    class Full:
        def begin(self, run): ...
        async def end(self): ...
        def write(self, result):
            raise OSError(28, "No space left on device")

    full = Guarded(Full(), Path("out"))
    assert write_reports([full], Result({}, 1.0, 1.0)) == []
    assert full.failed
    assert caplog.messages == [
        "the report in out is not whole, it cannot be written: No space left on device"
    ]


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
