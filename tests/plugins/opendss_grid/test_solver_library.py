"""OpenDSS in a process whose environment grows after it was loaded."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

# In a process of its own, with a small environment: a fault here is a crash, and whether freed
# memory is used again depends on its size.
GROW_AND_SOLVE = """
import os, threading
os.environ["BEFORE"] = "1"
from plugins.opendss_grid.engine import dss
for n in range(200):
    os.environ[f"AFTER_{n}"] = str(n)
reused = [bytes([255]) * size for size in range(8, 4096, 8)]
thread = threading.Thread(target=dss.NewContext)
thread.start()
thread.join()
print(os.popen("echo $BEFORE $AFTER_0 $AFTER_199").read(), end="")
"""


def test_variables_may_be_added_after_opendss_was_loaded():
    done = subprocess.run(
        [sys.executable, "-c", GROW_AND_SOLVE],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 0 199\n"
