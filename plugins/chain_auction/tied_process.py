"""Child processes that end with the hub, however it ends: by Ctrl-C twice, or by `kill -9`.

On Linux the kernel sends the child SIGTERM when the thread that started it is gone, so a thread of
its own stays with each child. Elsewhere the child of a killed hub is ended by the hub's next start.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import IO

#: Run by a Python of its own before it becomes the program: in the hub, with its threads, nothing
#: may run between fork and exec. 1 is PR_SET_PDEATHSIG. The parent may be gone already.
_TIE = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0)
if os.getppid() == parent:
    os.execv(sys.argv[2], sys.argv[2:])
"""


def spawn_tied(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program that writes into `log`; OSError if it cannot be started.

    It is in a process group of its own: Ctrl-C is the hub's to handle.
    """
    if not sys.platform.startswith("linux"):
        return _spawn(command, log)
    started: Future[subprocess.Popen[bytes]] = Future()
    threading.Thread(
        target=_stay_with, args=(command, log, started), name="embedded-chain", daemon=True
    ).start()
    return started.result()


def _stay_with(
    command: Sequence[str], log: IO[bytes], started: Future[subprocess.Popen[bytes]]
) -> None:
    import os

    tie = [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]
    try:
        process = _spawn(tie, log)
    except OSError as error:
        started.set_exception(error)
        return
    started.set_result(process)
    process.wait()


def _spawn(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # our own binary, our own arguments
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
    )
