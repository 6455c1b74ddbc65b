"""The secrets of a hub: names and values in `secrets.yaml` beside `hub.yaml`.

Nothing here shows a value. A mistake in the file is reported by its position alone, because even
the parser's own words may hold a piece of a password.
"""

from __future__ import annotations

import stat
from pathlib import Path

import yaml

from hub.problems import ConfigProblem, Mark, quote, suggest
from hub.yaml_text import CORE_TAG, PLAIN_TAG, TextError, compose, mark_of, read_text

FILE_NAME = "secrets.yaml"


class Secrets:
    """The file is read when the first secret is asked for."""

    def __init__(self, path: Path, problems: list[ConfigProblem], warnings: list[str]) -> None:
        self.path = path
        self._problems = problems
        self._warnings = warnings
        self._values: dict[str, tuple[str, bool]] | None = None
        self._usable = True

    def __repr__(self) -> str:
        return f"Secrets({str(self.path)!r})"

    def get(self, name: str, mark: Mark) -> tuple[str, bool] | None:
        """Return text and whether it is unquoted; None if it cannot be had, which is reported."""
        if self._values is None:
            self._values = self._read()
        if name in self._values:
            return self._values[name]
        if self._usable:
            self._problems.append(ConfigProblem.at(mark, "", self._missing(name)))
        return None

    def _missing(self, name: str) -> str:
        line = quote(f"{name}: …")
        if not self._values and not self.path.exists():
            return (
                f"secret {quote(name)}: there is no {FILE_NAME} beside the hub's file "
                f"(create it with the line {line})"
            )
        hint = suggest(name, self._values or (), known="it holds")
        return f"secret {quote(name)} is not in {FILE_NAME}{hint}; add the line {line}"

    def _read(self) -> dict[str, tuple[str, bool]]:
        if not self.path.exists():
            return {}
        try:
            root = compose(read_text(self.path), self.path)
        except TextError as error:
            return self._unusable(error.mark, error.hint_without_content)
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            return self._unusable(mark_of(root, self.path), "expected lines name: value")
        self._warn_if_open()
        return self._entries(root)

    def _entries(self, root: yaml.MappingNode) -> dict[str, tuple[str, bool]]:
        values: dict[str, tuple[str, bool]] = {}
        first: dict[str, int] = {}
        for key, value in root.value:
            mark = mark_of(key, self.path)
            if not isinstance(key, yaml.ScalarNode) or key.value in ("<<", ""):
                self._unusable(mark, "expected a name, then ': ' and the value")
                continue
            name: str = key.value
            if name in first:
                self._unusable(mark, f"duplicate key {quote(name)} (first at line {first[name]})")
                continue
            first[name] = mark.line
            if not isinstance(value, yaml.ScalarNode) or not value.tag.startswith(
                (CORE_TAG, PLAIN_TAG)
            ):
                self._unusable(mark, f"secret {quote(name)} must be one value; put it in quotes")
            elif value.value == "":
                self._unusable(mark, f"secret {quote(name)} has no value")
            else:
                values[name] = (value.value, value.tag == PLAIN_TAG)
        return values

    def _unusable(self, mark: Mark, message: str) -> dict[str, tuple[str, bool]]:
        """Report a mistake in the file; what is missing from it then is not reported again."""
        self._problems.append(ConfigProblem.at(mark, "", message))
        self._usable = False
        return {}

    def _warn_if_open(self) -> None:
        if self.path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            self._warnings.append(
                f"{self.path} can be read by other users of this machine "
                f"(close it with: chmod 600 {self.path})"
            )
