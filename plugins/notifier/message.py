"""One message to one person, as the channels take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: The audience that is not a house.
SUBSTATION = "substation"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to `audience`, which is `substation` or a house id.

    `id` is the same for every attempt and after every restart, so the other side can tell a
    repetition. `event` is `alarm.raised`, `alarm.cleared` or `test`; `data` explains it.
    """

    id: str
    audience: str
    event: str
    title: str
    text: str
    severity: str
    at: datetime
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
