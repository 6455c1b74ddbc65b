"""The market on the embedded chain in virtual time: what its twin would have done."""

from pathlib import Path

import pytest

from hub.config import load
from hub.loader import Loader
from hub.simulate import simulate
from hub.simulate_command import with_settings

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
STREET = f"""
hub: {{name: street, time_lapse: 60, seed: 3}}
houses:
  house1: {{bus: 671.1, load: {{annual_kwh: 9000}}}}
  house2: {{bus: 671.2, pv: {{kwp: 8}}, battery: {{kwh: 27, kw: 11}}}}
plugins:
  grid: {{use: opendss_grid, feeder: {FEEDER}, load_scale: 0.6, time_of_day: "11:00"}}
  sim_meters: {{use: simulated_meters, broker: "mqtt://127.0.0.1:1883"}}
  meters: {{use: smart_meter_mqtt, broker: "mqtt://127.0.0.1:1883", preset: tasmota}}
  market: {{use: chain_auction, match_every: 10s, window: 15s, lead: 5s}}
  traders: {{use: house_trader}}
"""
WHAT = ("qty_wh", "price_wei_per_kwh", "at", "bid_id", "ask_id")
PAID = ("qty_wh", "delivered_wh", "received_wh", "paid_wei", "at")


def run(folder: Path, hours: float, *settings: str) -> dict:
    path = folder / "hub.yaml"
    path.write_text(STREET)
    loader = Loader(folder)
    config = load(path, loader.resolve, known_types=loader.known_types())
    result = simulate(with_settings(config, settings), loader, hours).report
    assert {p["state"] for p in result["plugins"].values()} == {"ONLINE"}
    assert {p["errors"] for p in result["plugins"].values()} == {0}
    return result


def test_the_chain_trades_and_settles_as_its_twin_does_at_the_same_times(tmp_path: Path):
    twin = run(tmp_path, 1.5)
    chain = run(tmp_path, 1.5, "market.backend=chain")
    assert twin["trades"]
    assert twin["settled"]
    for kind, figures in (("trades", WHAT), ("settled", PAID)):
        told = [[[event[f] for f in figures] for event in r[kind]] for r in (chain, twin)]
        assert told[0] == told[1], kind
    assert all(trade["tx"] and trade["block"] for trade in chain["trades"])
    assert chain["messages"] == twin["messages"]


@pytest.mark.long
def test_two_days_on_the_chain_are_the_same(tmp_path: Path):
    first, second = (run(tmp_path, 24, "market.backend=chain") for _ in range(2))
    assert first == second
