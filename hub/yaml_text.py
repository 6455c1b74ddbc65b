"""From a file to PyYAML's node tree, with every syntax error as one line for people."""

from __future__ import annotations

from pathlib import Path

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from hub.problems import Mark

#: The tag of a scalar without quotes and without a tag of its own.
PLAIN_TAG = "?"
CORE_TAG = "tag:yaml.org,2002:"
STR_TAG = CORE_TAG + "str"
MAP_TAG = CORE_TAG + "map"
SEQ_TAG = CORE_TAG + "seq"
_LARGEST_BYTES = 4_000_000

#: The parser's words (a part of them), and ours.
_HINTS = (
    ("character '\\t'", "a tab is used for indentation; use spaces"),
    ("mapping values are not allowed", "a ': ' too many here; put text that holds ': ' in quotes"),
    ("could not find expected ':'", "expected ': ' after a key"),
    ("another document", "a second document starts here; a file holds one"),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("expected ',' or ']'", "expected ',' or ']' in the list that starts with '['"),
    ("expected ',' or '}'", "expected ',' or '}' in the mapping that starts with '{'"),
    ("expected '<document start>'", "the text does not belong to what is above"),
    ("character '`'", "text cannot start with '`'; put it in quotes"),
    ("character '@'", "text cannot start with '@'; put it in quotes"),
    ("character '%'", "text cannot start with '%'; put it in quotes"),
)
_TOO_DEEP = "nested too deeply"


class TextError(Exception):
    """A file that cannot be read as YAML.

    `str(error)` may quote the file's content; `hint_without_content` never does.
    """

    def __init__(self, mark: Mark, message: str, hint_without_content: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.hint_without_content = hint_without_content or message


class _Resolver(BaseResolver):
    """Leaves the meaning of scalars open, and remembers which were written without quotes."""

    def resolve(self, kind: type[yaml.Node], _value: str, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return PLAIN_TAG if implicit[0] else STR_TAG
        return MAP_TAG if kind is yaml.MappingNode else SEQ_TAG


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """The first half of PyYAML's loader: text to nodes, no Python objects."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file; raise TextError where there is none."""
    whole = Mark(path, 0, 0)
    try:
        if not path.exists():
            raise TextError(whole, "no such file")
        if not path.is_file():
            raise TextError(whole, "is not a file")
        if path.stat().st_size > _LARGEST_BYTES:
            raise TextError(whole, "is larger than 4 MB; that is no configuration")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise TextError(whole, f"cannot be read: {(reason or str(error)).lower()}") from None
    return _decode(data, path)


def _decode(data: bytes, path: Path) -> str:
    if b"\0" in data:
        raise TextError(Mark(path, 0, 0), "is a binary file or UTF-16; expected UTF-8 text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", errors="replace")
        raise TextError(
            _mark_after(before, path), "is not UTF-8 text; save the file as UTF-8"
        ) from None


def compose(text: str, path: Path) -> yaml.Node | None:
    """Return the root of a YAML text, None if it holds nothing; raise TextError."""
    try:
        loader = _Loader(text)
        root: yaml.Node | None = loader.get_single_node()
    except ReaderError as error:
        raise TextError(
            _mark_after(text[: error.position], path),
            f"character {error.character:#x} is not allowed here"
            if isinstance(error.character, int)
            else "a character is not allowed here",
            "a character is not allowed here",
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _explained(error, path) from None
    except RecursionError:
        raise TextError(Mark(path, 1, 1), _TOO_DEEP) from None
    except (ValueError, OverflowError):
        # "\U00ffffff" in quotes: PyYAML hands it to chr() unchecked.
        raise TextError(Mark(path, 1, 1), "an escape in quotes is no character") from None
    return root


def mark_of(node: yaml.Node, path: Path) -> Mark:
    """Return where a node starts."""
    return Mark(path, node.start_mark.line + 1, node.start_mark.column + 1)


def _explained(error: yaml.MarkedYAMLError, path: Path) -> TextError:
    """Return PyYAML's complaint with our words where they are clearer."""
    problem = error.problem or error.context or "is not YAML"
    mark = error.problem_mark or error.context_mark
    words = next((ours for theirs, ours in _HINTS if theirs in problem), None)
    if "quoted scalar" in (error.context or "") and "end of stream" in problem:
        words, mark = "the quote that opens here is never closed", error.context_mark
    message = words or problem.removeprefix("found ")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return TextError(
        Mark(path, line, column), message, words or "is not YAML here; put the value in quotes"
    )


def _mark_after(before: str, path: Path) -> Mark:
    """Return the place that follows a piece of text."""
    return Mark(path, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
