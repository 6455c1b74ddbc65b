"""The published solution of a feeder, as a user wrote it down in two files."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .protocol import GridError

_COLUMNS = ("bus", "phase", "vmag_pu", "angle_deg")
#: How a phase may be written.
_PHASES = {"a": 1, "b": 2, "c": 3, "1": 1, "2": 2, "3": 3}


@dataclass(frozen=True, slots=True)
class NodeFigure:
    """The published voltage of one node, and its `file:line`."""

    node: str
    pu: float
    deg: float
    where: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What was published. Powers per phase in W and var, losses of all phases together."""

    source: str
    taps: Mapping[str, int]
    source_w: tuple[float, ...]
    source_var: tuple[float, ...]
    losses_w: float
    losses_var: float
    nodes: tuple[NodeFigure, ...]


def read_figures(folder: Path) -> Figures:
    """Read `published_voltages.csv` (bus, phase, vmag_pu, angle_deg) and `published.json` (source,
    taps, source_w and source_var per phase, losses_w, losses_var).

    GridError with file, and line where there is one, if they are not such.
    """
    voltages, totals = folder / "published_voltages.csv", folder / "published.json"
    texts = [_text(path) for path in (voltages, totals)]
    nodes = tuple(_nodes(voltages, texts[0]))
    if not nodes:
        raise GridError(f"{voltages}: expected a row for every node, got none")
    try:
        data = json.loads(texts[1])
    except json.JSONDecodeError as error:
        raise GridError(f"{totals}:{error.lineno}:{error.colno}: {error.msg}") from None
    if not isinstance(data, dict):
        raise GridError(f"{totals}: expected an object with 'source', 'taps', 'source_w' …")
    taps = data.get("taps", {})
    if not isinstance(taps, dict) or not all(type(tap) is int for tap in taps.values()):
        raise GridError(f'{totals}: taps: expected positions such as {{"reg_a": 7}}, got {taps!r}')
    return Figures(
        source=str(data.get("source", "")),
        taps=taps,
        source_w=_numbers(totals, data, "source_w"),
        source_var=_numbers(totals, data, "source_var"),
        losses_w=_number(totals, data, "losses_w"),
        losses_var=_number(totals, data, "losses_var"),
        nodes=nodes,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise GridError(
            f"{path}: no such file; expected the published figures of a feeder"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise GridError(f"{path}: cannot be read: {reason}") from None


def _nodes(path: Path, text: str) -> Iterator[NodeFigure]:
    head: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        where = f"{path}:{number}"
        row = [cell.strip() for cell in next(csv.reader([line]))]
        if head is None:
            head = row
            if not set(_COLUMNS) <= set(head):
                raise GridError(f"{where}: expected the header {','.join(_COLUMNS)!r}")
            continue
        cells = dict(zip(head, row, strict=False))
        phase = _PHASES.get(cells.get("phase", "").lower())
        if phase is None:
            raise GridError(f"{where}: phase: expected a, b or c, got {cells.get('phase', '')!r}")
        pu, deg = (_finite(cells.get(key), where, key) for key in ("vmag_pu", "angle_deg"))
        yield NodeFigure(f"{cells['bus'].lower()}.{phase}", pu, deg, where)


def _numbers(path: Path, data: Mapping[str, Any], key: str) -> tuple[float, ...]:
    values = data.get(key)
    if not isinstance(values, list) or not values:
        raise GridError(f"{path}: {key}: expected a list with one number per phase, got {values!r}")
    return tuple(_finite(value, str(path), key) for value in values)


def _number(path: Path, data: Mapping[str, Any], key: str) -> float:
    return _finite(data.get(key), str(path), key)


def _finite(value: Any, where: str, key: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise GridError(f"{where}: {key}: expected a number, got {value!r}")
    return number
