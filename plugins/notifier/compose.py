"""From an alarm to a message for one audience."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import texts
from .message import SUBSTATION, Outgoing
from .texts import Event, Seller


@dataclass(frozen=True, slots=True)
class Composer:
    """What messages are made of besides the alarm: names, the page's address, an amount in Wh."""

    house_names: Mapping[str, str]
    public_url: str
    suggest_wh: int

    def message(
        self, event: Event, audience: str, at: datetime, sellers: Sequence[Seller] | None
    ) -> Outgoing:
        """Return the message to an audience; `sellers` is None if nobody could tell who sells."""
        link = None
        if offers_power(event, audience):
            link = texts.purchase_link(self.public_url, self.suggest_wh, sellers)
        return Outgoing(
            id=message_id(event, audience),
            audience=audience,
            event="alarm.cleared" if event.cleared else "alarm.raised",
            title=texts.title(event, self.house_names),
            text=texts.text_for(audience, event, self.house_names, sellers, link or ""),
            severity="info" if event.cleared else event.severity,
            at=at,
            link=link,
            data={"kind": event.kind, "subject": event.subject, **event.evidence},
            cause=event.id,
        )


def stage_id(event: Event) -> str:
    """Return the id of this stage of an alarm: raised with a severity, or cleared."""
    return f"{event.id}-{'cleared' if event.cleared else event.severity}"


def message_id(event: Event, audience: str) -> str:
    """Return the id under which this stage of an alarm is told to an audience, once."""
    return f"{stage_id(event)}-{audience}"


def offers_power(event: Event, audience: str) -> bool:
    """Return whether the message says where power can be bought."""
    return event.kind == "outage" and not event.cleared and audience != SUBSTATION


def plain(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return evidence as JSON can hold it; nothing of it if it cannot."""
    try:
        held: dict[str, Any] = json.loads(json.dumps(dict(evidence), default=str, allow_nan=False))
    except ValueError:
        return {}
    return held


def entry(message: Outgoing, channel: str, status: str) -> dict[str, Any]:
    """Return a line of the list of recent messages."""
    return {
        "at": message.at.isoformat(),
        "audience": message.audience,
        "title": message.title,
        "text": message.text,
        "severity": message.severity,
        "link": message.link,
        "channel": channel,
        "status": status,
        "attempts": 1,
        "reason": "",
    }
