"""YAML values that remember where they were written, and how.

Plain scalars are read by the YAML 1.2 core schema, because the rules of YAML 1.1 turn `on` and `no`
into booleans, `12:30` into 750 and `0123` into 83. A scalar keeps its text, so that a field that
expects text can have what was written: a wallet address is a hexadecimal number too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.problems import Mark, quote

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)"
)
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
#: Python reads longer decimal integers only when told to.
_LONGEST_INT = 4000


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode:
    """A single value.

    `origin` says where the text came from if the file does not hold it ("the secret 'token'");
    such a text is never shown. `secret` is true for what came from secrets.yaml.
    """

    mark: Mark
    text: str
    plain: bool
    origin: str | None = None
    secret: bool = False

    @property
    def value(self) -> object:
        """The value by its form: None, bool, int, float, or else its text."""
        return natural(self.text) if self.plain else self.text

    def __repr__(self) -> str:
        return f"ScalarNode({describe(self)})"


@dataclass(frozen=True, slots=True, eq=False)
class ListNode:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One key of a mapping: where the key is written, and its value."""

    mark: Mark
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class MappingNode:
    """Keys and values. A key is always the text that was written."""

    mark: Mark
    entries: Mapping[str, Entry]


@dataclass(frozen=True, slots=True, eq=False)
class BrokenNode:
    """Stands where a value could not be had; the problem has been reported already."""

    mark: Mark


Node = ScalarNode | ListNode | MappingNode | BrokenNode


def natural(text: str) -> object:
    """Return the value of a plain scalar by the YAML 1.2 core schema.

    Infinity and not-a-number stay text: no setting of a hub may be either.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) < _LONGEST_INT:
        return int(text, 0) if text[1:2] in ("x", "o") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def is_null(node: Node) -> bool:
    """Tell whether nothing was written, or `null`."""
    return isinstance(node, ScalarNode) and node.value is None


def plain(node: Node, instead: Mapping[Node, object] | None = None) -> object:
    """Return a node as dicts, lists and scalars, with some nodes given another value."""
    if instead and node in instead:
        return instead[node]
    match node:
        case MappingNode(entries=entries):
            return {key: plain(entry.node, instead) for key, entry in entries.items()}
        case ListNode(items=items):
            return [plain(item, instead) for item in items]
        case ScalarNode():
            return node.value
        case BrokenNode():
            return None


def shown(node: Node) -> object:
    """Return a node as `plain` does, with what came from elsewhere replaced by its origin."""
    hidden: dict[Node, object] = {n: f"<{n.origin}>" for n in scalars(node) if n.origin}
    return plain(node, hidden)


def scalars(node: Node) -> Iterator[ScalarNode]:
    """Yield every single value in a node."""
    match node:
        case MappingNode(entries=entries):
            for entry in entries.values():
                yield from scalars(entry.node)
        case ListNode(items=items):
            for item in items:
                yield from scalars(item)
        case ScalarNode():
            yield node
        case BrokenNode():
            pass


def describe(node: Node) -> str:
    """Return what a node is, for "expected …, got …"; never the text of a secret."""
    match node:
        case MappingNode():
            return "a mapping"
        case ListNode():
            return "a list"
        case BrokenNode():
            return "nothing"
        case ScalarNode(origin=str(origin)):
            return origin
        case ScalarNode():
            return _describe_scalar(node)


def _describe_scalar(node: ScalarNode) -> str:
    value = node.value
    if value is None:
        return "nothing"
    if value == "":
        return "an empty text"
    return quote(node.text) if isinstance(value, str) else quote(node.text)[1:-1]
