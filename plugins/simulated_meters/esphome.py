"""How ESPHome publishes sensors: a bare number on a topic of its own, without a time.

One phase only: ESPHome has no convention for more. Of several phases the first is shown, with the
power of all.
"""

from __future__ import annotations

from datetime import timedelta

from .meter import Sample


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return one message for each sensor; none carries a time."""
    del clock_offset
    sensors = {
        "voltage": f"{sample.voltages_v[0]:.1f}",
        "current": f"{sample.currents_a[0]:.3f}",
        "power": f"{sum(sample.powers_w):.1f}",
        "frequency": f"{sample.frequency_hz:.1f}",
        "energy": f"{sample.import_wh / 1000:.3f}",
        "energy_returned": f"{sample.export_wh / 1000:.3f}",
    }
    return [(f"{device}/sensor/{name}/state", text.encode()) for name, text in sensors.items()]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"{device}/status", b"online" if online else b"offline"
