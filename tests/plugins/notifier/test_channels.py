"""One attempt over a real connection that fails: what is said of it, and what is not."""

import asyncio

import aiohttp
import pytest

from plugins.notifier.channels import LONGEST_ANSWER, post
from plugins.notifier.outcome import Fate
from tests.plugins.notifier.far_side import far_side, hang

SECRET_PATH = "/bot123456:secret/sendMessage"


async def attempt(url: str, timeout_s: float = 5.0) -> tuple[Fate, str]:
    async with aiohttp.ClientSession() as session:
        answer = await post(session, "Telegram", url, b"{}", {}, timeout_s)
        assert answer.failure is not None
        assert "secret" not in answer.failure.reason
        return answer.failure.fate, answer.failure.reason


async def test_nobody_listens(unused_tcp_port: int):
    fate, reason = await attempt(f"http://127.0.0.1:{unused_tcp_port}{SECRET_PATH}")
    assert fate is Fate.RETRY
    assert reason.startswith("Telegram cannot be reached: ")


async def test_it_hangs():
    async with far_side() as side:
        side.answer = hang
        assert await attempt(side.url + SECRET_PATH, timeout_s=0.2) == (
            Fate.RETRY,
            "Telegram did not answer within 0.2 s",
        )


async def test_it_speaks_no_tls():
    async with far_side() as side:
        fate, reason = await attempt(side.url.replace("http:", "https:") + SECRET_PATH)
        assert fate is Fate.RETRY
        assert reason == "no secure connection to Telegram; does it speak https?"


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 what\r\n\r\n"])
async def test_it_hangs_up_or_speaks_no_http(words: bytes):
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        fate, reason = await attempt(f"http://127.0.0.1:{port}{SECRET_PATH}")
    finally:
        server.close()
    assert fate is Fate.RETRY
    assert reason.startswith("Telegram broke the connection (")


async def test_the_address_is_none():
    assert await attempt("http://") == (Fate.GIVE_UP, "the address of Telegram is not one")


async def test_no_more_of_an_answer_is_read_than_is_needed():
    from aiohttp import web

    async def endless(request: object) -> web.StreamResponse:
        return web.Response(body=b"x" * (10 * LONGEST_ANSWER))

    async with far_side() as side, aiohttp.ClientSession() as session:
        side.answer = endless
        answer = await post(session, "n8n", side.url, b"{}", {}, 5.0)
        assert answer.status == 200
        assert len(answer.body) <= LONGEST_ANSWER
