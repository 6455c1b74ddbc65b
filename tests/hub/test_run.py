"""`hub run` as a process: ready, reload by signal, orderly end, one hub a folder."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HUB = [sys.executable, "-m", "hub"]
PLUGIN = """
from hub.api import Context, Plugin, PluginConfig, hookimpl

class Talker(Plugin):
    class Config(PluginConfig):
        word: str

    async def start(self, ctx: Context) -> None:
        ctx.log.info("says %s", self.config.word)
        ctx.log.debug("whispers %s", self.config.word)

@hookimpl
def hub_plugin_types():
    return {"talker": Talker}
"""


class Running:
    """A hub process whose log is read line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*HUB, "run", "-c", str(folder / "hub.yaml")],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, text: str) -> list[str]:
        """Read lines up to the first with a text in it."""
        lines = []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            lines.append(line.rstrip())
            if text in line:
                return lines
        raise AssertionError(f"ended without {text!r}:\n" + "\n".join(lines))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/talker.py").write_text(PLUGIN)
    (tmp_path / "hub.yaml").write_text("plugins:\n  a: {use: talker, word: one}\n")
    running = Running(tmp_path)
    running.until("1 of 1 plugins online")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(hub: Running, number: signal.Signals):
    hub.process.send_signal(number)
    hub.until("stopping")
    assert hub.process.wait(20) == 0
    assert not (hub.folder / ".hub/control.json").exists()


def test_sighup_reloads_the_file_and_its_log_levels(hub: Running):
    (hub.folder / "hub.yaml").write_text(
        "hub: {log: {levels: {a: debug}}}\nplugins:\n  a: {use: talker, word: two}\n"
    )
    hub.process.send_signal(signal.SIGHUP)
    lines = hub.until("reloaded: 1 restarted or new") + hub.until("whispers two")
    assert any("says two" in line for line in lines)


def test_sighup_with_mistakes_keeps_everything_running(hub: Running):
    (hub.folder / "hub.yaml").write_text("plugins:\n  a: {use: talker, wrod: two}\n")
    hub.process.send_signal(signal.SIGHUP)
    (line,) = [line for line in hub.until("not reloaded") if "not reloaded" in line]
    assert "did you mean 'word'?" in line
    done = subprocess.run(
        [*HUB, "plugins", "--json", "-c", str(hub.folder / "other.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2  # the file asked for is not there; the hub goes on
    assert hub.process.poll() is None


def test_the_command_line_reaches_the_running_hub(hub: Running):
    done = subprocess.run(
        [*HUB, "probe", "a", "--json", "-c", str(hub.folder / "hub.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["state"] == "ONLINE"


def test_a_command_that_nothing_handles_is_rejected_with_status_1(hub: Running):
    done = subprocess.run(
        [*HUB, "send", "house/house1", "set_power", "net_w=5", "-c", str(hub.folder / "hub.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == "rejected nothing handles 'house/house1' (none)\n"


def test_the_log_can_be_asked_for(hub: Running):
    done = subprocess.run(
        [*HUB, "ask", "hub/log", "limit=2", "plugin=a", "-c", str(hub.folder / "hub.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = json.loads(done.stdout)
    assert (line["plugin"], line["message"]) == ("a", "says one")


def test_a_second_hub_in_the_folder_says_why_it_does_not_start(hub: Running):
    done = subprocess.run(
        [*HUB, "run", "-c", str(hub.folder / "hub.yaml")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "another hub is running on" in done.stderr
    assert "Traceback" not in done.stderr


STUCK = """
import asyncio, signal, time
from hub.api import Context, Plugin, hookimpl

class Stuck(Plugin):
    async def start(self, ctx: Context) -> None:
        ctx.every(3600, self.work, now=True)
        self.ctx = ctx

    async def work(self) -> None:
        self.ctx.log.info("works")
        await self.ctx.run_blocking(time.sleep, 300)

class Slow(Plugin):
    async def start(self, ctx: Context) -> None:
        self.ctx = ctx

    async def stop(self) -> None:
        self.ctx.log.info("stops")
        await asyncio.Event().wait()

@hookimpl
def hub_plugin_types():
    return {"stuck": Stuck, "stuck/slow": Slow}
"""


@pytest.fixture
def stuck_folder(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/stuck.py").write_text(STUCK.replace('"stuck/slow"', '"slow"'))
    return tmp_path


def test_a_thread_that_hangs_does_not_keep_the_process(stuck_folder: Path):
    (stuck_folder / "hub.yaml").write_text("plugins:\n  a: {use: stuck}\n")
    hub = Running(stuck_folder)
    try:
        hub.until("works")
        hub.process.send_signal(signal.SIGTERM)
        hub.until("thread plugin-a_0 does not end; left behind")
        assert hub.process.wait(20) == 0
    finally:
        hub.process.kill()
        hub.process.communicate()


def test_a_second_signal_ends_it_at_once(stuck_folder: Path):
    (stuck_folder / "hub.yaml").write_text("plugins:\n  a: {use: stuck/slow}\n")
    hub = Running(stuck_folder)
    try:
        hub.until("1 of 1 plugins online")
        hub.process.send_signal(signal.SIGINT)
        hub.until("stops")
        hub.process.send_signal(signal.SIGINT)
        hub.until("told twice to stop")
        assert hub.process.wait(20) == 1
    finally:
        hub.process.kill()
        hub.process.communicate()


@pytest.mark.parametrize(
    ("text", "status", "line"),
    [
        ("hub: {data_dir: hub.yaml/sub}\nplugins: {}\n", 1, "cannot write in"),
        (None, 2, "hub.yaml"),
    ],
)
def test_what_cannot_be_read_or_written_is_one_line(
    tmp_path: Path, text: str | None, status: int, line: str
):
    path = tmp_path / "hub.yaml"
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    done = subprocess.run(
        [*HUB, "run", "-c", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1), done.stderr
    assert line in done.stderr


def test_a_damaged_ledger_ends_the_start_with_one_line(tmp_path: Path):
    (tmp_path / "hub.yaml").write_text("plugins: {}\n")
    (tmp_path / ".hub").mkdir()
    (tmp_path / ".hub/ledger.db").write_bytes(b"not a database at all" * 500)
    done = subprocess.run(
        [*HUB, "run", "-c", str(tmp_path / "hub.yaml")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "ledger.db: it is no database; stop the hub, then put a copy of it back" in line
