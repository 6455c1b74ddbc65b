"""Distances from the head and a place for every bus, for one-line diagrams and profiles."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from .protocol import Circuit

#: A circuit counts as having coordinates if at least this share of its buses has.
_ENOUGH_PLACES = 0.5


@dataclass(frozen=True, slots=True)
class Tree:
    """The circuit seen from its head: who feeds whom, and how far away. `order` is breadth first.

    Buses that nothing connects to the head are absent.
    """

    order: tuple[str, ...]
    parent: Mapping[str, str]
    distance_m: Mapping[str, float]


def span(circuit: Circuit) -> Tree:
    """Return the spanning tree from the head, and from the source what lies above the head."""
    neighbours: dict[str, list[tuple[str, float]]] = {bus.name: [] for bus in circuit.buses}
    for branch in circuit.branches:
        neighbours[branch.bus1].append((branch.bus2, branch.length_m))
        neighbours[branch.bus2].append((branch.bus1, branch.length_m))
    distance = {circuit.head_bus: 0.0}
    parent: dict[str, str] = {}
    order = []
    queue = deque([circuit.head_bus])
    while queue:
        bus = queue.popleft()
        order.append(bus)
        for other, length_m in neighbours[bus]:
            if other not in distance:
                distance[other] = distance[bus] + length_m
                parent[other] = bus
                queue.append(other)
    return Tree(tuple(order), parent, distance)


def layout(circuit: Circuit, tree: Tree) -> dict[str, tuple[float, float]]:
    """Return x, y of every bus, y upwards: the circuit's own places, or a computed tree.

    Own places are scaled to a unit of the diagram's wider side being 1; buses without one, such as
    those of houses, are set beside the bus that feeds them.
    """
    placed = {bus.name: bus.xy for bus in circuit.buses if bus.xy is not None}
    if not placed or len(placed) < _ENOUGH_PLACES * _file_buses(circuit):
        return _tree_layout(circuit, tree)
    lows = [min(xy[axis] for xy in placed.values()) for axis in (0, 1)]
    size = max(max(xy[axis] for xy in placed.values()) - lows[axis] for axis in (0, 1)) or 1.0
    result = {
        name: ((xy[0] - lows[0]) / size, (xy[1] - lows[1]) / size) for name, xy in placed.items()
    }
    _place_the_rest(circuit, tree, result)
    return result


def _file_buses(circuit: Circuit) -> int:
    """Count the buses of the file; those that houses drew have the names of their loads."""
    houses = {load.name for load in circuit.loads}
    return sum(1 for bus in circuit.buses if bus.name.removesuffix("_lv") not in houses)


#: Successive children turn by the golden angle, so that none hides another.
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
_FIRST_REACH = 0.05


def _place_the_rest(circuit: Circuit, tree: Tree, result: dict[str, tuple[float, float]]) -> None:
    """Set buses around the bus that feeds them, and a chain of them in one direction outwards."""
    children: dict[str, int] = {}
    heading: dict[str, float] = {}
    for bus in tree.order:
        if bus in result or tree.parent.get(bus) not in result:
            continue
        feeding = tree.parent[bus]
        turn = children[feeding] = children.get(feeding, -1) + 1
        angle = heading.get(feeding, math.pi / 4) + turn * _GOLDEN_ANGLE
        reach = _FIRST_REACH * (1 + 0.15 * turn)
        x, y = result[feeding]
        result[bus] = (x + math.cos(angle) * reach, y + math.sin(angle) * reach)
        heading[bus] = angle
    for bus_data in circuit.buses:
        result.setdefault(bus_data.name, (0.0, 0.0))


def _tree_layout(circuit: Circuit, tree: Tree) -> dict[str, tuple[float, float]]:
    """Leaves side by side, feeding buses above the middle of what they feed, depth downwards."""
    children: dict[str, list[str]] = {bus: [] for bus in tree.order}
    for bus in tree.order:
        if bus in tree.parent:
            children[tree.parent[bus]].append(bus)
    depth = {tree.order[0]: 0}
    for bus in tree.order[1:]:
        depth[bus] = depth[tree.parent[bus]] + 1
    x: dict[str, float] = {}
    for column, leaf in enumerate(_leaves(tree.order[0], children)):
        x[leaf] = float(column)
    for bus in reversed(tree.order):
        if children[bus]:
            x[bus] = (x[children[bus][0]] + x[children[bus][-1]]) / 2
    widest = max(*x.values(), 1.0)
    deepest = max(*depth.values(), 1)
    result = {bus: (x[bus] / widest, 1 - depth[bus] / deepest) for bus in tree.order}
    for bus_data in circuit.buses:
        result.setdefault(bus_data.name, (0.0, 0.0))
    return result


def _leaves(root: str, children: Mapping[str, list[str]]) -> list[str]:
    """Return the leaves from left to right, without recursion: feeders are thousands deep."""
    found = []
    stack = [root]
    while stack:
        bus = stack.pop()
        if children[bus]:
            stack.extend(reversed(children[bus]))
        else:
            found.append(bus)
    return found
