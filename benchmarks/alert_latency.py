"""From a dead meter's reading to both messages in both channels, against bare aiohttp.

A whole hub runs with the fault detector and the notifier: rules, ledger (every commit on disk),
outbox, texts, signatures. Servers on loopback stand in for n8n and Telegram; the clock stops when
the last of the four requests (substation and homeowner, on each channel) has arrived. The rival
posts the same four bodies at once through one aiohttp session, without anything else: the floor.

    python benchmarks/alert_latency.py --alarms 200

Prints a table and, last, one JSON line. All times in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub.core import Hub
from hub.messages import Reading
from hub.testing import running

TOKEN = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
MESSAGES = 4
YAML = """
houses:
  house1: {{bus: 671.1, telegram: "1001"}}
  house2: {{bus: 671.1, telegram: "1002"}}
plugins:
  faults: {{use: fault_detector, head: null}}
  alerts:
    use: notifier
    n8n: {{url: "{url}/webhook/microgrid", secret: "a shared secret"}}
    telegram: {{token: "{token}", substation_chat: "900", api_url: "{url}", pacing: false}}
"""


class FarSide:
    """Counts requests and tells when an expected number has arrived."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._expected = 0
        self._all = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        if len(self.bodies) >= self._expected:
            self._all.set()
        return web.json_response({"ok": True, "result": {}})

    async def next(self, count: int) -> None:
        """Wait for so many more requests."""
        self._all.clear()
        self._expected = len(self.bodies) + count
        await self._all.wait()


def tell(hub: Hub, house1_v: float) -> None:
    """Publish what both meters would say at this moment."""
    at = hub.clock.now()
    hub.bus.publish(Reading("house1", "voltage", house1_v, "V", at))
    hub.bus.publish(Reading("house2", "voltage", 240.0, "V", at))


async def through_the_hub(hub: Hub, far: FarSide, alarms: int) -> list[float]:
    """Return milliseconds per outage."""
    found = []
    for _ in range(alarms):
        arrived = asyncio.ensure_future(far.next(MESSAGES))
        await asyncio.sleep(0)
        began = time.perf_counter()
        tell(hub, 0.0)
        await arrived
        found.append((time.perf_counter() - began) * 1000)
        arrived = asyncio.ensure_future(far.next(MESSAGES))
        await asyncio.sleep(0)
        tell(hub, 240.0)
        await arrived
        await asyncio.sleep(0.02)
    return found


async def bare(url: str, far: FarSide, bodies: list[bytes], alarms: int) -> list[float]:
    """Return milliseconds for posting the same bodies with nothing around."""
    found = []
    async with aiohttp.ClientSession() as session:

        async def post(body: bytes) -> None:
            async with session.post(f"{url}/bare", data=body) as response:
                await response.read()

        for _ in range(alarms):
            arrived = asyncio.ensure_future(far.next(MESSAGES))
            await asyncio.sleep(0)
            began = time.perf_counter()
            posts = [asyncio.ensure_future(post(body)) for body in bodies]
            await arrived
            found.append((time.perf_counter() - began) * 1000)
            await asyncio.gather(*posts)
            await asyncio.sleep(0.02)
    return found


async def measure(alarms: int) -> dict[str, list[float]]:
    """Run both against the same servers."""
    far = FarSide()
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_post("/{path:.*}", far.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        text = YAML.format(url=url, token=TOKEN)
        hub = await stack.enter_async_context(running(folder, text))
        await hub.settled()
        tell(hub, 240.0)
        await through_the_hub(hub, far, 5)  # connections, prepared statements
        results = {"hub": await through_the_hub(hub, far, alarms)}
        bodies = far.bodies[-MESSAGES:]
        await bare(url, far, bodies, 5)
        results["bare aiohttp"] = await bare(url, far, bodies, alarms)
        return results


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=200)
    alarms = parser.parse_args().alarms
    logging.disable(logging.WARNING)
    results = asyncio.run(measure(alarms))
    print(f"reading of a dead meter to {MESSAGES} requests received, {alarms} outages, ms")
    print(f"{'':16}{'p50':>8}{'p90':>8}{'p99':>8}{'max':>8}")
    figures = {}
    for name, values in results.items():
        row = {
            "p50_ms": round(statistics.median(values), 2),
            "p90_ms": round(percentile(values, 0.90), 2),
            "p99_ms": round(percentile(values, 0.99), 2),
            "max_ms": round(max(values), 2),
        }
        print(f"{name:16}" + "".join(f"{value:8.1f}" for value in row.values()))
        figures[name] = row
    print(json.dumps({"benchmark": "alert_latency", "alarms": alarms, **figures}))


if __name__ == "__main__":
    main()
