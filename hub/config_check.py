"""Checks a piece of the YAML tree against a pydantic model, and finds the place of each mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.config_models import Loc, keys, meaning_of, models_at
from hub.config_phrases import Phrase, phrase, sentence
from hub.problems import ConfigProblem, Mark, suggest
from hub.yaml_nodes import (
    BrokenNode,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    describe,
    is_null,
    plain,
    scalars,
)

M = TypeVar("M", bound=BaseModel)

_NUMBERS = frozenset({"int_parsing", "int_type", "float_parsing", "float_type", "decimal_parsing"})
#: What pydantic ends a path with if the key is wrong, not the value.
_KEY = "[key]"
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})
_NO_NUMBER = "no number"
#: A part of a secret as long as this in a stranger's message counts as a leak.
_TELLING = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A value in the file: its key's mark (where its name is written) and its dotted path."""

    node: Node
    named_at: Mark
    path: str

    def key(self, key: str) -> str:
        """Return the path of a key below."""
        return f"{self.path}.{key}" if self.path else key

    def of_key(self, key: str) -> Place:
        """Return the place of the key itself, for a complaint about it."""
        node = ScalarNode(self.named_at, key, plain=False)
        return Place(node, self.named_at, self.path)


@dataclass(frozen=True, slots=True)
class Checker:
    """Checks sections; what is wrong goes to `report`. `context` is handed to the validators."""

    report: Callable[[ConfigProblem], None]
    context: Mapping[str, object]
    secret_texts: Iterable[str]

    def check(self, model: type[M], place: Place, *, other_keys: Iterable[str] = ()) -> M | None:
        """Return the validated section, or None after reporting what is wrong with it.

        `other_keys` are keys that belong to the section but not to the model; they are set aside.
        """
        others = set(other_keys)
        node = place.node
        if is_null(node):
            node = MappingNode(node.mark, {})
        if others and isinstance(node, MappingNode):
            kept = {key: entry for key, entry in node.entries.items() if key not in others}
            node = MappingNode(node.mark, kept)
        inner = Place(node, place.named_at, place.path)
        result, errors = self._validate(model, node)
        errors = errors + self._not_numbers(model, node)
        self._report(model, inner, errors, others)
        return None if errors else result

    def _validate(self, model: type[M], node: Node) -> tuple[M | None, list[ErrorDetails]]:
        """Validate, giving text fields the text that was written and sections left empty `{}`."""
        instead: dict[Node, object] = {}
        while True:
            result, errors = self._attempt(model, node, instead)
            better = dict(_other_readings(node, errors, instead))
            if not better:
                return result, errors
            instead |= better

    def _attempt(
        self, model: type[M], node: Node, instead: Mapping[Node, object]
    ) -> tuple[M | None, list[ErrorDetails]]:
        # A model that does not say what it does with unknown keys refuses them.
        extra: Literal["forbid"] | None = None if "extra" in model.model_config else "forbid"
        try:
            value = plain(node, instead)
            return model.model_validate(value, context=dict(self.context), extra=extra), []
        except ValidationError as error:
            return None, error.errors(include_url=False)
        except Exception as error:  # noqa: BLE001  # a plugin's own validator may raise anything
            text = f"the section's own check failed: {type(error).__name__}: {error}"
            return None, [ErrorDetails(type="own_check", loc=(), msg=text, input=None)]

    def _not_numbers(self, model: type[M], node: Node) -> list[ErrorDetails]:
        """Find what pydantic takes for a number and people do not: true, nan, infinity."""
        instead: dict[Node, object] = {}
        for scalar in scalars(node):
            if isinstance(scalar.value, bool):
                instead[scalar] = scalar.text
            elif _is_not_finite(scalar.value):
                instead[scalar] = _NO_NUMBER
        if not instead:
            return []
        _, errors = self._attempt(model, node, instead)
        found = {_find(node, e["loc"]) for e in errors if e["type"] in _NUMBERS}
        wrong = found & instead.keys()
        return [e for e in errors if _find(node, e["loc"]) in wrong]

    def _report(
        self, model: type[BaseModel], place: Place, errors: list[ErrorDetails], others: set[str]
    ) -> None:
        wrong: dict[str, tuple[Place, list[Phrase]]] = {}
        unknown: dict[str, tuple[Place, set[str]]] = {}
        for error in errors:
            loc = error["loc"]
            if error["type"] == "extra_forbidden":
                found = place_of(place, loc)
                names = {name for m in models_at(model, loc[:-1]) for name in keys(m)}
                names |= others if len(loc) == 1 else set()
                unknown.setdefault(found.path, (found, set()))[1].update(names)
            elif error["type"] == "missing":
                self._missing_key(model, place, loc)
            else:
                found = place_of(place, loc)
                if loc and loc[-1] == _KEY:
                    found = found.of_key(str(loc[-2]))
                wrong.setdefault(found.path, (found, []))[1].append(phrase(error))
        for found, names in unknown.values():
            hint = suggest(found.path.rpartition(".")[2], names, known="keys here")
            self._add(found.named_at, found.path, f"unknown key{hint}")
        for found, phrases in wrong.values():
            self._wrong_value(found, phrases, named=found.path == place.path)

    def _missing_key(self, model: type[BaseModel], place: Place, loc: Loc) -> None:
        key = str(loc[-1])
        parent = place_of(place, loc[:-1])
        if isinstance(parent.node, BrokenNode):
            return
        meaning = next((d for m in models_at(model, loc[:-1]) if (d := meaning_of(m, key))), "")
        said = f" ({meaning})" if meaning else ""
        self._add(parent.named_at, parent.path, f"missing key '{key}'{said}")

    def _wrong_value(self, found: Place, phrases: list[Phrase], *, named: bool) -> None:
        node = found.node
        if isinstance(node, BrokenNode):
            return
        own = isinstance(node, ScalarNode) and node.origin is None
        text = node.text if isinstance(node, ScalarNode) and own else None
        message = sentence(phrases, describe(node), text)
        if any(p.foreign for p in phrases):
            message = self._without_secrets(message, node)
        self._add(found.named_at if named else found.node.mark, found.path, message)

    def _without_secrets(self, message: str, node: Node) -> str:
        """Return a stranger's message, or a general one if it tells something of a secret."""
        hidden = [scalar.text for scalar in scalars(node) if scalar.origin]
        if any(_tells(message, text) for text in hidden):
            return f"{describe(node)} is not accepted here"
        for text in self.secret_texts:
            message = message.replace(text, "***")
        return message

    def _add(self, mark: Mark, path: str, message: str) -> None:
        self.report(ConfigProblem.at(mark, path, message))


def _other_readings(
    root: Node, errors: Iterable[ErrorDetails], tried: Mapping[Node, object]
) -> Iterator[tuple[Node, object]]:
    """Yield nodes that may fit when read otherwise: as text, or as an empty section."""
    for error in errors:
        node = _find(root, error["loc"])
        if node is None or node in tried:
            continue
        if is_null(node):
            if error["type"] in ("model_type", "dict_type", "model_attributes_type"):
                yield node, {}
            elif error["type"] in ("list_type", "tuple_type", "set_type", "frozen_set_type"):
                yield node, []
        elif isinstance(node, ScalarNode) and not isinstance(node.value, str):
            yield node, node.text


def _find(root: Node, loc: Loc) -> Node | None:
    """Return the node an error is about, None if the error is about a key."""
    if loc and loc[-1] == _KEY:
        return None
    return place_of(Place(root, root.mark, ""), loc).node


def place_of(start: Place, loc: Loc) -> Place:
    """Follow pydantic's path down the tree.

    Parts that are not in the tree are its names for the members of a union, and are skipped.
    """
    place = start
    for part in loc:
        match place.node:
            case MappingNode(entries=entries) if str(part) in entries:
                entry = entries[str(part)]
                place = Place(entry.node, entry.mark, place.key(str(part)))
            case ListNode(items=items) if isinstance(part, int) and part < len(items):
                place = Place(items[part], items[part].mark, f"{place.path}[{part}]")
            case _:
                pass
    return place


def _is_not_finite(value: object) -> bool:
    if isinstance(value, float):
        return value in (float("inf"), float("-inf"))
    return isinstance(value, str) and value.strip().lstrip("+-").casefold() in _NOT_FINITE


def _tells(message: str, secret: str) -> bool:
    """Tell whether a message holds the secret or a telling piece of it."""
    message, secret = message.casefold(), secret.casefold()
    length = min(len(secret), _TELLING)
    pieces = (secret[i : i + length] for i in range(len(secret) - length + 1))
    return length > 0 and any(piece in message for piece in pieces)
