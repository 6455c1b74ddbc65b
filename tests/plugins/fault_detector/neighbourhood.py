"""A small feeder for the detector's tests, and a clock that only tests move."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from plugins.fault_detector.alarms import Finding
from plugins.fault_detector.channels import Meter
from plugins.fault_detector.rules import Detector, Rules

START = datetime(2026, 6, 21, 12, tzinfo=UTC)
HOUSE1 = Meter("house1", 240.0, ("a",), "house1", "House 1")
HOUSE2 = Meter("house2", 240.0, ("b",), "house2", "House 2")
HOUSE4 = Meter("house4", 240.0, ("a",), "house4", "House 4")
WORKS = Meter("works", 2401.78, ("a", "b", "c"), "works", "Works")
HEAD = Meter("head", 2401.78, ("a", "b", "c"))
NEIGHBOURHOOD = (HOUSE1, HOUSE2, HOUSE4, WORKS, HEAD)


class Feeder:
    """Steps of one second in which every meter reports, one after the other."""

    def __init__(
        self,
        meters: tuple[Meter, ...] = NEIGHBOURHOOD,
        rules: Rules | None = None,
        standing: tuple[Finding, ...] = (),
        now: datetime = START,
    ) -> None:
        self.meters = meters
        self.now = now
        self.detector = Detector(meters, rules or Rules(), now, standing)

    def step(
        self, pu: Mapping[str, float] | None = None, silent: frozenset[str] = frozenset()
    ) -> list[Finding]:
        """Advance a second; `pu` holds what is not 1.0, by device or `device.phase`."""
        self.now += timedelta(seconds=1)
        found = []
        for meter in self.meters:
            if meter.device in silent:
                continue
            for quantity, phase in meter.quantities.items():
                value = (pu or {}).get(f"{meter.device}.{phase}", (pu or {}).get(meter.device, 1.0))
                volts = value * meter.nominal_v
                found += self.detector.sample(meter.device, quantity, volts, self.now)
        return found + self.detector.check(self.now)

    def wait(self, seconds: float) -> list[Finding]:
        """Let time pass in which nobody reports."""
        self.now += timedelta(seconds=seconds)
        return self.detector.check(self.now)


def keys(found: list[Finding]) -> list[tuple[str, str, bool]]:
    return [(f.kind, f.subject, f.cleared) for f in found]
