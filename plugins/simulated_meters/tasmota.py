"""How Tasmota speaks: keys, order and precision of `xdrv_03_energy.ino`.

Positive power is import. Three-phase drivers send one entry per phase for power, voltage and
current, null for a phase that is not connected; `Total` and `ExportActive` are single numbers where
the driver counts the balance. Times
are without zone; milliseconds are what Tasmota adds after the command `Time 4`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from .meter import Sample


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return the telemetry of a meter whose clock is off by `clock_offset`."""
    apparent_va = [v * a for v, a in zip(sample.voltages_v, sample.currents_a, strict=True)]
    energy = {
        "TotalStartTime": "2026-01-01T00:00:00",
        "Total": sample.import_wh / 1000,
        "ExportActive": sample.export_wh / 1000,
        "Power": _per_phase(sample, sample.powers_w, 1),
        "ApparentPower": _per_phase(sample, apparent_va, 1),
        "ReactivePower": _per_phase(sample, sample.powers_var, 1),
        "Factor": _per_phase(sample, sample.factors, 2),
        "Frequency": round(sample.frequency_hz, 2),
        "Voltage": _per_phase(sample, sample.voltages_v, 2),
        "Current": _per_phase(sample, sample.currents_a, 3),
    }
    document = {"Time": _time(sample.at + clock_offset), "ENERGY": energy}
    return [(f"tele/{device}/SENSOR", json.dumps(document, separators=(",", ":")).encode())]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"tele/{device}/LWT", b"Online" if online else b"Offline"


def _per_phase(sample: Sample, values: Sequence[float], digits: int) -> float | list[float | None]:
    if sample.phases == ("",):
        return round(values[0], digits)
    of_phase = dict(zip(sample.phases, values, strict=True))
    return [round(of_phase[p], digits) if p in of_phase else None for p in ("a", "b", "c")]


def _time(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds")
