"""What the operations share: one contract, one reference, and the comparison of both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from tests.contracts.evm import Chain, Contract, Event, Reverted
from tests.contracts.money import Coin, Token
from tests.contracts.records import Refusal, Rules
from tests.contracts.reference import Reference
from tests.contracts.typed_data import Key
from tests.contracts.units import LOT, TICK, TRADERS

OWNER = Key(7)
ORACLE = Key(8)
STRANGER = Key(9)


class Mismatch(AssertionError):
    """Contract and reference differ."""


class Pair:
    """A contract and a reference that are sent the same."""

    def __init__(self, artefact: Path, rules: Rules, *, on_token: bool = False) -> None:
        self.chain = Chain()
        self.on_token = on_token
        self.money = Token(self.chain, OWNER) if on_token else Coin(self.chain)
        arguments = constructor_arguments(artefact, rules, self.money.asset)
        self.contract = Contract(self.chain, artefact, arguments, deployer=OWNER.address)
        self.reference = Reference(TICK, LOT, rules)
        self.traders = [Key(100 + i) for i in range(TRADERS)]
        self.meters = [Key(200 + i) for i in range(TRADERS)]
        self.nonces = [0] * TRADERS
        self.rebuilt: dict[int, int] = {}
        """Resting Wh by order, from events alone."""
        self.reached: Counter[str] = Counter()
        self.money.endow([*self.traders, STRANGER], self.contract.address)
        self.domain = bytes(self.view("domainSeparator"))
        for meter, trader in zip(self.meters, self.traders, strict=True):
            self.send_well("authorizeMeter", meter.address, trader.address, sender=OWNER)

    def send(
        self, function: str, *arguments: Any, sender: Key, value: int = 0
    ) -> tuple[tuple[Any, ...], list[Event]]:
        """Call the contract and follow its events."""
        results, events = self.contract.call(
            function, *arguments, sender=sender.address, value=value
        )
        # pairs may be buffered to the end of a call: what left the book left after them
        for event in events:
            args = event.args
            if event.name == "OrderPlaced":
                self.rebuilt[args["id"]] = args["qty"]
            elif event.name == "TradeMatched":
                self.rebuilt[args["bidId"]] -= args["qty"]
                self.rebuilt[args["askId"]] -= args["qty"]
            elif event.name == "OrderRequeued":
                self.rebuilt[args["id"]] += args["qty"]
        for event in events:
            if event.name == "OrderCancelled":
                self.rebuilt[event.args["id"]] = 0
        return results, events

    def both(
        self,
        predict: Callable[[], Any],
        function: str,
        *arguments: Any,
        sender: Key,
        value: int = 0,
    ) -> tuple[Any, tuple[Any, ...], list[Event]] | None:
        """Do the same on both sides; None when both refuse for the same reason."""
        refusal: Refusal | None = None
        outcome: Any = None
        try:
            outcome = predict()
        except Refusal as refused:
            refusal = refused
        try:
            results, events = self.send(function, *arguments, sender=sender, value=value)
        except Reverted as reverted:
            if refusal is None:
                raise Mismatch(f"the contract refused {function}{arguments}: {reverted}") from None
            if reverted.name not in refusal.names:
                raise Mismatch(f"{function}: expected {refusal}, got {reverted}") from None
            self.reached[f"refused {reverted.name}"] += 1
            return None
        if refusal is not None:
            raise Mismatch(f"the contract accepted {function}{arguments}; expected {refusal}")
        self.reached[function] += 1
        return outcome, results, events

    def send_well(self, function: str, *arguments: Any, sender: Key) -> None:
        """Send what must not be refused."""
        try:
            self.send(function, *arguments, sender=sender)
        except Reverted as reverted:
            raise Mismatch(f"the contract refused {function}{arguments}: {reverted}") from None

    def view(self, function: str, *arguments: Any) -> Any:
        """Read from the contract; a view that reverts is a difference."""
        try:
            return self.contract.view(function, *arguments)
        except Reverted as reverted:
            raise Mismatch(f"{function}{arguments} reverted: {reverted}") from None

    @property
    def now(self) -> int:
        return self.chain.now

    def trader(self, address: str) -> int:
        """Which of the traders an address is."""
        return next(i for i, key in enumerate(self.traders) if key.address == address)


def named(events: list[Event], name: str) -> list[Event]:
    """The events of one name."""
    return [event for event in events if event.name == name]


def equal(what: str, got: Any, expected: Any) -> None:
    """Raise Mismatch unless contract and reference say the same."""
    if got != expected:
        raise Mismatch(f"{what}: the contract says {got}, the reference {expected}")


@cache
def checksum(address: str) -> str:
    """An address as the keys spell it."""
    return to_checksum_address(address)


def params_tuple(rules: Rules) -> tuple[int, ...]:
    """Rules in the order of the interface's Params."""
    return (
        rules.min_qty,
        rules.order_ttl,
        rules.settlement_ttl,
        rules.deposit_rate,
        rules.max_slippage,
        int(rules.pay_as_bid),
        rules.strike_limit,
        rules.max_open,
    )


def constructor_arguments(artefact: Path, rules: Rules, asset: str) -> list[Any]:
    """The constructor's arguments, found by their names."""
    known: dict[str, Any] = {
        "asset": asset,
        "pricetick": TICK,
        "lot": LOT,
        "params": params_tuple(rules),
        "owner": OWNER.address,
        "oracle": ORACLE.address,
    }
    abi = json.loads(artefact.read_text(encoding="utf-8"))["abi"]
    inputs = next(entry["inputs"] for entry in abi if entry["type"] == "constructor")
    return [
        next(v for k, v in known.items() if k in parameter["name"].lower().strip("_"))
        for parameter in inputs
    ]
