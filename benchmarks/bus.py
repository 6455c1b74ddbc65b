"""How fast the bus delivers, against pyee, blinker and a bare asyncio.Queue per subscriber.

    python benchmarks/bus.py [--publishes N] [--repeats N]

All four deliver the same messages to the same number of handlers in one process and one run. The
bus and the queues hand over to a task per subscriber; pyee and blinker call handlers inside
`emit`, so one that raises or waits holds up all: they are the floor, not an equal. Prints a table
and, last, one JSON line. Quote the ratios; absolute figures are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import blinker
from pyee.base import EventEmitter

from hub.bus import Bus
from hub.messages import Alarm, Severity

AT = datetime(2026, 6, 1, tzinfo=UTC)
#: Messages between two turns of the loop, as a step of a feeder brings them.
BURST = 100

#: Publishes `count` messages to `subscribers`; returns the seconds until all were delivered.
Contender = Callable[[int, int], Awaitable[float]]


def messages() -> list[Alarm]:
    """Return one burst."""
    return [Alarm("bench", f"s{i}", Severity.INFO, AT, "", id="x") for i in range(BURST)]


async def hub_bus(count: int, subscribers: int) -> float:
    """The hub's bus."""
    bus = Bus(lambda: AT)
    got = 0

    def handler(_: object) -> None:
        nonlocal got
        got += 1

    for _ in range(subscribers):
        bus.subscribe("alarm/bench/+", handler)
    burst = messages()
    began = time.perf_counter()
    for _ in range(count // BURST):
        for message in burst:
            bus.publish(message)
        await asyncio.sleep(0)
    while got < count * subscribers:  # noqa: ASYNC110 - the rate is what is measured
        await asyncio.sleep(0)
    took = time.perf_counter() - began
    await bus.close()
    return took


async def bare_queue(count: int, subscribers: int) -> float:
    """A queue and a task per subscriber, nothing else."""
    got = 0
    queues: list[asyncio.Queue[Alarm]] = [asyncio.Queue() for _ in range(subscribers)]

    def handler(_: object) -> None:
        nonlocal got
        got += 1

    async def consume(queue: asyncio.Queue[Alarm]) -> None:
        while True:
            handler(await queue.get())

    tasks = [asyncio.create_task(consume(queue)) for queue in queues]
    burst = messages()
    began = time.perf_counter()
    for _ in range(count // BURST):
        for message in burst:
            for queue in queues:
                queue.put_nowait(message)
        await asyncio.sleep(0)
    while got < count * subscribers:  # noqa: ASYNC110 - the rate is what is measured
        await asyncio.sleep(0)
    took = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return took


async def pyee_emitter(count: int, subscribers: int) -> float:
    """pyee: handlers run inside `emit`."""
    emitter = EventEmitter()
    got = 0

    def make() -> Callable[[object], None]:
        def handler(_: object) -> None:
            nonlocal got
            got += 1

        return handler  # one function each: pyee keeps a listener once

    for _ in range(subscribers):
        emitter.on("alarm", make())
    burst = messages()
    began = time.perf_counter()
    for _ in range(count // BURST):
        for message in burst:
            emitter.emit("alarm", message)
        await asyncio.sleep(0)
    return time.perf_counter() - began


async def blinker_signal(count: int, subscribers: int) -> float:
    """blinker: handlers run inside `send`."""
    signal = blinker.Signal()
    got = 0

    def make() -> Callable[[object], None]:
        def handler(_: object) -> None:
            nonlocal got
            got += 1

        return handler

    kept = [make() for _ in range(subscribers)]  # blinker holds them weakly
    for handler in kept:
        signal.connect(handler)
    burst = messages()
    began = time.perf_counter()
    for _ in range(count // BURST):
        for message in burst:
            signal.send(message)
        await asyncio.sleep(0)
    return time.perf_counter() - began


CONTENDERS: dict[str, Contender] = {
    "hub": hub_bus,
    "asyncio.Queue": bare_queue,
    "pyee": pyee_emitter,
    "blinker": blinker_signal,
}


def measure(publishes: int, repeats: int) -> dict[str, dict[int, float]]:
    """Return deliveries per second by contender and number of subscribers: medians, in turns."""
    rates: dict[str, dict[int, float]] = {name: {} for name in CONTENDERS}
    for subscribers in (1, 8, 64):
        count = max(BURST, publishes // subscribers // BURST * BURST)
        times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for _ in range(repeats):
            for name, contender in CONTENDERS.items():
                times[name].append(asyncio.run(contender(count, subscribers)))
        for name, taken in times.items():
            rates[name][subscribers] = count * subscribers / statistics.median(taken)
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--publishes", type=int, default=200_000, help="deliveries a run")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rates = measure(arguments.publishes, arguments.repeats)
    print(f"{'deliveries/s':<16}" + "".join(f"{n:>14} subs" for n in (1, 8, 64)))
    for name, row in rates.items():
        print(f"{name:<16}" + "".join(f"{rate:>19,.0f}" for rate in row.values()))
    ratios = {
        f"{name}@{n}": round(rates["hub"][n] / rates[name][n], 3)
        for name in CONTENDERS
        if name != "hub"
        for n in rates[name]
    }
    for name, ratio in ratios.items():
        print(f"hub / {name:<20} {ratio:6.2f}")
    figures = {name: {str(n): round(r) for n, r in row.items()} for name, row in rates.items()}
    print(json.dumps({"benchmark": "bus", "deliveries_per_s": figures, "hub_over": ratios}))


if __name__ == "__main__":
    main()
