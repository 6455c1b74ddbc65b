"""A real Mosquitto as a child process."""

import subprocess
import threading
from pathlib import Path

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0


class Mosquitto:
    """Mosquitto on a loopback port, to be stopped and started again at will.

    Args:
        program: Path of the program.
        port: A free TCP port; kept over restarts, so that clients find it again.
        folder: Where the configuration is written.
        settings: Lines of mosquitto.conf for its listener; by default anybody may use it.
    """

    def __init__(
        self, program: Path, port: int, folder: Path, settings: str = "allow_anonymous true\n"
    ) -> None:
        self.port = port
        self.log: list[str] = []
        self.program = program
        self._settings = settings
        self._config = folder / "mosquitto.conf"
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running process, to be sent signals."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the broker and return when it accepts connections.

        Raises:
            RuntimeError: it ended, or did not start in time; the text holds its log.
        """
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{self._settings}log_type all\n",
            encoding="utf-8",
        )
        self.log.clear()
        process = subprocess.Popen(
            [self.program, "-c", self._config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process = process
        settled = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(process, settled), daemon=True)
        self._reader.start()
        if not settled.wait(START_TIMEOUT_S) or process.poll() is not None:
            self.stop()
            raise RuntimeError("mosquitto did not start:\n" + "".join(self.log))

    def stop(self) -> None:
        """End the broker, if it runs, and wait until its port is free."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join()

    def _read_log(self, process: subprocess.Popen[str], settled: threading.Event) -> None:
        """Collect the log; `settled` when the broker says it is running, or its log ends."""
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line)
                if line.rstrip().endswith(" running"):
                    settled.set()
        process.wait()
        settled.set()
