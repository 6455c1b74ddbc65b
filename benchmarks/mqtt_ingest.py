"""How fast meters' messages come in from a real Mosquitto, against other ways to read MQTT.

    python benchmarks/mqtt_ingest.py [--messages N] [--repeats N]

A process publishes Tasmota payloads as fast as it can. Contenders, each alone, in the same run:

- the hub's link (paho on a thread, one wake-up of the loop for many messages),
- paho as it is used most: `loop_start` and one `call_soon_threadsafe` for each message,
- amqtt's own client,
- aiomqtt, if it is installed,
- the hub's link with all that follows: payload parsed, counters kept, readings on the bus.

Prints a table and, last, one JSON line. Quote the ratios; absolute figures are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub.api import LinkMessage, LinkOptions, Telegram
from hub.bus import Bus
from plugins.mqtt_link.plugin import MqttLink
from plugins.smart_meter_mqtt.device import Device
from plugins.smart_meter_mqtt.preset import load_preset
from tools.system_tools import MOSQUITTO, find_tool

ROOT = Path(__file__).parents[1]
METERS = 100
FILTER = "tele/+/SENSOR"
PUBLISHER = """
import sys, paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
port, count, meters = map(int, sys.argv[1:])
client = mqtt.Client(CallbackAPIVersion.VERSION2, "publisher")
client.connect("127.0.0.1", port)
client.loop_start()
for number in range(count):
    payload = (
        '{"Time":"2026-06-21T12:%02d:%02d.%03d","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00",'
        '"Total":%d.%03d,"ExportActive":0.0,"Power":702.4,"ApparentPower":720.1,'
        '"ReactivePower":158.6,"Factor":0.98,"Frequency":60.0,"Voltage":241.54,"Current":2.981}}'
        % (number // 60000 % 60, number // 1000 % 60, number % 1000, number // 1000, number % 1000)
    )
    last = client.publish("tele/m%d/SENSOR" % (number % meters), payload)
last.wait_for_publish()
client.loop_stop()
"""

#: Calls `ready()` when it is subscribed and `arrived()` for each message; runs until cancelled.
Contender = Callable[[int, Callable[[], None], Callable[[], None]], Awaitable[None]]


async def hub_link(port: int, ready: Callable[[], None], arrived: Callable[[], None]) -> None:
    """The hub's link, each message handed to a handler."""
    link = MqttLink(LinkOptions(f"mqtt://127.0.0.1:{port}", "bench"))
    link.subscribe(FILTER, lambda _: arrived())
    link.on_change(lambda up: ready() if up else None)
    try:
        await asyncio.Event().wait()
    finally:
        await link.close()


async def hub_readings(port: int, ready: Callable[[], None], arrived: Callable[[], None]) -> None:
    """The hub's link, and each message made into eight readings on the bus."""
    preset = load_preset(ROOT / "config" / "meters" / "tasmota.yaml")
    topic = preset.topics[0]
    devices = {f"tele/m{i}/SENSOR": Device(f"m{i}", preset, UTC, 1e7) for i in range(METERS)}
    now = datetime(2026, 6, 21, 13, tzinfo=UTC)
    bus = Bus(lambda: now)
    bus.subscribe("reading/#", lambda _: None, owner="bench")

    def receive(message: LinkMessage) -> None:
        device = devices[message.topic]
        for report in device.receive(topic, message.payload, now, retained=message.retained):
            bus.publish(Telegram(device.name, report.quantities, report.values, report.at))
        arrived()

    link = MqttLink(LinkOptions(f"mqtt://127.0.0.1:{port}", "bench"))
    link.subscribe(FILTER, receive)
    link.on_change(lambda up: ready() if up else None)
    try:
        await asyncio.Event().wait()
    finally:
        await link.close()
        await bus.close()


async def paho_hops(port: int, ready: Callable[[], None], arrived: Callable[[], None]) -> None:
    """The thread of paho, and one call onto the loop for each message."""
    loop = asyncio.get_running_loop()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench")
    client.on_connect = lambda c, *_: c.subscribe(FILTER)
    client.on_subscribe = lambda *_: loop.call_soon_threadsafe(ready)
    client.on_message = lambda *_: loop.call_soon_threadsafe(arrived)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    try:
        await asyncio.Event().wait()
    finally:
        client.disconnect()
        client.loop_stop()


async def amqtt_client(port: int, ready: Callable[[], None], arrived: Callable[[], None]) -> None:
    """The client of amqtt."""
    from amqtt.client import MQTTClient

    client = MQTTClient(config={"auto_reconnect": False})
    await client.connect(f"mqtt://127.0.0.1:{port}")
    await client.subscribe([(FILTER, 0)])
    ready()
    try:
        while True:
            await client.deliver_message()
            arrived()
    finally:
        await client.disconnect()


async def aiomqtt_client(port: int, ready: Callable[[], None], arrived: Callable[[], None]) -> None:
    """aiomqtt, over paho."""
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(FILTER)
        ready()
        async for _ in client.messages:
            arrived()


async def measure(contender: Contender, port: int, count: int) -> tuple[float, float]:
    """Return messages per second, and the time of this process's CPU for each in microseconds."""
    is_ready, is_done = asyncio.Event(), asyncio.Event()
    times: list[float] = []

    def arrived() -> None:
        times.append(time.perf_counter())
        if len(times) == count:
            is_done.set()

    task = asyncio.ensure_future(contender(port, is_ready.set, arrived))
    async with asyncio.timeout(20):
        await is_ready.wait()
    await asyncio.sleep(0.2)
    cpu_s = time.process_time()
    publisher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PUBLISHER, str(port), str(count), str(METERS)
    )
    try:
        async with asyncio.timeout(120):
            await is_done.wait()
            cpu_s = time.process_time() - cpu_s
            await publisher.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return (count - 1) / (times[-1] - times[0]), cpu_s / count * 1e6


def start_mosquitto(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a broker that drops nothing, on a free port."""
    program = find_tool(MOSQUITTO)
    if program is None:
        sys.exit("mosquitto is not installed: run `make setup-test`")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    process = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return process, port
    sys.exit("mosquitto did not start")


def main() -> None:
    """Measure all contenders and print what they reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    contenders: dict[str, Contender] = {
        "hub link": hub_link,
        "paho, one hop a message": paho_hops,
        "amqtt client": amqtt_client,
    }
    if importlib.util.find_spec("aiomqtt"):
        contenders["aiomqtt"] = aiomqtt_client
    contenders["hub link to readings"] = hub_readings
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    with tempfile.TemporaryDirectory() as folder:
        broker, port = start_mosquitto(Path(folder))
        try:
            for _ in range(options.repeats):
                for name, contender in contenders.items():
                    found[name].append(asyncio.run(measure(contender, port, options.messages)))
        finally:
            broker.terminate()
            broker.wait()
    rates = {name: statistics.median(rate for rate, _ in runs) for name, runs in found.items()}
    costs = {name: statistics.median(cost for _, cost in runs) for name, runs in found.items()}
    rival = "paho, one hop a message"
    print(f"{options.messages} messages of {METERS} meters, median of {options.repeats} runs")
    print(f"{'':26} {'messages/s':>11} {'of paho':>8} {'CPU µs each':>12}")
    for name, rate in rates.items():
        print(f"{name:26} {rate:11,.0f} {rate / rates[rival]:8.2f} {costs[name]:12.0f}")
    print(json.dumps({"benchmark": "mqtt_ingest", "messages_per_s": rates, "cpu_us": costs}))


if __name__ == "__main__":
    main()
