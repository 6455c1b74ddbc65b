"""How DSMR-reader republishes the P1 port of a Dutch or Belgian meter: one bare number per topic.

Energy is in kWh per tariff and direction, power in kW per direction, current in whole amperes.
There is one meter per broker, so topics carry no device. A contract with one price counts
everything in tariff 1. DSMR-reader says nothing of its own presence.
"""

from __future__ import annotations

from datetime import timedelta

from .meter import Sample

#: A single-phase meter has its phase on L1.
_LINE = {"": "l1", "a": "l1", "b": "l2", "c": "l3"}


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return one message for each number of the telegram; none carries a time."""
    del device, clock_offset
    power_w = sum(sample.powers_w)
    numbers = {
        "electricity_delivered_1": f"{sample.import_wh / 1000:.3f}",
        "electricity_delivered_2": "0.000",
        "electricity_returned_1": f"{sample.export_wh / 1000:.3f}",
        "electricity_returned_2": "0.000",
        "electricity_currently_delivered": f"{max(power_w, 0) / 1000:.3f}",
        "electricity_currently_returned": f"{max(-power_w, 0) / 1000:.3f}",
    }
    columns = (sample.phases, sample.voltages_v, sample.currents_a, sample.powers_w)
    for phase, volts, amps, watts in zip(*columns, strict=True):
        line = _LINE[phase]
        numbers[f"phase_voltage_{line}"] = f"{volts:.1f}"
        numbers[f"phase_power_current_{line}"] = f"{amps:.0f}"
        numbers[f"phase_currently_delivered_{line}"] = f"{max(watts, 0) / 1000:.3f}"
        numbers[f"phase_currently_returned_{line}"] = f"{max(-watts, 0) / 1000:.3f}"
    return [(f"dsmr/reading/{name}", text.encode()) for name, text in numbers.items()]


def availability(device: str, *, online: bool) -> None:
    """There is no such message."""
    del device, online
