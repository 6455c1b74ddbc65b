"""Events of a file: at time 0, at one moment, refused, and after the end of a simulation."""

import asyncio
from pathlib import Path

import pytest

from hub.api import CommandResult
from hub.config import ConfigError
from hub.testing import Recording, in_virtual_time, running

FEEDER = Path(__file__).parents[3] / "config/feeders/ieee13/feeder.dss"
TEXT = f"""
hub: {{time_lapse: 60}}
houses: {{house1: {{bus: 671.1}}}}
plugins:
  grid:
    use: opendss_grid
    feeder: {FEEDER}
    events:
      - {{after: 2m, target: grid/grid/fault/tree, action: apply, args: {{type: ag, bus: "671"}}}}
      - {{after: 2m, target: grid/grid/fault/tree, action: clear}}
      - {{after: 2m, target: grid/grid/fault/tree, action: clear}}
      - {{after: 0s, target: house/house1, action: open_service}}
      - {{after: 3h, target: house/house1, action: close_service}}
      - {{after: 2d, target: house/house1, action: open_service}}
"""


async def test_by_the_wall_clock_too_events_of_one_moment_come_one_after_the_other(
    tmp_path: Path,
) -> None:
    """What opens and closes at one moment must not end open."""
    events = "".join(
        f"      - {{after: 30s, target: grid/grid/branch/line.684_611, action: {action}}}\n"
        for action in ("open", "close") * 10
    )
    text = TEXT[: TEXT.index("      - {after")] + events
    async with running(tmp_path, text) as hub:
        seen = Recording(hub, "command/#")
        await seen.until(lambda said: len(said) == 20)
        network = await hub.services.ask("grid/grid/network", None)
    done = [each.command.action for each in seen.messages if isinstance(each, CommandResult)]
    assert done == ["open", "close"] * 10
    assert network["changed"] == []


def test_events_come_in_order_and_those_beyond_the_end_are_named(tmp_path: Path, caplog) -> None:
    async def run() -> list[CommandResult]:
        async with running(tmp_path, TEXT) as hub:
            seen = Recording(hub)
            await asyncio.sleep(5)
            return [each for each in seen.messages if isinstance(each, CommandResult)]

    results = in_virtual_time(run)
    assert [(each.command.action, each.done) for each in results] == [
        ("open_service", True),
        ("apply", True),
        ("clear", True),
        ("clear", False),
    ]
    assert "event clear grid/grid/fault/tree: there is no fault tree" in caplog.text
    assert (
        "the run ended before event close_service house/house1, due 3:00:00 of feeder time after "
        "its start, and 1 later"
    ) in caplog.text


@pytest.mark.parametrize("after", ["-5m", "soon"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, after: str) -> None:
    text = TEXT.replace("after: 2d", f"after: {after}")

    async def run() -> None:
        async with running(tmp_path, text):
            pass

    with pytest.raises(ConfigError, match=r"events\[5\].after: expected a duration such as 500ms"):
        in_virtual_time(run)
