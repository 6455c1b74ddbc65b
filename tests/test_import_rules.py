"""Who may import what inside a plugin's folder: the rules import-linter cannot express.

`plugin.py` wires a plugin to the hub; every other module of its folder is pure: it imports
neither `hub` nor asyncio, so that it can be tested, read and reused on its own. A new module
falls under the rule by lying in the folder.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGINS = ROOT / "plugins"

# Modules other than plugin.py that may import asyncio, and why.
ASYNCIO_MODULES: dict[str, str] = {}

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
    if Path(path).name == "plugin.py":
        return []
    packages = {name.partition(".")[0] for name in imported_modules(source)}
    found = []
    if "hub" in packages:
        found.append(f"{path} imports hub: only plugin.py may")
    if "asyncio" in packages and path not in ASYNCIO_MODULES:
        found.append(f"{path} imports asyncio: move it to plugin.py, or name a reason here")
    return found


@pytest.mark.parametrize("path", MODULES)
def test_modules_beside_plugin_py_are_pure(path: str):
    assert violations(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_plugin_folder_is_a_package_with_a_plugin_module(folder: str):
    names = {path.name for path in (PLUGINS / folder).glob("*.py")}
    assert {"__init__.py", "plugin.py"} <= names


def test_exemptions_have_a_reason_and_are_still_needed():
    for path, reason in ASYNCIO_MODULES.items():
        assert reason.strip()
        assert "asyncio" in imported_modules((ROOT / path).read_text(encoding="utf-8"))


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


def test_the_rule_does_not_take_names_for_modules():
    assert violations("plugins/example/pure.py", "from .hub import x\nimport hubris\nhub = 1") == []
