"""The alarm on voltages that have left their limits: told once, known over a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from hub.api import Alarm, Context, Severity

from . import store, words
from .configuration import TapControllerConfig
from .watch import Sight

#: Writes to the ledger; an error is told and costs nothing else.
Write = Callable[[Callable[[Connection], None]], Awaitable[None]]


class VoltageAlarm:
    """One feeder's alarm. `id` is that of the last one that was raised."""

    def __init__(self, ctx: Context, config: TapControllerConfig, write: Write) -> None:
        self.id = ""
        self._ctx = ctx
        self._config = config
        self._write = write

    async def raise_(
        self, sight: Sight, found: words.Worst, sales: Sequence[str], trades: Sequence[int]
    ) -> None:
        """Tell the worst voltage, and what is being delivered: sentences, and ids of trades."""
        low, high = self._config.limits.low, self._config.limits.high
        self.id = _alarm_id(self._ctx.name, sight.at)
        evidence = {
            "voltage_pu": round(found.pu, 4),
            "limit_pu": high if found.over else low,
            "point": found.label,
            "taps": dict(sight.taps or {}),
            "trades": list(trades),
        }
        text = words.violation(found, low, high, sales)
        cause = f"trade/{trades[0]}" if trades else None
        self._ctx.log.warning("%s", text)
        await self._tell(sight.at, text, evidence, cause=cause)

    async def clear(self, sight: Sight, peak: words.Worst, moved: str | None) -> None:
        """Tell that all voltages are within limits again, and which taps were moved for that."""
        lowest_pu = min(sight.voltages_pu.values())
        evidence = {
            "voltage_pu": round(peak.pu, 4),
            "lowest_pu": round(lowest_pu, 4),
            "point": peak.label,
            "taps": dict(sight.taps or {}),
        }
        text = words.restored(peak, lowest_pu, moved)
        self._ctx.log.info("%s", text)
        await self._tell(sight.at, text, evidence, cleared=True)

    async def _tell(
        self,
        at: datetime,
        text: str,
        evidence: Mapping[str, Any],
        *,
        cleared: bool = False,
        cause: str | None = None,
    ) -> None:
        standing = None if cleared else self.id
        await self._write(partial(store.set_alarm, instance=self._ctx.name, alarm_id=standing))
        self._ctx.publish(
            Alarm(
                kind="voltage",
                subject=self._config.feeder,
                severity=Severity.WARNING,
                at=at,
                text=text,
                evidence=evidence,
                cleared=cleared,
                id=self.id,
                cause=cause,
            )
        )


def _alarm_id(instance: str, at: datetime) -> str:
    return hashlib.sha256(f"{instance}/voltage/{at.isoformat()}".encode()).hexdigest()[:16]
