"""One step of the feeder in the hub, against the bare engine doing the same.

A hub's step sets every load, solves, reads all voltages, taps, branch powers and the head, goes
through the engine's thread and the event loop, and publishes state and metering to a subscriber.
The bare engine sets every load, solves and reads all voltages through its fastest public calls
(`Loads.First/Next` with `kW`, `AllBusVmagPu` as numpy array) in a plain loop. Both have the same
tolerance and the same loads, which all change a little from step to step.

    python benchmarks/grid_step.py              # 13 buses, and copies of them: thousands of nodes
    python benchmarks/grid_step.py --seconds 1 --copies 30

The sides take turns of a second, and a ratio is the median over the rounds. Rates are by the wall;
the CPU time of a step (all threads) stands beside them, because it hardly changes on a busy
machine, where every change of thread waits for its turn. `batch` is the bare engine with the hub's
own way of setting loads in one call of the C interface, which OpenDSSDirect.py has no name for. A
task of the loop notes how late it is woken while the hub steps
(`late`). Beside it stand two measures of the machine itself: the same while the bare engine works
on its thread (`bare_late`), and a process that only sleeps while the hub steps (`stranger_late`).
Prints a table and, last, one JSON line.

Reached on two cores with nothing else to do, on two days: 1.17 and 1.00 of the bare engine at 3,803
nodes and 0.66 and 0.64 of the batched one; 0.19 and 0.16 at 41 nodes, where the aim was 0.5. Where
the CPU time of one of the hub's steps at 41 nodes goes, in us, with a bare step at 80:

    setting the loads               13   two calls for all of them
    power flow                      22   as in the bare step
    voltages                         4   a view of the solver's array, four calls of numpy
    branches, losses, head          18   nine calls of numpy for 30 elements
    meters, solution, other         25   some ten small objects and arrays
    messages                        18   three of them, copied out of numpy
    the same, not from the cache    85   what the above takes more than alone in a loop
    to the engine's thread, back    60   a queue, the loop's pipe, three turns of the loop
    publishing                      40   three messages on the bus
    delivering, scheduling, other   30

These 315 hardly grow before a feeder has hundreds of nodes, and none is much of them. Waiting for
the thread on the spot instead of by the loop's selector was tried: 20 us of 330, at the price of a
loop that stands still meanwhile. Two steps in flight gain nothing: of a step only the 22 us of the
power flow leave Python to others.

The solver's C calls let go of Python, so the loop runs while it works. What the engine's thread
does in Python and numpy takes 1.2 ms of a large step, publishing 0.3 ms of the loop: that is the
hub's own share of the lateness. In the large run the loop was late by 0.6 ms as a rule, by 2.1 at
the 99th percentile and by 4.2 at most (5.3 on the other day); beside the bare engine by 1.2 and
5.2, and the process that only sleeps by 0.6 and 4.2. With two other programs at work these were 4.3
and 5.1, 4.0 and 6.6, 2.5 and 3.6: it is then the machine that is late.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


from hub.testing import running  # noqa: E402
from plugins.opendss_grid.engine import MAX_ITERATIONS, TOLERANCE  # noqa: E402
from plugins.opendss_grid.load_batch import LoadBatch  # noqa: E402
from plugins.opendss_grid.profiles import load_factor  # noqa: E402
from plugins.opendss_grid.solver_library import dss  # noqa: E402

FEEDER = ROOT / "config/feeders/ieee13"
HUB = """
hub: {{time_lapse: 3600}}
plugins:
  grid: {{use: opendss_grid, feeder: {feeder}, step: 1h, load_scale: 0.6, load_profile: household}}
"""
#: Feeder time per step on both sides.
STEP_S = 5.0


def copies_of_ieee13(folder: Path, copies: int) -> Path:
    """Write a circuit of many 13-node feeders, each with a substation on one 115 kV bus."""
    network = (FEEDER / "network.dss").read_text()
    shared, _, _ = network.partition("! --- Voltage regulator")
    lines = [
        "Clear",
        "New Circuit.copies phases=3 bus1=source basekv=115 pu=1.0 angle=30 MVAsc3=1000000",
        *shared.splitlines(),
    ]
    body = network[len(shared) :].partition("! The meter at the head")[0]
    buses = r"(source|RG60|6[0-9][0-9])"
    for copy in range(copies):
        lines += [
            f"New Transformer.substation_{copy} phases=3 windings=2 XHL=1",
            "~ wdg=1 bus=source conn=delta kv=115 kva=5000 %r=0.05",
            f"~ wdg=2 bus=650_{copy} conn=wye kv=4.16 kva=5000 %r=0.05",
        ]
        text = re.sub(rf"(bus\d?=|buses=\[|\s){buses}(?=[.\s])", rf"\1\2_{copy}", body)
        text = re.sub(r"^New (\w+)\.(\S+)", rf"New \1.\2_{copy}", text, flags=re.MULTILINE)
        text = re.sub(r"(like|transformer)=(\w+)", rf"\1=\2_{copy}", text)
        lines += text.splitlines()
    lines += ["Set VoltageBases=[115, 4.16, 0.48]", "CalcVoltageBases"]
    path = folder / "copies.dss"
    path.write_text("\n".join(lines) + "\n")
    return path


def bare_step(feeder: Path, *, batched: bool) -> tuple[Callable[[], Any], int]:
    """Return a step on the bare engine, and its number of nodes.

    With `batched` loads are set by the hub's own way into the solver's C interface.
    """
    context = dss.NewContext()
    context.Basic.AllowChangeDir(False)
    context.Text.Command(f'Compile "{feeder}"')
    context.Text.Command(f"Set Tolerance={TOLERANCE} MaxIter={MAX_ITERATIONS}")
    context.Solution.Solve()
    context.Text.Command("Set ControlMode=Off")
    circuit = context.to_dss_python().ActiveCircuit
    loads = context.Loads
    base_kw, base_kvar = [], []
    more = loads.First()
    while more:
        base_kw.append(loads.kW())
        base_kvar.append(loads.kvar())
        more = loads.Next()
    set_kw, following, first = loads.kW, loads.Next, loads.First
    solve = context.Solution.Solve
    when = datetime(2026, 6, 21, 17, tzinfo=UTC)
    moments = iter(range(10**9))

    def factor_now() -> float:
        return 0.6 * load_factor("household", when + timedelta(seconds=STEP_S * next(moments)))

    base_w, base_var = 1000 * np.array(base_kw), 1000 * np.array(base_kvar)
    names = [str(name).lower() for name in loads.AllNames()]
    batch = LoadBatch(context, names, base_w, base_var)

    def batched_step() -> Any:
        factor = factor_now()
        batch.set(base_w * factor, base_var * factor)
        solve()
        return circuit.AllBusVmagPu

    def step() -> Any:
        factor = factor_now()
        first()
        for kw in base_kw:
            set_kw(kw * factor)
            following()
        solve()
        return circuit.AllBusVmagPu

    chosen = batched_step if batched else step
    voltages_pu = chosen()
    if not context.Solution.Converged() or voltages_pu.min() < 0.5:
        raise SystemExit(f"{feeder}: a power flow in which part of the feeder is dead")
    return chosen, len(voltages_pu)


@dataclass
class Pace:
    """Steps of one side in one round."""

    steps: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        return self.steps / self.wall_s

    @property
    def cpu_us(self) -> float:
        return 1e6 * self.cpu_s / self.steps


async def measure(feeder: Path, seconds: float, rounds: int) -> dict[str, float]:
    """Return the pace of both, measured in turns, and how late the loop was woken."""
    bare: list[Pace] = []
    batched: list[Pace] = []
    full: list[Pace] = []
    late: list[float] = []
    late_beside_bare: list[float] = []
    late_elsewhere: list[float] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        step, nodes = await loop.run_in_executor(thread, partial(bare_step, feeder, batched=False))
        batch_step, _ = await loop.run_in_executor(thread, partial(bare_step, feeder, batched=True))
        async with running(Path(folder), HUB.format(feeder=feeder)) as hub:
            await hub.settled()
            plugin = hub.plugins["grid"].plugin
            hub.bus.subscribe("grid/grid/state", lambda _: None, owner="benchmark")
            origin = datetime(2026, 6, 21, 17, tzinfo=UTC)
            moments = iter(range(10**9))
            # Feeder time advances as in the bare loop, whatever the wall does.
            hub.clock.feeder_now = lambda: origin + timedelta(seconds=STEP_S * next(moments))
            plugin._simulation.time = origin
            for _ in range(rounds):
                watcher = asyncio.create_task(lateness(late_beside_bare))
                bare.append(await loop.run_in_executor(thread, run_bare, step, seconds))
                watcher.cancel()
                pace = await loop.run_in_executor(thread, run_bare, batch_step, seconds)
                batched.append(pace)
                watcher = asyncio.create_task(lateness(late))
                stranger = await start_stranger(seconds)
                full.append(await run_full(plugin._step, seconds))
                watcher.cancel()
                said, _ = await stranger.communicate()
                late_elsewhere += json.loads(said)
    for noted in (late, late_beside_bare, late_elsewhere):
        noted.sort()
    return {
        "nodes": nodes,
        "bare_steps_per_s": round(median(p.per_s for p in bare), 1),
        "batch_steps_per_s": round(median(p.per_s for p in batched), 1),
        "hub_steps_per_s": round(median(p.per_s for p in full), 1),
        "ratio": round(ratio(full, bare, "per_s"), 3),
        "ratio_to_batch": round(ratio(full, batched, "per_s"), 3),
        "bare_cpu_us": round(median(p.cpu_us for p in bare), 1),
        "hub_cpu_us": round(median(p.cpu_us for p in full), 1),
        "cpu_ratio": round(ratio(bare, full, "cpu_us"), 3),
        "late_p50_ms": round(1000 * late[len(late) // 2], 2),
        "late_p99_ms": round(1000 * late[int(len(late) * 0.99)], 2),
        "late_max_ms": round(1000 * late[-1], 2),
        "bare_late_p99_ms": round(1000 * late_beside_bare[int(len(late_beside_bare) * 0.99)], 2),
        "bare_late_max_ms": round(1000 * late_beside_bare[-1], 2),
        "stranger_late_p99_ms": round(1000 * late_elsewhere[int(len(late_elsewhere) * 0.99)], 2),
        "stranger_late_max_ms": round(1000 * late_elsewhere[-1], 2),
    }


def ratio(these: list[Pace], those: list[Pace], figure: str) -> float:
    """Return the median ratio of the rounds: the machine's own pace differs from round to round."""
    pairs = zip(these, those, strict=True)
    return median(getattr(this, figure) / getattr(that, figure) for this, that in pairs)


def run_bare(step: Callable[[], Any], seconds: float) -> Pace:
    """Call a plain function for some seconds."""
    pace, wall, cpu = Pace(), time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        step()
        pace.steps += 1
    pace.wall_s = time.perf_counter() - wall
    pace.cpu_s = time.process_time() - cpu
    return pace


async def run_full(step: Callable[[], Any], seconds: float) -> Pace:
    """Call an async function for some seconds."""
    pace, wall, cpu = Pace(), time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        await step()
        pace.steps += 1
    pace.wall_s = time.perf_counter() - wall
    pace.cpu_s = time.process_time() - cpu
    return pace


#: A process that does nothing but sleep, and notes as `lateness` does how late it is woken.
STRANGER = """
import json, sys, time
late, end = [], time.perf_counter() + float(sys.argv[1])
while (began := time.perf_counter()) < end:
    time.sleep(0.005)
    late.append(time.perf_counter() - began - 0.005)
print(json.dumps(late))
"""


async def start_stranger(seconds: float) -> asyncio.subprocess.Process:
    """Start a process that shares nothing with this one but the machine."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", STRANGER, str(seconds), stdout=asyncio.subprocess.PIPE
    )


async def lateness(late: list[float], period_s: float = 0.005) -> None:
    """Note how much later than asked the loop wakes a sleeper."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(period_s)
        late.append(time.perf_counter() - began - period_s)


def main() -> None:
    """Measure a small and a large feeder and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="per side and round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--copies", type=int, default=100, help="13-node feeders in the large one")
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        large = copies_of_ieee13(Path(folder), options.copies)
        for name, feeder in (("ieee13", FEEDER / "feeder.dss"), ("large", large)):
            results[name] = asyncio.run(measure(feeder, options.seconds, options.rounds))
    print(f"{'':<20}" + "".join(f"{name:>12}" for name in results))
    for key in results["ieee13"]:
        print(f"{key:<20}" + "".join(f"{row[key]:>12g}" for row in results.values()))
    print(json.dumps({"benchmark": "grid_step", **results}))


if __name__ == "__main__":
    main()
