"""Plays the events of hub.yaml on a feeder, each at its feeder time after the start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby

from hub.api import Command, Context

from .configuration import EventConfig


class FeederEvents:
    """Sends the command of each event when it is due; those of one moment one after the other, in
    the file's order: what opens and closes again must not end open.
    """

    def __init__(self, ctx: Context, events: Sequence[EventConfig]) -> None:
        self._ctx = ctx
        # Sorting keeps the order of the file where times are equal.
        self._ahead = sorted(events, key=lambda event: event.after)
        start = ctx.clock.now()
        for after, events_then in groupby(self._ahead, key=lambda event: event.after):
            moment = list(events_then)
            ctx.at(
                start + timedelta(seconds=after / ctx.time_lapse),
                partial(self._play_all, moment),
                name=f"event {moment[0].action} {moment[0].target}",
            )

    async def _play_all(self, moment: Sequence[EventConfig]) -> None:
        for event in moment:
            await self._play(event)

    async def _play(self, event: EventConfig) -> None:
        self._ahead = [each for each in self._ahead if each is not event]
        result = await self._ctx.send(Command(event.target, event.action, event.args))
        if not result.done:
            self._ctx.log.warning(
                "event %s %s: %s", event.action, event.target, result.reason or result.status
            )

    def tell_what_never_came(self) -> None:
        """Say at the end of a simulation which events lie beyond it."""
        if not self._ahead or not self._ctx.virtual:
            return
        first = self._ahead[0]
        more = len(self._ahead) - 1
        self._ctx.log.warning(
            "the run ended before event %s %s, due %s of feeder time after its start%s",
            first.action,
            first.target,
            timedelta(seconds=round(first.after)),
            f", and {more} later" if more else "",
        )
