"""Finds plugin types by name and collects what plugins contribute, through pluggy.

A type's name is the name of its folder, or `folder/type` where a folder offers several. Folders are
looked up, in this order, in `plugins/` beside the user's hub.yaml, in the hub's own `plugins/`
package, and among the installed entry points of the group `microgrid_hub.plugins`. Only what is
named is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from hub import hookspecs
from hub.errors import PluginLoadError
from hub.hooks import Hooks, raised_at
from hub.plugin import Plugin

__all__ = ["Loader", "PluginLoadError"]

GROUP = "microgrid_hub.plugins"
PROJECT = "microgrid_hub"


class Loader:
    """The plugin types that one hub can reach."""

    def __init__(self, base_dir: Path | None = None) -> None:
        self.base_dir = base_dir
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.hooks = Hooks(self.manager)
        self._types: dict[str, type[Plugin[Any]]] = {}
        self._entry_points: dict[str, EntryPoint] | None = None

    def resolve(self, use: str) -> type[Plugin[Any]] | None:
        """Return the plugin class for `use:`, or None if there is no such type.

        Raises `PluginLoadError` if there is one and its code is at fault.
        """
        if use not in self._types:
            self.load(use.partition("/")[0])
        return self._types.get(use)

    def load(self, name: str) -> bool:
        """Import the plugin module of that name and register its hooks; False if there is none."""
        module = self._import(name)
        if module is None:
            return False
        if self.manager.is_registered(module):
            return True
        try:
            self.manager.register(module, name=name)
            self.manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            if self.manager.is_registered(module):
                self.manager.unregister(module)
            raise PluginLoadError(f"plugin {name!r}: {' '.join(str(error).split())}") from error
        self._collect(name, module)
        return True

    def _collect(self, name: str, module: ModuleType) -> None:
        hook = getattr(module, "hub_plugin_types", None)
        if hook is None:
            return
        for type_name, cls in _offered(name, hook):
            if not (isinstance(cls, type) and issubclass(cls, Plugin)):
                raise PluginLoadError(
                    f"plugin {name!r}: hub_plugin_types gives {cls!r} for {type_name!r}, "
                    f"which is no subclass of hub.api.Plugin"
                )
            self._types.setdefault(type_name if type_name == name else f"{name}/{type_name}", cls)

    def known_types(self) -> list[str]:
        """Names that `use:` may take, by what is there to import; nothing is imported for it."""
        names = {*self._folders(self.base_dir and self.base_dir / "plugins"), *self._installed()}
        names.update(self._folders(_builtin_dir()))
        names.update(self._types)
        # Transports and reports are plugins, too, but nothing that `use:` may name.
        return sorted(name for name in names if not name.endswith(("_link", "_report")))

    def link_factory(self, scheme: str) -> Any:
        """Return the function that opens links of a URL scheme; None if nobody registered it.

        The transport for `mqtt` is looked for in the plugin `mqtt_link`, and so on.
        """
        for name in (f"{scheme}_link", f"{scheme.rstrip('s')}_link"):
            if self.load(name):
                break
        factories: dict[str, Any] = {}
        for provided in self.hooks.hub_link_factories():
            factories.update(provided)
        return factories.get(scheme)

    def _import(self, name: str) -> ModuleType | None:
        if not name.isidentifier():
            return None
        own = self._import_beside(name)
        if own is not None:
            return own
        if (_builtin_dir() / name / "plugin.py").is_file():
            return _guarded(name, lambda: importlib.import_module(f"plugins.{name}.plugin"))
        point = self._installed().get(name)
        return None if point is None else _guarded(name, point.load)

    def _import_beside(self, name: str) -> ModuleType | None:
        """Import from the `plugins/` folder beside hub.yaml: `name.py` or `name/plugin.py`."""
        if self.base_dir is None or (self.base_dir / "plugins").resolve() == _builtin_dir():
            return None
        folder = self.base_dir / "plugins"
        single, package = folder / f"{name}.py", folder / name / "plugin.py"
        path = single if single.is_file() else package
        if not path.is_file():
            return None
        module_name = f"hub_user_plugins.{name}"
        if module_name in sys.modules and sys.modules[module_name].__file__ == str(path):
            return sys.modules[module_name]
        spec = importlib.util.spec_from_file_location(
            module_name, path, submodule_search_locations=[str(path.parent)]
        )
        if spec is None or spec.loader is None:
            return None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        loader = spec.loader
        try:
            _guarded(name, lambda: loader.exec_module(module))
        except PluginLoadError:
            del sys.modules[module_name]
            raise
        return module

    def _installed(self) -> dict[str, EntryPoint]:
        if self._entry_points is None:
            self._entry_points = {point.name: point for point in entry_points(group=GROUP)}
        return self._entry_points

    @staticmethod
    def _folders(folder: Path | None) -> list[str]:
        if folder is None or not folder.is_dir():
            return []
        return [
            path.stem
            for path in folder.iterdir()
            if not path.name.startswith(("_", "."))
            and (path.suffix == ".py" or (path / "plugin.py").is_file())
        ]


def _builtin_dir() -> Path:
    spec = importlib.util.find_spec("plugins")
    locations = list(spec.submodule_search_locations or []) if spec else []
    return Path(locations[0]).resolve() if locations else Path("/nonexistent")


def _guarded(name: str, load: Callable[[], Any]) -> ModuleType:
    """Import a plugin's code; what it raises becomes one sentence with file and line.

    Some packages raise the recursion limit when they are imported; with a hundred thousand levels,
    deeply nested JSON from a stranger would overflow the stack and end the process.
    """
    limit = sys.getrecursionlimit()
    try:
        module: ModuleType = load()
        return module
    except PluginLoadError:
        raise
    except (Exception, SystemExit) as error:
        where = raised_at(error)
        raise PluginLoadError(
            f"plugin {name!r} cannot be loaded: {type(error).__name__}: {error}{where}"
        ) from error
    finally:
        sys.setrecursionlimit(limit)


def _offered(name: str, hook: Callable[[], Any]) -> list[tuple[str, Any]]:
    try:
        offered = hook()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}{raised_at(error)}"
        raise PluginLoadError(f"plugin {name!r}: hub_plugin_types raised {what}") from error
    if not isinstance(offered, Mapping):
        raise PluginLoadError(
            f"plugin {name!r}: hub_plugin_types gives {offered!r}, expected a mapping from names "
            f"to classes"
        )
    return list(offered.items())
