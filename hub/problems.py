"""What is wrong with a configuration, said for people: one line per mistake, with its position."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LONGEST_QUOTE = 60
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file. Lines and columns count from 1; line 0 is the file as a whole."""

    file: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake: where it is, which key it concerns (may be empty), what to do about it."""

    file: Path
    line: int
    column: int
    path: str
    message: str

    @classmethod
    def at(cls, mark: Mark, path: str, message: str) -> ConfigProblem:
        """Return a problem at a mark."""
        return cls(mark.file, mark.line, mark.column, path, message)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return printable(": ".join(part for part in (where, self.path, self.message) if part))


class ConfigError(Exception):
    """The configuration cannot be used; `problems` holds every mistake found, in file order."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def printable(text: str) -> str:
    """Return text on one line, without characters that steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """Return what the user wrote in quotes, shortened where it is long."""
    if len(text) > _LONGEST_QUOTE:
        text = text[: _LONGEST_QUOTE - 1] + "…"
    return f"'{printable(text)}'"


def suggest(word: str, names: Iterable[str], *, known: str) -> str:
    """Return a hint to put after "unknown …": the nearest name, or all of them if few.

    `known` introduces the list, such as "known keys". Empty when there is nothing to offer.
    """
    by_folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    if near:
        return f" (did you mean {quote(by_folded[near[0]])}?)"
    if 0 < len(by_folded) <= _MOST_NAMES:
        return f" ({known}: {', '.join(sorted(by_folded.values()))})"
    return ""
