"""The embedded chain: one anvil process on loopback, with its state kept in a file.

Facts this rests on (measured, anvil 1.7.1): it answers after 30 to 140 ms; `--state` keeps blocks,
logs and balances, written at an orderly end and every `--state-interval` seconds, whole each time
(4.6 MB per thousand blocks, so not every second); what `kill -9` loses since then is restored block
by block from the ledger; interval mining loses transactions, so blocks are made per transaction;
without `--prune-history` every historical state stays on disk; a truncated state file keeps it from
starting. All calls here block: run them on a thread.
"""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from .problems import Misconfigured, Unreachable
from .tied_process import spawn_tied

#: The phrase that every Ethereum development node uses, so that wallets can import its accounts.
#: Its keys are public: fit for a chain on loopback whose coin is worth nothing, and for no other.
DEV_MNEMONIC = "test test test test test test test test test test test junk"
START_TIMEOUT_S = 10.0
#: Writing the state of a long-lived chain takes seconds.
STOP_TIMEOUT_S = 30.0
STATE_INTERVAL_S = 60
#: Well above a clearing of the largest page; under 30M interval mining lost transactions.
BLOCK_GAS_LIMIT = 300_000_000
#: Fees next to nothing, so that what a house earns shows in its account.
BASE_FEE_WEI = 1_000


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How to run the embedded chain."""

    binary: Path
    state_dir: Path
    host: str
    port: int
    chain_id: int
    accounts: int
    #: Where in hub.yaml the port is set, for error messages.
    port_key: str
    prune: bool = True
    #: The time of the first block in seconds since the epoch; None: now.
    origin_s: int | None = None


def find_binary(contracts_dir: Path) -> Path:
    """Return anvil as npm installed it. Raises `Misconfigured` if it is not there."""
    found = sorted(contracts_dir.glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    if not found:
        raise Misconfigured(
            f"the embedded chain's node (anvil) is not installed in "
            f"{contracts_dir / 'node_modules'}; run: make"
        )
    return found[0]


def free_port(host: str) -> int:
    """Return a port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class AnvilNode:
    """One anvil process. `start` and `stop` block and may be called again after each other."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._state = settings.state_dir / "anvil-state.json"
        self._good = settings.state_dir / "anvil-state.good.json"
        self._origin = settings.state_dir / "anvil-origin.txt"
        self._pid = settings.state_dir / "anvil.pid"
        self._log = settings.state_dir / "anvil.log"

    @property
    def url(self) -> str:
        """The JSON-RPC address."""
        return f"http://{self.settings.host}:{self.settings.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> list[str]:
        """Start the chain and wait until it answers; returns what a person should know about it.

        The clock of a chain that was there before is still to be set (`Chain.set_clock`).
        Raises `Misconfigured` for a port in use and `Unreachable` if it does not come up.
        """
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._end_orphan()
        self._require_free_port()
        notes = self._mend_state()
        if not self._state.exists():
            origin_s = self.settings.origin_s
            self._origin.write_text(str(int(time.time()) if origin_s is None else origin_s))
        with self._log.open("wb") as log:
            self._process = spawn_tied(self._command(), log)
        self._pid.write_text(str(self._process.pid))
        self._wait_until_it_answers()
        if not self._state.exists():
            # From its first moment on, so that a chain killed young is known again by its origin.
            self._state.write_bytes(
                gzip.decompress(bytes.fromhex(self._rpc("anvil_dumpState")[2:]))
            )
        return notes

    def stop(self) -> None:
        """End the process; it writes its state on the way out."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
            if _readable(self._state):
                shutil.copyfile(self._state, self._good)
        self._pid.unlink(missing_ok=True)

    def wait_for_end(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Wait until a process that was killed is gone."""
        if self._process is not None:
            self._process.wait(timeout_s)

    def keep_good_state(self) -> None:
        """Keep a copy of the state file if it is whole, for the case that a crash cuts it short."""
        if _readable(self._state):
            copy = self._good.with_suffix(".new")
            shutil.copyfile(self._state, copy)
            if _readable(copy):
                copy.replace(self._good)

    def last_words(self) -> str:
        """The end of what the process printed."""
        try:
            text = self._log.read_text(errors="replace")
        except OSError:
            return ""
        return " ".join(text.split())[-300:]

    def _command(self) -> list[str]:
        s = self.settings
        command = [
            str(s.binary), "--host", s.host, "--port", str(s.port), "--chain-id", str(s.chain_id),
            "--accounts", str(s.accounts), "--mnemonic", DEV_MNEMONIC,
            "--gas-limit", str(BLOCK_GAS_LIMIT), "--block-base-fee-per-gas", str(BASE_FEE_WEI),
            # Without CORS headers no page of a stranger can use the unlocked accounts.
            "--quiet", "--no-cors",
            "--state", str(self._state), "--state-interval", str(STATE_INTERVAL_S),
        ]  # fmt: skip
        if self._origin.exists():
            # The clock starts at the chain's origin, so that lost blocks can be made again at their
            # own times; whoever opens the chain sets it to now after that.
            command += ["--timestamp", self._origin.read_text()]
        return [*command, "--prune-history"] if s.prune else command

    def _require_free_port(self) -> None:
        s = self.settings
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((s.host, s.port))
            except OSError as error:
                raise Misconfigured(
                    f"{s.host}:{s.port} cannot be used for the embedded chain ({error.strerror}); "
                    f"stop the program that has it, or set {s.port_key} to a free port"
                ) from None

    def _end_orphan(self) -> None:
        """End the node that a killed hub has left behind, so that it writes its state."""
        try:
            pid = int(self._pid.read_text())
        except (OSError, ValueError):
            return
        command = subprocess.run(  # noqa: S603
            ["ps", "-ww", "-o", "args=", "-p", str(pid)],  # noqa: S607
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        if str(self._state) in command:
            _end_pid(pid)
        self._pid.unlink(missing_ok=True)

    def _mend_state(self) -> list[str]:
        """Put a cut-off state file aside and take the last whole one."""
        if not self._state.exists() or _readable(self._state):
            return []
        aside = self._state.with_name(f"anvil-state.corrupt-{int(time.time())}.json")
        self._state.replace(aside)
        if _readable(self._good):
            shutil.copyfile(self._good, self._state)
            went = "the chain went back to its last whole copy"
        else:
            went = "there is no copy, so a new chain begins"
        return [f"the chain's state file was cut short: {went}; the file is kept as {aside.name}"]

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                words = self.last_words()
                self._process = None
                if "in use" in words:
                    self._require_free_port()
                raise Unreachable(f"the embedded chain ended at once: {words or 'no words'}")
            try:
                if int(self._rpc("eth_chainId"), 16) == self.settings.chain_id:
                    return
            except (OSError, ValueError, KeyError):
                pass  # not up yet
            time.sleep(0.01)
        self.stop()
        raise Unreachable(f"the embedded chain does not answer after {START_TIMEOUT_S:g} s")

    def _rpc(self, method: str) -> str:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
        body = json.dumps(request).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(  # noqa: S310  # always http on our own port
            urllib.request.Request(self.url, body, headers),  # noqa: S310
            timeout=2,
        ) as response:
            return str(json.load(response)["result"])


def _readable(path: Path) -> bool:
    """Whether a state file is whole: a JSON object from its first to its last byte.

    It is not parsed, since that takes a second per hundred megabytes.
    """
    try:
        with path.open("rb") as file:
            first = file.read(1)
            file.seek(-1, 2)
            return first == b"{" and file.read(1) == b"}"
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT_S)


def _end_pid(pid: int) -> None:
    """End a process that is not our child: ask, then kill."""
    import os

    for sign, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
        deadline = time.monotonic() + patience_s
        try:
            os.kill(pid, sign)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.02)
        except ProcessLookupError:
            return
