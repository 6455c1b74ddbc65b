"""`hub simulate`: its options, its mistakes in one line, its progress."""

import io
from pathlib import Path

import pytest

from hub.cli import main
from hub.config import load
from hub.loader import Loader
from hub.simulate_command import _Lines, feeder_hours, tell, with_settings
from tests.hub.simulating import simulate


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--days", "-1"], "--days: expected 0.00042 to 366, got -1"),
        (["--days", "367"], "--days: expected 0.00042 to 366, got 367"),
        (["--hours", "0"], "--hours: expected 0.01 to 8784, got 0"),
        (["--hours", "nan"], "--hours: expected a number such as 1 or 0.5, got 'nan'"),
        (["--days", "soon"], "--days: expected a number such as 1 or 0.5, got 'soon'"),
        (["--days", "1", "--hours", "2"], "expected --hours or --days, got both"),
    ],
)
def test_a_wrong_duration_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], told: str
):
    assert simulate(capsys, tmp_path, *options) == (2, f"{told}\n")


RECORDER = "plugins: {history: {use: recorder, flush: 2s}}\n"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("history", "--set: expected PLUGIN.KEY=VALUE such as market.window=30s, got 'history'"),
        ("hist.flush=1s", "--set hist.flush: there is no plugin 'hist'; there are: history"),
        ("history.flash=1s", "--set history.flash: unknown key (did you mean 'flush'?)"),
        ("history.flush=soon", "--set history.flush: "),
        ("history.flush=[", "--set history.flush: '[' cannot be read as a value"),
    ],
)
def test_a_wrong_setting_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str, told: str
):
    status, err = simulate(capsys, tmp_path, "--set", setting, text=RECORDER)
    assert (status, len(err.splitlines())) == (2, 1), err
    assert err.startswith(told)


def test_a_setting_changes_one_key_of_one_run(tmp_path: Path):
    path = tmp_path / "hub.yaml"
    path.write_text(RECORDER)
    loader = Loader(tmp_path)
    config = load(path, loader.resolve, known_types=loader.known_types())
    changed = with_settings(config, ["history.flush=7s", "history.significant=0.5"])
    assert config.plugins["history"].config.flush == 2
    assert changed.plugins["history"].config.flush == 7
    assert changed.plugins["history"].config.significant == 0.5
    assert changed.houses == config.houses


def test_a_number_may_stand_for_a_text(tmp_path: Path):
    path = tmp_path / "hub.yaml"
    path.write_text("plugins: {traders: {use: house_trader}}\n")
    loader = Loader(tmp_path)
    config = load(path, loader.resolve, known_types=loader.known_types())
    changed = with_settings(config, ["traders.buy_max=0.0003"])
    assert changed.plugins["traders"].config.buy_max == "0.0003"


def test_places_that_cannot_be_written_are_one_line_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    file = tmp_path / "file"
    file.touch()
    full = tmp_path / "full"
    full.mkdir()
    (full / "old.html").touch()
    for options, told in (
        (["--out", str(tmp_path / "none/r.json")], "cannot write"),
        (["--out", str(full)], "is a folder"),
        (["--report", str(full)], "is not empty; name another, or empty it"),
        (["--report", str(file)], "is a file; name a folder"),
        (["--report", str(file / "below")], "cannot make the folder"),
    ):
        status, err = simulate(capsys, tmp_path, "--hours", "8784", *options)
        assert (status, len(err.splitlines())) == (2, 1), err
        assert told in err
        assert err.startswith(f"{options[0]}: ")
    assert (full / "old.html").exists()


def test_an_earlier_result_stays_when_the_next_run_cannot_start(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    out = tmp_path / "r.json"
    out.write_text("old")
    status, _ = simulate(
        capsys, tmp_path, "--out", str(out), "--report", str(tmp_path / "hub.yaml")
    )
    assert (status, out.read_text()) == (2, "old")


def test_of_a_thousand_meters_the_terminal_shows_a_few_and_counts_alarms_once():
    energy = {f"h{n}": {"energy_import": 1000.0} for n in range(1000)}
    result = {
        "voltage_pu": {}, "energy_wh": energy, "trades": [], "settled": [], "alarms": [],
        "plugins": {}, "fingerprint": "0" * 64,
    }  # fmt: skip
    result["alarms"] = [
        {"id": name, "cleared": cleared}
        for name, cleared in (
            ("a", False), ("a", False), ("b", False), ("a", True), ("a", False), ("c", True),
        )
    ]  # fmt: skip
    lines = list(tell(result))
    assert "alarms: 3" in lines
    assert lines[0] == "h0: imported 1.0 kWh, exported 0.0 kWh"
    assert lines[20] == "980 more meters: see --out or --report"


def test_help_names_both_ways_to_say_how_long(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    out = capsys.readouterr().out
    for option in ("--days", "--hours", "--report", "--config", "--out"):
        assert option in out


def test_the_default_is_a_day_and_days_are_hours():
    assert feeder_hours(None, None) == 24
    assert feeder_hours(None, 2) == 48
    assert feeder_hours(0.5, None) == 0.5


def test_without_a_terminal_progress_is_a_line_each_tenth_but_not_too_often():
    now, stream = [0.0], io.StringIO()
    lines = _Lines(24, stream, lambda: now[0])
    for percent in range(1, 101):
        now[0] = percent * 0.4
        lines(percent / 100)
    told = stream.getvalue().splitlines()
    assert told[0] == "simulating: 13%, 3.1 of 24 h, about 35 s left"
    assert len(told) == 7
