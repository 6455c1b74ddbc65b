"""Who is silent, and whether it is one meter or the way to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .alarms import BROKER_LOST, CRITICAL, METER_LOST, WARNING, Finding, Register
from .channels import Device

#: The subject of `broker_lost` when nobody said which link is down, only that all are silent.
ALL_METERS = "all_meters"
#: All are silent for so many times as long as one must be: whoever holds the link knows better
#: why, and is given the time to say so.
ALL_SILENT_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Silence:
    """The devices that are lost, and whether nobody reports at all."""

    devices: frozenset[str]
    all_silent: bool


def find_silent(
    seen: Mapping[str, datetime],
    now: datetime,
    stale_after: timedelta,
    excused_until: datetime | None = None,
) -> Silence:
    """Return which devices have been silent for longer than `stale_after`.

    `seen` maps every expected device to when it last reported (or to when the watch began). A
    device is lost only while another one reports: when all fall silent together the way to them
    is, and no meter is blamed; that takes `ALL_SILENT_FACTOR` times as long. Up to `excused_until`
    nobody is blamed: they had no way to report.
    """
    if excused_until is not None and now < excused_until:
        return Silence(frozenset(), all_silent=False)
    silent = frozenset(device for device, at in seen.items() if now - at > stale_after)
    if len(seen) < 2:
        return Silence(silent, all_silent=False)
    anybody = any(now - at <= stale_after / 2 for at in seen.values())
    if anybody:
        return Silence(silent, all_silent=False)
    latest = max(seen.values())
    return Silence(frozenset(), all_silent=now - latest > ALL_SILENT_FACTOR * stale_after)


class SilenceAlarms:
    """Raises and clears `meter_lost`, one per meter, and `broker_lost` for all of them."""

    def __init__(
        self,
        devices: Mapping[str, Device],
        stale_after: timedelta,
        register: Register,
        now: datetime,
    ) -> None:
        self._devices = devices
        self._stale_after = stale_after
        self._register = register
        #: Everybody was heard at this time or later: the least of all, when it was last looked for.
        self._all_heard = now
        self._links_down: set[str] = set()
        self._excused_until: datetime | None = None

    @property
    def quiet(self) -> bool:
        """Whether nobody was told that a meter is silent."""
        return not self._register.any_silent

    def heard(self, device: Device, now: datetime) -> list[Finding]:
        """Note that a meter reported."""
        device.heard = now
        if not self._register.any_silent:
            return []
        return self._back(device.meter.device, now) + self._all_back(now)

    def link_changed(self, link: str, up: bool, now: datetime) -> None:
        """Note that the way to the meters is back or lost, by somebody who knows."""
        if not up:
            self._links_down.add(link)
        elif link in self._links_down:
            self._links_down.discard(link)
            self._excused_until = now + self._stale_after

    def check(self, now: datetime) -> list[Finding]:
        """Judge all meters as of now."""
        if self._links_down or now - self._all_heard <= self._stale_after:
            return []
        seen = {device.meter.device: device.heard for device in self._devices.values()}
        self._all_heard = min(seen.values(), default=now)
        if now - self._all_heard <= self._stale_after:
            return []
        silence = find_silent(seen, now, self._stale_after, self._excused_until)
        if silence.all_silent:
            waited_s = ALL_SILENT_FACTOR * self._stale_after.total_seconds()
            return self._register.raise_alarm(
                BROKER_LOST,
                ALL_METERS,
                now,
                severity=CRITICAL,
                text=f"No meter has reported for {waited_s:g} s: the way to them is lost.",
                evidence={"meters": len(seen)},
            )
        found: list[Finding] = []
        for device in sorted(silence.devices):
            last = seen[device]
            found += self._register.raise_alarm(
                METER_LOST,
                device,
                now,
                severity=WARNING,
                text=f"The meter {device} has been silent since {last:%H:%M:%S} UTC.",
                evidence={"last_seen": last.isoformat()},
            )
        return found

    def _back(self, device: str, now: datetime) -> list[Finding]:
        text = f"The meter {device} reports again."
        return self._register.clear_alarm(METER_LOST, device, now, text=text)

    def _all_back(self, now: datetime) -> list[Finding]:
        found = self._register.clear_alarm(
            BROKER_LOST, ALL_METERS, now, text="Meters report again."
        )
        if found:
            self._excused_until = now + self._stale_after
        return found
