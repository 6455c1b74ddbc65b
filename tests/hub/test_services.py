"""Questions: one answerer, an answer or a reason, and the right one to blame."""

import asyncio

import pytest

from hub.errors import NotServed, Unavailable
from hub.services import Services
from hub.testing import in_virtual_time
from hub.watchdog import plugin_of


async def test_a_question_is_answered_by_the_one_that_serves_it():
    services = Services()

    async def double(request: int) -> int:
        return 2 * request

    undo = services.register("double", double, "x")
    assert await services.ask("double", 21) == 42
    with pytest.raises(ValueError, match="answered by 'x' already"):
        services.register("double", double, "y")
    undo()
    with pytest.raises(NotServed, match="nobody answers 'double'"):
        await services.ask("double", 21)


async def test_the_answerer_runs_under_its_own_name():
    services = Services()

    async def who(_: object) -> str:
        task = asyncio.current_task()
        return task.get_name() if task else ""

    services.register("grid/g/who", who, "grid")
    assert plugin_of(await services.ask("grid/g/who")) == "grid"


def test_an_answer_that_does_not_come_is_a_reason():
    async def program() -> list[str]:
        services = Services()

        async def hang(_: object) -> None:
            await asyncio.Event().wait()

        async def interrupted(_: object) -> None:
            raise asyncio.CancelledError

        async def leave(_: object) -> None:
            raise SystemExit(3)

        found = []
        for name, answerer in {"hang": hang, "cut": interrupted, "exit": leave}.items():
            services.register(name, answerer, "x")
            try:
                await services.ask(name, timeout_s=5)
            except Unavailable as error:
                found.append(str(error))
        return found

    assert in_virtual_time(program) == [
        "x did not answer 'hang' in 5 s",
        "x was interrupted before it answered 'cut'",
        "x failed: it raised SystemExit(3)",
    ]


def test_what_an_answerer_raises_passes_through_even_a_timeout_of_its_own():
    async def program() -> None:
        services = Services()

        async def cable(_: object) -> None:
            raise TimeoutError("the cable")

        services.register("x", cable, "x")
        with pytest.raises(TimeoutError, match="the cable"):
            await services.ask("x")

    in_virtual_time(program)


def test_who_asks_no_more_ends_the_answer():
    async def program() -> bool:
        services = Services()
        ended = asyncio.Event()

        async def hang(_: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        services.register("x", hang, "x")
        asking = asyncio.create_task(services.ask("x"))
        await asyncio.sleep(1)
        asking.cancel()
        await asyncio.sleep(1)
        return ended.is_set() and asking.cancelled()

    assert in_virtual_time(program)
