"""A meter's reports taken apart into single values."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from plugins.smart_meter_mqtt.device import Report


class Measured(NamedTuple):
    """One value of a report."""

    quantity: str
    value: float
    at: datetime
    estimated: bool


def measured_in(reports: Iterable[Report]) -> list[Measured]:
    """Return every value, in order."""
    return [
        Measured(quantity, value, report.at, report.estimated)
        for report in reports
        for quantity, value in zip(report.quantities, report.values, strict=True)
    ]
