"""What is known of one meter: when it was heard, what it counted, what was wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

from .counters import Counter, Step
from .decode import Value, decode
from .meter_clock import MeterClock
from .payload import PayloadError, parse_json, resolve
from .phase_names import first_phase, only_phase
from .preset import AvailabilityMap, Preset, TopicMap, split_pointer

#: A meter whose clock is further ahead than this is not believed; one that is further behind is
#: reported, and what it says is an estimate: it may have waited for its way to the broker.
MAX_AHEAD = MAX_BEHIND = timedelta(seconds=120)
#: What else it may be, where a clock seems to be wrong by hours.
WRONG_ZONE = "or in another time zone"
#: What boards without a battery say until the network has told them the time is before this.
CLOCKS_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
#: A live message that comes later than this was measured by a clock of another opinion.
PLAUSIBLE_DELAY = timedelta(seconds=2)
#: Unusable messages of one meter are logged once in this time.
LOG_EVERY = timedelta(seconds=60)


class Report(NamedTuple):
    """What one message measured: `values[i]` is of `quantities[i]`, in the hub's unit. `estimated`
    if it is old or its interval is uncertain.
    """

    quantities: tuple[str, ...]
    values: tuple[float, ...]
    at: datetime
    estimated: bool


@dataclass(slots=True)
class Counts:
    """What became of a meter's messages."""

    accepted: int = 0
    unusable: int = 0
    duplicate: int = 0
    late: int = 0
    cycles: int = 0


@dataclass(slots=True)
class Device:
    """One meter, by its name in the hub. `max_power_w` is the most it can count, in hub time.

    With `single_phase` its first conductor is the only one: what it calls `voltage_a` is `voltage`.
    """

    name: str
    preset: Preset
    zone: tzinfo
    max_power_w: float
    single_phase: bool = False
    counters: dict[str, Counter] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    heard_at: datetime | None = None
    offline: bool = False
    problem: str | None = None
    clock: MeterClock = field(default_factory=MeterClock)
    #: How old the last live message was when it came, by the meter's corrected time.
    delay: timedelta = timedelta()
    #: Something to tell once.
    news: str | None = None
    _newest: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)
    _parts: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    _logged_at: datetime | None = None

    def receive(
        self, topic: TopicMap, payload: bytes, now: datetime, *, retained: bool
    ) -> list[Report]:
        """Return what a message measured; nothing if it is unusable, late or a duplicate.

        A retained message says how things were: it counts only by the meter's own time, as an
        estimate, and is no sign of life.
        """
        quick = topic.quick
        said = None if quick is None else quick.read(payload, self.zone, now)
        if said is not None:
            at = self._time_of(topic, payload, said.at, now, retained)
            if at is None:
                return []
            self.problem = None
            estimated = retained or now - at > MAX_BEHIND
            numbers = self._by_phase(topic, said.numbers)
            return self._report(numbers, said.counts_mwh, at, estimated)
        # Out of the ordinary: read again with care, which also says what is wrong with it.
        decoded = decode(topic, payload, self.zone, now)
        if decoded.problems:
            self._complain(decoded.problems[0])
        if not decoded.values:
            if not (decoded.problems or retained):
                self.heard_at = now
            return []
        at = self._time_of(topic, payload, decoded.at, now, retained)
        if at is None:
            return []
        if not decoded.problems:
            self.problem = None
        estimated = retained or now - at > MAX_BEHIND
        numbers, counts_mwh = self._add_up(decoded.values)
        return self._report(self._by_phase(topic, numbers), counts_mwh, at, estimated)

    def receive_availability(self, where: AvailabilityMap, payload: bytes) -> None:
        """Note whether the meter says it is there."""
        word: object = payload.decode(errors="replace").strip()
        if where.pointer:
            try:
                document = parse_json(payload)
            except PayloadError:
                # Some versions send the bare word, where others send an object.
                document = word
            word = resolve(document, split_pointer(where.pointer)) or word
        if word == where.offline:
            self.offline = True
        elif word == where.online:
            self.offline = False

    def trouble(self, now: datetime, since: datetime, stale_after_s: float) -> str | None:
        """Return in words why there are no readings from this meter; None if there are.

        `since` is when the link came up: before, nothing could be heard.
        """
        if self.offline:
            return f"{self.name} has gone offline"
        latest = since if self.heard_at is None else max(self.heard_at, since)
        if (now - latest).total_seconds() <= stale_after_s:
            if self.delay <= MAX_BEHIND:
                return None
            behind_s = self.delay.total_seconds()
            return f"{self.name}: its clock is {behind_s:.0f} s behind the hub's ({WRONG_ZONE})"
        if self.problem is not None:
            return f"{self.name} sends nothing usable: {self.problem}"
        if self.heard_at is None:
            return f"{self.name} was never heard"
        return f"{self.name} is silent since {self.heard_at:%H:%M:%S} UTC"

    def log_line(self, now: datetime) -> str | None:
        """Return a line for the log if there is news, or something is wrong and none was due within
        a minute.
        """
        if self.news is not None:
            news, self.news = self.news, None
            return f"{self.name}: {news}"
        if self.problem is None:
            return None
        if self._logged_at is not None and now - self._logged_at < LOG_EVERY:
            return None
        self._logged_at = now
        return f"{self.name}: {self.problem} ({self.counts.unusable} unusable messages so far)"

    def _complain(self, problem: str) -> None:
        self.counts.unusable += 1
        self.problem = problem

    def _time_of(
        self,
        topic: TopicMap,
        payload: bytes,
        said_at: datetime | None,
        now: datetime,
        retained: bool,
    ) -> datetime | None:
        """Return when a usable message was measured; None if it does not count."""
        if said_at is None:
            if retained:
                return None
            self.heard_at = now
            self.counts.accepted += 1
            return now
        if said_at < CLOCKS_SINCE:
            self._complain(f"its clock is not set: it says {said_at:%Y-%m-%d %H:%M}")
            return None
        if not retained and self.clock.note(said_at, now):
            self.news = self.clock.text
            # By its new time nothing has been said yet.
            self._newest.clear()
        at = said_at + self.clock.behind if self.clock.behind else said_at
        if at > now and at - now > MAX_AHEAD:
            ahead_s = (at - now).total_seconds()
            self._complain(f"its clock is {ahead_s:.0f} s ahead of the hub's ({WRONG_ZONE})")
            return None
        if not retained:
            self.heard_at, self.delay = now, now - at
        if not self._is_newer(topic.topic, said_at, payload):
            return None
        self.counts.accepted += 1
        if at >= now:
            return now  # what is measured has happened
        return at if retained or at.microsecond else within_its_second(at, now)

    def _is_newer(self, topic: str, at: datetime, payload: bytes) -> bool:
        newest = self._newest.get(topic)
        if newest is not None and at <= newest[0]:
            if at < newest[0]:
                self.counts.late += 1
                return False
            if payload == newest[1]:
                self.counts.duplicate += 1
                return False
        self._newest[topic] = (at, payload)
        return True

    def _by_phase(self, topic: TopicMap, numbers: dict[str, float]) -> dict[str, float]:
        if topic.first_phase_unnamed:
            numbers = first_phase(numbers)
        return only_phase(numbers) if self.single_phase else numbers

    def _report(
        self,
        numbers: dict[str, float],
        counts_mwh: Mapping[str, int],
        at: datetime,
        estimated: bool,
    ) -> list[Report]:
        """Return what was measured. Takes `numbers` for its own."""
        uncertain: list[Report] = []
        for quantity, raw_mwh in counts_mwh.items():
            counter = self.counters.get(quantity)
            if counter is None:
                counter = self.counters[quantity] = Counter(raw_mwh, 0, at)
            if raw_mwh == counter.raw_mwh:
                counter.stay(at)
            elif not self._count(counter, raw_mwh, at):
                total_wh = counter.total_mwh / 1000
                uncertain.append(Report((quantity,), (total_wh,), at, estimated=True))
                continue
            numbers[quantity] = (counter.raw_mwh + counter.offset_mwh) / 1000
        if numbers:
            return [Report(tuple(numbers), tuple(numbers.values()), at, estimated), *uncertain]
        return uncertain

    def _add_up(self, values: Iterable[Value]) -> tuple[dict[str, float], dict[str, int]]:
        """Return numbers, and counts in mWh, of which those in several parts are complete."""
        numbers: dict[str, float] = {}
        counts_mwh: dict[str, int] = {}
        for value in values:
            number = value.value if value.part is None else self._sum_of_parts(value)
            if number is None:
                continue
            if value.unit == "Wh":
                counts_mwh[value.quantity] = round(number * 1000)
            else:
                numbers[value.quantity] = float(number)
        return numbers, counts_mwh

    def _sum_of_parts(self, value: Value) -> Decimal | None:
        """Return the sum when each part came anew since the last one; else None."""
        assert value.part is not None
        parts = self._parts.setdefault(value.quantity, {})
        parts[value.part] = value.value
        if len(parts) < len(self.preset.parts[value.quantity]):
            return None
        total = sum(parts.values(), Decimal(0))
        parts.clear()
        return total

    def _count(self, counter: Counter, raw_mwh: int, at: datetime) -> bool:
        """Return whether it is certain how much was counted."""
        step = counter.accept(raw_mwh, at, self.max_power_w)
        if step is Step.COUNTED or step is Step.HELD:
            return True
        self.counts.cycles += 1
        return step.certain


def troubles(
    devices: Mapping[str, Device], now: datetime, since: datetime, stale_after_s: float
) -> str | None:
    """Return in one sentence which meters give no readings; None if all do."""
    found = (device.trouble(now, since, stale_after_s) for device in devices.values())
    texts = [text for text in found if text is not None]
    if len(texts) > 3:
        return f"{'; '.join(texts[:3])}; and {len(texts) - 3} more meters"
    return "; ".join(texts) or None


def within_its_second(at: datetime, now: datetime) -> datetime:
    """Return the moment of a measurement whose time is given in whole seconds only.

    It lies within that second and before the message arrived, which is then the better clock: a
    second is much where energy between two readings is paid for. A meter whose clock is off keeps
    its own time.
    """
    if at.microsecond or not timedelta(0) < now - at < PLAUSIBLE_DELAY:
        return at
    return min(now, at + timedelta(seconds=1))
