"""What tests of several folders ask for: real programs on free ports, and Hypothesis' profiles.

Free ports come from pytest-asyncio's `unused_tcp_port` and `unused_tcp_port_factory`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.mosquitto import Mosquitto
from tools.system_tools import CHROMIUM, MOSQUITTO, Tool, find_tool

# The gate draws the same examples every time, so that a red run can be repeated and a green one
# is no luck; `make test-long` draws new ones. Machines under load miss any deadline per example.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("long", max_examples=2_000, deadline=None)
settings.load_profile("gate")


def required(tool: Tool) -> Path:
    path = find_tool(tool)
    if path is None:
        pytest.fail(f"{tool.name} is not installed: run `make setup-test`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The system's Chromium."""
    return required(CHROMIUM)


@pytest.fixture
def mosquitto(unused_tcp_port_factory: Callable[[], int], tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto on a free loopback port, open to all; `stop()` it to test its loss."""
    broker = Mosquitto(required(MOSQUITTO), unused_tcp_port_factory(), tmp_path)
    broker.start()
    yield broker
    broker.stop()
