"""The door through which the command line reaches a running hub.

A socket on the loopback interface; port and a secret token stand in `control.json` in the data
directory, which only its owner can read. One JSON line asks, JSON lines answer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.encoding import encode, plain
from hub.errors import HubError
from hub.messages import Command, CommandStatus, Message, ScenarioStep
from hub.supervisor import describe

if TYPE_CHECKING:
    from hub.core import Hub

FILE = "control.json"
MAX_LINE = 1 << 20
#: A client that does not take its answer within this time is hung up on.
DRAIN_S = 10.0
#: A scenario that tells nothing for so long has died.
SILENCE_S = 300.0

log = logging.getLogger("hub.control")


class NotRunning(HubError):
    """No hub answers on this data directory."""


class ControlServer:
    """Answers the command line on behalf of a hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._token = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_LINE)
        port = self._server.sockets[0].getsockname()[1]
        path = self._hub.data_dir / FILE
        temporary = path.with_suffix(".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"port": port, "token": self._token, "pid": os.getpid()}, file)
            temporary.replace(path)
        except OSError as error:
            raise HubError(f"cannot write {path}: {error.strerror}") from None

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(OSError):
                (self._hub.data_dir / FILE).unlink(missing_ok=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(10):
                line = await reader.readline()
            await self._answer(line, writer)
        except (TimeoutError, ConnectionError, ValueError):
            pass  # a client that says nothing, goes away or says too much gets no answer
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        def say(data: Mapping[str, Any]) -> None:
            writer.write(json.dumps(plain(data), allow_nan=False).encode() + b"\n")

        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(request, dict) or not hmac.compare_digest(
            str(request.get("token", "")).encode(errors="replace"), self._token.encode()
        ):
            say({"error": "not allowed"})
            return
        try:
            await self._do(request, say, writer)
        except (HubError, ConnectionError) as error:
            say({"error": str(error)})
        except Exception as error:  # what a plugin raised while it answered
            log.error("a request from the command line failed", exc_info=error)
            say({"error": describe(error)})
        async with asyncio.timeout(DRAIN_S):
            await writer.drain()

    async def _do(
        self,
        request: Mapping[str, Any],
        say: Callable[[Mapping[str, Any]], None],
        writer: asyncio.StreamWriter,
    ) -> None:
        match request.get("do"):
            case "state":
                say(self._hub.state())
            case "reload":
                say(await self._hub.reload())
            case "probe":
                say({"figures": await self._probe(_text(request, "plugin"))})
            case "ask":
                service = _text(request, "service")
                say({"answer": await self._hub.services.ask(service, request.get("request"))})
            case "send":
                args = request.get("args") or {}
                if not isinstance(args, dict):
                    raise HubError(f"'args' must be an object, not {args!r}")
                command = Command(_text(request, "target"), _text(request, "action"), args)
                result = await self._hub.commands.send(command)
                say({"status": result.status, "reason": result.reason, "data": result.data})
            case "scenario":
                await self._scenario(_text(request, "scenario"), say, writer)
            case other:
                say({"error": f"unknown request {other!r}"})

    async def _probe(self, name: str) -> Mapping[str, Any]:
        supervised = self._hub.plugins.get(name)
        if supervised is None:
            known = ", ".join(self._hub.plugins) or "none"
            raise HubError(f"no plugin instance {name!r} is running; there are: {known}")
        status = supervised.status()
        figures: dict[str, Any] = {"state": status.state, "reason": status.reason}
        if supervised.plugin is not None:
            figures.update(await supervised.plugin.probe())
        return figures

    async def _scenario(
        self,
        name: str,
        say: Callable[[Mapping[str, Any]], None],
        writer: asyncio.StreamWriter,
    ) -> None:
        steps: asyncio.Queue[Message] = asyncio.Queue()
        subscription = self._hub.bus.subscribe(
            f"scenario/{name}", steps.put_nowait, owner="control"
        )
        try:
            command = Command(f"scenario/{name}", "run")
            result = await self._hub.commands.send(command)
            if result.status is not CommandStatus.DONE:
                raise HubError(result.reason)
            run = result.data.get("run")
            while True:
                step = await self._next_step(steps, name)
                if isinstance(step, ScenarioStep) and step.run == run:
                    say(encode(step))
                    await writer.drain()
                    if step.last:
                        return
        finally:
            subscription.close()

    @staticmethod
    async def _next_step(steps: asyncio.Queue[Message], name: str) -> Message:
        try:
            async with asyncio.timeout(SILENCE_S):
                return await steps.get()
        except TimeoutError:
            raise HubError(f"scenario {name!r} has been silent for {SILENCE_S:g} s") from None


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise HubError(f"the request lacks {key!r}")
    return value


# -- the other side -------------------------------------------------------------------------------


async def ask_hub(data_dir: Path, request: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Yield the answers of the hub that runs on a data directory.

    Raises `NotRunning` if there is none and `HubError` with what the hub said went wrong.
    """
    reader, writer, token = await _open(data_dir)
    answered = False
    try:
        writer.write(json.dumps({**request, "token": token}).encode() + b"\n")
        await writer.drain()
        while line := await reader.readline():
            answer = json.loads(line)
            if not isinstance(answer, dict):
                raise ValueError("no object")
            if "error" in answer:
                raise HubError(answer["error"])
            answered = True
            yield answer
    except (OSError, ValueError) as error:
        what = f"what {data_dir / FILE} leads to is no hub, or it ended"
        raise HubError(f"{what}: {error!r}") from None
    finally:
        writer.close()
    if not answered:
        raise HubError("the hub ended before it answered")


async def _open(data_dir: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    try:
        door = json.loads((data_dir / FILE).read_text())
        reader, writer = await asyncio.open_connection("127.0.0.1", door["port"], limit=1 << 26)
    except (OSError, ValueError, KeyError):
        raise NotRunning(
            f"no hub is running on {data_dir}; start it with `make run` or `hub run`"
        ) from None
    return reader, writer, door["token"]


def answers(data_dir: Path, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Like `ask_hub`, for callers without an event loop."""
    with asyncio.Runner() as runner:
        stream = ask_hub(data_dir, request)
        while True:
            try:
                yield runner.run(_next(stream))
            except StopAsyncIteration:
                return


async def _next(stream: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    return await anext(stream)
