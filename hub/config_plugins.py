"""The `plugins:` section: one entry per instance, each checked by the model of its type."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from hub.config_check import Checker, Place
from hub.problems import ConfigProblem, Mark, quote, suggest
from hub.yaml_nodes import (
    BrokenNode,
    MappingNode,
    Node,
    ScalarNode,
    describe,
    is_null,
    plain,
    shown,
)

Resolve = Callable[[str], type | None]

_USE = "use"


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """One instance under `plugins:`."""

    #: Its key in hub.yaml.
    name: str
    #: Its type.
    use: str
    #: The section as the plugin's own model.
    config: BaseModel = field(repr=False)
    #: The section as written, with `<the secret 'name'>` in place of secrets.
    raw: Mapping[str, object] = field(repr=False)
    #: The same in two readings of the file if this instance need not be restarted.
    digest: str = field(repr=False)


class NoSettings(BaseModel):
    """The section of a plugin type that brings no model."""

    model_config = ConfigDict(extra="forbid")


class PluginSections:
    """Checks the entries of `plugins:`; what is wrong goes to `report`."""

    def __init__(
        self,
        checker: Checker,
        resolve: Resolve,
        known_types: tuple[str, ...],
        report: Callable[[ConfigProblem], None],
    ) -> None:
        self._checker = checker
        self._resolve = resolve
        self._known_types = known_types
        self._report = report

    def check(self, name: str, place: Place) -> PluginSpec | None:
        """Return one instance, None after reporting what is wrong with it."""
        use = self._type_name(name, place)
        found = self._type(use, place) if use else None
        if use is None or found is None:
            return None
        model = getattr(found, "Config", NoSettings)
        config = self._checker.check(model, place, other_keys=[_USE])
        if config is None:
            return None
        raw = shown(place.node)
        return PluginSpec(
            name=name,
            use=use.text,
            config=config,
            raw=raw if isinstance(raw, dict) else {},
            digest=_digest(place.node),
        )

    def _type_name(self, name: str, place: Place) -> ScalarNode | None:
        """Return what stands after `use`."""
        node = place.node
        if isinstance(node, BrokenNode):
            return None
        if not isinstance(node, MappingNode) and not is_null(node):
            got = describe(node)
            self._add(node.mark, place.path, f"expected a mapping with the key 'use', got {got}")
            return None
        entry = node.entries.get(_USE) if isinstance(node, MappingNode) else None
        if entry is None or is_null(entry.node):
            same = [f"{_USE}: {known}" for known in self._known_types if known == name]
            hint = suggest(f"{_USE}: {name}", same, known="")
            message = f"missing key 'use', the plugin's type{hint}"
            self._add(place.named_at, place.path, message)
            return None
        if isinstance(entry.node, ScalarNode) and entry.node.origin is None:
            return entry.node
        if not isinstance(entry.node, BrokenNode):
            message = f"expected the name of a plugin type, got {describe(entry.node)}"
            self._add(entry.node.mark, place.key(_USE), message)
        return None

    def _type(self, use: ScalarNode, place: Place) -> type | None:
        """Return the class of a plugin type."""
        try:
            found = self._resolve(use.text)
        except Exception as error:  # noqa: BLE001  # a stranger's module may raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            message = f"plugin {quote(use.text)} cannot be loaded: {reason}"
            self._add(use.mark, place.key(_USE), message)
            return None
        if found is None:
            hint = suggest(use.text, self._known_types, known="types")
            self._add(use.mark, place.key(_USE), f"unknown plugin {quote(use.text)}{hint}")
        return found

    def _add(self, mark: Mark, path: str, message: str) -> None:
        self._report(ConfigProblem.at(mark, path, message))


def _digest(node: Node) -> str:
    """Return a fingerprint of a section with everything it includes; the order does not matter."""
    text = json.dumps(plain(node), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
