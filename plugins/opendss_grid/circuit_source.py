"""Where in a circuit's files an element is defined: OpenDSS does not remember, the reader wants to
know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: `Redirect sub/loads.dss`, `Compile "Master file.dss"`.
_FOLLOWED = re.compile(
    r"^\s*(?:redirect|compile)\s+(?:\(|\[|\{|\"|')?(?P<file>[^\"'()\[\]{}!]+?)[\"')\]}]*\s*(?:!.*)?$",
    re.IGNORECASE,
)
#: `New Load.a`, `New object=Load.a`, `New "Load.a"`, `Load.a.kW=3` is no definition.
_DEFINED = r"^\s*new\s+(?:object\s*=\s*)?[\"'(\[{{]?\s*{name}(?![\w.-])"
#: `Edit Load.a kW=3`: OpenDSS says nothing where there is no such element.
_EDITED = re.compile(
    r"^\s*edit\s+(?:object\s*=\s*)?[\"'(\[{]?\s*(?P<element>[\w-]+\.[\w.-]+)", re.IGNORECASE
)
#: `DI_Plot` (or `DI_P`) without a window to plot in ends the whole process.
_DEADLY = re.compile(r"^\s*di_p\w*", re.IGNORECASE)
#: Files that name each other are followed no deeper.
_DEEPEST = 20


def defined_at(feeder: Path, element: str) -> str | None:
    """Return `file:line` of the `New` of an element such as `load.a`; None if it is not found."""
    wanted = re.compile(_DEFINED.format(name=re.escape(element)), re.IGNORECASE)
    found = (f"{file}:{number}" for file, number, line in _lines(feeder, 0) if wanted.match(line))
    return next(found, None)


def deadly(feeder: Path) -> str | None:
    """Return `file:line` of a command that OpenDSS does not survive; None if there is none."""
    found = (f"{file}:{number}" for file, number, line in _lines(feeder, 0) if _DEADLY.match(line))
    return next(found, None)


def edited(feeder: Path) -> Iterator[tuple[str, str]]:
    """Yield `file:line` and the element of every `Edit`, lower case."""
    for file, number, line in _lines(feeder, 0):
        if found := _EDITED.match(line):
            yield f"{file}:{number}", found["element"].lower()


def _lines(path: Path, depth: int) -> Iterator[tuple[Path, int, str]]:
    """Yield the lines of a file and of those it reads, in the order that OpenDSS sees them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        yield path, number, line
        followed = _FOLLOWED.match(line)
        if followed and depth < _DEEPEST:
            yield from _lines(path.parent / followed["file"].strip().replace("\\", "/"), depth + 1)
