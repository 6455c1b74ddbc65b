"""The command line, as a user meets it: exit status and one clear line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli import main

ROOT = Path(__file__).parents[2]


def hub(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in process; returns its exit status, output and errors."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def write(folder: Path, text: str) -> str:
    path = folder / "hub.yaml"
    path.write_text(text)
    return str(path)


def test_check_passes_on_the_default_file(capsys: pytest.CaptureFixture[str]):
    status, out, err = hub(capsys, "check", "--config", str(ROOT / "hub.yaml"))
    assert status == 0, err
    assert "no mistakes" in out


def test_check_prints_every_mistake_and_exits_2(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = write(tmp_path, "hub: {nam: x}\nplugins:\n  a: {use: opendss_gird}\n")
    status, _, err = hub(capsys, "check", "-c", path)
    assert status == 2
    first, second = err.splitlines()
    assert first.endswith("hub.yaml:1:7: hub.nam: unknown key (did you mean 'name'?)")
    assert "hub.yaml:3:12: plugins.a.use: " in second
    assert "did you mean 'opendss_grid'?" in second


def test_check_runs_the_plugins_own_checks(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "broken.dss").write_text("New Circuit.x\nNew Lime.y\n")
    path = write(tmp_path, "plugins:\n  grid: {use: opendss_grid, feeder: broken.dss}\n")
    status, _, err = hub(capsys, "check", "-c", path)
    assert status == 2
    assert "plugins.grid" in err
    assert "Traceback" not in err


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    for command in (["run"], ["check"], ["simulate"], ["plugins"], ["probe", "x"]):
        status, _, err = hub(capsys, *command, "--config", str(tmp_path / "none.yaml"))
        assert status == 2
        assert len(err.splitlines()) == 1
        assert "none.yaml" in err


@pytest.mark.parametrize(
    "command",
    [
        ["probe", "grid"],
        ["reload"],
        ["scenario", "trade"],
        ["send", "house/house1", "open_service"],
        ["ask", "market/book"],
    ],
)
def test_without_a_running_hub_commands_say_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
):
    path = write(tmp_path, "plugins: {}\n")
    status, _, err = hub(capsys, *command, "--config", path)
    assert status == 1
    assert "no hub is running on" in err


def test_plugins_lists_instances_and_types(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = write(tmp_path, "plugins: {}\n")
    status, out, _ = hub(capsys, "plugins", "--json", "--config", path)
    assert status == 0
    assert {"opendss_grid", "chain_auction", "web"} <= set(json.loads(out)["types"])


def test_arguments_of_a_command_must_be_pairs(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = write(tmp_path, "plugins: {}\n")
    status, _, err = hub(capsys, "send", "house/house1", "set_power", "5000", "--config", path)
    assert (status, err) == (2, "expected arguments as key=value, got '5000'\n")


def test_schema_is_a_json_schema_of_all_types(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    status, out, err = hub(capsys, "schema", "--config", write(tmp_path, "plugins: {}\n"))
    assert status == 0, err
    assert "opendss_grid" in out
    assert json.loads(out)["type"] == "object"


def test_importing_the_hub_loads_nothing_heavy():
    code = (
        "import sys, hub, hub.cli, hub.config\n"
        "heavy = {'web3', 'numpy', 'opendssdirect', 'paho', 'amqtt', 'aiohttp', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_loading_every_plugin_module_loads_neither_web3_nor_sklearn():
    """Only `start` may: `hub check` and the command line import all that hub.yaml names."""
    code = (
        "import sys; from pathlib import Path; from hub.loader import Loader\n"
        "loader = Loader(Path.cwd())\n"
        "[loader.resolve(name) for name in loader.known_types()]\n"
        "print(sorted({'web3', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
