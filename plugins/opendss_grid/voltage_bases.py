"""The voltage bases of buses that had no voltage when OpenDSS worked bases out.

`CalcVoltageBases` takes the base that is nearest to a bus's voltage without load. Behind an open
switch that voltage is 0, and the base is whatever stands first in the list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from .protocol import Circuit, FloatArray

#: Both ends of these have one nominal voltage.
_SAME_VOLTAGE = ("line", "switch", "reactor")
#: A bus that stands below this share of its base has none.
_NO_VOLTAGE_PU = 0.01


def bases_behind_switches(circuit: Circuit, voltages_pu: FloatArray) -> Mapping[str, float]:
    """Return the phase-to-neutral base in kV of dead buses whose own is not that of their line."""
    live = {
        node.rsplit(".", 1)[0]
        for node, pu in zip(circuit.nodes, voltages_pu.tolist(), strict=True)
        if pu > _NO_VOLTAGE_PU
    }
    base_of = {bus.name: bus.kv_base for bus in circuit.buses}
    if len(live) == len(base_of):
        return {}
    neighbours: dict[str, list[str]] = {name: [] for name in base_of}
    for branch in circuit.branches:
        if branch.kind in _SAME_VOLTAGE:
            neighbours[branch.bus1].append(branch.bus2)
            neighbours[branch.bus2].append(branch.bus1)
    changed: dict[str, float] = {}
    reached = set(live)
    queue = deque(sorted(live))
    while queue:
        bus = queue.popleft()
        for other in neighbours[bus]:
            if other not in reached:
                reached.add(other)
                queue.append(other)
                if base_of[other] != base_of[bus]:
                    changed[other] = base_of[other] = base_of[bus]
    return changed
