"""Who may import what inside a plugin's folder: the rules import-linter cannot express.

Wiring ties a plugin to the hub: `plugin.py`, `<type>_plugin.py` where a folder holds a second
type, `configuration.py` with the models of its sections of hub.yaml, and the few modules named
below with a reason. Every other module is pure: it imports neither `hub` nor asyncio, so that it
can be tested, read and reused on its own. A new module falls under the rule by lying in the folder.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGINS = ROOT / "plugins"

WIRING_NAMES = ("plugin.py", "*_plugin.py", "configuration.py")
# Wiring under other names, and why it is not in one of those files.
WIRING: dict[str, str] = {
    "plugins/chain_auction/venue.py": "opens the twin or the chain with what the hub gives",
    "plugins/house_trader/delivery.py": "commands the houses, and asks again when refused",
    "plugins/tap_controller/advisor.py": "asks the twin what the planner wants to know",
    "plugins/tap_controller/lookout.py": "turns the hub's readings into what is seen",
    "plugins/tap_controller/voltage_alarm.py": "publishes the alarm, and keeps it in the ledger",
    "plugins/notifier/lanes.py": "one task per destination: waiting is what it does",
    "plugins/notifier/post.py": "keeps the outbox in the hub's ledger and runs the lanes",
    "plugins/house_trader/outlooks.py": "feeds the outlooks from meters, keeps them over a restart",
    "plugins/opendss_grid/feeder_check.py": "the hub's offline check of a feeder",
    "plugins/opendss_grid/feeder_events.py": "sends the events' commands at their time",
    "plugins/opendss_grid/network_messages.py": "turns the network's state into messages",
    "plugins/opendss_grid/step_messages.py": "turns the simulation's arrays into messages",
    "plugins/web/api.py": "asks the hub what pages want to know, and sends their commands",
    "plugins/web/node_door.py": "asks the market where its node is, and passes calls on to it",
    "plugins/web/stream.py": "one queue and one writer for every page that is open",
}

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PLUGINS.rglob("*.py"))
FOLDERS = sorted({path.parent.name for path in PLUGINS.glob("*/*.py")})


def imported_modules(source: str) -> set[str]:
    """Absolute names of the modules a source text imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def violations(path: str, source: str) -> list[str]:
    """What the module at `path` (relative to the root) imports against the rules."""
    if path in WIRING or any(Path(path).match(name) for name in WIRING_NAMES):
        return []
    packages = {name.partition(".")[0] for name in imported_modules(source)}
    return [f"{path} imports {package}" for package in ("hub", "asyncio") if package in packages]


@pytest.mark.parametrize("path", MODULES)
def test_modules_that_are_not_wiring_are_pure(path: str):
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_plugin_folder_is_a_package_with_a_plugin_module(folder: str):
    names = {path.name for path in (PLUGINS / folder).glob("*.py")}
    assert {"__init__.py", "plugin.py"} <= names


@pytest.mark.parametrize("path", WIRING)
def test_modules_named_as_wiring_are_wiring(path: str):
    imported = imported_modules((ROOT / path).read_text(encoding="utf-8"))
    assert imported & {"hub.api", "asyncio"}
    assert WIRING[path].strip()


@pytest.mark.parametrize(
    "source",
    [
        "import hub",
        "import hub.api as api",
        "from hub import api",
        "from hub.api import Plugin",
        "def late():\n    from hub.api import Plugin",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hub.api import Plugin",
        "import asyncio",
        "import asyncio.subprocess",
        "from asyncio import Queue",
    ],
)
def test_the_rule_sees_every_form_of_import(source: str):
    assert len(violations("plugins/example/pure.py", source)) == 1
    assert violations("plugins/example/plugin.py", source) == []
    assert violations("plugins/example/twin_plugin.py", source) == []


def test_the_rule_does_not_take_names_for_modules():
    assert violations("plugins/example/pure.py", "from .hub import x\nimport hubris\nhub = 1") == []
