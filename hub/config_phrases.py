"""pydantic's complaints, said for people who write YAML.

`expected` phrases are completed to "expected …, got …"; several of them (a union) become
"expected … or …, got …". What is not listed keeps pydantic's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import ErrorDetails

from hub.problems import suggest

_INTEGER = "a whole number"
_NUMBER = "a number"
_TEXT = "text"
_YES_NO = "true or false"
_MAPPING = "a mapping (lines of the form key: value)"
_LIST = "a list"
_URL = "a URL such as http://127.0.0.1:8080"
_DATE = "a date such as 2026-11-21"
_TIME = "a time such as 12:30"
_MOMENT = "a date and time such as 2026-11-21T12:30:00Z"

_EXPECTED: Mapping[str, str] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _INTEGER),
    "int_parsing_size": "a smaller whole number",
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("decimal_type", "decimal_parsing"), _NUMBER),
    "finite_number": "a finite number",
    "decimal_max_digits": "a number of at most {max_digits} digits",
    "decimal_max_places": "a number of at most {decimal_places} decimal places",
    **dict.fromkeys(("bool_type", "bool_parsing"), _YES_NO),
    **dict.fromkeys(("string_type", "string_sub_type", "bytes_type"), _TEXT),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), _MAPPING),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("url_type", "url_parsing", "url_syntax_violation"), _URL),
    "url_scheme": "a URL that begins with {expected_schemes}",
    "path_type": "the path of a file",
    "path_not_file": "the path of a file that exists",
    "path_not_directory": "the path of a folder that exists",
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(("time_type", "time_parsing"), _TIME),
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
        _MOMENT,
    ),
    **dict.fromkeys(("time_delta_type", "time_delta_parsing"), "a duration such as PT15M"),
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "a UUID"),
    **dict.fromkeys(("ip_any_address", "ip_v4_address", "ip_v6_address"), "an IP address"),
    **dict.fromkeys(("literal_error", "enum"), "{expected}"),
    "union_tag_invalid": "{discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "a mapping with the key {discriminator}",
    "none_required": "nothing",
    "string_pattern_mismatch": "text of the form {pattern}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
}

_LIMITS: Mapping[str, str] = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}

#: Text in quotes as pydantic lists the choices of a Literal or an enum.
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_EXPECTED_WORD = "expected "


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was expected (to be completed by "got"), or else a whole sentence."""

    expected: str = ""
    sentence: str = ""
    choices: tuple[str, ...] = ()
    #: The sentence was written by a plugin or a library and may hold the value.
    foreign: bool = False


def phrase(error: ErrorDetails) -> Phrase:
    """Return the words for one error of pydantic."""
    kind = error["type"]
    context = {key: _number(value) for key, value in error.get("ctx", {}).items()}
    if kind == "string_too_short" and context.get("min_length") == "1":
        return Phrase(expected=_TEXT)
    if kind in _EXPECTED:
        expected = _EXPECTED[kind].format_map(context)
        choices = _QUOTED.findall(expected) if kind in ("literal_error", "enum") else ()
        return Phrase(expected=_one_of(expected, choices), choices=tuple(choices))
    if kind in _LIMITS:
        return Phrase(sentence=_one_entry(_LIMITS[kind].format_map(context)))
    return _foreign(kind, str(context.get("error") or error["msg"]))


def sentence(phrases: Sequence[Phrase], got: str, text: str | None) -> str:
    """Return one sentence for all that is wrong with one value.

    `got` describes the value; `text` is what was written, for suggestions, None if it is secret.
    """
    expected = _unique(p.expected for p in phrases if p.expected)
    if expected:
        choices = [choice for p in phrases for choice in p.choices]
        hint = _did_you_mean(text, choices) if text else ""
        return f"{_EXPECTED_WORD}{' or '.join(expected)}, got {got}{hint}"
    whole = _unique(p.sentence for p in phrases)
    ending = "" if any(p.foreign for p in phrases) else f", got {got}"
    return "; or ".join(whole) + ending


def _foreign(kind: str, message: str) -> Phrase:
    """Return the words of a validator that is not pydantic's own."""
    message = " ".join(message.split()) or kind
    if message.startswith(_EXPECTED_WORD):
        return Phrase(expected=message.removeprefix(_EXPECTED_WORD), foreign=True)
    return Phrase(sentence=message, foreign=True)


def _did_you_mean(text: str, choices: Iterable[str]) -> str:
    hint = suggest(text, choices, known="")
    return hint if hint.startswith(" (did") else ""


def _one_of(expected: str, choices: Sequence[str]) -> str:
    return f"one of {expected}" if len(choices) > 1 else expected


def _one_entry(text: str) -> str:
    return text.replace(" 1 entries", " 1 entry")


def _number(value: object) -> object:
    """Write 1.0 as 1, as people do."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
