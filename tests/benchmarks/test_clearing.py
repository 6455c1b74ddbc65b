"""The clearing benchmark runs and its rivals agree; its figures are read elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "clearing.py"


def test_a_small_run_ends_with_its_figures() -> None:
    ran = subprocess.run(
        [sys.executable, BENCHMARK, "--sizes", "30", "--repeats", "1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert figures["median_cpu_ms"]["30"]["hub"] > 0
    assert figures["median_cpu_ms"]["30"]["numpy"] > 0
