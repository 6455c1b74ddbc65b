"""Revert data of the contract as sentences: custom errors by the ABI, panics, plain strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from .sentences import sentence

_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


class ErrorTable:
    """The custom errors of one ABI by their four-byte selectors."""

    def __init__(self, abi: Sequence[Mapping[str, Any]]) -> None:
        self._errors: dict[bytes, tuple[str, list[str], list[str]]] = {}
        for entry in abi:
            if entry.get("type") == "error":
                inputs = entry.get("inputs", ())
                types = [collapse_if_tuple(dict(item)) for item in inputs]
                names = [str(item.get("name", "")) for item in inputs]
                signature = f"{entry['name']}({','.join(types)})"
                self._errors[keccak(text=signature)[:4]] = (str(entry["name"]), types, names)

    def name_of(self, data: bytes) -> str:
        """The error's name; empty if the ABI does not know it."""
        found = self._errors.get(data[:4])
        return found[0] if found else ""

    def explain(self, data: bytes, otherwise: str = "") -> str:
        """The sentence for revert data; `otherwise` where the data say nothing."""
        found = self._errors.get(data[:4])
        try:
            if found is not None:
                name, types, names = found
                values = decode(types, data[4:])
                figures = {
                    key: "0x" + value.hex() if isinstance(value, bytes) else value
                    for key, value in zip(names, values, strict=True)
                }
                return sentence(name, figures)
            if data[:4] == _STRING:
                return f"the contract refused: {decode(['string'], data[4:])[0]}"
            if data[:4] == _PANIC:
                return f"the contract panicked (code {decode(['uint256'], data[4:])[0]:#x})"
        except (DecodingError, UnicodeDecodeError):
            pass  # cut off or of another contract: fall through to what is left
        if data:
            return f"the contract refused with unknown data 0x{data[:36].hex()}"
        words = " ".join(otherwise.split())
        return f"the contract refused: {words[:200]}" if words else "the contract refused"
