"""A bare EVM in the process, driven through a contract's ABI.

No node and no sockets: a call costs tens of microseconds, so the differential test can
make hundreds of thousands. Gas figures from here are not per transaction; gas is
measured elsewhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak
from pyrevm import EVM, BlockEnv, CfgEnv, Env

HARDFORK = "PRAGUE"
GENESIS_SECONDS = 1_800_000_000
PLAIN = re.compile(r"uint\d+|bool|address|bytes32")
FORTUNE_WEI = 10**30
"""What every account of the test starts with."""


class Reverted(Exception):
    """A call that the contract refused, with the error it named."""

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{args}")
        self.name = name
        self.values = args


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded log."""

    name: str
    args: dict[str, Any]


def abi_type(parameter: dict[str, Any]) -> str:
    """The canonical type of an ABI parameter, tuples spelled out."""
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(abi_type(part) for part in parameter["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def signature(entry: dict[str, Any]) -> str:
    """`name(type,type)` of an ABI entry."""
    return f"{entry['name']}({','.join(abi_type(p) for p in entry['inputs'])})"


def decode_static(types: list[str], data: bytes) -> tuple[Any, ...] | None:
    """Results of plain words, or of one tuple of them; None for anything else.

    Orders, trades and balances are read by the ten thousands; this takes a tenth of the time.
    """
    is_tuple = len(types) == 1 and types[0].startswith("(") and types[0].endswith(")")
    kinds = types[0][1:-1].split(",") if is_tuple else types
    if len(data) != 32 * len(kinds) or not all(PLAIN.fullmatch(kind) for kind in kinds):
        return None
    words = [data[at : at + 32] for at in range(0, len(data), 32)]
    values = tuple(_plain(kind, word) for kind, word in zip(kinds, words, strict=True))
    return (values,) if is_tuple else values


def _plain(kind: str, word: bytes) -> Any:
    if kind == "bytes32":
        return word
    number = int.from_bytes(word, "big")
    bits = {"bool": 1, "address": 160}.get(kind) or int(kind.removeprefix("uint"))
    assert number < 2**bits, f"{number} is no {kind}"
    if kind == "bool":
        return number == 1
    return f"0x{number:040x}" if kind == "address" else number


class Chain:
    """An EVM with a clock that only moves when told."""

    def __init__(self, at: int = GENESIS_SECONDS, chain_id: int = 31_337) -> None:
        self.chain_id = chain_id
        self.block = BlockEnv(number=1, timestamp=at, gas_limit=2**40)
        # The build checks the size of the code; here it may be compiled without the optimizer.
        cfg = CfgEnv(chain_id=chain_id, limit_contract_code_size=2**20)
        env = Env(cfg=cfg, block=self.block)
        self.evm = EVM(env=env, gas_limit=2**40, spec_id=HARDFORK)

    @property
    def now(self) -> int:
        """Seconds since the epoch, as block.timestamp."""
        at = self.block.timestamp
        assert at is not None
        return at

    def forward(self, seconds: int) -> None:
        """Move the clock and mine a block."""
        self.block.timestamp = self.now + seconds
        self.block.number = (self.block.number or 0) + 1
        self.evm.set_block_env(self.block)

    def fund(self, address: str) -> None:
        """Give an account more than it can spend."""
        self.evm.set_balance(address, FORTUNE_WEI)

    def balance(self, address: str) -> int:
        """Wei held by an account."""
        return self.evm.get_balance(address)


class Contract:
    """A deployed contract, called by the names of its ABI."""

    def __init__(
        self, chain: Chain, artefact: Path, arguments: list[Any], *, deployer: str
    ) -> None:
        build = json.loads(artefact.read_text(encoding="utf-8"))
        self.chain = chain
        self.functions: dict[str, dict[str, Any]] = {}
        self.errors: dict[bytes, dict[str, Any]] = {}
        self.events: dict[bytes, dict[str, Any]] = {}
        self._codings: dict[str, tuple[bytes, list[str], list[str]]] = {}
        constructor: list[dict[str, Any]] = []
        for entry in build["abi"]:
            if entry["type"] == "function":
                self.functions[entry["name"]] = entry
            elif entry["type"] == "error":
                self.errors[keccak(signature(entry).encode())[:4]] = entry
            elif entry["type"] == "event":
                self.events[keccak(signature(entry).encode())] = entry
            elif entry["type"] == "constructor":
                constructor = entry["inputs"]
        code = bytes.fromhex(build["bytecode"].removeprefix("0x"))
        code += encode([abi_type(p) for p in constructor], arguments)
        chain.fund(deployer)
        try:
            self.address = chain.evm.deploy(deployer, code)
        except RuntimeError as refusal:
            raise self._reverted(refusal) from refusal

    def call(
        self, function: str, *arguments: Any, sender: str, value: int = 0
    ) -> tuple[tuple[Any, ...], list[Event]]:
        """Send a transaction; returns its results and its events. Raises Reverted."""
        selector, inputs, outputs = self._coding(function)
        data = selector + encode(inputs, arguments)
        evm = self.chain.evm
        try:
            output = evm.message_call(
                caller=sender, to=self.address, calldata=data, value=value, gas=2**39
            )
        except RuntimeError as refusal:
            raise self._reverted(refusal) from refusal
        finally:
            evm.reset_transient_storage()
        results = decode_static(outputs, bytes(output)) or decode(outputs, bytes(output))
        assert evm.result is not None
        return results, [self._event(log) for log in evm.result.logs]

    def _coding(self, function: str) -> tuple[bytes, list[str], list[str]]:
        """Selector, types of the arguments, types of the results."""
        known = self._codings.get(function)
        if known is None:
            entry = self.functions[function]
            inputs = [abi_type(p) for p in entry["inputs"]]
            outputs = [abi_type(p) for p in entry["outputs"]]
            known = keccak(signature(entry).encode())[:4], inputs, outputs
            self._codings[function] = known
        return known

    def view(self, function: str, *arguments: Any) -> Any:
        """Call a view; a single result is returned bare."""
        results, _ = self.call(function, *arguments, sender="0x" + "00" * 19 + "01")
        return results[0] if len(results) == 1 else results

    def _event(self, log: Any) -> Event:
        topics = [bytes.fromhex(topic.removeprefix("0x")) for topic in log.topics]
        entry = self.events.get(topics[0])
        if entry is None:
            return Event("unknown", {"topics": topics})
        args: dict[str, Any] = {}
        indexed = iter(topics[1:])
        plain = [p for p in entry["inputs"] if not p["indexed"]]
        data = log.data[1] if isinstance(log.data, tuple) else log.data
        values = iter(decode([abi_type(p) for p in plain], bytes(data)))
        for parameter in entry["inputs"]:
            if parameter["indexed"]:
                args[parameter["name"]] = decode([abi_type(parameter)], next(indexed))[0]
            else:
                args[parameter["name"]] = next(values)
        return Event(entry["name"], args)

    def _reverted(self, refusal: RuntimeError) -> Reverted:
        """Name the custom error in what pyrevm raises."""
        found = re.search(r"0x([0-9a-fA-F]*)", str(refusal))
        data = bytes.fromhex(found.group(1)) if found else b""
        entry = self.errors.get(data[:4])
        if entry is not None:
            values = decode([abi_type(p) for p in entry["inputs"]], data[4:])
            return Reverted(entry["name"], tuple(values))
        return Reverted(str(refusal), ())
