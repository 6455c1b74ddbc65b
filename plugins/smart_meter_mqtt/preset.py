"""How a make of meters speaks: topics, where in a payload each quantity is, and in which unit.

A preset is data (`config/meters/*.yaml`); a new make of meters needs no code.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .fields import LIMITS, SCALES, FieldReader
from .quick import QuickReader


class PresetError(ValueError):
    """A preset cannot be used; the sentence says which and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMap(_Part):
    """Where one quantity is in a payload."""

    quantity: str = Field(description="the hub's name, such as power or voltage_a")
    pointer: str | tuple[str, ...] = Field(
        "", description="JSON pointer, such as /ENERGY/Power; of several, the first present counts"
    )
    unit: str = Field(description="unit in the payload, such as kWh")
    scale: Decimal = Field(Decimal(1), description="a further factor, such as -1")
    channels: Literal["phases", "sum", "both"] = Field(
        "phases",
        description="what a list of values is: one per phase, to be added up, or both",
    )
    part: str | None = Field(
        None, description="this is one of several parts of the quantity, to be added up"
    )
    less: str | tuple[str, ...] = Field(
        (), description="JSON pointer of what is in the value and belongs elsewhere, if it is there"
    )

    @model_validator(mode="after")
    def _check(self) -> FieldMap:
        if self.unit not in SCALES:
            raise ValueError(f"unknown unit {self.unit!r}; known: {', '.join(SCALES)}")
        if not self.scale:
            raise ValueError("a scale of 0 would make every value 0")
        for pointer in (*self._texts, *_texts(self.less)):
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"a JSON pointer starts with '/', {pointer!r} does not")
        return self

    @property
    def _texts(self) -> tuple[str, ...]:
        return _texts(self.pointer)

    @property
    def hub_unit(self) -> str:
        return SCALES[self.unit][0]

    @cached_property
    def reader(self) -> FieldReader:
        """This field as it is used for every message."""
        unit, factor = SCALES[self.unit]
        factor *= self.scale
        low, high = LIMITS[unit]
        if self.part is not None:
            low = -high
        raw_limits = sorted((low / factor, high / factor))
        return FieldReader(
            self.quantity,
            tuple(split_pointer(text) for text in self._texts),
            factor,
            unit,
            self.unit,
            raw_limits[0],
            raw_limits[1],
            self.channels,
            self.part,
            tuple(split_pointer(text) for text in _texts(self.less)),
        )


class TopicMap(_Part):
    """One topic of a meter and what its payload holds. `{device}` stands for the meter's name."""

    topic: str
    format: Literal["json", "number"] = "json"
    time: str | None = Field(None, description="JSON pointer of the meter's own time")
    partial: bool = Field(
        False, description="messages without any known field are nothing to complain of"
    )
    first_phase_unnamed: bool = Field(
        False,
        description="beside phase B or C, a quantity without a phase is that of phase A alone",
    )
    fields: tuple[FieldMap, ...] = Field(min_length=1)

    @cached_property
    def time_steps(self) -> tuple[str, ...] | None:
        """The pointer to the time, split."""
        return None if self.time is None else split_pointer(self.time)

    @cached_property
    def readers(self) -> tuple[FieldReader, ...]:
        """The fields, made ready."""
        return tuple(field.reader for field in self.fields)

    @cached_property
    def quick(self) -> QuickReader | None:
        """Reads ordinary payloads; None where each needs to be read with care."""
        if self.format == "number" or not QuickReader.can_read(self.readers):
            return None
        return QuickReader(self.readers, self.time_steps)

    @model_validator(mode="after")
    def _check(self) -> TopicMap:
        if self.format == "number" and len(self.fields) != 1:
            raise ValueError("a payload that is one number has one field")
        return self


class AvailabilityMap(_Part):
    """Where a meter says whether it is there (its birth and its last will)."""

    topic: str
    pointer: str = Field("", description="JSON pointer, where the payload is not a bare word")
    online: str = "online"
    offline: str = "offline"


class Preset(_Part):
    """A make of meters."""

    title: str = ""
    topics: tuple[TopicMap, ...] = Field(min_length=1)
    availability: AvailabilityMap | None = None

    @cached_property
    def parts(self) -> dict[str, frozenset[str]]:
        """The parts that make up each quantity that comes in parts."""
        parts: dict[str, set[str]] = {}
        for topic in self.topics:
            for field in topic.fields:
                if field.part is not None:
                    parts.setdefault(field.quantity, set()).add(field.part)
        return {quantity: frozenset(names) for quantity, names in parts.items()}


def _texts(pointers: str | tuple[str, ...]) -> tuple[str, ...]:
    return (pointers,) if isinstance(pointers, str) else pointers


def split_pointer(pointer: str) -> tuple[str, ...]:
    """Return the steps of a JSON pointer (RFC 6901); none for the whole document."""
    steps = pointer.split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def load_preset(path: Path) -> Preset:
    """Read a preset from a YAML file; PresetError if it is not there or not one."""
    try:
        return Preset.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PresetError(f"{path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise PresetError(f"{path}: {where}: {first['msg']}") from error
