"""Who hears of which alarm."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .message import SUBSTATION
from .texts import Event

#: The people of the house or houses that an alarm concerns.
HOUSE = "house"
_SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Route:
    """Alarms of a kind (`*`: any) from a severity up go to audiences: `substation`, `house`, or a
    house's id."""

    kind: str
    audiences: tuple[str, ...]
    min_severity: str = "warning"

    def takes(self, event: Event) -> bool:
        """Return whether an alarm goes this way."""
        return self.kind in ("*", event.kind) and (
            _SEVERITIES.index(event.severity) >= _SEVERITIES.index(self.min_severity)
        )


#: What a hub does without `routes`.
DEFAULT_ROUTES = (
    Route("outage", (SUBSTATION, HOUSE)),
    Route("fault", (SUBSTATION, HOUSE)),
    Route("voltage", (SUBSTATION,)),
    Route("fuse", (SUBSTATION,)),
    Route("meter_lost", (SUBSTATION,)),
    Route("broker_lost", (SUBSTATION,)),
)


def audiences(event: Event, routes: Sequence[Route], houses: Collection[str]) -> tuple[str, ...]:
    """Return who hears of an alarm, each once, the substation first."""
    found: dict[str, None] = {}
    for route in routes:
        if not route.takes(event):
            continue
        for audience in route.audiences:
            if audience == HOUSE:
                found |= dict.fromkeys(house for house in concerned(event) if house in houses)
            elif audience == SUBSTATION or audience in houses:
                found[audience] = None
    return tuple(sorted(found, key=lambda audience: audience != SUBSTATION))


def concerned(event: Event) -> tuple[str, ...]:
    """Return the houses that an alarm names."""
    named = event.evidence.get("houses")
    if isinstance(named, list | tuple):
        return tuple(str(house) for house in named)
    house = event.evidence.get("house")
    return (str(house),) if house else (event.subject,)
