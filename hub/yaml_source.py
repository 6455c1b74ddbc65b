"""Reads hub.yaml with everything it names: `!include`, `!secret`, `!env`, aliases and `<<`.

What is wrong is collected, not raised, so that one look shows every mistake; a node that cannot be
had is a `BrokenNode` and the rest is still read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from hub.problems import ConfigProblem, Mark, quote, suggest
from hub.secrets import FILE_NAME, Secrets
from hub.yaml_nodes import BrokenNode, Entry, ListNode, MappingNode, Node, ScalarNode
from hub.yaml_text import (
    CORE_TAG,
    MAP_TAG,
    PLAIN_TAG,
    SEQ_TAG,
    STR_TAG,
    TextError,
    compose,
    mark_of,
    read_text,
)

_CORE_SCALARS = {CORE_TAG + name for name in ("int", "float", "bool", "null")}
_CORE_TAGS = {PLAIN_TAG, STR_TAG, MAP_TAG, SEQ_TAG, *_CORE_SCALARS}
_MERGE = "<<"
_DEEPEST = 40
_MOST_INCLUDES_DEEP = 8
#: Values after all aliases are written out; stops an alias of aliases of aliases.
_MOST_VALUES = 200_000


class YamlSource:
    """One configuration: the file, what it includes, its secrets, and what is wrong with them."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.problems: list[ConfigProblem] = []
        self.warnings: list[str] = []
        #: In the order of reading; problems are sorted by it.
        self.files: list[Path] = []
        #: Every text that came from secrets.yaml.
        self.secret_texts: set[str] = set()
        self._environ = environ
        self._secrets = Secrets(path.parent / FILE_NAME, self.problems, self.warnings)
        self._open: list[Path] = []
        self._done: dict[Path, Node] = {}
        self._tags: dict[str, Callable[[yaml.ScalarNode, Mark], Node]] = {
            "!secret": self._secret,
            "!env": self._env,
            "!include": self._include,
        }

    def read(self) -> Node:
        """Return the root of the file, which may be a BrokenNode."""
        root = self._read(self.path)
        if _weight(root, {}) > _MOST_VALUES:
            return self._broken(root.mark, f"aliases expand to more than {_MOST_VALUES} values")
        return root

    def _read(self, path: Path) -> Node:
        self.files.append(path)
        try:
            root = compose(read_text(path), path)
        except TextError as error:
            return self._broken(error.mark, str(error))
        if root is None:
            return ScalarNode(Mark(path, 1, 1), "", plain=True)
        return _Reading(self, path, self._tags).node(root)

    def _broken(self, mark: Mark, message: str) -> BrokenNode:
        self.problems.append(ConfigProblem.at(mark, "", message))
        return BrokenNode(mark)

    def _secret(self, node: yaml.ScalarNode, mark: Mark) -> Node:
        name = str(node.value)
        if not name:
            return self._broken(mark, "expected the name of a secret: !secret name")
        found = self._secrets.get(name, mark)
        if found is None:
            return BrokenNode(mark)
        text, unquoted = found
        self.secret_texts.add(text)
        return ScalarNode(mark, text, unquoted, f"the secret {quote(name)}", secret=True)

    def _env(self, node: yaml.ScalarNode, mark: Mark) -> Node:
        name, _, default = str(node.value).partition(" ")
        if not name:
            return self._broken(mark, "expected the name of an environment variable: !env NAME")
        if name in self._environ:
            origin = f"the environment variable {quote(name)}"
            return ScalarNode(mark, self._environ[name], plain=True, origin=origin)
        if default:
            return ScalarNode(mark, default.strip(), plain=True)
        return self._broken(
            mark,
            f"environment variable {quote(name)} is not set "
            f"(set it, or give a default: !env {name} default)",
        )

    def _include(self, node: yaml.ScalarNode, mark: Mark) -> Node:
        if not node.value:
            return self._broken(mark, "expected the path of a file: !include other.yaml")
        path = mark.file.parent / str(node.value)
        try:
            real = path.resolve()
            known = path.exists()
        except (OSError, ValueError):
            known, real = False, path
        if not known:
            return self._broken(mark, f"cannot include {quote(node.value)}: no such file")
        if real in self._open or real == self.path.resolve():
            return self._broken(mark, f"cannot include {quote(node.value)}: it includes this file")
        if len(self._open) >= _MOST_INCLUDES_DEEP:
            return self._broken(mark, "files include each other too deeply")
        if real not in self._done:
            self._open.append(real)
            self._done[real] = self._read(path)
            self._open.pop()
        return self._done[real]


class _Reading:
    """Turns the nodes of one file into ours."""

    def __init__(
        self,
        source: YamlSource,
        path: Path,
        tags: Mapping[str, Callable[[yaml.ScalarNode, Mark], Node]],
    ) -> None:
        self._problems = source.problems
        self._path = path
        self._tags = tags
        self._done: dict[int, Node] = {}
        self._open: set[int] = set()

    def node(self, node: yaml.Node) -> Node:
        """Return a node; one that is reached twice, through an alias, is the same object."""
        if id(node) in self._done:
            return self._done[id(node)]
        mark = mark_of(node, self._path)
        if id(node) in self._open:
            return self._broken(mark, "an alias stands inside of what it stands for")
        if len(self._open) >= _DEEPEST:
            return self._broken(mark, "nested too deeply")
        self._open.add(id(node))
        result = self._convert(node, mark)
        self._open.discard(id(node))
        self._done[id(node)] = result
        return result

    def _convert(self, node: yaml.Node, mark: Mark) -> Node:
        if node.tag in self._tags:
            if not isinstance(node, yaml.ScalarNode):
                return self._broken(mark, f"expected one word after {node.tag}")
            return self._encodable(self._tags[node.tag](node, mark))
        if node.tag not in _CORE_TAGS:
            tag = str(node.tag).replace(CORE_TAG, "!!")
            return self._broken(mark, f"unknown tag {quote(tag)}{self._hint(tag)}")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, mark)
        if isinstance(node, yaml.SequenceNode):
            return ListNode(mark, tuple(self.node(item) for item in node.value))
        unquoted = node.tag == PLAIN_TAG or node.tag in _CORE_SCALARS
        return self._encodable(ScalarNode(mark, str(node.value), unquoted))

    def _hint(self, tag: str) -> str:
        return suggest(tag, self._tags, known="known tags")

    def _encodable(self, node: Node) -> Node:
        if isinstance(node, ScalarNode) and not _is_unicode(node.text):
            return self._broken(node.mark, "the text holds half a character; write it in UTF-8")
        return node

    def _mapping(self, node: yaml.MappingNode, mark: Mark) -> MappingNode:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            at = mark_of(key, self._path)
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (PLAIN_TAG, STR_TAG):
                self._broken(at, "expected a plain word as the key")
            elif key.value == _MERGE and key.tag == PLAIN_TAG:
                self._merge(merged, self.node(value), at)
            elif not _is_unicode(key.value):
                self._broken(at, "the key holds half a character; write it in UTF-8")
            elif key.value in own:
                first = own[key.value].mark.line
                self._broken(at, f"duplicate key {quote(key.value)} (first at line {first})")
            else:
                own[key.value] = Entry(at, self.node(value))
        return MappingNode(mark, {**merged, **own})

    def _merge(self, into: dict[str, Entry], node: Node, mark: Mark) -> None:
        """Add the keys of the mappings after `<<`; the earlier mapping wins."""
        for item in node.items if isinstance(node, ListNode) else (node,):
            if isinstance(item, MappingNode):
                for key, entry in item.entries.items():
                    into.setdefault(key, entry)
            elif not isinstance(item, BrokenNode):
                self._broken(mark, "expected a mapping after '<<', such as '<<: *anchor'")

    def _broken(self, mark: Mark, message: str) -> BrokenNode:
        self._problems.append(ConfigProblem.at(mark, "", message))
        return BrokenNode(mark)


def _is_unicode(text: str) -> bool:
    """Tell whether text can be written out; an escaped half of a pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _weight(node: Node, known: dict[Node, int]) -> int:
    """Return how many values a node has when every alias is written out."""
    if node not in known:
        match node:
            case MappingNode(entries=entries):
                known[node] = 1 + sum(_weight(entry.node, known) for entry in entries.values())
            case ListNode(items=items):
                known[node] = 1 + sum(_weight(item, known) for item in items)
            case _:
                known[node] = 1
    return known[node]
