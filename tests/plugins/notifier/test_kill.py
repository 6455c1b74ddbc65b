"""What was accepted survives a kill: nothing is lost, repetitions keep their id."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import web

from hub.testing import running
from tests.plugins.notifier.far_side import Request, far_side

ROOT = Path(__file__).parents[3]
EXPECTED = {"a1-critical-substation", "a1-critical-house1"}


@pytest.mark.parametrize("fatal", [1, 2])
async def test_a_kill_between_send_and_mark_sends_again_under_the_same_id(
    tmp_path: Path, fatal: int
):
    async with far_side() as n8n:
        text = (
            "houses:\n  house1: {bus: 671.1}\nplugins:\n  alerts:\n    use: notifier\n"
            f'    n8n: {{url: "{n8n.url}/webhook/microgrid"}}\n    retry: [20ms]\n'
        )
        (tmp_path / "hub.yaml").write_text(text)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.plugins.notifier.one_alarm", str(tmp_path), cwd=ROOT
        )

        async def kill_then_take(request: Request) -> web.StreamResponse:
            if len(n8n.requests) == fatal:
                os.kill(child.pid, signal.SIGKILL)
            return web.json_response({})

        n8n.answer = kill_then_take
        assert await child.wait() == -signal.SIGKILL
        before = [r.headers["webhook-id"] for r in n8n.requests]
        assert len(before) >= fatal
        n8n.answer = None
        async with running(tmp_path, text) as hub:
            await hub.settled()
            ids = list(before)
            async with asyncio.timeout(20):
                while set(ids) != EXPECTED or len(ids) == len(before):
                    await n8n.until(len(ids) + 1)
                    ids = [r.headers["webhook-id"] for r in n8n.requests]
            entries = await _until_sent(hub)
        assert entries == {"substation": "sent", "house1": "sent"}


async def _until_sent(hub: object) -> dict[str, str]:
    async with asyncio.timeout(20):
        while True:
            entries = await hub.services.ask("alerts/recent")  # type: ignore[attr-defined]
            found = {e["audience"]: e["status"] for e in entries if e["channel"] == "n8n"}
            if set(found.values()) == {"sent"}:
                return found
            await asyncio.sleep(0.01)
