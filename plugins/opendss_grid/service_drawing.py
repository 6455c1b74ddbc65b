"""The OpenDSS text that draws a customer's connection, checked against the circuit first."""

from __future__ import annotations

import math
import re

from .protocol import BusData, Circuit, GridError, ServiceSpec

#: Names end up in OpenDSS commands: nothing else may pass.
_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")
#: Loads keep constant power between these limits, beyond them constant impedance.
_BAND = "vminpu=0.7 vmaxpu=1.3"
#: A meter at the voltage of its bus, within this share, has no transformer.
_SAME_VOLTAGE = 0.15


def needs_transformer(nominal_v: float, bus: BusData) -> bool:
    """Return whether a meter of this phase-to-neutral voltage needs a transformer at the bus."""
    return abs(nominal_v / (bus.kv_base * 1000) - 1) > _SAME_VOLTAGE


def check_service(circuit: Circuit, spec: ServiceSpec) -> BusData:
    """Return the bus of a service; GridError if it does not fit the circuit."""
    if not _NAME.match(spec.name):
        raise GridError(
            f"house {spec.name!r}: expected a name of lower-case letters, digits, _ or -"
        )
    bus = circuit.bus(spec.bus)
    if bus is None:
        raise GridError(f"house {spec.name}: bus {spec.bus} is not in the circuit {circuit.name}")
    missing = [phase for phase in spec.phases if phase not in bus.phases]
    if missing or not spec.phases:
        there = ", ".join(str(phase) for phase in bus.phases)
        raise GridError(
            f"house {spec.name}: bus {spec.bus} has no phase "
            f"{', '.join(map(str, missing)) or 'given'}; it has {there}"
        )
    elements = {f"line.{spec.name}", f"transformer.{spec.name}"}.intersection(circuit.elements)
    buses = (name for name in buses_drawn(spec) if circuit.bus(name))
    taken = next(iter(elements), None) or next(buses, None)
    if taken or any(load.name == spec.name for load in circuit.loads):
        raise GridError(
            f"house {spec.name}: the circuit has {taken or f'load.{spec.name}'} already; "
            "expected another name"
        )
    return bus


def buses_drawn(spec: ServiceSpec) -> tuple[str, ...]:
    """Return the buses of a service: that of its meter, and of its transformer if it has one."""
    return (spec.name, f"{spec.name}_lv") if spec.kva is not None else (spec.name,)


def service_commands(circuit: Circuit, spec: ServiceSpec) -> list[str]:
    """Return the commands that draw transformer, drop and metered load.

    The meter's bus has the name of the house, and so have transformer, line and load; phases keep
    their numbers down to the meter. A single-phase drop has its impedance twice, out and back.
    """
    bus = check_service(circuit, spec)
    count = len(spec.phases)
    nodes = "".join(f".{phase}" for phase in spec.phases)
    factor = math.sqrt(3) if count > 1 else 1.0
    kv_low = spec.nominal_v / 1000 * factor
    commands = []
    start = spec.bus
    if spec.kva is not None:
        start = f"{spec.name}_lv"
        commands.append(
            f"New Transformer.{spec.name} phases={count} windings=2"
            f' buses=["{spec.bus}{nodes}" {start}{nodes}]'
            f" kVs=[{bus.kv_base * factor:.6g} {kv_low:.6g}] kVAs=[{spec.kva:g} {spec.kva:g}]"
            f" %Rs=[{spec.r_percent / 2:g} {spec.r_percent / 2:g}] XHL={spec.x_percent:g}"
        )
    km = spec.drop_m / 1000 * (2 if count == 1 else 1)
    r, x = spec.drop_ohm_per_km * km, spec.drop_x_ohm_per_km * km
    impedance = (
        f"R1={r:.8g} X1={x:.8g} R0={r:.8g} X0={x:.8g} C1=0 C0=0 length=1 units=none"
        if km > 0
        else "switch=yes"
    )
    commands.append(
        f'New Line.{spec.name} phases={count} bus1="{start}{nodes}" bus2={spec.name}{nodes}'
        f" {impedance}"
    )
    commands.append(
        f"New Load.{spec.name} phases={count} bus1={spec.name}{nodes} conn=wye kV={kv_low:.6g}"
        f" kW=0 kvar=0 model=1 {_BAND}"
    )
    return commands
