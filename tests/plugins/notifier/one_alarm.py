"""A hub of its own process that raises one outage and goes on; killed from outside."""

import asyncio
import sys
from pathlib import Path

from hub.messages import Alarm, Severity
from hub.testing import running


async def main(folder: Path) -> None:
    text = (folder / "hub.yaml").read_text()
    async with running(folder, text) as hub:
        await hub.settled()
        at = hub.clock.now()
        hub.bus.publish(Alarm("outage", "house1", Severity.CRITICAL, at, "dark", id="a1"))
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
