"""Where the head of a feeder is: where everything that it takes is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .protocol import HeadTerminal

_SERIES = ("line", "transformer", "autotrans", "reactor")
#: What a head must not leave out.
_CUSTOMERS = ("load", "generator", "pvsystem", "storage")


def find_head(dss: Any) -> tuple[HeadTerminal, ...]:
    """Return the terminals where the head of the active circuit is measured.

    It is the first energy meter that all customers lie behind (a transformer is measured at its
    secondary, where a substation has its instruments). Where none is such, as with a meter on each
    of several feeders or on one of two parallel transformers, all sources together are the head.
    """
    sources = [f"vsource.{name}" for name in _each_enabled(dss, dss.Vsources)]
    meters = list(_meters(dss))
    if meters:
        starts = [_ends(dss, name)[0] for name in sources]
        links, customers = _links(dss), _customers(dss)
        for name, terminal in meters:
            ends = _ends(dss, name)
            near = _reached(starts, links, name)
            far = _reached((end for end in ends if end not in near), links, name)
            if far and near & set(ends) and not near & (far | customers):
                return (HeadTerminal(name, terminal, ends[terminal - 1] in near),)
    return tuple(HeadTerminal(name, 1, False) for name in sources)


def _each_enabled(dss: Any, collection: Any) -> Iterator[str]:
    more = collection.First()
    while more:
        if dss.CktElement.Enabled():
            yield str(collection.Name()).lower()
        more = collection.Next()


def _meters(dss: Any) -> Iterator[tuple[str, int]]:
    """Yield the element and terminal of every energy meter."""
    for meter in list(_each_enabled(dss, dss.Meters)):
        dss.Meters.Name(meter)
        name = str(dss.Meters.MeteredElement()).lower()
        terminal = int(dss.Meters.MeteredTerminal())
        if dss.Circuit.SetActiveElement(name) < 0 or not dss.CktElement.Enabled():
            continue
        if name.startswith("transformer."):
            terminal = int(dss.CktElement.NumTerminals())
        yield name, terminal


def _ends(dss: Any, name: str) -> list[str]:
    dss.Circuit.SetActiveElement(name)
    return [str(bus).split(".", maxsplit=1)[0].lower() for bus in dss.CktElement.BusNames()]


def _links(dss: Any) -> dict[str, list[tuple[str, str]]]:
    """Return for every bus the elements that conduct from it, each with a bus it leads to."""
    links: dict[str, list[tuple[str, str]]] = {}
    for full_name in dss.PDElements.AllNames():
        name = str(full_name).lower()
        if name.split(".", 1)[0] not in _SERIES or dss.Circuit.SetActiveElement(name) < 0:
            continue
        if not dss.CktElement.Enabled():
            continue
        terminals = range(1, int(dss.CktElement.NumTerminals()) + 1)
        if any(dss.CktElement.IsOpen(terminal, 0) for terminal in terminals):
            continue
        first, *others = dict.fromkeys(_ends(dss, name))
        for other in others:
            links.setdefault(first, []).append((name, other))
            links.setdefault(other, []).append((name, first))
    return links


def _customers(dss: Any) -> set[str]:
    """Return the buses with a load or a plant."""
    found = set()
    for full_name in dss.Circuit.AllElementNames():
        name = str(full_name).lower()
        if name.split(".", 1)[0] in _CUSTOMERS:
            ends = _ends(dss, name)
            if dss.CktElement.Enabled():
                found.add(ends[0])
    return found


def _reached(
    starts: Iterable[str], links: dict[str, list[tuple[str, str]]], without: str
) -> set[str]:
    """Return the buses that can be reached without passing one element."""
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        for element, bus in links.get(waiting.pop(), ()):
            if element != without and bus not in reached:
                reached.add(bus)
                waiting.append(bus)
    return reached
