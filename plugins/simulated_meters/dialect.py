"""What a make of meter has to be able to say. Each module that does is one dialect."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from . import dsmr, esphome, shelly, tasmota, zigbee2mqtt
from .meter import Sample

#: Topic and payload.
Message = tuple[str, bytes]


class Dialect(Protocol):
    """One make of meter."""

    def measurement(self, device: str, sample: Sample, clock_offset: timedelta) -> list[Message]:
        """Return what a meter says of a sample; its clock is off by `clock_offset`."""
        raise NotImplementedError

    def availability(self, device: str, *, online: bool) -> Message | None:
        """Return the (retained) message that says whether the meter is there, if it has one."""
        raise NotImplementedError


#: By the name of the preset that reads it.
DIALECTS: dict[str, Dialect] = {
    "tasmota": tasmota,
    "shelly_gen2": shelly,
    "zigbee2mqtt": zigbee2mqtt,
    "esphome": esphome,
    "dsmr": dsmr,
}

#: Makes of which one broker carries one meter only: their topics do not name the device.
ALONE = frozenset({"dsmr"})
