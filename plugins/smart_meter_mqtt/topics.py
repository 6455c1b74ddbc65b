"""Which topics belong to which meter, and the fewest filters that cover them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

PLACEHOLDER = "{device}"


def topic_of(template: str, name: str) -> str:
    """Return the topic of a meter, by its name at the broker."""
    return template.replace(PLACEHOLDER, name)


def filters_for(template: str, names: Iterable[str]) -> list[str]:
    """Return what to subscribe to: one filter with a wildcard where the meter's name is a level.

    A name with a slash (Zigbee2MQTT allows it) or a template that has the name inside a level
    leads to one filter per meter.
    """
    if PLACEHOLDER not in template:
        return [template]
    names = list(names)
    levels = template.split("/")
    whole = all(level == PLACEHOLDER or PLACEHOLDER not in level for level in levels)
    if whole and len(names) > 1 and not any("/" in name for name in names):
        return [template.replace(PLACEHOLDER, "+")]
    return [topic_of(template, name) for name in names]


def check_names(names: Mapping[str, str], templates: Iterable[str]) -> str | None:
    """Return what is wrong with the meters' names at the broker, in a sentence; None if nothing."""
    if len(names) > 1:
        for template in templates:
            if PLACEHOLDER not in template:
                return (
                    f"the topic {template!r} is the same for all {len(names)} meters: put "
                    f"{PLACEHOLDER} in it, or name one meter under `devices`"
                )
    for device, name in names.items():
        if not name or any(sign in name for sign in "+#\0"):
            return f"the meter of {device!r} is called {name!r} at the broker: no topic has that"
    doubles = sorted(name for name, count in Counter(names.values()).items() if count > 1)
    if doubles:
        return f"two devices have the same meter at the broker: {', '.join(doubles)}"
    return None
