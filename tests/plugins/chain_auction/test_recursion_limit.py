"""Importing web3 leaves the process able to refuse what is nested too deeply."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

# In a process of its own: a limit that is too high is a crash, and another test may have raised it.
NEST_AFTER_IMPORT = """
import sys
before = sys.getrecursionlimit()
import plugins.chain_auction.chain, plugins.chain_auction.keys, plugins.chain_auction.report
assert "web3" in sys.modules and "py_ecc" in sys.modules
from plugins.smart_meter_mqtt.payload import PayloadError, parse_json
try:
    parse_json(b"[" * 60_000)
except PayloadError as error:
    print(error, sys.getrecursionlimit() == before)
"""


def test_a_payload_of_brackets_is_refused_after_web3_was_imported():
    done = subprocess.run(
        [sys.executable, "-c", NEST_AFTER_IMPORT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "nested too deeply True\n"
