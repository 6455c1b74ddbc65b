"""What a circuit's files say as text: where an element is defined, which OpenDSS does not remember,
and what OpenDSS would not survive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .protocol import GridError

#: `Redirect sub/loads.dss`, `Compile "Master file.dss"`, `Redir loads.dss`.
_FOLLOWED = re.compile(
    r"^\s*(?:redi\w*|compi\w*)\s+(?:file\s*=\s*)?(?:\(|\[|\{|\"|')?"
    r"(?P<file>[^\"'()\[\]{}!]+?)[\"')\]}]*\s*(?:!.*)?$",
    re.IGNORECASE,
)
#: `New Load.a`, `New object=Load.a`, `New "Load.a"`, `Load.a.kW=3` is no definition.
_DEFINED = r"^\s*new\s+(?:object\s*=\s*)?[\"'(\[{{]?\s*{name}(?![\w.-])"
#: `Edit Load.a kW=3`: OpenDSS says nothing where there is no such element.
_EDITED = re.compile(
    r"^\s*edit\s+(?:object\s*=\s*)?[\"'(\[{]?\s*(?P<element>[\w-]+\.[\w.-]+)", re.IGNORECASE
)
#: These end the whole process, `DI_Plot` for want of a window. Commands may be shortened.
_DEADLY = re.compile(
    r"^\s*(?P<command>di_p\w*|compa\w*|yearlyc\w*|solvea\w*|abort|next(?=\s*(?:!.*)?$))\b",
    re.IGNORECASE,
)
#: These end the process at the first power flow if they have no bus.
_ON_A_BUS = re.compile(
    r"^\s*new\s+(?:object\s*=\s*)?[\"'(\[{]?\s*"
    r"(?P<element>(?:line|load|generator|pvsystem|storage|transformer|autotrans|[vi]source"
    r"|indmach012|upfc|vccs|gicline|gictransformer)\.[^\s,\"')\]}]+)(?P<rest>.*)$",
    re.IGNORECASE,
)
_MORE = re.compile(r"^\s*(?:~|more\b|m\b)(?P<rest>.*)$", re.IGNORECASE)
#: What names a bus, by its full name or a shortened one; `like=` does not copy it.
_BUS_GIVEN = re.compile(r"(?<!\w)bu\w*\s*=", re.IGNORECASE)
#: A value without a name, after the element: which property it is for depends on its place.
_UNNAMED = re.compile(r"^[\"')\]}]?[\s,]+[^\s=,!]+(?:[\s,]|$)")
#: Who redirects deeper than this goes round in circles.
_DEEPEST = 50


def defined_at(feeder: Path, element: str) -> str | None:
    """Return `file:line` of the `New` of an element such as `load.a`; None if it is not found."""
    wanted = re.compile(_DEFINED.format(name=re.escape(element)), re.IGNORECASE)
    found = (f"{file}:{number}" for file, number, line in _lines(feeder) if wanted.match(line))
    return next(found, None)


def check_file(feeder: Path) -> None:
    """GridError if a circuit's file cannot be read, or must not be given to OpenDSS."""
    if feeder.is_dir():
        raise GridError(f"{feeder}: is a folder; expected the OpenDSS file of a circuit in it")
    if not feeder.is_file():
        raise GridError(f"{feeder}: no such file; expected an OpenDSS circuit")
    try:
        feeder.read_bytes()
    except OSError as error:
        raise GridError(f"{feeder}: cannot be read: {error.strerror}") from None
    why = deadly(feeder) or without_bus(feeder)
    if why is not None:
        raise GridError(why)


def deadly(feeder: Path) -> str | None:
    """Return `file:line: why` of the first command that OpenDSS does not survive, or that it never
    comes back from; None if there is none.
    """
    circles: list[str] = []
    for file, number, line in _lines(feeder, circles):
        if found := _DEADLY.match(line):
            command = found["command"]
            return f"{file}:{number}: {command} would end the hub; leave it out"
    return next(iter(circles), None)


def without_bus(feeder: Path) -> str | None:
    """Return `file:line: why` of an element without a bus, which OpenDSS does not survive."""
    waiting: dict[str, tuple[str, str]] = {}
    element = ""
    for file, number, line in _lines(feeder):
        code = re.split(r"!|//", line, maxsplit=1)[0]
        if not code.strip():
            continue
        if new := _ON_A_BUS.match(code):
            element, rest = new["element"].lower(), new["rest"]
            waiting[element] = (f"{file}:{number}", new["element"])
            if _UNNAMED.match(rest):
                del waiting[element]
        elif more := _MORE.match(code):
            rest = more["rest"]
        else:
            # `Edit Load.a bus1=x` or `Load.a.bus1=x` may come later: then it is not missing.
            element = next((name for name in waiting if name in code.lower()), "")
            rest = code.replace(".", " ")
        if element in waiting and _BUS_GIVEN.search(rest):
            del waiting[element]
    told = (
        f"{place}: {name} has no bus; expected 'bus1=…', or 'buses=…' of a transformer"
        for place, name in waiting.values()
    )
    return next(told, None)


def edited(feeder: Path) -> Iterator[tuple[str, str]]:
    """Yield `file:line` and the element of every `Edit`, lower case."""
    for file, number, line in _lines(feeder):
        if found := _EDITED.match(line):
            yield f"{file}:{number}", found["element"].lower()


def encoding(feeder: Path) -> str:
    """Return how names in a circuit's files are written: UTF-8, or else Latin-1, as Windows does.

    Latin-1 has a character for every byte: whatever the files hold comes through unchanged.
    """
    for path in dict.fromkeys((feeder, *(file for file, _, _ in _lines(feeder)))):
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError:
            return "latin-1"
        except OSError:  # OpenDSS will say so
            continue
    return "utf-8"


def _lines(
    path: Path, circles: list[str] | None = None, above: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, int, str]]:
    """Yield the lines of a file and of those it reads, in the order that OpenDSS sees them.

    A file that is being read already is not read again; `circles` takes in where that happens.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return
    above = (*above, path.resolve())
    in_comment = False
    for number, line in enumerate(text.split("\n"), start=1):
        in_comment = in_comment or line.lstrip().startswith("/*")
        if in_comment:
            in_comment = "*/" not in line
            continue
        yield path, number, line
        followed = _FOLLOWED.match(line)
        if not followed:
            continue
        other = path.parent / followed["file"].strip().replace("\\", "/")
        if other.resolve() not in above and len(above) < _DEEPEST:
            yield from _lines(other, circles, above)
        elif circles is not None:
            circles.append(
                f"{path}:{number}: reads {other.name}, which is being read already, without end"
            )
