"""hub.yaml: read, checked as a whole, and handed to the hub as typed values.

Every mistake is found in one look and reported with its position (`ConfigError.problems`). A
plugin's section is checked by the plugin's own pydantic model.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from hub.config_check import Checker, Place, place_of
from hub.config_models import Loc, secret_values
from hub.config_path import BASE_DIR, ConfigPath
from hub.config_plugins import PluginSections, PluginSpec, Resolve
from hub.config_sections import HubSection, LogSection
from hub.houses import House
from hub.problems import ConfigError, ConfigProblem, Mark, quote, suggest
from hub.yaml_nodes import BrokenNode, MappingNode, Node, ScalarNode, describe, is_null, scalars
from hub.yaml_source import YamlSource

__all__ = [
    "ConfigError",
    "ConfigPath",
    "ConfigProblem",
    "HubConfig",
    "HubSection",
    "LogSection",
    "PluginSpec",
    "load",
    "schema",
]

_SECTIONS = ("hub", "houses", "plugins")
#: Top-level keys for the user's own anchors: `x-meter: &meter {…}`.
_OWN_KEYS = "x-"
#: The password in mqtt://user:password@broker.
_URL_PASSWORD = re.compile(r"://[^/\s@]*?:([^/\s]+)@")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class HubConfig:
    """A whole hub.yaml, valid."""

    path: Path
    hub: HubSection
    houses: Mapping[str, House] = field(repr=False)
    plugins: Mapping[str, PluginSpec]
    #: Every text that must never be shown, for the log's redactor.
    secrets: frozenset[str] = field(repr=False)
    #: Sentences on what is allowed but unwise.
    warnings: tuple[str, ...]
    #: The tree of the file, for the places of mistakes that a plugin's own check finds.
    top: Place | None = field(default=None, repr=False, compare=False)

    def problem(self, loc: Loc, message: str) -> ConfigProblem:
        """Return a mistake at a path from the top, such as `("houses", "house1", "bus")`."""
        if self.top is None:
            return ConfigProblem(self.path, 0, 0, ".".join(map(str, loc)), message)
        place = place_of(self.top, loc)
        return ConfigProblem.at(place.node.mark, place.path, message)


def load(path: Path, resolve: Resolve, *, known_types: Iterable[str]) -> HubConfig:
    """Read and check a hub's file.

    `resolve` returns the class of a plugin type, None if there is no such type; what it raises is
    reported at the place that names the type. `known_types` are for suggestions.

    Raises:
        ConfigError: with all mistakes, in the order of the file.
    """
    source = YamlSource(path, os.environ)
    root = source.read()
    config = _Reading(source, resolve, tuple(known_types)).config(root)
    if source.problems or config is None:
        raise ConfigError(_in_file_order(source))
    return config


def schema(types: Mapping[str, type]) -> dict[str, Any]:
    """Return the JSON schema of a whole file with the sections of these plugin types."""
    # Only `hub schema` pays for this import.
    from hub.config_schema import file_schema

    return file_schema(types)


def _in_file_order(source: YamlSource) -> list[ConfigProblem]:
    files = {file: position for position, file in enumerate(source.files)}
    return sorted(
        dict.fromkeys(source.problems),
        key=lambda p: (files.get(p.file, len(files)), p.line, p.column),
    )


class _Reading:
    """Goes through the sections; what is wrong is added to the problems of the source."""

    def __init__(self, source: YamlSource, resolve: Resolve, known_types: tuple[str, ...]) -> None:
        self._source = source
        self._secrets = set(source.secret_texts)
        self._warnings = list(source.warnings)
        self._checker = Checker(
            report=source.problems.append,
            context={BASE_DIR: source.path.parent.absolute()},
            secret_texts=source.secret_texts,
        )
        self._sections = PluginSections(self._checker, resolve, known_types, source.problems.append)

    def config(self, root: Node) -> HubConfig | None:
        """Return the whole configuration, None if it is unusable, which has been reported."""
        if not isinstance(root, MappingNode):
            self._not_a_mapping(root)
            return None
        self._unknown_sections(root)
        top = Place(root, root.mark, "")
        hub_place = _section(top, "hub")
        hub = self._checker.check(HubSection, hub_place)
        houses = {}
        for name, place in self._named(_section(top, "houses")):
            if house := self._checker.check(House, place):
                houses[name] = house
                self._keep_secrets(house, place)
        plugins = {}
        names = []
        for name, place in self._named(_section(top, "plugins")):
            names.append(name)
            if spec := self._sections.check(name, place):
                plugins[name] = spec
                self._keep_secrets(spec.config, place)
        self._one_meter_a_house(top, houses)
        self._levels_of_plugins(hub_place, names)
        if hub is None:
            return None
        return HubConfig(
            path=self._source.path,
            hub=hub,
            houses=houses,
            plugins=plugins,
            secrets=frozenset(self._secrets),
            warnings=tuple(self._warnings),
            top=top,
        )

    def _not_a_mapping(self, root: Node) -> None:
        if isinstance(root, ScalarNode) and root.text == "":
            self._add(Mark(root.mark.file, 0, 0), "", "is empty; expected a section 'plugins:'")
        elif not isinstance(root, BrokenNode):
            got = describe(root)
            self._add(root.mark, "", f"expected the sections hub, houses and plugins, got {got}")

    def _unknown_sections(self, root: MappingNode) -> None:
        for key, entry in root.entries.items():
            if key not in _SECTIONS and not key.startswith(_OWN_KEYS):
                hint = suggest(key, _SECTIONS, known="keys here")
                self._add(entry.mark, key, f"unknown key{hint}")

    def _named(self, section: Place) -> Iterator[tuple[str, Place]]:
        """Yield the entries of `houses` or `plugins`, whose keys are the user's own names."""
        if not isinstance(section.node, MappingNode):
            if not is_null(section.node) and not isinstance(section.node, BrokenNode):
                message = f"expected a mapping of names, got {describe(section.node)}"
                self._add(section.node.mark, section.path, message)
            return
        for name, entry in section.node.entries.items():
            if _NAME.fullmatch(name):
                yield name, Place(entry.node, entry.mark, section.key(name))
            else:
                self._add(
                    entry.mark,
                    section.path,
                    "expected a name of letters, digits, _ or -, starting with a letter, "
                    f"at most 32 long, got {quote(name)}",
                )

    def _one_meter_a_house(self, top: Place, houses: Mapping[str, House]) -> None:
        owners: dict[str, str] = {}
        for name, house in houses.items():
            owner = owners.setdefault(house.device(name), name)
            if owner != name:
                place = place_of(top, ("houses", name, "meter"))
                message = f"meter {quote(house.device(name))} is the meter of {owner} already"
                self._add(place.named_at, place.path, message)

    def _levels_of_plugins(self, hub: Place, names: list[str]) -> None:
        levels = place_of(hub, ("log", "levels"))
        if not levels.path.endswith("levels") or not isinstance(levels.node, MappingNode):
            return
        for name, entry in levels.node.entries.items():
            if name not in names:
                hint = suggest(name, names, known="plugins here")
                self._add(entry.mark, levels.key(name), f"there is no such plugin{hint}")

    def _keep_secrets(self, section: BaseModel, place: Place) -> None:
        """Keep the secrets of a section for the redactor; warn of those in plain text."""
        for loc, text in secret_values(section):
            self._secrets.add(text)
            found = place_of(place, loc)
            if isinstance(found.node, ScalarNode) and found.node.origin is None:
                self._warn(found.node.mark, found.path, "a secret in plain text")
        for scalar in scalars(place.node):
            if match := _URL_PASSWORD.search(scalar.text):
                self._secrets |= {match[1], unquote(match[1])}
                if scalar.origin is None:
                    self._warn(scalar.mark, place.path, "a URL with a password in plain text")

    def _warn(self, mark: Mark, path: str, what: str) -> None:
        advice = f"{what}; move it to secrets.yaml and write !secret name"
        self._warnings.append(str(ConfigProblem.at(mark, path, advice)))

    def _add(self, mark: Mark, path: str, message: str) -> None:
        self._source.problems.append(ConfigProblem.at(mark, path, message))


def _section(top: Place, key: str) -> Place:
    """Return a top-level section; one that is left out is empty."""
    if isinstance(top.node, MappingNode) and key in top.node.entries:
        return place_of(top, (key,))
    return Place(ScalarNode(top.node.mark, "", plain=True), top.named_at, key)
