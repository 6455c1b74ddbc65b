"""The choice of a Python: every refusal says what is missing and what to do."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "tools/create_venv.sh"


def create(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script with no program on PATH but those in `folder`."""
    return subprocess.run(
        ["/bin/sh", SCRIPT, folder / "env"],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def fake_python(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_any_python_it_says_which_were_tried(tmp_path: Path):
    done = create(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup: no Python 3.11 or newer found (tried python3 python3.13 python3.12 python3.11).",
        "setup: Install one, or name it: make PYTHON=/path/to/python3 ...",
    ]


def test_a_named_python_that_is_too_old_is_not_replaced_by_another(tmp_path: Path):
    fake_python(tmp_path, "python3", "exit 0")
    fake_python(tmp_path, "python3.9", "exit 1")
    done = create(tmp_path, PYTHON="python3.9")
    assert done.returncode == 1
    assert "(tried python3.9)" in done.stderr


@pytest.mark.parametrize("name", ["python3", "python3.12", "python3.11"])
def test_the_first_python_that_is_new_enough_makes_the_environment(tmp_path: Path, name: str):
    fake_python(tmp_path, name, f'[ "$1" = -m ] && echo "$@" > "{tmp_path}/made"; exit 0')
    assert create(tmp_path).returncode == 0
    made = (tmp_path / "made").read_text(encoding="utf-8")
    assert made == f"-m venv --clear {tmp_path}/env\n"


def test_a_python_that_cannot_make_environments_is_passed_over(tmp_path: Path):
    fake_python(tmp_path, "python3", 'case "$*" in *ensurepip*) exit 1;; esac')
    fake_python(tmp_path, "python3.12", f'[ "$1" = -m ] && echo 3.12 > "{tmp_path}/made"; exit 0')
    assert create(tmp_path).returncode == 0
    assert (tmp_path / "made").read_text(encoding="utf-8") == "3.12\n"


def test_without_the_venv_module_and_a_package_manager_it_says_what_to_install(tmp_path: Path):
    fake_python(tmp_path, "python3", 'case "$*" in *ensurepip*) exit 1;; *print*) echo 3.11;; esac')
    done = create(tmp_path)
    assert done.returncode == 1
    assert "cannot create virtual environments (module ensurepip is missing)" in done.stderr
    assert "Install your system's package for Python's venv module" in done.stderr
