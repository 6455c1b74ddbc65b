"""When matched energy flows, and what the meters say about it afterwards.

Every trade gets one delivery window. At its end the counters of both meters, read at the window's
edges, tell what was exported and imported; `allocation` divides that among the trades of a house.
Pure. Times are milliseconds since the epoch; window edges are whole seconds, as the contract's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .allocation import Claim, allocate
from .metering import Counters, MeterGapError, Meters, NotYetError

SECOND_MS = 1000
ESTIMATED = (
    "estimated: the hub was away at an edge of the window, so the energy that the meters counted "
    "meanwhile is taken as even"
)


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How delivery windows are laid.

    `lead_ms` passes between match and delivery at least, so that the tap controller can act first.
    `aligned` windows start at whole multiples of their length. `spare_ms` must be left between the
    end and the settlement deadline.
    """

    lead_ms: int
    length_ms: int
    aligned: bool
    spare_ms: int

    def window(self, now_ms: int) -> tuple[int, int]:
        """The next window a trade matched now can use."""
        grid_ms = self.length_ms if self.aligned else SECOND_MS
        start_ms = -(-(now_ms + self.lead_ms) // grid_ms) * grid_ms
        return start_ms, start_ms + self.length_ms


@dataclass(slots=True)
class Delivery:
    """One trade's delivery. `state`: scheduled, measured, unproven, settled, expired.

    A party without a meter in this hub has no device.
    """

    trade_id: int
    buyer_device: str | None
    seller_device: str | None
    qty_wh: int
    start_ms: int
    end_ms: int
    state: str = "scheduled"
    delivered_wh: int | None = None
    received_wh: int | None = None
    reason: str = ""

    @property
    def devices(self) -> tuple[str, ...]:
        """The meters that witness it."""
        return tuple(d for d in (self.seller_device, self.buyer_device) if d is not None)


@dataclass(frozen=True, slots=True)
class Edge:
    """Counters read at a moment, mostly a window's edge, to be kept."""

    device: str
    at_ms: int
    counters: Counters


class DeliveryPlan:
    """All deliveries of one market that are not closed, and the counters they need."""

    def __init__(self, rule: WindowRule, meters: Meters, accuracy_permille: int) -> None:
        self.rule = rule
        self.meters = meters
        self._accuracy_permille = accuracy_permille
        self._deliveries: dict[int, Delivery] = {}

    def __iter__(self) -> Iterator[Delivery]:
        return iter(tuple(self._deliveries.values()))

    def get(self, trade_id: int) -> Delivery | None:
        """The delivery of a trade, if it has one."""
        return self._deliveries.get(trade_id)

    def add(self, delivery: Delivery) -> None:
        """Take a delivery in, new or from the ledger."""
        self._deliveries[delivery.trade_id] = delivery

    def drop(self, trade_id: int) -> Delivery | None:
        """Forget a delivery whose trade a reorganisation took back."""
        return self._deliveries.pop(trade_id, None)

    def schedule(
        self,
        trade_id: int,
        qty_wh: int,
        *,
        buyer_device: str | None,
        seller_device: str | None,
        deadline_ms: int,
        now_ms: int,
    ) -> Delivery:
        """Give a trade its window; `unproven` at once if none ends before its deadline."""
        start_ms, end_ms = self.rule.window(now_ms)
        delivery = Delivery(trade_id, buyer_device, seller_device, qty_wh, start_ms, end_ms)
        if seller_device is None:
            delivery.state = "unproven"
            delivery.reason = "the seller has no meter in this hub, so nothing proves a delivery"
        elif end_ms + self.rule.spare_ms > deadline_ms:
            delivery.state = "unproven"
            delivery.reason = "too late for a delivery window before the settlement deadline"
        self._deliveries[trade_id] = delivery
        return delivery

    def newest_readings(self) -> list[Edge]:
        """What the meters of open deliveries read last, to be kept for the case of a crash."""
        devices = {
            device
            for delivery in self._deliveries.values()
            if delivery.state == "scheduled"
            for device in delivery.devices
        }
        found = [(device, self.meters.newest(device)) for device in sorted(devices)]
        return [Edge(device, *newest) for device, newest in found if newest is not None]

    def read_edges(self, now_ms: int) -> list[Edge]:
        """Fix the counters at every window edge that has passed; returns the new ones."""
        found = []
        for device, at_ms in sorted(self._wanted_edges(now_ms)):
            try:
                counters, is_new = self.meters.edge(device, at_ms, now_ms)
            except (NotYetError, MeterGapError):
                continue  # `measure` says what it means for the delivery
            if is_new:
                found.append(Edge(device, at_ms, counters))
        return found

    def _wanted_edges(self, now_ms: int) -> set[tuple[str, int]]:
        return {
            (device, at_ms)
            for delivery in self._deliveries.values()
            if delivery.state == "scheduled"
            for device in delivery.devices
            for at_ms in (delivery.start_ms, delivery.end_ms)
            if at_ms <= now_ms
        }

    def measure(self, now_ms: int) -> list[Delivery]:
        """Judge every delivery whose window is over: it becomes `measured` or `unproven`.

        Those that wait for a last reading stay `scheduled`.
        """
        due = [d for d in self if d.state == "scheduled" and d.end_ms <= now_ms]
        witnessed = self._by_meter() if due else {}
        judged = []
        for delivery in due:
            try:
                self._judge(delivery, witnessed, now_ms)
            except NotYetError:
                continue
            except MeterGapError as gap:
                delivery.state = "unproven"
                delivery.reason = f"the energy is not known: {gap}"
            judged.append(delivery)
        return judged

    def _by_meter(self) -> dict[tuple[str, bool], list[Delivery]]:
        """The deliveries that each meter witnesses as a seller's (True) or a buyer's."""
        found: dict[tuple[str, bool], list[Delivery]] = {}
        for delivery in self._deliveries.values():
            for device, selling in ((delivery.seller_device, True), (delivery.buyer_device, False)):
                if device is not None:
                    found.setdefault((device, selling), []).append(delivery)
        return found

    def _judge(
        self,
        delivery: Delivery,
        witnessed: Mapping[tuple[str, bool], Sequence[Delivery]],
        now_ms: int,
    ) -> None:
        seller, buyer = delivery.seller_device, delivery.buyer_device
        assert seller is not None, "without a meter it is unproven from the start"
        claims = _claims_around(delivery, witnessed[seller, True])
        delivered = self._metered_wh(delivery, seller, claims, now_ms, selling=True)
        received = delivered
        if buyer is not None:
            claims = _claims_around(delivery, witnessed[buyer, False])
            received = self._metered_wh(delivery, buyer, claims, now_ms, selling=False)
        delivery.delivered_wh, delivery.received_wh = delivered, received
        delivery.state = "measured"
        edges = [(d, at) for d in delivery.devices for at in (delivery.start_ms, delivery.end_ms)]
        if any(self.meters.is_estimate(*edge) for edge in edges):
            delivery.reason = ESTIMATED

    def _metered_wh(
        self,
        delivery: Delivery,
        device: str,
        claims: Sequence[Claim],
        now_ms: int,
        *,
        selling: bool,
    ) -> int:
        """Whole Wh that a meter attests for one trade.

        A shortfall that the meter's accuracy cannot tell from nothing is not held against anyone.
        """

        def energy_mwh(start_ms: int, end_ms: int) -> int:
            try:
                gained = self.meters.between(device, start_ms, end_ms, now_ms)
            except MeterGapError:
                if end_ms <= delivery.start_ms:
                    return 0  # before this window: the others keep their claims to what follows
                raise
            return gained.export_mwh if selling else gained.import_mwh

        given_mwh = allocate(claims, delivery.end_ms, energy_mwh)[delivery.trade_id]
        accuracy_mwh = delivery.qty_wh * self._accuracy_permille
        if delivery.qty_wh * 1000 - given_mwh <= accuracy_mwh:
            return delivery.qty_wh
        return given_mwh // 1000

    def forget_closed(self, now_ms: int) -> None:
        """Drop closed deliveries that no open one hangs together with any more."""
        open_starts = [d.start_ms for d in self._deliveries.values() if d.state == "scheduled"]
        horizon_ms = min([now_ms, *open_starts]) - 10 * self.rule.length_ms
        self._deliveries = {
            trade_id: d
            for trade_id, d in self._deliveries.items()
            if d.end_ms >= horizon_ms or d.state not in ("settled", "expired")
        }
        self.meters.forget_before(horizon_ms - self.rule.length_ms)


def _claims_around(delivery: Delivery, witnessed: Sequence[Delivery]) -> list[Claim]:
    """The claims on one meter and direction that hang together with a delivery in time."""
    claims = [
        Claim(d.trade_id, d.start_ms, d.end_ms, d.qty_wh * 1000)
        for d in witnessed
        if d.start_ms < delivery.end_ms
    ]
    start_ms = delivery.start_ms
    while True:
        reached = min((c.start_ms for c in claims if c.end_ms > start_ms), default=start_ms)
        if reached == start_ms:
            return [c for c in claims if c.end_ms > start_ms]
        start_ms = reached
