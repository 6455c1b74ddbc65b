"""Runs `hub simulate` in this process, for tests."""

from pathlib import Path

import pytest

from hub.cli import main

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
