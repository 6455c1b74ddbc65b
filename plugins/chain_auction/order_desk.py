"""Order commands from the hub: what they must carry, and what they become on the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .clearing_house import ClearingHouse, Party
from .problems import Refused


class OrderDesk:
    """Carries order commands out; an order lives for `longest_s` at most."""

    def __init__(self, house: ClearingHouse, longest_s: int) -> None:
        self._house = house
        self._longest_s = longest_s

    async def carry_out(
        self, action: str, args: Mapping[str, Any], command_id: str
    ) -> Mapping[str, Any]:
        """Place, cancel or match; returns figures for the answer.

        The same `command_id` is carried out once. Raises `Refused` and what the market raises.
        """
        match action:
            case "match":
                tx = await self._house.clear()
                return {"tx": tx, "matched": tx is not None}
            case "cancel":
                return await self._cancel(args, command_id)
            case "place_bid" | "place_ask":
                return await self._place(args, command_id, is_bid=action == "place_bid")
            case _:
                raise Refused(
                    f"unknown action {action!r}: expected place_bid, place_ask, cancel or match"
                )

    async def _cancel(self, args: Mapping[str, Any], command_id: str) -> Mapping[str, Any]:
        party, order_id = self._party(args), whole(args, "order_id")
        tx = await self._house.market.cancel(party.address, order_id, f"cancel:{command_id}")
        await self._house.poll()
        return {"order_id": order_id, "tx": tx}

    async def _place(
        self, args: Mapping[str, Any], command_id: str, *, is_bid: bool
    ) -> Mapping[str, Any]:
        ttl_s = whole(args, "ttl_s") if args.get("ttl_s") else self._longest_s
        placed = await self._house.market.place(
            self._party(args).address,
            is_bid=is_bid,
            price_wei_per_kwh=whole(args, "price_wei_per_kwh"),
            qty_wh=whole(args, "qty_wh"),
            expiry=self._house.now_ms() // 1000 + min(ttl_s, self._longest_s),
            request_id=f"order:{command_id}",
        )
        await self._house.poll()
        return {"order_id": placed.order_id, "tx": placed.tx}

    def _party(self, args: Mapping[str, Any]) -> Party:
        party = self._house.parties.get(str(args.get("house")))
        if party is None:
            known = ", ".join(self._house.parties) or "none"
            raise Refused(f"{args.get('house')!r} is no house that trades here ({known})")
        return party


def whole(args: Mapping[str, Any], name: str) -> int:
    """A whole number above 0 among a command's arguments. Raises `Refused`."""
    value = args.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused(f"{name}: expected a whole number, got {value!r}")
    try:
        number = int(value)
    except ValueError:
        raise Refused(f"{name}: expected a whole number, got {value!r}") from None
    if number <= 0:
        raise Refused(f"{name}: expected a number above 0, got {number}")
    return number
