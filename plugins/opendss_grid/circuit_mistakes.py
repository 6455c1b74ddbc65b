"""What OpenDSS accepts in silence, and what cannot be meant: found in a compiled circuit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .circuit_reader import LooseEndError, loose_ends
from .circuit_source import defined_at, edited
from .protocol import DEAD_PU, Circuit, FloatArray

#: Without load no bus stands outside these, unless its voltage base is another bus's; an ungrounded
#: phase may rise to 1.73.
_PLAUSIBLE_PU = (0.5, 1.9)


def circuit_mistakes(
    dss: Any, circuit: Circuit, path: Path, no_load_pu: FloatArray
) -> Iterator[str]:
    """Yield mistakes in the circuit of a file, with `file:line` where there is one.

    `no_load_pu` are the voltages at `circuit.nodes` without any load.
    """
    loose = dict(loose_ends(dss))
    for element, node in loose.items():
        yield f"{defined_at(path, element) or path}: {LooseEndError(element, node)}"
    names = {str(name).lower() for name in dss.Circuit.AllElementNames()}
    kinds = {name.split(".", 1)[0] for name in names}
    for place, element in edited(path):
        if element not in names and element.split(".", 1)[0] in kinds:
            yield f"{place}: {element} is not in the circuit"
    if no_load_pu.max() < DEAD_PU:
        yield (
            f"{path}: no bus has a voltage; expected a source that is on, at the frequency of the "
            "circuit (60 Hz without 'Set DefaultBaseFrequency=50')"
        )
        return
    wrong_bases = list(_wrong_bases(circuit, no_load_pu))
    if wrong_bases:
        more = f", and {len(wrong_bases) - 1} more buses" if len(wrong_bases) > 1 else ""
        yield f"{path}: {wrong_bases[0]}{more}; expected all voltages in 'Set VoltageBases=[...]'"
        return
    for element, text in _wrong_loads(dss, circuit):
        if element not in loose:
            yield f"{defined_at(path, element) or path}: {text}"


def earth_fault_va(dss: Any, bus: str, phase: int) -> float:
    """Return what a short circuit from one phase of a bus to earth would draw at nominal voltage.

    Next to nothing where the network has no earth, as behind a delta winding.
    """
    dss.Circuit.SetActiveBus(bus)
    dss.Bus.ZscRefresh()
    nodes = [int(node) for node in dss.Bus.Nodes()]
    flat = np.asarray(dss.Bus.ZscMatrix(), dtype=np.float64)
    impedances = flat.view(np.complex128).reshape(len(nodes), len(nodes))
    at = nodes.index(phase)
    return float((dss.Bus.kVBase() * 1000) ** 2 / max(abs(impedances[at, at]), 1e-9))


def _wrong_bases(circuit: Circuit, no_load_pu: FloatArray) -> Iterator[str]:
    highest: dict[str, float] = {}
    for node, pu in zip(circuit.nodes, no_load_pu.tolist(), strict=True):
        bus = node.rsplit(".", 1)[0]
        highest[bus] = max(pu, highest.get(bus, 0.0))
    for each in circuit.buses:
        pu = highest.get(each.name, 0.0)
        if pu > DEAD_PU and not _PLAUSIBLE_PU[0] <= pu <= _PLAUSIBLE_PU[1]:
            base_kv = each.kv_base * math.sqrt(3)
            yield (
                f"bus {each.name} has a voltage base of {base_kv:.4g} kV, "
                f"but stands at {base_kv * pu:.4g} kV without load"
            )


def _wrong_loads(dss: Any, circuit: Circuit) -> Iterator[tuple[str, str]]:
    kv_base = {bus.name: bus.kv_base for bus in circuit.buses}
    for load in circuit.loads:
        dss.Loads.Name(load.name)
        rated_kv = float(dss.Loads.kV())
        between_phases = len(load.phases) > 1 or load.delta
        bus_kv = kv_base[load.bus] * (math.sqrt(3) if between_phases else 1)
        if not _PLAUSIBLE_PU[0] <= bus_kv / rated_kv <= _PLAUSIBLE_PU[1]:
            yield (
                f"load.{load.name}",
                f"load.{load.name} has kV={rated_kv:g}, but its bus {load.bus} has {bus_kv:.4g} kV",
            )
