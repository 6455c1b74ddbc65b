"""How a make of meters speaks: topics, where in a payload each quantity is, and in which unit.

A preset is data (`config/meters/*.yaml`); a new make of meters needs no code.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

#: Units that meters use: what the hub calls it, and how many of those one is.
SCALES: dict[str, tuple[str, Decimal]] = {
    "W": ("W", Decimal(1)),
    "kW": ("W", Decimal(1000)),
    "MW": ("W", Decimal(1_000_000)),
    "var": ("var", Decimal(1)),
    "kvar": ("var", Decimal(1000)),
    "VA": ("VA", Decimal(1)),
    "kVA": ("VA", Decimal(1000)),
    "V": ("V", Decimal(1)),
    "mV": ("V", Decimal("0.001")),
    "kV": ("V", Decimal(1000)),
    "A": ("A", Decimal(1)),
    "mA": ("A", Decimal("0.001")),
    "Hz": ("Hz", Decimal(1)),
    "Wh": ("Wh", Decimal(1)),
    "kWh": ("Wh", Decimal(1000)),
    "MWh": ("Wh", Decimal(1_000_000)),
    "Ws": ("Wh", Decimal(1) / 3600),
    "%": ("%", Decimal(1)),
    "1": ("1", Decimal(1)),
}
#: What lies outside cannot have been measured at a feeder; limits in the hub's units.
LIMITS: dict[str, tuple[int, int]] = {
    "V": (-1_000_000, 1_000_000),
    "A": (-1_000_000, 1_000_000),
    "W": (-1_000_000_000, 1_000_000_000),
    "var": (-1_000_000_000, 1_000_000_000),
    "VA": (-1_000_000_000, 1_000_000_000),
    "Hz": (0, 1_000),
    "Wh": (0, 10_000_000_000_000),
    "%": (0, 100),
    "1": (-64, 64),
}


#: By how many Wh one is of a unit: the power of ten that makes it mWh.
_MWH_DIGITS = {Decimal(10) ** power: power + 3 for power in range(7)}


class PresetError(ValueError):
    """A preset cannot be used; the sentence says which and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(NamedTuple):
    """Where in a document a value may be: in one of the topic's holders, under a key, or (without
    a key) the whole of it.
    """

    holder: int
    key: str | None


class FieldReader(NamedTuple):
    """A field map made ready: pointers split, limits in the payload's unit.

    `plain` are the limits of a field that needs no more than to be in range: it is in the hub's
    unit already, and nothing is counted or added up. Else it is None. `mwh_digits` is by how many
    digits a counter of energy is to be shifted to be one of mWh, None for others.
    """

    quantity: str
    pointers: tuple[tuple[str, ...], ...]
    plain: tuple[float, float] | None
    mwh_digits: int | None
    factor: Decimal
    unit: str
    raw_unit: str
    raw_low: Decimal
    raw_high: Decimal
    channels: str
    part: str | None


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

    @model_validator(mode="after")
    def _check(self) -> FieldMap:
        if self.unit not in SCALES:
            raise ValueError(f"unknown unit {self.unit!r}; known: {', '.join(SCALES)}")
        if not self.scale:
            raise ValueError("a scale of 0 would make every value 0")
        for pointer in self._texts:
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"a JSON pointer starts with '/', {pointer!r} does not")
        return self

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self.pointer,) if isinstance(self.pointer, str) else self.pointer

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
            (float(low), float(high))
            if factor == 1 and unit != "Wh" and self.part is None
            else None,
            _MWH_DIGITS.get(factor) if unit == "Wh" and self.part is None else None,
            factor,
            unit,
            self.unit,
            raw_limits[0],
            raw_limits[1],
            self.channels,
            self.part,
        )


class TopicMap(_Part):
    """One topic of a meter and what its payload holds. `{device}` stands for the meter's name."""

    topic: str
    format: Literal["json", "number"] = "json"
    time: str | None = Field(None, description="JSON pointer of the meter's own time")
    partial: bool = Field(
        False, description="messages without any known field are nothing to complain of"
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
    def holders(self) -> tuple[tuple[str, ...], ...]:
        """Pointers to the objects in which the fields are, each once."""
        every = [pointer[:-1] for reader in self.readers for pointer in reader.pointers]
        return tuple(dict.fromkeys(every))

    @cached_property
    def places(self) -> tuple[tuple[FieldReader, tuple[Place, ...]], ...]:
        """Each field with the places where it may be, the first present of which counts."""
        number = {pointer: index for index, pointer in enumerate(self.holders)}
        return tuple(
            (reader, tuple(Place(number[p[:-1]], p[-1] if p else None) for p in reader.pointers))
            for reader in self.readers
        )

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
