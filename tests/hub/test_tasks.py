"""A limit on work: it begins at once, and the limit counts from when it first waits."""

import asyncio

import pytest

from hub.tasks import TimeLimit
from hub.testing import in_virtual_time


def test_work_that_never_waits_sets_no_timer():
    async def program() -> float:
        limit = TimeLimit(0.0)
        done = []

        async def work() -> None:
            done.append(1)

        await limit.keep(work())
        assert done == [1]
        assert not limit.expired
        return asyncio.get_running_loop().time()

    assert in_virtual_time(program) == 0


def test_work_that_waits_goes_on_to_its_end_and_gets_what_its_futures_raise():
    async def program() -> list[str]:
        loop = asyncio.get_running_loop()
        said: list[str] = []
        broken: asyncio.Future[None] = loop.create_future()
        loop.call_later(2, broken.set_exception, OSError("gone"))

        async def work() -> None:
            said.append(await asyncio.sleep(1, "slept"))
            try:
                await broken
            except OSError as error:
                said.append(str(error))
            await asyncio.sleep(1)
            said.append(f"{loop.time():g}")

        await TimeLimit(5).keep(work())
        return said

    assert in_virtual_time(program) == ["slept", "gone", "3"]


def test_work_that_takes_too_long_is_cancelled_where_it_waits():
    async def program() -> tuple[bool, list[float]]:
        loop = asyncio.get_running_loop()
        limit, ended = TimeLimit(5), []

        async def work() -> None:
            try:
                await asyncio.sleep(3)
                await asyncio.Event().wait()
            finally:
                ended.append(loop.time())

        with pytest.raises(TimeoutError):
            await limit.keep(work())
        return limit.expired, ended

    assert in_virtual_time(program) == (True, [5.0])


def test_what_work_raises_passes_through_before_and_after_it_waits():
    async def program() -> None:
        async def work(waits: int) -> None:
            for _ in range(waits):
                await asyncio.sleep(0)
            raise LookupError("no")

        for waits in range(3):
            limit = TimeLimit(5)
            with pytest.raises(LookupError):
                await limit.keep(work(waits))
            assert not limit.expired

    in_virtual_time(program)


def test_a_cancellation_from_outside_reaches_the_work_and_is_no_timeout():
    async def program() -> list[str]:
        limit, said = TimeLimit(5), []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                said.append("cancelled")
                raise

        task = asyncio.create_task(limit.keep(work()))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not limit.expired
        return said

    assert in_virtual_time(program) == ["cancelled"]
