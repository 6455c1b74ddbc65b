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

from hub.errors import Rejected
from hub.messages import Command, CommandResult, CommandStatus, Priority
from hub.topics import matches, split_filter

#: Carries a command out. Returns figures for the answer; raises `Rejected` to decline.
CommandHandler = Callable[[Command], Awaitable[Mapping[str, Any] | None]]

log = logging.getLogger("hub.commands")


@dataclass(frozen=True, slots=True)
class Registration:
    """One handler and the targets it answers for."""

    pattern: str
    parts: tuple[str, ...]
    handler: CommandHandler
    owner: str


@dataclass(slots=True)
class _Target:
    """The queue of one target."""

    waiting: list[tuple[int, int, Command, asyncio.Future[CommandResult]]] = field(
        default_factory=list
    )
    worker: asyncio.Task[None] | None = None
    held_by: Priority | None = None
    held_until: datetime | None = None


class CommandRouter:
    """Finds the handler of a command, keeps the order and the deadline, and answers."""

    def __init__(
        self, now: Callable[[], datetime], publish: Callable[[CommandResult], None]
    ) -> None:
        self._now = now
        self._publish = publish
        self._handlers: list[Registration] = []
        self._targets: dict[str, _Target] = {}
        self._order = itertools.count()

    def register(self, pattern: str, handler: CommandHandler, owner: str) -> Callable[[], None]:
        """Make `handler` the one for all targets that match; returns what undoes it.

        ValueError if a pattern is taken already.
        """
        for other in self._handlers:
            if other.pattern == pattern:
                raise ValueError(
                    f"commands for {pattern!r} are handled by {other.owner!r} already; "
                    f"one actuator has one handler"
                )
        registration = Registration(pattern, split_filter(pattern), handler, owner)
        self._handlers.append(registration)
        return lambda: self._remove(registration)

    def _remove(self, registration: Registration) -> None:
        if registration in self._handlers:
            self._handlers.remove(registration)

    @property
    def targets(self) -> Mapping[str, str]:
        """Patterns and the plugin instances that answer for them."""
        return {r.pattern: r.owner for r in self._handlers}

    async def send(self, command: Command) -> CommandResult:
        """Have a command carried out. Never raises: the answer says what became of it."""
        if self._find(command.target) is None:
            known = ", ".join(sorted(self.targets)) or "none"
            return self._answer(
                command, CommandStatus.REJECTED, f"nothing handles {command.target!r} ({known})"
            )
        target = self._targets.setdefault(command.target, _Target())
        future: asyncio.Future[CommandResult] = asyncio.get_running_loop().create_future()
        heapq.heappush(target.waiting, (-command.priority, next(self._order), command, future))
        if target.worker is None:
            target.worker = asyncio.get_running_loop().create_task(
                self._work(command.target, target), name=f"command:{command.target}"
            )
        try:
            async with asyncio.timeout(command.deadline_s):
                return await future
        except TimeoutError:
            return self._answer(
                command, CommandStatus.TIMEOUT, f"no answer within {command.deadline_s:g} s"
            )

    def _find(self, target: str) -> Registration | None:
        """The most specific pattern wins: more literal levels, then the earlier one."""
        found = [r for r in self._handlers if matches(r.parts, target)]
        return max(found, key=lambda r: sum(p not in ("+", "#") for p in r.parts), default=None)

    async def _work(self, name: str, target: _Target) -> None:
        while target.waiting:
            _, _, command, future = heapq.heappop(target.waiting)
            if future.done():
                continue  # its deadline passed while it waited: it must not be carried out late
            result = await self._carry_out(command, target)
            if not future.done():
                future.set_result(result)
        target.worker = None
        if target.held_until is None:
            self._targets.pop(name, None)

    async def _carry_out(self, command: Command, target: _Target) -> CommandResult:
        held = target.held_until
        holder = target.held_by if held is not None and held > self._now() else None
        if held is not None and holder is not None and command.priority < holder:
            who = holder.name.lower().replace("_", " ")
            left_s = (held - self._now()).total_seconds()
            return self._answer(
                command, CommandStatus.REJECTED, f"held by {who} for {left_s:.0f} s more"
            )
        registration = self._find(command.target)
        if registration is None:
            return self._answer(command, CommandStatus.REJECTED, "its handler has stopped")
        try:
            async with asyncio.timeout(command.deadline_s):
                data = await registration.handler(command)
        except Rejected as refusal:
            return self._answer(command, CommandStatus.REJECTED, str(refusal))
        except TimeoutError:
            return self._answer(
                command,
                CommandStatus.TIMEOUT,
                f"{registration.owner} did not answer within {command.deadline_s:g} s",
            )
        except Exception as error:
            log.exception("%s: %s %s raised", registration.owner, command.target, command.action)
            return self._answer(
                command, CommandStatus.REJECTED, f"{registration.owner} failed: {error}"
            )
        if command.hold_s > 0:
            target.held_by = command.priority
            target.held_until = self._now() + timedelta(seconds=command.hold_s)
        return self._answer(command, CommandStatus.DONE, "", data or {})

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
