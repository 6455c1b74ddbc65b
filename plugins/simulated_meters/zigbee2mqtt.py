"""How Zigbee2MQTT publishes a meter: one flat object, with `last_seen` in ISO 8601.

Energy is in kWh; phase A of a three-phase meter has no suffix.
"""

from __future__ import annotations

import json
from datetime import timedelta

from .meter import Sample

_SUFFIX = {"": "", "a": "", "b": "_phase_b", "c": "_phase_c"}


def measurement(device: str, sample: Sample, clock_offset: timedelta) -> list[tuple[str, bytes]]:
    """Return the state of the meter. The bridge's clock counts, not the meter's."""
    state: dict[str, object] = {}
    for index, phase in enumerate(sample.phases):
        suffix = _SUFFIX[phase]
        state[f"voltage{suffix}"] = round(sample.voltages_v[index], 1)
        state[f"current{suffix}"] = round(sample.currents_a[index], 3)
        state[f"power{suffix}"] = round(sample.powers_w[index], 1)
    state["ac_frequency"] = round(sample.frequency_hz, 2)
    state["energy"] = sample.import_wh / 1000
    state["produced_energy"] = sample.export_wh / 1000
    state["last_seen"] = (sample.at + clock_offset).isoformat(timespec="milliseconds")
    return [(f"zigbee2mqtt/{device}", json.dumps(state, separators=(",", ":")).encode())]


def availability(device: str, *, online: bool) -> tuple[str, bytes]:
    """Return the (retained) message that says whether the meter is there."""
    state = "online" if online else "offline"
    return f"zigbee2mqtt/{device}/availability", json.dumps({"state": state}).encode()
