"""Who measured what: oracle keys that rotate, meters, and ways to get a proof wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_abi.abi import encode

from tests.contracts import typed_data
from tests.contracts.evm import abi_type
from tests.contracts.pair import ORACLE, OWNER, STRANGER, Pair
from tests.contracts.records import Trade
from tests.contracts.typed_data import Key


class Way(IntEnum):
    """Who attests a trade."""

    ORACLE = 0
    METERS = 1
    OLD_ORACLE = 2


class Defect(IntEnum):
    """What is wrong with a proof."""

    NONE = -1
    FORGED = 0
    WRONG_TRADE = 1
    UNKNOWN_SIGNER = 2
    NO_RECEIPT = 3
    NO_DELIVERY = 4
    REPLAYED = 5
    FOREIGN_METER = 6


@dataclass
class OracleKey:
    """A key of the oracle and how long it counts."""

    key: Key
    retired_at: int | None = None
    valid_until: int = 0

    def counts_for(self, trade: Trade, now: int) -> bool:
        if self.retired_at is None:
            return True
        return trade.cleared_at <= self.retired_at and now <= self.valid_until


@dataclass
class Proof:
    """Reports for one trade, what they should count as, and why they should not."""

    reports: list[tuple[Any, ...]]
    delivered: int
    received: int
    wrong: list[str]


class Proofs(Pair):
    """Builds proofs and remembers which sequence numbers were used up."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.oracles = [OracleKey(ORACLE)]
        self.sequence = 0
        self.used: dict[str, list[int]] = {}

    def do_rotate(self, overlap: int) -> None:
        """Retire the oracle's key for a new one."""
        old, new = self.oracles[-1], Key(300 + len(self.oracles))
        old.retired_at, old.valid_until = self.now, self.now + overlap
        self.send_well("retireSigner", old.key.address, old.valid_until, sender=OWNER)
        self.send_well("authorizeOracle", new.address, sender=OWNER)
        self.oracles.append(OracleKey(new))

    def sign_report(
        self, signer: Key, trade_id: int, wh: tuple[int, int], *, by: Key | None = None
    ) -> tuple[Any, ...]:
        """A SignedReport with the next sequence number."""
        self.sequence += 1
        return self._sign(signer, (trade_id, *wh, *self.window(trade_id), self.sequence), by)

    def _sign(self, signer: Key, report: tuple[Any, ...], by: Key | None) -> tuple[Any, ...]:
        struct = typed_data.flat(typed_data.REPORT, report)
        signature = (by or signer).sign(typed_data.digest(self.domain, struct))
        return report, signer.address, signature

    def window(self, trade_id: int) -> tuple[int, int]:
        """From the clearing of the trade's round to now."""
        start = int(self.view("round", trade_id >> 64)[0])
        return start, max(start + 1, self.now)

    def encoded(self, reports: list[tuple[Any, ...]]) -> bytes:
        entry = self.contract.functions["postDelivery"]["inputs"][1]
        return encode([abi_type(entry) + "[]"], [reports])

    def meter(self, trader: str) -> Key:
        return self.meters[self.trader(trader)]

    def measured(self, trade: Trade, eighths: int) -> int:
        """Metered Wh: in eighths of the trade, and a few Wh that make no lot."""
        return trade.qty * eighths // 8 + eighths % 3 * 17

    def proof(
        self, trade: Trade, wh: tuple[int, int], way: Way, defect: Defect, pick: int
    ) -> Proof:
        """The reports on a trade, spoilt as asked."""
        about = trade.id + 1 if defect is Defect.WRONG_TRADE else trade.id
        forger = STRANGER if defect is Defect.FORGED else None
        wrong = {Defect.FORGED: ["InvalidSignature"], Defect.WRONG_TRADE: ["WrongTrade"]}.get(
            defect, []
        )
        if way is Way.METERS:
            return self._by_meters(trade, about, wh, defect, wrong, forger)
        oracle = self.oracles[pick % len(self.oracles) if way is Way.OLD_ORACLE else -1]
        if not oracle.counts_for(trade, self.now):
            wrong = [*wrong, "SignerRetiredForTrade", "SignerNotAuthorized"]
        signer = oracle.key
        if defect is Defect.UNKNOWN_SIGNER:
            signer, wrong = STRANGER, ["SignerNotAuthorized"]
        signed = self.sign_report(signer, about, wh, by=forger)
        spent = self.used.get(signer.address, [])
        if defect is Defect.REPLAYED and spent:
            report = (*signed[0][:5], spent[pick % len(spent)])
            signed, wrong = self._sign(signer, report, None), [*wrong, "SequenceUsed"]
        return Proof([signed], *wh, wrong)

    def _by_meters(
        self,
        trade: Trade,
        about: int,
        wh: tuple[int, int],
        defect: Defect,
        wrong: list[str],
        forger: Key | None,
    ) -> Proof:
        """Both meters; what one says about the other's side must not count."""
        seller, buyer = self.meter(trade.ask.trader), self.meter(trade.bid.trader)
        delivered, received = wh
        if defect is Defect.FOREIGN_METER:
            others = [m for m in self.meters if m not in (seller, buyer)]
            buyer, wrong = others[0], ["NotMeterOfTrade"]
        by_seller = self.sign_report(seller, about, (delivered, 10**9), by=forger)
        by_buyer = self.sign_report(buyer, about, (0, received), by=forger)
        reports = [by_seller, by_buyer]
        if defect is Defect.NO_RECEIPT:
            reports, wrong = [by_seller], ["ReceiptMissing"]
        elif defect is Defect.NO_DELIVERY:
            reports = [by_buyer]
            wrong = ["DeliveryMissing"] if trade.posted is None else []
            delivered = trade.posted or 0
        return Proof(reports, delivered, received, wrong)

    def spend(self, proof: Proof) -> None:
        """Note the sequence numbers of a proof that was accepted."""
        for report, address, _ in proof.reports:
            self.used.setdefault(address, []).append(report[5])

    def batch_signature(
        self, start: int, end: int, deliveries: list[tuple[int, int, int]]
    ) -> tuple[tuple[Any, ...], str, bytes]:
        """A MeterBatch by the oracle's present key, with its signer and signature."""
        self.sequence += 1
        batch = (start, end, self.sequence, deliveries)
        digest = typed_data.digest(self.domain, typed_data.batch(*batch))
        signer = self.oracles[-1].key
        return batch, signer.address, signer.sign(digest)
