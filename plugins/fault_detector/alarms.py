"""Which alarms stand: raised once, cleared once, under one id."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

OUTAGE, FAULT, VOLTAGE = "outage", "fault", "voltage"
METER_LOST, BROKER_LOST = "meter_lost", "broker_lost"
_KINDS = (OUTAGE, FAULT, VOLTAGE, METER_LOST, BROKER_LOST)
INFO, WARNING, CRITICAL = "info", "warning", "critical"
_ORDER = (INFO, WARNING, CRITICAL)
#: How many past alarms are remembered for the page.
RECENT = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """An alarm raised, made more severe, or cleared. `id` stays the same through all three.

    `since` is when it was raised and `at` when this was found, both UTC.
    """

    id: str
    kind: str
    subject: str
    severity: str
    since: datetime
    at: datetime
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    cleared: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.subject


def alarm_id(kind: str, subject: str, since: datetime) -> str:
    """Return the id of an alarm: the same for the same facts, so a repeated run repeats it."""
    facts = f"{kind}/{subject}/{since.isoformat()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


class Register:
    """The alarms that stand now, one per kind and subject."""

    def __init__(self, active: Iterable[Finding] = ()) -> None:
        self._active: dict[tuple[str, str], Finding] = {a.key: a for a in active}
        self._count = dict.fromkeys(_KINDS, 0)
        for kind, _ in self._active:
            self._count[kind] = self._count.get(kind, 0) + 1
        self.recent: deque[Finding] = deque(maxlen=RECENT)

    @property
    def active(self) -> tuple[Finding, ...]:
        return tuple(self._active.values())

    @property
    def any_silent(self) -> bool:
        """Whether somebody is missed."""
        return self._count[METER_LOST] + self._count[BROKER_LOST] > 0

    @property
    def any_dark(self) -> bool:
        """Whether somebody is without supply."""
        return self._count[OUTAGE] + self._count[FAULT] > 0

    def get(self, kind: str, subject: str) -> Finding | None:
        return self._active.get((kind, subject))

    def of_kind(self, kind: str) -> tuple[Finding, ...]:
        return tuple(a for a in self._active.values() if a.kind == kind)

    def raise_alarm(
        self,
        kind: str,
        subject: str,
        now: datetime,
        *,
        severity: str,
        text: str,
        evidence: Mapping[str, Any],
    ) -> list[Finding]:
        """Return the finding to tell; none if the alarm stands with that severity already."""
        standing = self._active.get((kind, subject))
        if standing is None:
            self._count[kind] = self._count.get(kind, 0) + 1
            finding = Finding(
                alarm_id(kind, subject, now), kind, subject, severity, now, now, text, evidence
            )
        elif _ORDER.index(severity) > _ORDER.index(standing.severity):
            finding = replace(
                standing, severity=severity, at=now, text=text, evidence=dict(evidence)
            )
        else:
            return []
        self._active[finding.key] = finding
        self.recent.append(finding)
        return [finding]

    def clear_alarm(
        self,
        kind: str,
        subject: str,
        now: datetime,
        *,
        text: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> list[Finding]:
        """Return the finding to tell; none if there is no such alarm."""
        standing = self._active.pop((kind, subject), None)
        if standing is None:
            return []
        self._count[kind] -= 1
        lasted_s = round((now - standing.since).total_seconds(), 3)
        finding = replace(
            standing,
            at=now,
            text=text,
            evidence={**standing.evidence, **(evidence or {}), "lasted_s": lasted_s},
            cleared=True,
        )
        self.recent.append(finding)
        return [finding]
