"""Reads the parts of a compiled OpenDSS circuit into plain data, once after each compile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .feeder_head import find_head
from .protocol import (
    BranchData,
    BusData,
    CapacitorData,
    Circuit,
    GridError,
    HeadTerminal,
    LoadData,
    RegulatorData,
)

#: Metres per unit of length, by OpenDSS's number of the unit; 0 (none) reads as kilometres there.
_METRES = {0: 1000.0, 1: 1609.344, 2: 304.8, 3: 1000.0, 4: 1.0, 5: 0.3048, 6: 0.0254, 7: 0.01}
#: Branches worth drawing; capacitors and faults are shunts.
_SERIES = ("line", "transformer", "autotrans", "reactor")
#: How nodes end that are no neutral.
_ON_A_PHASE = (".1", ".2", ".3")
#: What hangs on a bus and feeds nothing behind it.
_HANGING = ("load", "capacitor", "generator", "pvsystem", "storage")


def read_circuit(dss: Any) -> Circuit:
    """Return the active circuit of an OpenDSS context as data."""
    _check_case((*dss.Circuit.AllBusNames(), *dss.Circuit.AllElementNames()))
    heads = find_head(dss)
    if not heads:
        raise GridError("no source is on; expected one, such as New Circuit makes")
    buses = tuple(_buses(dss))
    base_of = {bus.name: bus.kv_base * 1000 for bus in buses}
    names = (str(name).lower() for name in dss.Circuit.AllNodeNames())
    nodes = tuple(name for name in names if name.endswith(_ON_A_PHASE))
    regulators = tuple(_regulators(dss))
    return Circuit(
        name=str(dss.Circuit.Name()).lower(),
        head_bus=_head_bus(dss, heads[0]),
        nodes=nodes,
        node_bases_v=np.array([base_of[node.split(".")[0]] for node in nodes]),
        buses=buses,
        branches=tuple(_branches(dss, regulators)),
        loads=tuple(_loads(dss)),
        regulators=regulators,
        capacitors=tuple(_capacitors(dss)),
        elements=tuple(str(name).lower() for name in dss.PDElements.AllNames()),
        heads=heads,
    )


def _check_case(names: Iterable[str]) -> None:
    """GridError for a name that OpenDSS, which ignores case, did not find upper case letters in.

    It knows letters such as Ö in UTF-8 only, and not in the locale `C`.
    """
    for name in names:
        if not name.isascii() and name.lower() != name.encode().lower().decode():
            raise GridError(
                f"OpenDSS cannot read the upper-case letters of {name!r}: "
                "expected files in UTF-8 and a locale such as C.UTF-8"
            )


def _head_bus(dss: Any, head: HeadTerminal) -> str:
    dss.Circuit.SetActiveElement(head.element)
    return _bus_name(dss.CktElement.BusNames()[head.terminal - 1])


def _bus_name(connection: str) -> str:
    return connection.split(".", maxsplit=1)[0].lower()


def _each(collection: Any) -> Iterator[str]:
    more = collection.First()
    while more:
        yield str(collection.Name()).lower()
        more = collection.Next()


class LooseEndError(GridError):
    """An element hangs on a node that nothing feeds: a mistyped bus or phase."""

    def __init__(self, element: str, node: str) -> None:
        super().__init__(
            f"{element} is on {node}, which no line or transformer reaches: "
            "a bus or phase that is not in the circuit"
        )
        self.element = element


def loose_ends(dss: Any) -> Iterator[tuple[str, str]]:
    """Yield loads and other elements with a node (`bus.phase`) that no branch or source touches."""
    fed: set[str] = set()
    hanging: list[tuple[str, list[str]]] = []
    for full_name in dss.Circuit.AllElementNames():
        name = str(full_name).lower()
        kind = name.split(".", 1)[0]
        if dss.Circuit.SetActiveElement(name) < 0 or not dss.CktElement.Enabled():
            continue
        nodes = _phase_nodes(dss)
        if kind in _SERIES or kind == "vsource":
            fed.update(nodes)
        elif kind in _HANGING:
            hanging.append((name, nodes))
    for name, nodes in hanging:
        for node in nodes:
            if node not in fed:
                yield name, node


def _phase_nodes(dss: Any) -> list[str]:
    """Return the nodes on phases 1 to 3 of all terminals of the active element."""
    conductors = int(dss.CktElement.NumConductors())
    order = list(dss.CktElement.NodeOrder())
    return [
        f"{_bus_name(bus)}.{node}"
        for terminal, bus in enumerate(dss.CktElement.BusNames())
        for node in order[terminal * conductors : (terminal + 1) * conductors]
        if node in (1, 2, 3)
    ]


def _active_phases(dss: Any, terminal: int = 0) -> tuple[int, ...]:
    """Phases (1, 2, 3) of one terminal of the active element, in the order of its conductors."""
    conductors = int(dss.CktElement.NumConductors())
    order = dss.CktElement.NodeOrder()[terminal * conductors : (terminal + 1) * conductors]
    return tuple(dict.fromkeys(int(node) for node in order if node in (1, 2, 3)))


def _buses(dss: Any) -> Iterator[BusData]:
    for index, name in enumerate(dss.Circuit.AllBusNames()):
        dss.Circuit.SetActiveBusi(index)
        base = float(dss.Bus.kVBase())
        if base <= 0:
            for element, node in loose_ends(dss):
                raise LooseEndError(element, node)
            if np.isnan(dss.Circuit.AllBusVMag()).any():
                raise GridError(
                    "the power flow gives no numbers; expected no element with kV=0 or kVA=0"
                )
            if index > 0:
                raise GridError(f"bus {name} is cut off from the source, or has no voltage base")
            raise GridError(
                f"bus {name} has no voltage base; end the circuit with "
                "'Set VoltageBases=[...]' and 'CalcVoltageBases'"
            )
        yield BusData(
            name=str(name).lower(),
            phases=tuple(sorted(int(node) for node in dss.Bus.Nodes() if node in (1, 2, 3))),
            kv_base=base,
            xy=(float(dss.Bus.X()), float(dss.Bus.Y())) if dss.Bus.Coorddefined() else None,
        )


def _branches(dss: Any, regulators: tuple[RegulatorData, ...]) -> Iterator[BranchData]:
    regulator_of = {regulator.element: regulator.name for regulator in regulators}
    for full_name in dss.PDElements.AllNames():
        name = str(full_name).lower()
        kind = name.split(".", 1)[0]
        if kind not in _SERIES or dss.Circuit.SetActiveElement(name) < 0:
            continue
        if not dss.CktElement.Enabled():  # it has no nodes
            continue
        ends = list(dict.fromkeys(_bus_name(bus) for bus in dss.CktElement.BusNames()))
        phases = _active_phases(dss)
        normal_amps = float(dss.CktElement.NormalAmps())
        length_m = 0.0
        if kind == "line":
            dss.Lines.Name(name.split(".", 1)[1])
            if dss.Lines.IsSwitch():
                kind = "switch"
            else:
                length_m = float(dss.Lines.Length()) * _METRES[int(dss.Lines.Units())]
        for end in ends[1:]:
            yield BranchData(
                name, kind, ends[0], end, phases, length_m, normal_amps, regulator_of.get(name)
            )


def _loads(dss: Any) -> Iterator[LoadData]:
    for name in _each(dss.Loads):
        yield LoadData(
            name=name,
            bus=_bus_name(dss.CktElement.BusNames()[0]),
            phases=_active_phases(dss),
            power_w=float(dss.Loads.kW()) * 1000,
            power_var=float(dss.Loads.kvar()) * 1000,
            delta=bool(dss.Loads.IsDelta()),
        )


def _regulators(dss: Any) -> Iterator[RegulatorData]:
    for name in list(_each(dss.RegControls)):
        dss.RegControls.Name(name)
        transformer = str(dss.RegControls.Transformer()).lower()
        # A control may watch one winding and move the tap of another.
        winding = int(dss.RegControls.TapWinding()) or int(dss.RegControls.Winding())
        dss.Transformers.Name(transformer)
        dss.Transformers.Wdg(winding)
        low, high = float(dss.Transformers.MinTap()), float(dss.Transformers.MaxTap())
        step = (high - low) / int(dss.Transformers.NumTaps())
        dss.Circuit.SetActiveElement(f"transformer.{transformer}")
        yield RegulatorData(
            name=name,
            element=f"transformer.{transformer}",
            winding=winding,
            bus=_bus_name(dss.CktElement.BusNames()[winding - 1]),
            phases=_active_phases(dss, winding - 1),
            lowest=round((low - 1) / step),
            highest=round((high - 1) / step),
            step_pu=step,
        )


def _capacitors(dss: Any) -> Iterator[CapacitorData]:
    for name in _each(dss.Capacitors):
        yield CapacitorData(
            name=name,
            bus=_bus_name(dss.CktElement.BusNames()[0]),
            phases=_active_phases(dss),
            power_var=float(dss.Capacitors.kvar()) * 1000,
        )
