"""Wires the notifier to the hub: alarms in, messages out, nothing lost in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import aiohttp
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.api import (
    Alarm,
    CheckContext,
    Command,
    Context,
    HubError,
    Notification,
    Plugin,
    PluginState,
    PluginStatus,
    Rejected,
    Severity,
    hookimpl,
    new_id,
)

from . import outbox, routing, texts
from .channels import Channel, TelegramChannel, WebhookChannel
from .compose import Composer, entry, message_id, offers_power, plain
from .configuration import NotifierConfig, problems, signing_key, unchecked
from .lanes import Attempt, Delivery, Lanes
from .message import SUBSTATION, Outgoing

T = TypeVar("T")

#: How long a message waits for the disk before it goes out all the same.
WRITE_S = 0.5
#: How long a homeowner's message waits to know who sells.
SELLERS_S = 1.0
#: How long `alerts/test` waits to tell what became of its message.
TEST_S = 8.0
#: How long sent messages are kept.
KEEP = timedelta(days=30)


class Notifier(Plugin[NotifierConfig]):
    """Turns alarms into messages to people and sees to it that they arrive."""

    Config = NotifierConfig
    summary = "tells substation and homeowners about alarms: n8n, Telegram, page and log"

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        check.unchecked.extend(unchecked(config))
        chats = {house_id: house.telegram for house_id, house in check.houses.items()}
        return problems(config, chats)

    async def start(self, ctx: Context) -> None:
        self._ctx = ctx
        self._names = {house_id: house.name(house_id) for house_id, house in ctx.houses.items()}
        self._composer = Composer(self._names, self.config.public_url, self.config.suggest_wh)
        self._routes = (
            routing.DEFAULT_ROUTES
            if self.config.routes is None
            else tuple(route.rule() for route in self.config.routes)
        )
        self._turns: dict[str, asyncio.Lock] = {}
        self._known: dict[str, None] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=200)
        self._troubles: dict[tuple[str, str], str] = {}
        self._outcomes: dict[str, asyncio.Queue[Attempt]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._channels: dict[str, Channel] = {}
        if not ctx.virtual:
            await self._open(ctx)
        ctx.serve("alerts/recent", self._tell_recent)
        ctx.handle("alerts/test", self._test)
        ctx.subscribe("alarm/#", self._on_alarm)
        ctx.subscribe("plugin/+/status", self._on_plugin)
        await self._catch_up()

    async def _open(self, ctx: Context) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._channels = {channel.name: channel for channel in self._make_channels(self._session)}
        self._lanes = Lanes(
            self._channels,
            spawn=lambda work, name: ctx.background(work, name=name),
            record=self._record,
            trouble=self._on_trouble,
            schedule=self.config.retry,
        )
        await ctx.ledger.create(outbox.tables)
        before = ctx.clock.now() - KEEP
        await ctx.ledger.run(lambda c: outbox.forget_old(c, ctx.name, before))
        for waiting in await ctx.ledger.run(lambda c: outbox.pending(c, ctx.name)):
            self._resume(waiting)

    def _make_channels(self, session: aiohttp.ClientSession) -> list[Channel]:
        channels: list[Channel] = []
        n8n, bot = self.config.n8n, self.config.telegram
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
                    timeout_s=self.config.timeout,
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
                    timeout_s=self.config.timeout,
                )
            )
        return channels

    def _chat(self, audience: str) -> str | None:
        if audience == SUBSTATION:
            chat = self.config.telegram.substation_chat if self.config.telegram else None
        else:
            house = self._ctx.houses.get(audience)
            chat = house.telegram if house else None
        return None if chat is None else chat.get_secret_value()

    async def stop(self) -> None:
        session = getattr(self, "_session", None)
        if session is not None:
            self._session = None
            await session.close()

    # -- alarms ------------------------------------------------------------------------------------

    def _on_alarm(self, alarm: Alarm) -> None:
        event = texts.Event(
            alarm.id,
            alarm.kind,
            alarm.subject,
            str(alarm.severity),
            alarm.text,
            plain(alarm.evidence),
            alarm.cleared,
        )
        self._tell_all(event, alarm.at)

    def _tell_all(self, event: texts.Event, at: datetime) -> None:
        for audience in routing.audiences(event, self._routes, self._ctx.houses):
            # Each audience on a task of its own: nobody waits for another's text or disk.
            work = self._tell(event, audience, at)
            self._ctx.background(work, name=f"tell {audience}")

    async def _tell(self, event: texts.Event, audience: str, at: datetime) -> None:
        async with self._turns.setdefault(audience, asyncio.Lock()):
            if message_id(event, audience) in self._known:
                return
            sellers = await self._sellers(audience) if offers_power(event, audience) else None
            await self._accept(self._composer.message(event, audience, at, sellers))

    async def _sellers(self, house: str) -> list[texts.Seller] | None:
        try:
            answer = await self._ctx.ask("market/sellers", {"exclude": house}, SELLERS_S)
            return texts.read_sellers(answer)
        except (HubError, ValueError) as error:
            self._ctx.log.info("nobody could say who sells: %s", error)
        except Exception:
            # A market in trouble must not hold an alarm back.
            self._ctx.log.exception("nobody could say who sells")
        return None

    async def _catch_up(self) -> None:
        """Tell what was raised or cleared while nobody was here to hear it."""
        if "faults/alarms" not in self._ctx.services:
            return
        answer = await self._ctx.ask("faults/alarms")
        for found in (*answer["recent"], *answer["active"]):
            event = texts.Event(
                found["id"], found["kind"], found["subject"], found["severity"], found["text"],
                found["evidence"], found["cleared"],
            )  # fmt: skip
            if not event.cleared or await self._heard_of(event):
                self._tell_all(event, datetime.fromisoformat(found["at"]))

    async def _heard_of(self, event: texts.Event) -> bool:
        """Whether anybody was told of an alarm: only then its end is news."""
        if self._ctx.virtual:
            return False
        return await self._ctx.ledger.run(
            lambda c: outbox.is_alarm_known(c, self._ctx.name, event.id)
        )

    async def _on_plugin(self, status: PluginStatus) -> None:
        if status.type == "fault_detector" and status.state is PluginState.ONLINE:
            await self._catch_up()

    # -- messages ----------------------------------------------------------------------------------

    async def _accept(self, message: Outgoing) -> None:
        ways = [
            name
            for name, channel in self._channels.items()
            if channel.destination(message.audience) is not None
        ]
        if not self._ctx.virtual:
            accept = partial(outbox.accept, instance=self._ctx.name, message=message, channels=ways)
            # Without a disk the message still goes out, from memory.
            if await self._ledger(accept) is False:
                return
        self._known[message.id] = None
        if len(self._known) > 10_000:
            del self._known[next(iter(self._known))]
        self._recent.append(entry(message, outbox.PAGE, outbox.SENT))
        self._ctx.log.warning(
            "to %s: %s", self._names.get(message.audience, message.audience), message.text
        )
        self._ctx.publish(
            Notification(
                audience=message.audience,
                text=message.text,
                at=message.at,
                severity=Severity(message.severity),
                link=message.link,
                id=message.id,
                cause=message.cause,
            )
        )
        for name in ways:
            self._lanes.add(Delivery(message, name, self._expiry()))

    def _expiry(self) -> float:
        return asyncio.get_running_loop().time() + self.config.give_up_after

    def _resume(self, waiting: outbox.Pending) -> None:
        """Go on with a delivery from before a restart."""
        channel = self._channels.get(waiting.channel)
        if channel is None or channel.destination(waiting.message.audience) is None:
            return  # no longer configured: it stays in the outbox until it is again
        left_s = 0.0
        if waiting.next_at is not None:
            left_s = (waiting.next_at - self._ctx.clock.now()).total_seconds()
        loop_now = asyncio.get_running_loop().time()
        self._lanes.add(
            Delivery(
                waiting.message,
                waiting.channel,
                self._expiry(),
                attempts=waiting.attempts,
                due_at=loop_now + min(max(left_s, 0.0), self.config.retry[0]),
            )
        )

    async def _record(self, attempt: Attempt) -> None:
        now = self._ctx.clock.now()
        again = attempt.again_in_s
        delivery = attempt.delivery
        if attempt.status == outbox.FAILED:
            self._ctx.log.error(
                "%s did not reach %s: %s",
                delivery.channel,
                delivery.message.audience,
                attempt.reason,
            )
        await self._ledger(
            partial(
                outbox.record,
                instance=self._ctx.name,
                message_id=delivery.message.id,
                channel=delivery.channel,
                status=attempt.status,
                attempts=delivery.attempts,
                reason=attempt.reason,
                next_at=None if again is None else now + timedelta(seconds=again),
                done_at=now if again is None else None,
            )
        )
        watcher = self._outcomes.get(delivery.message.id)
        if watcher is not None:
            watcher.put_nowait(attempt)

    async def _ledger(self, function: Callable[[Connection], T]) -> T | None:
        """Return what a transaction returns; None if the disk does not take it in time."""
        try:
            async with asyncio.timeout(WRITE_S):
                return await self._ctx.ledger.run(function)
        except TimeoutError:
            self._ctx.log.error("the outbox is slow to write: messages go out from memory")
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or type(error).__name__
            self._ctx.log.error(
                "the outbox cannot be written, messages go out from memory: %s", cause
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

    # -- questions and tests -----------------------------------------------------------------------

    async def _tell_recent(self, request: Any) -> list[dict[str, Any]]:
        limit = int((request or {}).get("limit", 50))
        if self._ctx.virtual:
            return list(self._recent)[::-1][:limit]
        return await self._ctx.ledger.run(lambda c: outbox.recent(c, self._ctx.name, limit))

    async def _test(self, command: Command) -> Mapping[str, Any]:
        """Send a test message and tell what became of it on each channel."""
        audience = str(command.args.get("audience", SUBSTATION))
        if audience != SUBSTATION and audience not in self._ctx.houses:
            known = ", ".join((SUBSTATION, *self._ctx.houses))
            raise Rejected(f"there is no audience {audience!r}; known: {known}")
        message = Outgoing(
            id=f"test-{new_id()}",
            audience=audience,
            event="test",
            title="Test",
            text=f"This is a test message of {self._ctx.hub_name}. Nothing is wrong.",
            severity="info",
            at=self._ctx.clock.now(),
        )
        results: dict[str, str] = {outbox.PAGE: outbox.SENT}
        expected = {
            name for name, way in self._channels.items() if way.destination(audience) is not None
        }
        watcher = self._outcomes[message.id] = asyncio.Queue()
        try:
            await self._accept(message)
            async with asyncio.timeout(TEST_S):
                while not expected <= results.keys():
                    attempt = await watcher.get()
                    results[attempt.delivery.channel] = (
                        f"{attempt.status}: {attempt.reason}" if attempt.reason else attempt.status
                    )
        except TimeoutError:
            results |= dict.fromkeys(expected - results.keys(), "no answer yet")
        finally:
            del self._outcomes[message.id]
        return {"id": message.id, "channels": results}


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the type `notifier`."""
    return {"notifier": Notifier}
