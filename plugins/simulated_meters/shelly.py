"""How Shelly devices of the second generation notify: `NotifyStatus` on `<device>/events/rpc`.

A three-phase meter is a Pro 3EM (components em and emdata), a single-phase one a PM Mini (pm1).
Energy is in Wh, reactive power is not reported, a phase that is not connected is null. A PM Mini
counts both directions in `aenergy`, and what was returned in `ret_aenergy` besides.
"""

from __future__ import annotations

import json
from datetime import timedelta

from .meter import PHASES, Sample


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return one notification with all that is measured."""
    components = _single_phase(sample) if sample.phases == ("",) else _three_phases(sample)
    seconds = round((sample.at + clock_offset).timestamp(), 3)
    document = {
        "src": device,
        "dst": f"{device}/events",
        "method": "NotifyStatus",
        "params": {"ts": seconds, **components},
    }
    return [(f"{device}/events/rpc", json.dumps(document, separators=(",", ":")).encode())]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    return f"{device}/online", b"true" if online else b"false"


def _single_phase(sample: Sample) -> dict[str, object]:
    return {
        "pm1:0": {
            "id": 0,
            "voltage": round(sample.voltages_v[0], 1),
            "current": round(sample.currents_a[0], 3),
            "apower": round(sample.powers_w[0], 1),
            "freq": round(sample.frequency_hz, 1),
            "aenergy": {"total": sample.import_wh + sample.export_wh},
            "ret_aenergy": {"total": sample.export_wh},
        }
    }


def _three_phases(sample: Sample) -> dict[str, object]:
    columns = (sample.currents_a, sample.voltages_v, sample.powers_w, sample.factors)
    of_phase = dict(zip(sample.phases, zip(*columns, strict=True), strict=True))
    status: dict[str, object] = {"id": 0}
    for phase in PHASES:
        there = phase in of_phase
        amps, volts, watts, factor = of_phase.get(phase, (None, None, None, None))
        status[f"{phase}_current"] = _rounded(amps, 3)
        status[f"{phase}_voltage"] = _rounded(volts, 1)
        status[f"{phase}_act_power"] = _rounded(watts, 1)
        status[f"{phase}_pf"] = _rounded(factor, 2)
        status[f"{phase}_freq"] = _rounded(sample.frequency_hz if there else None, 1)
    status["n_current"] = None
    status["total_act_power"] = round(sum(sample.powers_w), 3)
    energy = {"id": 0, "total_act": sample.import_wh, "total_act_ret": sample.export_wh}
    return {"em:0": status, "emdata:0": energy}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
