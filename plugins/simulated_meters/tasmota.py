"""How Tasmota speaks: keys, order and precision of `xdrv_03_energy.ino`.

Positive power is import. Three-phase drivers send one entry per phase for power, voltage and
current, null for a phase that is not connected; `Total` and `ExportActive` are single numbers where
the driver counts the balance. Numbers have a fixed count of decimals. Times are without zone;
milliseconds are what Tasmota adds after the command `Time 4`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache, lru_cache
from operator import mul

from .meter import PHASES, Sample

#: Everything in it that differs from message to message is filled in by `%`.
_TEXT = (
    '{{"Time":"%s","ENERGY":{{"TotalStartTime":"2026-01-01T00:00:00","Total":%.3f,'
    '"ExportActive":%.3f,"Power":{watts},"ApparentPower":{apparent},"ReactivePower":{vars},'
    '"Factor":{factors},"Frequency":%.2f,"Voltage":{volts},"Current":{amps}}}}}'
)


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return the telemetry of a meter whose clock is off by `clock_offset`."""
    volts, amps = sample.voltages_v, sample.currents_a
    payload = _text(sample.phases) % (
        _time(sample.at + clock_offset if clock_offset else sample.at),
        sample.import_wh / 1000,
        sample.export_wh / 1000,
        *sample.powers_w,
        *map(mul, volts, amps),
        *sample.powers_var,
        *sample.factors,
        sample.frequency_hz,
        *volts,
        *amps,
    )
    return [(f"tele/{device}/SENSOR", payload)]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"tele/{device}/LWT", b"Online" if online else b"Offline"


@cache
def _text(phases: tuple[str, ...]) -> bytes:
    """Return the text of a meter with these phases, to be filled in."""

    def numbers(one: str) -> str:
        if phases == ("",):
            return one
        return f"[{','.join(one if phase in phases else 'null' for phase in PHASES)}]"

    text = _TEXT.format(
        watts=numbers("%.1f"),
        apparent=numbers("%.1f"),
        vars=numbers("%.1f"),
        factors=numbers("%.2f"),
        volts=numbers("%.2f"),
        amps=numbers("%.3f"),
    )
    return text.encode()


@lru_cache(64)
def _time(at: datetime) -> bytes:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds").encode()
