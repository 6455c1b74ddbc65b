"""Commands: each goes to exactly one handler and is always answered.

Per target, commands are carried out one at a time; among those that wait, the one with the highest
priority comes first. A command with `hold_s` keeps commands of lower priority off its target.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.errors import HubError, Rejected
from hub.messages import Command, CommandResult, CommandStatus, Priority
from hub.problems import suggest
from hub.tasks import was_cancelled
from hub.topics import matches, split_filter

#: Carries a command out. Returns figures for the answer; raises `Rejected` to decline.
CommandHandler = Callable[[Command], Awaitable[Mapping[str, Any] | None]]

_Outcome = tuple[CommandStatus, str, Mapping[str, Any]]

#: Of so many targets it is remembered who carries out their commands.
MAX_TARGETS = 10_000

log = logging.getLogger("hub.commands")


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """One handler and the targets it answers for."""

    pattern: str
    parts: tuple[str, ...]
    handler: CommandHandler
    owner: str


@dataclass(slots=True)
class _Waiting:
    """A command, when it must be answered (loop time, seconds), and where the answer goes."""

    command: Command
    deadline_s: float
    answer: asyncio.Future[CommandResult]


@dataclass(slots=True)
class _Target:
    """The queue of one target and what is being carried out."""

    waiting: list[tuple[int, int, _Waiting]] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None
    current: _Waiting | None = None
    handled_by: Registration | None = None
    handling: asyncio.Task[Mapping[str, Any] | None] | None = None
    held_by: Priority | None = None
    held_until: datetime | None = None


class CommandRouter:
    """Finds the handler of a command, keeps the order and the deadline, and answers."""

    def __init__(
        self, now: Callable[[], datetime], publish: Callable[[CommandResult], None]
    ) -> None:
        self._now = now
        self._publish = publish
        #: By pattern, in order of registration.
        self._handlers: dict[str, Registration] = {}
        self._found: dict[str, Registration | None] = {}
        self._targets: dict[str, _Target] = {}
        self._order = itertools.count()

    def register(self, pattern: str, handler: CommandHandler, owner: str) -> Callable[[], None]:
        """Make `handler` the one for all targets that match; returns what undoes it.

        ValueError if a pattern is taken already.
        """
        other = self._handlers.get(pattern)
        if other is not None:
            raise ValueError(
                f"commands for {pattern!r} are handled by {other.owner!r} already; "
                f"one actuator has one handler"
            )
        registration = Registration(pattern, split_filter(pattern), handler, owner)
        self._handlers[pattern] = registration
        self._found.clear()
        return lambda: self._remove(registration)

    def _remove(self, registration: Registration) -> None:
        if self._handlers.get(registration.pattern) is registration:
            del self._handlers[registration.pattern]
            self._found.clear()
        for target in self._targets.values():
            if target.handled_by is registration and target.handling is not None:
                target.handling.cancel()

    @property
    def targets(self) -> Mapping[str, str]:
        """Patterns and the plugin instances that answer for them."""
        return {r.pattern: r.owner for r in self._handlers.values()}

    async def send(self, command: Command) -> CommandResult:
        """Have a command carried out. Never raises: the answer says what became of it."""
        if self._find(command.target) is None:
            known = self.targets
            hint = suggest(command.target, known, known="there are") if known else " (none)"
            reason = f"nothing handles {command.target!r}{hint}"
            return self._answer(command, CommandStatus.REJECTED, reason)
        loop = asyncio.get_running_loop()
        target = self._targets.setdefault(command.target, _Target())
        entry = _Waiting(command, loop.time() + command.deadline_s, loop.create_future())
        heapq.heappush(target.waiting, (-command.priority, next(self._order), entry))
        if target.worker is None:
            target.worker = loop.create_task(
                self._work(command.target, target), name=f"command:{command.target}"
            )
        try:
            async with asyncio.timeout_at(entry.deadline_s):
                return await asyncio.shield(entry.answer)
        except TimeoutError:
            if entry.answer.done():
                return entry.answer.result()
            begun = target.current is entry and target.handled_by is not None
            who = target.handled_by.owner if begun and target.handled_by else "its turn"
            text = f"{who} did not {'answer' if begun else 'come'} within {command.deadline_s:g} s"
            result = self._answer(command, CommandStatus.TIMEOUT, text)
            entry.answer.set_result(result)
            return result
        except asyncio.CancelledError:
            if target.current is not entry:
                entry.answer.cancel()  # nobody waits for it any more and it has not begun
            raise

    def _find(self, target: str) -> Registration | None:
        """The most specific pattern wins: more literal levels, then the earlier one."""
        exact = self._handlers.get(target)
        if exact is not None:
            return exact
        if target not in self._found:
            if len(self._found) >= MAX_TARGETS:
                self._found.clear()
            found = [r for r in self._handlers.values() if matches(r.parts, target)]
            self._found[target] = max(
                found, key=lambda r: sum(p not in ("+", "#") for p in r.parts), default=None
            )
        return self._found[target]

    async def _work(self, name: str, target: _Target) -> None:
        while target.waiting:
            _, _, entry = heapq.heappop(target.waiting)
            if entry.answer.done():
                continue  # its deadline passed while it waited: it must not be carried out late
            target.current = entry
            status, reason, data = await self._carry_out(entry, target)
            target.current = None
            if not entry.answer.done():
                entry.answer.set_result(self._answer(entry.command, status, reason, data))
        target.worker = None
        if target.held_until is None or target.held_until <= self._now():
            self._targets.pop(name, None)

    async def _carry_out(self, entry: _Waiting, target: _Target) -> _Outcome:
        command, held = entry.command, target.held_until
        holder = target.held_by if held is not None and held > self._now() else None
        if held is not None and holder is not None and command.priority < holder:
            who = holder.name.lower().replace("_", " ")
            left_s = (held - self._now()).total_seconds()
            return CommandStatus.REJECTED, f"held by {who} for {left_s:.0f} s more", {}
        registration = self._find(command.target)
        if registration is None:
            return CommandStatus.REJECTED, "its handler has stopped", {}
        owner = registration.owner
        target.handled_by = registration
        # A task of its own: it ends with its plugin, and by its name a plugin that blocks is found.
        target.handling = asyncio.get_running_loop().create_task(
            _call(registration.handler, command), name=f"command:{owner}/{command.target}"
        )
        limit = asyncio.timeout_at(entry.deadline_s)
        try:
            async with limit:
                data = await target.handling
        except Rejected as refusal:
            return CommandStatus.REJECTED, str(refusal), {}
        except asyncio.CancelledError:
            if was_cancelled():
                raise
            return CommandStatus.REJECTED, f"{owner} stopped before it was done", {}
        except Exception as error:
            if limit.expired():
                text = f"{owner} did not answer within {command.deadline_s:g} s"
                return CommandStatus.TIMEOUT, text, {}
            log.exception("%s: %s %s raised", owner, command.target, command.action)
            return CommandStatus.REJECTED, f"{owner} failed: {error}", {}
        if command.hold_s > 0:
            target.held_by = command.priority
            target.held_until = self._now() + timedelta(seconds=command.hold_s)
        return CommandStatus.DONE, "", data or {}

    def _answer(
        self,
        command: Command,
        status: CommandStatus,
        reason: str,
        data: Mapping[str, Any] | None = None,
    ) -> CommandResult:
        result = CommandResult(command, status, self._now(), reason, data or {})
        self._publish(result)
        return result


async def _call(handler: CommandHandler, command: Command) -> Mapping[str, Any] | None:
    try:
        return await handler(command)
    except (SystemExit, KeyboardInterrupt) as error:  # let through, it would end the whole hub
        raise HubError(f"it raised {error!r}") from error
