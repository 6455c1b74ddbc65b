"""What a database says went wrong, as a line that tells what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.errors import ConfigProblemError, HubError, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

#: By the beginning of SQLite's name for the error.
_PASSING = {
    "SQLITE_FULL": "the disk is full; make room on it",
    "SQLITE_BUSY": "another program holds it locked",
    "SQLITE_LOCKED": "another program holds it locked",
    "SQLITE_IOERR": "the disk does not read or write, or is full",
    "SQLITE_READONLY": "it cannot be written; give the hub's user the right to",
    "SQLITE_CANTOPEN": "it cannot be opened; give the hub's user the right to read and write it",
}
_LASTING = {
    "SQLITE_NOTADB": "it is no database",
    "SQLITE_CORRUPT": "it is damaged",
}


@contextmanager
def in_words(file: str) -> Iterator[None]:
    """Turn what a database raises into a HubError about a file.

    What passes by itself or by the user's hand is `Unavailable`, and is tried again; a damaged file
    is a ConfigProblemError. Mistakes in statements are let through.
    """
    from sqlalchemy.exc import DatabaseError, OperationalError

    try:
        yield
    except DatabaseError as error:
        name = getattr(error.orig, "sqlite_errorname", "")
        if not isinstance(error, OperationalError) and not name.startswith(tuple(_LASTING)):
            raise
        raise _problem(file, name, error) from error


def _problem(file: str, name: str, error: DBAPIError) -> HubError:
    for beginning, words in _LASTING.items():
        if name.startswith(beginning):
            return ConfigProblemError(
                f"{file}: {words}; stop the hub, then put a copy of it back, or move it away "
                f"with its -wal and -shm to begin anew"
            )
    for beginning, words in _PASSING.items():
        if name.startswith(beginning):
            return Unavailable(f"{file}: {words}")
    return Unavailable(f"{file}: {error.orig}")
