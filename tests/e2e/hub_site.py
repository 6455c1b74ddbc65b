"""The whole hub for a browser: feeder, broker, meters, chain, agents and pages, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.core import Hub
from hub.testing import make_hub

ROOT = Path(__file__).parent.parent.parent

HOUSES = """
houses:
  house1: {bus: 671.1, load: {annual_kwh: 4500}, ev: {kw: 11, kwh: 60}}
  house2: {bus: 671.2, load: {annual_kwh: 3500}, pv: {kwp: 8}, battery: {kwh: 27, kw: 11}}
  house3: {bus: 684.3, load: {annual_kwh: 4000}, pv: {kwp: 6}, battery: {kwh: 13.5, kw: 7}}
"""

# The market is cleared when a test says so, and nobody trades but the tests.
PLUGINS = """
plugins:
  web: {{use: web, port: 0}}
  broker: {{use: mqtt_broker, port: {broker}}}
  grid: {{use: opendss_grid, feeder: {root}/config/feeders/ieee13/feeder.dss, step: 1s}}
  sim_meters: {{use: simulated_meters, broker: "mqtt://127.0.0.1:{broker}"}}
  meters: {{use: smart_meter_mqtt, broker: "mqtt://127.0.0.1:{broker}", preset: tasmota}}
  market: {{use: chain_auction, port: {chain}, match_every: 1h, window: 5s, lead: 1s}}
  faults: {{use: fault_detector}}
  alerts: {{use: notifier}}
  history: {{use: recorder}}
  scenarios: {{use: scenarios}}
"""


#: What a device or a payload could bring into any text.
HOSTILE = "<img src=x onerror=document.title='broken-into'>"


async def _log(_: Any) -> list[dict[str, Any]]:
    at = "2026-01-31T12:00:00.000Z"
    return [{"at": at, "level": "warning", "plugin": "meters", "message": f"no meter {HOSTILE}"}]


@dataclass(frozen=True)
class HubSite:
    """A running hub, where its pages are, and where its chain is."""

    hub: Hub
    url: str
    rpc: str


async def start(folder: Path, free_port: Callable[[], int]) -> HubSite:
    """Start everything; the caller stops the hub."""
    broker, chain = free_port(), free_port()
    text = "hub: {name: test street, time_lapse: 60}\n" + HOUSES
    hub = make_hub(folder, text + PLUGINS.format(broker=broker, chain=chain, root=ROOT))
    hub.services.register("hub/log", _log, "test")
    await hub.start()
    await hub.settled()
    url = await hub.services.ask("web/address")
    return HubSite(hub, url, f"http://127.0.0.1:{chain}")


async def start_bare(folder: Path) -> HubSite:
    """Start the pages alone, with no other plugin."""
    hub = make_hub(folder, "hub: {name: bare}\nplugins:\n  web: {use: web, port: 0}\n")
    await hub.start()
    await hub.settled()
    return HubSite(hub, await hub.services.ask("web/address"), "")
