"""A simulated day runs and says where its time went; its figures are read elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "simulated_day.py"


def test_a_few_minutes_end_with_their_figures() -> None:
    ran = subprocess.run(
        [sys.executable, BENCHMARK, "--houses", "2", "--hours", "0.1", "--profile"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (run,) = json.loads(ran.stdout.splitlines()[-1])["runs"]
    assert run["not_online"] == {}
    # Six steps of two houses with eight quantities each and a head with three phases.
    assert run["readings"] >= 5 * (2 * 8 + 20)
    assert run["cpu_s"] > 0
    parts = run["percent_by_part"]
    assert parts["plugins/smart_meter_mqtt"] > 0
    assert sum(parts.values()) <= 100.1
