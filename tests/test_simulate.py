"""A day of the default microgrid in virtual time: the same twice, byte for byte."""

import json
from pathlib import Path

import pytest

from hub.cli import main

ROOT = Path(__file__).parents[1]


def simulate(out: Path, hours: float) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "-c", str(ROOT / "hub.yaml"), "--hours", str(hours), "--out", str(out)])
    assert ended.value.code == 0
    return out.read_text()


def test_two_runs_are_the_same_byte_for_byte(tmp_path: Path):
    first, second = simulate(tmp_path / "a.json", 6), simulate(tmp_path / "b.json", 6)
    assert first == second
    report = json.loads(first)
    assert report["trades"], "nobody traded in six hours"
    assert report["settled"], "no trade was settled in six hours"
    assert {p["state"] for p in report["plugins"].values()} == {"ONLINE"}
    assert report["messages"]["FeederState"] >= 6 * 60


@pytest.mark.long
def test_a_whole_day_is_the_same_twice(tmp_path: Path):
    assert simulate(tmp_path / "a.json", 24) == simulate(tmp_path / "b.json", 24)
