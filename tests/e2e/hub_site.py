"""The whole hub for a browser: feeder, broker, meters, chain, agents and pages, in this process."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from hub.api import Command, Reading
from hub.core import Hub
from hub.testing import make_hub

T = TypeVar("T")

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


class HubSite:
    """A running hub on a thread and event loop of its own, which no test can hold up."""

    def __init__(self, folder: Path, text: str) -> None:
        self._folder = folder
        self._text = text
        self._ready: Future[tuple[Hub, str]] = Future()
        self._thread = threading.Thread(target=self._run, name="hub")

    async def __aenter__(self) -> Self:
        self._thread.start()
        self._hub, self.url = await asyncio.wrap_future(self._ready)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        hub = make_hub(self._folder, self._text)
        hub.services.register("hub/log", _log, "test")
        await hub.start()
        try:
            await hub.settled()
            self._ready.set_result((hub, await hub.services.ask("web/address")))
            await self._ended.wait()
        finally:
            await hub.stop()

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def ask(self, service: str) -> Any:
        """Return the answer of a service."""
        return await self._there(self._hub.services.ask(service))

    async def clear_market(self) -> None:
        """Have the book cleared now."""
        command = Command("market/market/orders", "match")
        result = await self._there(self._hub.commands.send(command))
        assert result.done, result.reason

    def publish_power(self, device: str, watts: float) -> None:
        """Put a reading on the bus, of whatever device."""
        reading = Reading(device, "power", watts, "W", datetime.now(UTC))
        self._loop.call_soon_threadsafe(self._hub.bus.publish, reading)


def whole(folder: Path, free_port: Callable[[], int]) -> HubSite:
    """Return a hub with everything, not started."""
    broker, chain = free_port(), free_port()
    text = "hub: {name: test street, time_lapse: 60}\n" + HOUSES
    text += PLUGINS.format(broker=broker, chain=chain, root=ROOT)
    return HubSite(folder, text)


def bare(folder: Path) -> HubSite:
    """Return a hub with the pages alone, not started."""
    return HubSite(folder, "hub: {name: bare}\nplugins:\n  web: {use: web, port: 0}\n")
