"""A whole report: `hub simulate --report` on a small street, twice."""

import base64
import csv
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hub.cli import main

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
STREET = f"""
hub: {{name: "Tiny <street>", time_lapse: 60, seed: 5, tariff: {{buy: "0.0003", sell: "0.00006"}}}}
houses:
  house1: {{bus: 671.1, load: {{annual_kwh: 9000}}}}
  house2: {{bus: 671.2, label: "A & <b>B</b>", pv: {{kwp: 8}}, battery: {{kwh: 27, kw: 11}}}}
  works: {{bus: 671.1.2.3, site: business, nominal_v: 2401.8, feeder_load: s671}}
plugins:
  grid:
    use: opendss_grid
    feeder: {FEEDER}
    load_scale: 0.6
    time_of_day: "11:00"
    events:
      - {{after: 20m, target: house/house1, action: open_service}}
      - {{after: 35m, target: house/house1, action: close_service}}
      - {{after: 40m, target: grid/grid/regulator/reg_a, action: set_tap, args: {{tap: 5}}}}
  sim_meters: {{use: simulated_meters, broker: "mqtt://127.0.0.1:1883"}}
  meters: {{use: smart_meter_mqtt, broker: "mqtt://127.0.0.1:1883", preset: tasmota}}
  market: {{use: chain_auction, match_every: 10s, window: 15s, lead: 5s}}
  traders: {{use: house_trader, houses: [house1, house2]}}
  faults: {{use: fault_detector}}
"""


def simulate(folder: Path, *options: str, street: str = STREET) -> None:
    file = folder / "street.yaml"
    file.write_text(street)
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--config", str(file), "--hours", "1", *options])
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two reports of the same street; the first one has the result beside it."""
    folder = tmp_path_factory.mktemp("reports")
    simulate(folder, "--report", str(folder / "a"), "--out", str(folder / "result.json"))
    simulate(folder, "--report", str(folder / "b"))
    return folder / "a", folder / "b"


@pytest.fixture
def result(runs: tuple[Path, Path]) -> dict:
    return json.loads((runs[0].parent / "result.json").read_text())


@pytest.fixture
def report(runs: tuple[Path, Path]) -> dict:
    return json.loads((runs[0] / "report.json").read_text())


@pytest.fixture
def page(runs: tuple[Path, Path]) -> str:
    return (runs[0] / "report.html").read_text(encoding="utf-8")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_two_runs_write_the_same_bytes(runs: tuple[Path, Path]):
    names = sorted(path.name for path in runs[0].iterdir())
    assert {"report.html", "report.json", "houses.csv", "trades.csv", "taps.csv"} <= set(names)
    assert names == sorted(path.name for path in runs[1].iterdir())
    for name in names:
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name


def test_watching_changes_nothing(tmp_path: Path, result: dict):
    simulate(tmp_path, "--out", str(tmp_path / "unwatched.json"))
    unwatched = json.loads((tmp_path / "unwatched.json").read_text())
    assert unwatched["fingerprint"] == result["fingerprint"]
    assert unwatched["messages"] == result["messages"]


def test_energies_are_those_of_the_meters(report: dict, result: dict):
    for house in report["tables"]["houses"]:
        metered = result["energy_wh"][house["house"]]
        assert house["import_wh"] == metered["energy_import"]
        assert house["export_wh"] == metered["energy_export"]
    by_id = {house["house"]: house for house in report["tables"]["houses"]}
    assert by_id["house1"]["import_wh"] > 500
    assert by_id["house2"]["production_wh"] > 5000
    assert by_id["house2"]["export_wh"] > 100
    assert by_id["works"]["consumption_wh"] == by_id["works"]["import_wh"]


def test_intervals_add_up_to_houses_and_houses_to_groups(runs: tuple[Path, Path]):
    houses, intervals = rows(runs[0], "houses"), rows(runs[0], "intervals")
    groups = {row["group"]: row for row in rows(runs[0], "groups")}
    assert set(groups) == {"Homes", "All customers"}
    assert len(intervals) == 12 * 3  # five minutes each, for an hour

    def mwh(found: list[dict[str, str]], key: str) -> int:
        return sum(round(float(row[key]) * 1000) for row in found)

    for key in ("import_wh", "export_wh", "production_wh", "consumption_wh"):
        assert mwh(houses, key) == mwh([groups["All customers"]], key)
        for house in houses:
            own = [row for row in intervals if row["house"] == house["house"]]
            assert mwh(own, key) == mwh([house], key), (house["house"], key)


def test_a_group_is_netted_in_each_quarter_of_an_hour(runs: tuple[Path, Path]):
    """The intervals are five minutes long: three of them are one."""
    intervals = rows(runs[0], "intervals")
    starts = sorted({row["start"] for row in intervals})
    net = dict.fromkeys(starts, 0.0)
    for row in intervals:
        net[row["start"]] += float(row["import_wh"]) - float(row["export_wh"])
    quarters = [sum(net[start] for start in starts[i : i + 3]) for i in range(0, 12, 3)]
    (everyone,) = [row for row in rows(runs[0], "groups") if row["group"] == "All customers"]
    assert float(everyone["from_grid_wh"]) == sum(max(0, wh) for wh in quarters)
    assert float(everyone["to_grid_wh"]) == sum(max(0, -wh) for wh in quarters)


def test_the_balance_of_the_feeder_closes(report: dict):
    """What the source gave is what the substation's meter counted, within its accuracy."""
    (feeder,) = report["tables"]["feeders"]
    customers = sum(h["import_wh"] - h["export_wh"] for h in report["tables"]["houses"])
    assert feeder["customers_wh"] == customers
    parts = feeder["customers_wh"] + feeder["others_wh"] + feeder["losses_wh"]
    assert feeder["supplied_wh"] - feeder["returned_wh"] == pytest.approx(parts, abs=0.01)
    assert feeder["losses_wh"] == pytest.approx(feeder["supplied_wh"] * feeder["loss_share"])
    assert 0.01 < feeder["loss_share"] < 0.04


def test_what_went_into_a_battery_is_stored_lost_or_came_out(report: dict):
    (house2,) = [h for h in report["tables"]["houses"] if h["house"] == "house2"]
    change = (house2["charge_end_percent"] - house2["charge_start_percent"]) / 100 * 27_000
    assert house2["stored_wh"] == pytest.approx(change, abs=0.001)
    lost = house2["battery_charge_wh"] - house2["battery_discharge_wh"] - house2["stored_wh"]
    assert 0.01 < lost / house2["battery_charge_wh"] < 0.2
    assert [g["stored_wh"] for g in report["tables"]["groups"]] == [house2["stored_wh"]] * 2


def test_no_minute_of_the_run_is_left_out(runs: tuple[Path, Path]):
    """The works draw the same all the time, so what they draw is the same from the first minute."""
    works = [r for r in rows(runs[0], "intervals") if r["house"] == "works"]
    drawn = [float(r["import_wh"]) for r in works]
    assert drawn == pytest.approx([693_000 / 12] * 12, abs=2.1)


def test_bills_are_the_settled_trades_and_the_rest_is_the_grids(report: dict, result: dict):
    bills = {bill["house"]: bill for bill in report["tables"]["bills"]}
    settled = [int(trade["paid_wei"]) for trade in result["settled"]]
    assert settled
    assert bills["house1"]["bought_wei"] == bills["house2"]["sold_wei"] == sum(settled)
    assert sum(bill["market_cost_wei"] for bill in bills.values()) == 0
    for bill in bills.values():
        mwh = round(bill["grid_import_wh"] * 1000)
        assert bill["grid_cost_wei"] == mwh * 300_000_000_000_000 // 10**6


def test_rounds_taps_and_alarms_are_told(report: dict, result: dict):
    tables = report["tables"]
    assert sum(r["trades"] for r in tables["rounds"]) == len(tables["trades"])
    assert len(tables["trades"]) == len(result["trades"])
    (tap,) = tables["taps"]
    assert (tap["regulator"], tap["after"], tap["by"]) == ("reg_a", 5, "operator")
    assert tap["time"] == "2026-06-21T11:40:00"
    (alarm,) = [alarm for alarm in tables["alarms"] if alarm["kind"] == "outage"]
    assert alarm["subject"] == "house1"
    assert alarm["raised"].startswith("2026-06-21T11:2")
    assert alarm["duration_s"] == pytest.approx(900, abs=120)
    house1 = tables["houses"][0]
    assert house1["dead_s"] == pytest.approx(900, abs=60)
    assert report["run"]["steps_without_solution"] == 0
    assert report["run"]["troubles"] == []


VOID = {"meta", "input", "link", "br", "hr", "img"}


class Checker(HTMLParser):
    """Balanced tags, unique ids, and what a page would load."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
                self.addresses.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(page: str):
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert checker.addresses
    assert all(address.startswith("#") for address in checker.addresses)
    assert {address[1:] for address in checker.addresses} <= set(checker.ids)
    style = page.split("<style>")[1].split("</style>", maxsplit=1)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_only_the_pages_own_script_may_run(page: str):
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.replace("&#39;", "'")
    assert "default-src 'none'" in page


def test_names_are_text_on_the_page(page: str):
    assert "Tiny &lt;street&gt;" in page
    assert "A &amp; &lt;b&gt;B&lt;/b&gt;" in page
    assert "<b>B</b>" not in page


def test_the_page_says_what_was_simulated_and_nothing_of_the_machine(page: str, report: dict):
    for fact in ("street.yaml", "1 hour", report["run"]["fingerprint"][:16], "Definitions"):
        assert fact in page
    assert str(FEEDER.parent) not in page
    assert report["run"]["version"]
    assert report["run"]["seed"] == 5


def test_what_starts_late_is_told_all_the_same(tmp_path: Path):
    """A plugin before the feeder takes 20 feeder minutes to start."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/sleepy.py").write_text(
        "from hub.api import Plugin, hookimpl\n"
        "class Sleepy(Plugin):\n"
        "    async def start(self, ctx): await ctx.clock.sleep(20)\n"
        "@hookimpl\n"
        "def hub_plugin_types(): return {'sleepy': Sleepy}\n"
    )
    street = STREET.replace("plugins:\n", "plugins:\n  sleeper: {use: sleepy}\n")
    simulate(tmp_path, "--report", str(tmp_path / "r"), street=street)
    told = json.loads((tmp_path / "r/report.json").read_text())
    # It is 11:00 on the feeder when that starts.
    assert told["run"]["start"] == "2026-06-21T10:40:00"
    for house in told["tables"]["houses"]:
        assert house["highest_pu"] is not None
        assert house["import_wh"] is not None
    (feeder,) = told["tables"]["feeders"]
    assert feeder["customers_wh"] == pytest.approx(693_000 * 40 / 60, rel=0.01)
    assert "The file has no market." not in (tmp_path / "r/report.html").read_text()
