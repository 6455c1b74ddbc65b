"""Lines that are cut in two, so that a fault can be anywhere along them.

OpenDSS has faults at buses only. A cut line is switched off, and two parts of its length take its
place, with a bus of their own between them. Towards everybody else it stays one line: what is done
to it is done to the part at its first bus, and that part's power is its power.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .dss_errors import user_errors
from .protocol import BranchData, Circuit, GridError

#: What is nearer to an end of a line than this share of it, is at that end.
_AT_AN_END = 1e-3


class CutLines:
    """The lines of one compiled circuit that are cut. What was once made is kept and changed: the
    solver's lists keep their order.
    """

    def __init__(self, dss: Any, command: Callable[[str], None]) -> None:
        """`command` carries out a line of OpenDSS text."""
        #: The part that stands for a cut line, by the line's full name.
        self.stand_ins: dict[str, str] = {}
        self._dss = dss
        self._command = command
        #: How often a line was cut or mended: what is read must be found anew when it changes.
        self.changes = 0
        self._made: set[str] = set()
        self._cut: dict[str, tuple[str, list[str]]] = {}

    def cut(self, circuit: Circuit, name: str, line: str, at: float) -> str:
        """Cut a line at a share of its length from its first bus; returns the bus at the cut.

        `name` is that of the cut. At either end nothing is cut: the bus is the line's own.
        """
        branch = line_of(circuit, line)
        if any(cut == branch.name and other != name for other, (cut, _) in self._cut.items()):
            raise GridError(f"{branch.name} has another fault; a line can have one at a time")
        self.mend(name)
        if at < _AT_AN_END or at > 1 - _AT_AN_END:
            return branch.bus1 if at < 0.5 else branch.bus2
        self._dss.Circuit.SetActiveElement(branch.name)
        first, second = self._dss.CktElement.BusNames()[:2]
        # All of them: a neutral that is drawn is a phase to OpenDSS.
        count = int(self._dss.CktElement.NumConductors())
        nodes = "".join(f".{node}" for node in self._dss.CktElement.NodeOrder()[:count])
        # A line cannot change its number of phases.
        parts = [f"line.cut_{name}_{count}_{part}" for part in ("near", "far")]
        bus = f"cut_{name}"
        length, impedance = self._impedance(branch.name, count)
        ends = ((first, bus + nodes, length * at), (bus + nodes, second, length * (1 - at)))
        opened = self._opened(branch.name)
        with user_errors(f"fault {name}"):
            for part, (bus1, bus2, part_length) in zip(parts, ends, strict=True):
                verb = "Edit" if part in self._made else "New"
                self._command(
                    f'{verb} {part} phases={count} bus1="{bus1}" bus2="{bus2}"'
                    f" units=none length={part_length:.12g} {impedance} enabled=yes"
                )
                self._made.add(part)
            self._enable(branch.name, False)
        self.stand_ins[branch.name] = parts[0]
        self._cut[name] = (branch.name, parts)
        self.changes += 1
        self._open(parts[0], opened)
        return bus

    def mend(self, name: str) -> None:
        """Put the line of a cut back in its place, as open or closed as its stand-in was."""
        if name not in self._cut:
            return
        line, parts = self._cut.pop(name)
        opened = self._opened(self.stand_ins.pop(line))
        for part in parts:
            self._enable(part, False)
        self._enable(line, True)
        self._open(line, opened)
        self.changes += 1

    def _impedance(self, line: str, size: int) -> tuple[float, str]:
        """Return a line's length, and its matrices per unit of that: `like` would lose them."""
        lines = self._dss.Lines
        lines.Name(line.split(".", 1)[1])
        matrices = {"r": lines.RMatrix(), "x": lines.XMatrix(), "c": lines.CMatrix()}
        texts = []
        for letter, matrix in matrices.items():
            values = [f"{value:.12g}" for value in matrix]
            rows = (" ".join(values[at : at + size]) for at in range(0, size * size, size))
            texts.append(f"{letter}matrix=({'|'.join(rows)})")
        return float(lines.Length()), " ".join(texts)

    def _enable(self, element: str, enabled: bool) -> None:
        # A name may have dots and spaces.
        self._command(f'Edit "{element}" enabled={"yes" if enabled else "no"}')

    def _opened(self, element: str) -> list[bool]:
        """Return which conductors are open at the first terminal."""
        self._dss.Circuit.SetActiveElement(element)
        conductors = int(self._dss.CktElement.NumConductors())
        return [bool(self._dss.CktElement.IsOpen(1, c)) for c in range(1, conductors + 1)]

    def _open(self, element: str, opened: list[bool]) -> None:
        self._dss.Circuit.SetActiveElement(element)
        for conductor, is_open in enumerate(opened, start=1):
            act = self._dss.CktElement.Open if is_open else self._dss.CktElement.Close
            act(1, conductor)


def line_of(circuit: Circuit, name: str) -> BranchData:
    """Return a line that can be cut by its name, with or without `line.`; GridError for others."""
    wanted = name.lower() if name.lower().startswith("line.") else f"line.{name.lower()}"
    found = next((b for b in circuit.branches if b.name == wanted), None)
    if found is None or found.kind != "line":
        raise GridError(f"line {name} is not in the circuit; expected such as line.<name>")
    return found
