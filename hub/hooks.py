"""Calls plugins' hooks so that one that raises takes nothing from the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pluggy

log = logging.getLogger("hub.hooks")


class Hooks:
    """Each hook as a method that returns a list of what the plugins contribute.

    pluggy itself would stop at the first that raises. Here it is left out, with a line in the log.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self._manager = manager

    def __getattr__(self, hook: str) -> Callable[..., list[Any]]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)

        def call(**arguments: Any) -> list[Any]:
            found = []
            for implementation in reversed(caller.get_hookimpls()):
                given = [arguments[name] for name in implementation.argnames]
                try:
                    contributed = implementation.function(*given)
                except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's code
                    what = f"{type(error).__name__}: {error}{raised_at(error)}"
                    log.error(
                        "plugin %r: %s raised %s; left out", implementation.plugin_name, hook, what
                    )
                else:
                    if contributed is not None:
                        found.append(contributed)
            return found

        return call


def raised_at(error: BaseException) -> str:
    """Return ` (file:line)` of the place where an error was raised; empty if it is not known."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}:{error.lineno})"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
