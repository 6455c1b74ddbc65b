"""The post office: the outbox in the hub's ledger, and the lanes as tasks of the plugin.

In virtual time there is neither: nothing leaves a simulated hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import aiohttp
from sqlalchemy import Connection

from hub.api import Context, HubError

from . import outbox
from .channels import Channel, TelegramChannel, WebhookChannel
from .configuration import NotifierConfig, signing_key
from .lanes import Attempt, Delivery, Lanes
from .message import SUBSTATION, Outgoing

T = TypeVar("T")

#: How long a message waits for the disk before it goes out all the same.
WRITE_S = 0.5
#: How long sent messages are kept.
KEEP = timedelta(days=30)


class Post:
    """Accepts messages for good, sends them, and writes down what became of them."""

    def __init__(self, ctx: Context, config: NotifierConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._channels: dict[str, Channel] = {}
        self._troubles: dict[tuple[str, str], str] = {}
        self._watchers: dict[str, asyncio.Queue[Attempt]] = {}

    async def open(self) -> None:
        """Open the outbox and go on with what it holds."""
        ctx = self._ctx
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._channels = {channel.name: channel for channel in self._make_channels(self._session)}
        self._lanes = Lanes(
            self._channels,
            spawn=lambda work, name: ctx.background(work, name=name),
            record=self._record,
            trouble=self._on_trouble,
            schedule=self._config.retry,
        )
        await ctx.ledger.create(outbox.tables)
        before = ctx.clock.now() - KEEP
        await ctx.ledger.run(lambda c: outbox.forget_old(c, ctx.name, before))
        for waiting in await ctx.ledger.run(lambda c: outbox.pending(c, ctx.name)):
            self._resume(waiting)

    async def close(self) -> None:
        """Close connections. The lanes end with the plugin."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _make_channels(self, session: aiohttp.ClientSession) -> list[Channel]:
        channels: list[Channel] = []
        n8n, bot = self._config.n8n, self._config.telegram
        if n8n is not None:
            header = n8n.header
            channels.append(
                WebhookChannel(
                    session,
                    n8n.url,
                    source=f"{self._ctx.hub_name}/{self._ctx.name}",
                    chat_of=self._chat,
                    key=signing_key(n8n.secret),
                    header=(header.name, header.value.get_secret_value()) if header else None,
                    timeout_s=self._config.timeout,
                )
            )
        if bot is not None:
            channels.append(
                TelegramChannel(
                    session,
                    bot.token.get_secret_value(),
                    chat_of=self._chat,
                    api_url=bot.api_url,
                    pacing=bot.pacing,
                    timeout_s=self._config.timeout,
                )
            )
        return channels

    def _chat(self, audience: str) -> str | None:
        if audience == SUBSTATION:
            chat = self._config.telegram.substation_chat if self._config.telegram else None
        else:
            house = self._ctx.houses.get(audience)
            chat = house.telegram if house else None
        return None if chat is None else chat.get_secret_value()

    # -- in ----------------------------------------------------------------------------------------

    def ways(self, audience: str) -> list[str]:
        """Return the channels that lead to an audience."""
        return [n for n, way in self._channels.items() if way.destination(audience) is not None]

    async def accept(self, message: Outgoing, cause: outbox.Cause | None) -> bool:
        """Write a message down; False if it was before. Without a disk it is taken all the same."""
        ways = self.ways(message.audience)
        name = self._ctx.name
        accept = partial(outbox.accept, instance=name, message=message, channels=ways, cause=cause)
        return await self._ledger(accept) is not False

    def send(self, message: Outgoing) -> None:
        """Begin to send an accepted message on all channels; returns at once."""
        for name in self.ways(message.audience):
            self._lanes.add(Delivery(message, name, self._expiry(message)))

    async def new_ones(self, message_ids: Iterable[str]) -> set[str]:
        """Return which messages were never accepted."""
        wanted = set(message_ids)
        known = await self._ctx.ledger.run(
            partial(outbox.known, instance=self._ctx.name, message_ids=sorted(wanted))
        )
        return wanted - known

    async def causes(self) -> list[outbox.Cause]:
        """Return the events that are kept, of which somebody was told, oldest first."""
        return await self._ctx.ledger.run(lambda c: outbox.causes(c, self._ctx.name))

    async def recent(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest deliveries, newest first."""
        return await self._ctx.ledger.run(lambda c: outbox.recent(c, self._ctx.name, limit))

    async def follow(self, message: Outgoing, timeout_s: float) -> dict[str, str]:
        """Send a message and return what became of it on each channel within the time."""
        expected = set(self.ways(message.audience))
        results: dict[str, str] = {}
        watcher = self._watchers[message.id] = asyncio.Queue()
        try:
            self.send(message)
            async with asyncio.timeout(timeout_s):
                while not expected <= results.keys():
                    attempt = await watcher.get()
                    reason = f": {attempt.reason}" if attempt.reason else ""
                    results[attempt.delivery.channel] = f"{attempt.status}{reason}"
        except TimeoutError:
            results |= dict.fromkeys(expected - results.keys(), "no answer yet")
        finally:
            del self._watchers[message.id]
        return results

    # -- out ---------------------------------------------------------------------------------------

    def _expiry(self, message: Outgoing) -> float:
        age_s = (self._ctx.clock.now() - message.at).total_seconds()
        return asyncio.get_running_loop().time() + self._config.give_up_after - age_s

    def _resume(self, waiting: outbox.Pending) -> None:
        """Go on with a delivery from before a restart, soon whatever it was waiting for."""
        if waiting.channel not in self.ways(waiting.message.audience):
            return  # no longer configured: it stays in the outbox until it is again
        left_s = 0.0
        if waiting.next_at is not None:
            left_s = (waiting.next_at - self._ctx.clock.now()).total_seconds()
        self._lanes.add(
            Delivery(
                waiting.message,
                waiting.channel,
                self._expiry(waiting.message),
                attempts=waiting.attempts,
                due_at=asyncio.get_running_loop().time()
                + min(max(left_s, 0.0), self._config.retry[0]),
            )
        )

    async def _record(self, attempt: Attempt) -> None:
        now = self._ctx.clock.now()
        again_s = attempt.again_in_s
        delivery = attempt.delivery
        if attempt.status == outbox.FAILED:
            self._ctx.log.error(
                "%s did not reach %s: %s",
                delivery.channel, delivery.message.audience, attempt.reason,
            )  # fmt: skip
        await self._ledger(
            partial(
                outbox.record,
                instance=self._ctx.name,
                message_id=delivery.message.id,
                channel=delivery.channel,
                status=attempt.status,
                attempts=delivery.attempts,
                reason=attempt.reason,
                next_at=None if again_s is None else now + timedelta(seconds=again_s),
                done_at=now if again_s is None else None,
            )
        )
        watcher = self._watchers.get(delivery.message.id)
        if watcher is not None:
            watcher.put_nowait(attempt)

    async def _ledger(self, function: Callable[[Connection], T]) -> T | None:
        """Return what a transaction returns; None if the disk does not take it in time."""
        try:
            async with asyncio.timeout(WRITE_S):
                return await self._ctx.ledger.run(function)
        except TimeoutError:
            self._ctx.log.error("the outbox is slow to write: messages go out from memory")
        except HubError as error:
            self._ctx.log.error(
                "the outbox cannot be written, messages go out from memory: %s", error
            )
        return None

    def _on_trouble(self, lane: tuple[str, str], reason: str | None) -> None:
        if reason is None:
            if self._troubles.pop(lane, None) is None:
                return
        elif self._troubles.get(lane) == reason:
            return
        else:
            self._troubles[lane] = reason
        if self._troubles:
            self._ctx.degraded("; ".join(sorted(set(self._troubles.values()))))
        else:
            self._ctx.online()
