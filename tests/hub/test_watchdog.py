"""The watchdog: who is blamed for a blocked loop, and when nobody is."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hub.watchdog import Watchdog, plugin_of


@pytest.mark.parametrize(
    ("task", "plugin"),
    [
        ("bus:meters:reading/#", "meters"),
        ("job:grid/step", "grid"),
        ("task:market/chain", "market"),
        ("plugin:web", "web"),
        ("command:grid/house/house1", "grid"),
        ("service:history/history/series", "history"),
        ("reload", None),
        ("Task-7", None),
        ("", None),
    ],
)
def test_a_tasks_name_tells_its_plugin(task: str, plugin: str | None):
    assert plugin_of(task) == plugin


class Stalls:
    """Waits that take as long as told, on a clock that only they advance."""

    def __init__(self, *waits_s: float) -> None:
        self.now_s = 0.0
        self._waits: Iterator[float] = iter(waits_s)

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, _: float) -> bool:
        """Return whether the loop answered: after the last wait it has."""
        took_s = next(self._waits, None)
        self.now_s += took_s or 0.0
        return took_s is None


@pytest.mark.parametrize(
    ("waits_s", "blamed"),
    [
        ((0.5, 0.5), "job:x/work"),
        ((7.0,), ""),  # the machine stood still, and the watchdog with it
        ((0.5, 7.0), "job:x/work"),
    ],
)
async def test_who_runs_after_a_standstill_is_not_blamed(
    waits_s: tuple[float, ...], blamed: str, monkeypatch: pytest.MonkeyPatch
):
    told: list[tuple[float, str]] = []
    stalls = Stalls(*waits_s)
    loop = asyncio.get_running_loop()
    watchdog = Watchdog(loop, lambda block: told.append((block.seconds, block.task)))
    rounds = iter((False, True))
    monkeypatch.setattr(watchdog._stop, "wait", lambda _: next(rounds))
    monkeypatch.setattr(watchdog._answered, "wait", stalls.wait)
    monkeypatch.setattr("hub.watchdog.time", stalls)

    async def work() -> None:
        watchdog._watch()

    await loop.create_task(work(), name="job:x/work")
    await asyncio.sleep(0)
    assert told == [(sum(waits_s), blamed)]
    assert watchdog.worst_s == sum(waits_s)


async def test_a_loop_that_is_closed_ends_the_watch_quietly():
    loop = asyncio.new_event_loop()
    loop.close()
    told: list[Any] = []
    watchdog = Watchdog(loop, told.append)
    watchdog.start()
    watchdog._thread.join(20)
    assert not watchdog._thread.is_alive()
    assert told == []
