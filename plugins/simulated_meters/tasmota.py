"""How Tasmota speaks: keys, order and precision of `xdrv_03_energy.ino`.

Positive power is import. Three-phase drivers send one entry per phase for power, voltage and
current, null for a phase that is not connected; `Total` and `ExportActive` are single numbers where
the driver counts the balance. Numbers have a fixed count of decimals. Times are without zone;
milliseconds are what Tasmota adds after the command `Time 4`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from .meter import Sample

#: Written out: a thousand meters a second say the same with other numbers.
_TEXT = (
    '{"Time":"%s","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00","Total":%s,'
    '"ExportActive":%s,"Power":%s,"ApparentPower":%s,"ReactivePower":%s,"Factor":%s,'
    '"Frequency":%s,"Voltage":%s,"Current":%s}}'
)
_ENERGY, _HERTZ = "%.3f", "%.2f"
_SINGLE = _TEXT % (
    "%s", _ENERGY, _ENERGY, "%.1f", "%.1f", "%.1f", "%.2f", _HERTZ, "%.2f", "%.3f",
)  # fmt: skip


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return the telemetry of a meter whose clock is off by `clock_offset`."""
    at = _time(sample.at + clock_offset if clock_offset else sample.at)
    import_kwh, export_kwh = sample.import_wh / 1000, sample.export_wh / 1000
    if sample.phases == ("",):
        (volts,), (amps,), (watts,) = sample.voltages_v, sample.currents_a, sample.powers_w
        text = _SINGLE % (
            at, import_kwh, export_kwh, watts, volts * amps, sample.powers_var[0],
            sample.factors[0], sample.frequency_hz, volts, amps,
        )  # fmt: skip
    else:
        apparent_va = [v * a for v, a in zip(sample.voltages_v, sample.currents_a, strict=True)]
        text = _TEXT % (
            at,
            _ENERGY % import_kwh,
            _ENERGY % export_kwh,
            _per_phase(sample, sample.powers_w, 1),
            _per_phase(sample, apparent_va, 1),
            _per_phase(sample, sample.powers_var, 1),
            _per_phase(sample, sample.factors, 2),
            _HERTZ % sample.frequency_hz,
            _per_phase(sample, sample.voltages_v, 2),
            _per_phase(sample, sample.currents_a, 3),
        )
    return [(f"tele/{device}/SENSOR", text.encode())]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"tele/{device}/LWT", b"Online" if online else b"Offline"


def _per_phase(sample: Sample, values: Sequence[float], digits: int) -> str:
    of_phase = dict(zip(sample.phases, values, strict=True))
    texts = [f"{of_phase[p]:.{digits}f}" if p in of_phase else "null" for p in ("a", "b", "c")]
    return f"[{','.join(texts)}]"


@lru_cache(64)
def _time(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds")
