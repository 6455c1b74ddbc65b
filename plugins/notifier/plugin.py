"""Wires the notifier to the hub: alarms in, messages to people out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

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
from .compose import Composer, entry, message_id, offers_power, plain, stage_id
from .configuration import NotifierConfig, problems, unchecked
from .message import SUBSTATION, Outgoing
from .post import Post

#: How long a homeowner's message waits to know who sells.
SELLERS_S = 1.0
#: How long `alerts/test` waits to tell what became of its message.
TEST_S = 8.0
#: What happened longer ago is not told any more after a restart.
NEWS = timedelta(days=1)
#: Ids of messages told since the start; the outbox knows the others.
MOST_KNOWN = 10_000
#: Where the page is if nobody serves it just now.
LOCAL_PAGE = "http://127.0.0.1:8080"


#: An event, who is to hear of it, and when it was.
Missed = tuple[texts.Event, tuple[str, ...], datetime]


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
        self._composer = Composer(
            self._names, self.config.public_url or LOCAL_PAGE, self.config.suggest_wh
        )
        self._routes = (
            routing.DEFAULT_ROUTES
            if self.config.routes is None
            else tuple(route.rule() for route in self.config.routes)
        )
        self._turns: dict[str, asyncio.Lock] = {}
        self._known: dict[str, None] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=200)
        self._post = Post(ctx, self.config)
        if not ctx.virtual:
            await self._post.open()
        ctx.serve("alerts/recent", self._tell_recent)
        ctx.handle("alerts/test", self._test)
        ctx.subscribe("alarm/#", self._on_alarm)
        ctx.subscribe("plugin/+/status", self._on_plugin)
        await self._catch_up()

    async def stop(self) -> None:
        post = getattr(self, "_post", None)
        if post is not None:
            await post.close()

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
        for audience in self._audiences(event):
            self._begin(event, audience, alarm.at)

    def _audiences(self, event: texts.Event) -> tuple[str, ...]:
        return routing.audiences(event, self._routes, self._ctx.houses)

    def _begin(self, event: texts.Event, audience: str, at: datetime) -> None:
        # Each audience on a task of its own: nobody waits for another's text or disk.
        self._ctx.background(self._tell(event, audience, at), name=f"tell {audience}")

    async def _tell(self, event: texts.Event, audience: str, at: datetime) -> None:
        async with self._turns.setdefault(audience, asyncio.Lock()):
            if message_id(event, audience) in self._known:
                return
            composer, sellers = self._composer, None
            if offers_power(event, audience):
                composer, sellers = await asyncio.gather(self._with_page(), self._sellers(audience))
            message = composer.message(event, audience, at, sellers)
            if not self._ctx.virtual:
                everybody = self._audiences(event)
                cause = outbox.Cause(stage_id(event), at, everybody, asdict(event))
                if not await self._post.accept(message, cause):
                    return
            self._publish(message)
            if not self._ctx.virtual:
                self._post.send(message)

    async def _with_page(self) -> Composer:
        """Return the composer with the address of the page: as configured, or as it is served."""
        if self.config.public_url is not None:
            return self._composer
        try:
            page = await self._ctx.ask("web/address", timeout_s=1.0)
        except HubError:
            return self._composer
        return replace(self._composer, public_url=str(page))

    def _publish(self, message: Outgoing) -> None:
        self._known[message.id] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._recent.append(entry(message, outbox.PAGE, outbox.SENT))
        name = self._names.get(message.audience, message.audience)
        self._ctx.log.warning("to %s: %s", name, message.text)
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

    # -- what was missed ---------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Tell whoever was not told: this hub stopped on the way, or was not there to hear."""
        if self._ctx.virtual:
            return
        missed: list[Missed] = []
        told: dict[str, tuple[str, ...]] = {}
        for cause in await self._post.causes():
            event = texts.Event(**cause.data)
            told[event.id] = cause.audiences
            missed.append((event, cause.audiences, cause.at))
        if "faults/alarms" in self._ctx.services:
            answer = await self._ctx.ask("faults/alarms")
            missed += [(e, self._audiences(e), at) for e, at in map(_event, answer["active"])]
            # That an alarm ended is news only to those who heard that it began.
            missed += [
                (e, told[e.id], at)
                for e, at in map(_event, answer["recent"])
                if e.cleared and e.id in told
            ]
        await self._tell_missed(missed)

    async def _tell_missed(self, missed: Iterable[Missed]) -> None:
        since = self._ctx.clock.now() - NEWS
        wanted = {
            message_id(event, audience): (event, audience, at)
            for event, audiences, at in missed
            for audience in audiences
            if at >= since
        }
        for new in sorted(await self._post.new_ones(wanted), key=lambda i: wanted[i][2]):
            self._begin(*wanted[new])

    async def _on_plugin(self, status: PluginStatus) -> None:
        if status.plugin_type == "fault_detector" and status.state is PluginState.ONLINE:
            await self._catch_up()

    # -- questions and tests -----------------------------------------------------------------------

    async def _tell_recent(self, request: Any) -> list[dict[str, Any]]:
        limit = int((request or {}).get("limit", 50))
        if self._ctx.virtual:
            return list(self._recent)[::-1][:limit]
        return await self._post.recent(limit)

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
        results = {outbox.PAGE: outbox.SENT}
        if not self._ctx.virtual:
            await self._post.accept(message, None)
        self._publish(message)
        if not self._ctx.virtual:
            results |= await self._post.follow(message, TEST_S)
        return {"id": message.id, "channels": results}


def _event(alarm: Mapping[str, Any]) -> tuple[texts.Event, datetime]:
    """Return an alarm of `faults/alarms` with its time."""
    event = texts.Event(
        id=alarm["id"],
        kind=alarm["kind"],
        subject=alarm["subject"],
        severity=alarm["severity"],
        text=alarm["text"],
        evidence=plain(alarm["evidence"]),
        cleared=alarm["cleared"],
    )
    return event, datetime.fromisoformat(alarm["at"])


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the type `notifier`."""
    return {"notifier": Notifier}
