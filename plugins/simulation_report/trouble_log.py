"""When which plugin was not well, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Trouble:
    """A plugin that was not well, from one time to another (feeder seconds; None: to the end)."""

    plugin: str
    state: str
    reason: str
    since_s: float
    until_s: float | None = None


def note(troubles: list[Trouble], now: Trouble, *, well: bool) -> None:
    """Take in the state of a plugin as it is `now`; with `well` it ends the trouble that stands."""
    standing = next((t for t in reversed(troubles) if t.plugin == now.plugin), None)
    if standing is not None and standing.until_s is None:
        if (standing.state, standing.reason) == (now.state, now.reason):
            return
        standing.until_s = now.since_s
        if now.since_s <= standing.since_s:  # over in the moment it began, as while links come up
            troubles.remove(standing)
    if not well:
        troubles.append(now)
