"""What became of one attempt to send, and when to try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

#: Seconds before the second, third, ... attempt; the last one repeats. After Standard Webhooks,
#: but denser at the start: these are alarms.
RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
#: A server may ask for a pause, but not for more than this.
LONGEST_PAUSE_S = 3600.0


class Fate(StrEnum):
    """What to do with a message after an attempt."""

    SENT = "sent"
    RETRY = "retry"
    GIVE_UP = "give_up"
    """This message will never be taken; the next one may be."""
    CLOSE = "close"
    """The other side wants no more messages at all."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of a message, why in words without secrets, and a pause the other side asked for."""

    fate: Fate
    reason: str = ""
    pause_s: float | None = None


SENT = Outcome(Fate.SENT)


def retry(reason: str, pause_s: float | None = None) -> Outcome:
    """Return an outcome that is tried again."""
    return Outcome(Fate.RETRY, reason, pause_s)


def give_up(reason: str) -> Outcome:
    """Return an outcome that is final for this message."""
    return Outcome(Fate.GIVE_UP, reason)


def pause(value: object) -> float | None:
    """Return the seconds of a `Retry-After`, bounded; None if it is not a number of seconds."""
    try:
        seconds = float(str(value).strip())
    except ValueError:
        return None
    return min(seconds, LONGEST_PAUSE_S) if 0 <= seconds < float("inf") else None


def delay_s(attempts: int, schedule: Sequence[float] = RETRY_S) -> float:
    """Return how long to wait after that many failed attempts (at least one)."""
    return schedule[min(attempts, len(schedule)) - 1]
