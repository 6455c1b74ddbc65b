"""Alarms with their end, and what was said to whom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class AlarmRecord:
    """One alarm from its first message to the one that cleared it. Times are feeder seconds."""

    kind: str
    subject: str
    severity: str
    text: str
    raised_s: float
    cleared_s: float | None = None

    @property
    def lasted_s(self) -> float | None:
        """How long it stood; None if it still does."""
        return None if self.cleared_s is None else round(self.cleared_s - self.raised_s, 3)


@dataclass(frozen=True, slots=True)
class NotificationRecord:
    """A message to a person."""

    elapsed_s: float
    audience: str
    severity: str
    text: str


class AlarmLog:
    """Alarms in the order in which they were raised."""

    def __init__(self) -> None:
        self.alarms: list[AlarmRecord] = []
        self.notifications: list[NotificationRecord] = []
        self._open: dict[str, AlarmRecord] = {}

    def note(self, alarm_id: str, alarm: AlarmRecord, *, cleared: bool) -> None:
        """Take in a message on an alarm; one that is said again while it lasts is one alarm."""
        standing = self._open.get(alarm_id)
        if cleared:
            if standing is not None:
                standing.cleared_s = alarm.raised_s
                del self._open[alarm_id]
        elif standing is None:
            self._open[alarm_id] = alarm
            self.alarms.append(alarm)
