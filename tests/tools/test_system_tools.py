"""The set-up of system programs, with a package manager that plays along or does not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import system_tools
from tools.system_tools import Tool, find_tool, main

VOLTMETER = Tool(
    "Voltmeter",
    ("voltmeter", "voltmeter-x11"),
    {"apt-get": ("voltmeter", "fonts-volt"), "dnf": ("voltmeter",), "brew": ("voltmeter",)},
)

InstallProgram = Callable[[str, str], Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallProgram:
    """Put a shell script on PATH, before the system's programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def install(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return install


def become(user_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_tools.os, "geteuid", lambda: user_id)


def test_a_program_is_found_under_any_of_its_names(program: InstallProgram):
    path = program("voltmeter-x11", "")
    assert find_tool(VOLTMETER) == path


def test_nothing_is_installed_where_all_is_there(program: InstallProgram, tmp_path: Path):
    program("voltmeter", "")
    program("apt-get", f"touch '{tmp_path}/called'")
    assert main([VOLTMETER]) == 0
    assert not (tmp_path / "called").exists()


def test_root_installs_what_is_missing(
    program: InstallProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    become(0, monkeypatch)
    program(
        "apt-get",
        f"""echo "$@" >> '{tmp_path}/calls'
        case "$*" in *install*) cp "$0" '{tmp_path}/bin/voltmeter';; esac""",
    )
    assert main([VOLTMETER]) == 0
    update, install = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert update.endswith("update")
    assert install.endswith("--no-install-recommends voltmeter fonts-volt")
    assert "apt-get install voltmeter fonts-volt" in capsys.readouterr().out


def test_without_rights_one_line_says_what_to_do(
    program: InstallProgram, monkeypatch: pytest.MonkeyPatch, capsys
):
    become(1000, monkeypatch)
    program("sudo", "exit 1")
    program("apt-get", "exit 1")
    assert main([VOLTMETER]) == 1
    assert capsys.readouterr().err == (
        "setup: the tests need Voltmeter: sudo apt-get install voltmeter fonts-volt\n"
    )


def test_a_failing_package_manager_is_reported(
    program: InstallProgram, monkeypatch: pytest.MonkeyPatch, capsys
):
    become(0, monkeypatch)
    program("apt-get", "exit 100")
    assert main([VOLTMETER]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "setup: apt-get failed with exit code 100"
    assert errors[1].startswith("setup: the tests need Voltmeter")
