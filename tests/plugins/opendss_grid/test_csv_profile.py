"""A user's own series: what it gives, and how its mistakes are told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plugins.opendss_grid.csv_profile import read_csv
from plugins.opendss_grid.protocol import GridError

GOOD = "time,power_w\n2026-01-01 00:00,100\n2026-01-01 00:30,200.5\n2026-01-01 01:00,0\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "load.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("moment", "power_w"),
    [
        ((2026, 1, 1, 0, 0), 100),
        ((2026, 1, 1, 0, 29), 100),
        ((2026, 1, 1, 0, 30), 200.5),
        ((2026, 1, 1, 1, 29), 0),
        # Over: from the start again, forwards and backwards.
        ((2026, 1, 1, 1, 30), 100),
        ((2025, 12, 31, 23, 59), 0),
    ],
)
def test_a_moment_has_the_power_of_its_step(tmp_path, moment, power_w) -> None:
    profile = read_csv(write(tmp_path, GOOD))
    assert profile.power_w(datetime(*moment, tzinfo=UTC)) == power_w


def test_kilowatts_zones_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    text = "\ufeffTime, power_kW\n2026-01-01T00:00:00+01:00,1.5\n2026-01-01T00:15:00+01:00,2\n\n"
    profile = read_csv(write(tmp_path, text))
    assert list(profile.powers_w) == [1500, 2000]
    assert profile.step_s == 900


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"load\.csv:1: expected the header"),
        ("when,watts\n", r":1: expected the header"),
        (GOOD.replace(",", ";"), r":1: expected the header .* got 'time;power_w'"),
        (GOOD.replace("200.5", '"200,5"'), r":3: expected a power of 0 or more, such as 230\.5"),
        (GOOD.replace("200.5", "1e12"), r":3: expected a power"),
        (GOOD.replace("200.5", "1" * 200_000), r":3: field larger than field limit"),
        (
            GOOD + "2026-01-01 02:30,5\n",
            r":5: expected .* 01:30:00.*; there is no summer time here",
        ),
        (
            GOOD + "2026-01-01 00:30,5\n",
            r":5: expected .* 01:30:00.*; there is no summer time here",
        ),
        (GOOD + "2026-01-01 00:45,5\n", r":5: expected a time after 2026-01-01 01:00:00"),
        (GOOD + "2026-01-01 02:00,5\n", r":5: expected 2026-01-01 01:30:00, a step of 1800 s"),
        (GOOD + "2026-01-01 01:15,5\n", r":5: expected 2026-01-01 01:30:00"),
        (
            GOOD.replace("200.5", "much"),
            r":3: expected a power of 0 or more, such as 230.5, got 'much'",
        ),
        (GOOD.replace("200.5", "-1"), r":3: expected a power of 0 or more"),
        (GOOD.replace("200.5", "nan"), r":3: expected a power"),
        (GOOD.replace("200.5", ""), r":3: expected a power"),
        (GOOD.replace("2026-01-01 01:00", "noon"), r":4: expected a time such as"),
        (
            GOOD.replace(",100", ",100,7"),
            r":2: expected a time and a power such as .*230.5, got 3 cells",
        ),
        ("time,power_w\n2026-01-01,1\n2026-01-01,2\n", r":3: expected a time after 2026-01-01"),
        ("time,power_w\n2026-01-01,1\n", r"at least two rows"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, message) -> None:
    with pytest.raises(GridError, match=message):
        read_csv(write(tmp_path, text))


def test_a_missing_or_binary_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="cannot be read: No such file"):
        read_csv(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GridError, match="not UTF-8"):
        read_csv(tmp_path / "b.csv")
