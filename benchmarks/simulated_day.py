"""A day of the whole hub in virtual time: feeder, meters, market, agents, history.

Steps of one feeder minute, a market round every quarter of an hour on the Python twin of the
contract, every house with its meter on MQTT payloads. Each size runs in a process of its own, so
that memory is its own, too.

    python benchmarks/simulated_day.py                  # 12 and 100 houses
    python benchmarks/simulated_day.py --houses 1000
    python benchmarks/simulated_day.py --houses 12 --market chain
    python benchmarks/simulated_day.py --houses 100 --hours 6 --profile

Anchor: gsy-e, a simulator of the same kind, takes 14.6 s, 113 s and an estimated 850 s for 12, 100
and 1,000 houses at 60 s ticks, without meters and without any power flow. With `--profile` a table
says where the time of the loop goes; profiling itself about doubles it. Prints a table and, last,
one JSON line. `machine_s` is what two million turns of a plain Python loop take before and after a
run: shared machines differ by a factor of three from minute to minute, and the table with them.

Reached on two cores with nothing else to do:

    houses   market   wall s   CPU s   of it the loop   machine_s   memory
        12     twin      7.7     7.5              6.3        0.09   121 MiB
       100     twin     22.0    21.5             18.2        0.10   139 MiB
     1,000     twin    218     215              185          0.15   329 MiB
        12    chain     63      55               47          0.10   146 MiB

Side by side in one minute, this hub and the one of two days before took 5.3 and 10.7 s for 12
houses, 24.2 and 34.9 s for 100. A day of 1,000 houses is 11.5 million readings in 1.4 million
payloads that are written and read, and 13,000 trades.

Where the loop's time goes (percent, profiled):

    houses                         12  100
    reading payloads               12   20   smart_meter_mqtt
    writing payloads                6   10   simulated_meters
    market and traders             11   17   chain_auction, house_trader
    feeder and its houses          20    8   opendss_grid, opendssdirect
    history                         5    6   recorder; SQLite itself is on a thread of its own
    watching for faults             3    3   fault_detector
    voltages for the taps           4    4   tap_controller, hub/last.py
    report and fingerprint          4    4   hub/simulate.py
    the hub's own carrying         11    9   bus, link, subscriptions, scheduler
    asyncio                        12    8
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
import timeit
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from hub.config import load  # noqa: E402
from hub.loader import Loader  # noqa: E402
from hub.simulate import simulate  # noqa: E402

FEEDER = ROOT / "config/feeders/ieee13/feeder.dss"
BUSES = (
    "671.1", "671.2", "671.3", "632.1", "632.2", "645.2", "646.3", "684.1", "680.2", "675.3",
)  # fmt: skip
HUB = """
hub: {{name: day, time_lapse: 60, seed: 1}}
houses:
{houses}
plugins:
  grid: {{use: opendss_grid, feeder: {feeder}, load_scale: 0.6, time_of_day: "00:00"}}
  twin: {{use: opendss_grid/opendss_twin, feeder: {feeder}, load_scale: 0.6}}
  sim_meters: {{use: simulated_meters, broker: "mqtt://127.0.0.1:1883"}}
  meters: {{use: smart_meter_mqtt, broker: "mqtt://127.0.0.1:1883", preset: tasmota}}
  market: {{use: chain_auction, backend: {backend}, match_every: 15s, window: 15s, lead: 5s}}
  traders: {{use: house_trader}}
  faults: {{use: fault_detector}}
  taps: {{use: tap_controller}}
  alerts: {{use: notifier}}
  history: {{use: recorder}}
"""


def hub_yaml(count: int, backend: str = "twin") -> str:
    """Return a hub with so many houses: every second one with PV, every third with a battery."""
    houses = []
    for number in range(count):
        devices = f"load: {{annual_kwh: {2500 + number % 7 * 500}}}"
        if number % 2:
            devices += ", pv: {kwp: 5}"
        if number % 3 == 0:
            devices += ", battery: {kwh: 10, kw: 5}"
        houses.append(f'  h{number}: {{bus: "{BUSES[number % len(BUSES)]}", {devices}}}')
    return HUB.format(houses="\n".join(houses), feeder=FEEDER, backend=backend)


def run(count: int, hours: float, backend: str, *, profile: bool) -> dict[str, object]:
    """Simulate in this process and return what it took."""
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.yaml"
        path.write_text(hub_yaml(count, backend))
        loader = Loader(path.parent)
        config = load(path, loader.resolve, known_types=loader.known_types())
        cpu, loop_cpu = time.process_time(), time.thread_time()
        if profile:
            profiler.enable()
        result = simulate(config, loader, hours)
        profiler.disable()
    cpu, loop_cpu = time.process_time() - cpu, time.thread_time() - loop_cpu
    report = result.report
    bad = {n: p for n, p in report["plugins"].items() if p["state"] != "ONLINE" or p["errors"]}
    return {
        "houses": count,
        "market": backend,
        "hours": hours,
        "wall_s": round(result.wall_s, 2),
        "cpu_s": round(cpu, 2),
        "loop_cpu_s": round(loop_cpu, 2),
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "power_flows": report["messages"].get("FeederState", 0),
        "readings": report["messages"].get("Reading", 0),
        "orders": report["messages"].get("OrderPlaced", 0),
        "trades": len(report["trades"]),
        "settled": len(report["settled"]),
        "lowest_pu": report["voltage_pu"]["grid"]["min"],
        "highest_pu": report["voltage_pu"]["grid"]["max"],
        "not_online": bad,
        "fingerprint": report["fingerprint"],
        "percent_by_part": by_part(profiler) if profile else {},
    }


def by_part(profiler: cProfile.Profile) -> dict[str, float]:
    """Return the share of the loop's own time by plugin, by part of the hub and by library.

    What Python's own functions take is put down to who called them; waiting for the solver's and
    the database's threads is left out.
    """
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, own_s, _, callers) in pstats.Stats(profiler).stats.items():
        if "epoll" in name:
            continue
        part = part_of(file)
        if part is not None:
            spent[part] += own_s
            continue
        of_callers_s = sum(caller[2] for caller in callers.values())
        for (calling_file, _, _), caller in callers.items():
            share = caller[2] / of_callers_s if of_callers_s else 1 / len(callers)
            spent[part_of(calling_file) or "python"] += own_s * share
    whole = sum(spent.values()) or 1.0
    return {part: round(100 * own_s / whole, 1) for part, own_s in spent.most_common(16)}


def part_of(file: str) -> str | None:
    """Return whose time a file's is; None for Python's own."""
    parts = Path(file).parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1]
    if file.startswith(str(ROOT)):
        return "/".join(Path(file).relative_to(ROOT).parts[:2])
    return "asyncio" if "asyncio" in parts or "selectors.py" in file else None


def machine_s() -> float:
    """Return what a fixed piece of Python takes just now: tells figures of two machines apart."""

    def turns() -> None:
        total = 0
        for number in range(2_000_000):
            total += number & 7

    return min(timeit.repeat(turns, number=1, repeat=5))


def main() -> None:
    """Run every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--houses", type=int, nargs="+", default=[12, 100])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument(
        "--market", choices=("twin", "chain"), default="twin", help="Python twin or embedded chain"
    )
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        size, market = options.houses[0], options.market
        print(json.dumps(run(size, options.hours, market, profile=options.profile)))
        return
    results = []
    for count in options.houses:
        command = [sys.executable, __file__, "--one", "--houses", str(count)]
        command += ["--market", options.market]
        command += ["--hours", str(options.hours), *(["--profile"] * options.profile)]
        before_s = machine_s()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        machine = round((before_s + machine_s()) / 2, 3)
        results.append({**json.loads(done.stdout.splitlines()[-1]), "machine_s": machine})
    heads = ("houses", "market", "hours", "wall_s", "cpu_s", "loop_cpu_s", "machine_s")
    heads += ("memory_mib",)
    heads += ("power_flows", "readings", "orders", "trades", "settled", "lowest_pu", "highest_pu")
    print("".join(f"{head:>12}" for head in heads))
    for row in results:
        print("".join(f"{row[head]:>12}" for head in heads))
    for row in results:
        for part, percent in row["percent_by_part"].items():
            print(f"{row['houses']:>8} houses {percent:>6.1f} %  {part}")
        if row["not_online"]:
            print(f"{row['houses']:>8} houses: not well: {row['not_online']}")
    print(json.dumps({"benchmark": "simulated_day", "runs": results}))


if __name__ == "__main__":
    main()
