"""What a fresh clone is set up from: complete, pinned, and free of addresses."""

import configparser
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK_FILES = [ROOT / "contracts/package-lock.json", ROOT / "dapp-static/package-lock.json"]


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def requirements() -> list[Requirement]:
    """All requirements of the package and of its extras."""
    config = setup_cfg()
    blocks = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return [Requirement(line) for block in blocks for line in block.splitlines() if line.strip()]


def constraints() -> dict[str, str]:
    """Tested version by canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [re.fullmatch(r"([\w.\-]+)==([\w.+!]+)", line) for line in lines if line[:1] != "#"]
    assert all(pinned), "constraints.txt holds lines other than name==version"
    return {canonicalize_name(match[1]): match[2] for match in pinned if match}


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_is_pinned_to_a_version_it_allows(requirement: Requirement):
    assert requirement.specifier.contains(constraints()[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.parent.name)
def test_npm_lock_files_name_no_registry_and_verify_every_package(path: Path):
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    fetched = {name: entry for name, entry in packages.items() if name and not entry.get("link")}
    assert fetched
    assert [name for name, entry in fetched.items() if "resolved" in entry] == []
    assert [name for name, entry in fetched.items() if "integrity" not in entry] == []


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.parent.name)
def test_npm_lock_files_agree_with_their_package_json(path: Path):
    package = json.loads(path.with_name("package.json").read_text(encoding="utf-8"))
    locked = json.loads(path.read_text(encoding="utf-8"))["packages"][""]
    for kind in ("dependencies", "devDependencies", "optionalDependencies"):
        assert locked.get(kind, {}) == package.get(kind, {})


def test_pyproject_holds_tool_settings_only():
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert set(tomllib.load(file)) == {"build-system", "tool"}


def test_the_gate_runs_make_test():
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert gate.rstrip().endswith("exec make test")
