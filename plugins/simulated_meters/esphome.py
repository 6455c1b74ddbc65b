"""How ESPHome publishes sensors: a bare number on a topic of its own, without a time.

Names are free in ESPHome; those here are the preset's. Of several phases each has sensors of its
own, such as `voltage_b`, and `power` is that of all.
"""

from __future__ import annotations

from datetime import timedelta

from .meter import Sample


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return one message for each sensor; none carries a time."""
    del clock_offset
    sensors = {"power": f"{sum(sample.powers_w):.1f}"}
    columns = (sample.phases, sample.voltages_v, sample.currents_a, sample.powers_w)
    for phase, volts, amps, watts in zip(*columns, strict=True):
        suffix = f"_{phase}" if phase else ""
        sensors[f"voltage{suffix}"] = f"{volts:.1f}"
        sensors[f"current{suffix}"] = f"{amps:.3f}"
        sensors[f"power{suffix}"] = f"{watts:.1f}"
    sensors["frequency"] = f"{sample.frequency_hz:.1f}"
    sensors["energy"] = f"{sample.import_wh / 1000:.3f}"
    sensors["energy_returned"] = f"{sample.export_wh / 1000:.3f}"
    return [(f"{device}/sensor/{name}/state", text.encode()) for name, text in sensors.items()]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"{device}/status", b"online" if online else b"offline"
