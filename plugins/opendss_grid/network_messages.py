"""What a feeder says of its switches, fuses and faults: for the operator, and for alarms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.api import Alarm, Priority, Severity

from .network import Deviation
from .simulation import Simulation

#: The command that mends a deviation of each kind: target and action.
_MENDED_BY = {
    "service": ("house/{name}", "close_service"),
    "fuse": ("house/{name}", "replace_fuse"),
    "capacitor": ("grid/{feeder}/capacitor/{name}", "close"),
    "feeder": ("grid/{feeder}/feeder", "close"),
    "fault": ("grid/{feeder}/fault/{name}", "clear"),
}


def network_state(feeder: str, simulation: Simulation) -> dict[str, Any]:
    """Return what is not as in the circuit's file, each with the command that mends it, and which
    set-points an operator holds, each with the command that lets go.
    """
    changed = [_entry(feeder, deviation) for deviation in simulation.network.deviations]
    # A copy: the thread that owns the engine may be changing the original.
    for name, motor in sorted(dict(simulation.motors.on).items()):
        text = f"motor {name} runs at {motor.bus} ({motor.rated_va / 1000:g} kVA)"
        changed.append(_line("motor", name, None, text, f"grid/{feeder}/motor/{name}", "stop", {}))
    sky = simulation.surroundings.held_sky
    if sky is not None:
        changed.append(_line("sky", "sky", None, sky, f"grid/{feeder}/sky", "release", {}))
    return {
        "changed": changed,
        "held": [
            {
                "text": point.text,
                "target": f"house/{point.house}",
                "action": f"release_{point.kind}",
                "args": {},
            }
            for point in simulation.set_points.held
            if point.priority > Priority.MARKET  # what trades hold passes with them
        ],
        "operations": dict(simulation.network.operations),
        "device_operations": dict(simulation.set_points.operations),
        "tap_operations": dict(simulation.regulators.operations),
    }


def _entry(feeder: str, deviation: Deviation) -> dict[str, Any]:
    target, action, args = mended_by(feeder, deviation)
    return _line(
        deviation.kind, deviation.name, deviation.since, deviation.text, target, action, args
    )


def _line(
    kind: str,
    name: str,
    since: datetime | None,
    text: str,
    target: str,
    action: str,
    args: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "since": None if since is None else since.isoformat(),
        "text": text,
        "target": target,
        "action": action,
        "args": dict(args),
    }


def mended_by(feeder: str, deviation: Deviation) -> tuple[str, str, Mapping[str, Any]]:
    """Return target, action and arguments of the command that mends a deviation."""
    if deviation.kind == "branch":
        data = deviation.data
        action = "open" if data["closed"] else "close"
        return f"grid/{feeder}/branch/{data['branch']}", action, {"phase": data["phase"]}
    target, action = _MENDED_BY[deviation.kind]
    return target.format(feeder=feeder, name=deviation.name), action, {}


def fuse_alarm(
    feeder: str, blown: Deviation, house_name: str, at: datetime, *, cleared: bool
) -> Alarm:
    """Return the alarm of a blown fuse; its id stays the same over restarts of the hub."""
    target, action, _ = mended_by(feeder, blown)
    rating_a, current_a = blown.data["rating_a"], blown.data["current_a"]
    why = "has blown" if current_a is None else f"blew at {current_a:.0f} A"
    what = f"the service fuse of {house_name} ({rating_a:g} A)"
    text = (
        f"There is a new one: {what}."
        if cleared
        else f"{what[0].upper()}{what[1:]} {why}. "
        f"When the cause is mended, '{action}' to {target} puts in a new one."
    )
    return Alarm(
        "fuse",
        blown.name,
        Severity.WARNING,
        at,
        text,
        {
            "feeder": feeder,
            "rating_a": rating_a,
            "current_a": current_a,
            "since": blown.since.isoformat(),
            "target": target,
            "action": action,
        },
        cleared=cleared,
        id=f"fuse-{blown.name}-{blown.since:%Y%m%dT%H%M%S.%f}",
    )
