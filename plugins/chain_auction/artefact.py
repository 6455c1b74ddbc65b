"""The compiled contract, as `npm run build` in `contracts/` leaves it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .problems import Misconfigured

#: What the hub needs of the contract; a build without them is of another version.
NEEDED_FUNCTIONS = frozenset({
    "placeBid", "placeAsk", "cancelOrder", "matchOrders", "settleBatch", "expire", "prune",
    "withdraw", "escrowFor", "balanceOf", "accountOf", "strikes", "params", "priceTick", "lot",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Artefact:
    """Interface and code of the contract."""

    abi: Sequence[Mapping[str, Any]]
    bytecode: str
    source_hash: str


def load(path: Path) -> Artefact:
    """Read the build file. Raises `Misconfigured` with what to do if it is absent or unfit."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise Misconfigured(f"{path}: the compiled contract is not there; run: make") from None
    try:
        data = json.loads(text)
        artefact = Artefact(tuple(data["abi"]), str(data["bytecode"]), str(data["sourceHash"]))
        names = {entry.get("name") for entry in artefact.abi if entry.get("type") == "function"}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured(
            f"{path}: expected a JSON object with abi, bytecode and sourceHash; run: make"
        ) from None
    missing = sorted(NEEDED_FUNCTIONS - names)
    if missing:
        raise Misconfigured(
            f"{path}: the contract lacks {', '.join(missing)}; it is of another version: run make"
        )
    return artefact
