"""OpenDSS's error texts, several lines with headings, turned into one line with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .protocol import GridError
from .solver_library import DSSException

#: OpenDSS's number of "maximum control iterations exceeded".
CONTROL_ITERATIONS_EXCEEDED = 485
_UNSETTLED = (
    "Warning Max Control Iterations Exceeded.; Tip: Show Eventlog to debug control settings."
)
_UNSETTLED_IN_WORDS = (
    "the controls of the circuit do not settle: two work against each other, "
    "or 'Set MaxControlIter=100' is missing before this 'Solve'"
)
_PLACE = re.compile(r'\[file: "(?P<file>[^"]*)", line: (?P<line>\d+)\]')
_HEADINGS = ("Error Description:", "Probable Cause:")
_INTRINSIC = re.compile(r"^Error \d+ Reported From OpenDSS.*$")


def one_line(text: str, where: str) -> str:
    """Return `file:line: message`; `where` stands in for the place if the text names none.

    The first place in the text is the innermost file of nested redirects: where the mistake is.
    """
    place = _PLACE.search(text)
    prefix = f"{Path(place['file'])}:{place['line']}" if place else where
    words = []
    for raw in _PLACE.sub("", text).splitlines():
        line = raw.strip()
        if not line or _INTRINSIC.match(line) or line in _HEADINGS:
            continue
        words.append(line)
    return f"{prefix}: {'; '.join(dict.fromkeys(words)) or 'OpenDSS error without a text'}"


@contextmanager
def user_errors(where: object) -> Iterator[None]:
    """Turn an error of OpenDSS inside the block into a `GridError` of one line."""
    try:
        yield
    except DSSException as error:
        text = str(error.args[1]) if len(error.args) > 1 else str(error)
        line = one_line(text, str(where))
        if error.args[0] == CONTROL_ITERATIONS_EXCEEDED:
            line = line.replace(_UNSETTLED, _UNSETTLED_IN_WORDS)
        raise GridError(line) from error
