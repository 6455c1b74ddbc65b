"""Whatever stands in hub.yaml, the answer is a configuration or lines for people."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from hub.config import ConfigError, load
from tests.hub.config_samples import TYPES, resolve

#: Pieces of which broken YAML is made.
PIECES = (
    *"\n \t:-[]{},&*!|>'\"#%@`?~<0x1e.=\\\r\ud7ff\x85\u2028\ufeff",
    *("  ", ": ", "\n  ", "- ", "&a ", "*a", "<<", "!secret ", "!env ", "!include ", "---\n"),
    *("plugins:\n  m:\n    use: meters\n    ", "houses:\n  h: ", "hub: ", "qos: ", "limits: "),
    *("!!str ", "!!binary ", "!!python/object:os.x ", "...", "hub.yaml", "null", ".inf", "\\ud800"),
    *(
        "devices: ",
        "names: ",
        "use: ",
        "factor: ",
        "anything: ",
        "1_0",
        "12:30",
        "true",
        "2026-11-21",
    ),
)


def attempt(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.yaml"
        path.write_bytes(content)
        try:
            load(path, resolve, known_types=TYPES)
        except ConfigError as error:
            lines = [str(problem) for problem in error.problems]
            assert lines
            assert all(line.isprintable() and line.startswith(folder) for line in lines)


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("? ? ?")
@example("a: !!int x\n")
@example("!!set {a, b}")
@example("plugins: {m: {use: meters, qos: " + "9" * 5000 + "}}")
@example("plugins: {m: {use: meters, factor: 1" + "0" * 400 + "}}")
@example("plugins: {m: {use: meters, interval: 1" + "0" * 400 + "}}")
@example("plugins: {m: {use: meters, page: 'http://[::1'}}")
@example("plugins: {g: {use: grid, feeder: ~nobody/x}}")
@example('plugins: {g: {use: grid, feeder: "a\\0b"}}')
@example('hub: !include "a\\0b"')
@example("hub: !include " + "a" * 5000)
def test_no_text_raises_anything_else(text: str) -> None:
    attempt(text.encode("utf-8", errors="surrogatepass"))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(content: bytes) -> None:
    attempt(content)


@given(st.text(max_size=30), st.sampled_from(["qos", "interval", "label", "broker", "price", "at"]))
def test_no_value_raises_anything_else(value: str, key: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in value)
    attempt(f'plugins: {{m: {{use: meters, {key}: "{quoted}"}}}}'.encode())


def test_reading_a_configuration_loads_nothing_heavy() -> None:
    program = "import sys, hub.config; print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    heavy = {"web3", "numpy", "aiohttp", "paho", "sqlalchemy", "apscheduler", "rich", "typer"}
    assert not heavy & set(loaded)
