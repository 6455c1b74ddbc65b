"""Commands: one handler, always an answer, priorities, deadlines, holds."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.commands import CommandRouter
from hub.errors import Rejected
from hub.messages import Command, CommandResult, CommandStatus, Priority
from hub.testing import in_virtual_time

START = datetime(2026, 6, 1, tzinfo=UTC)


def router() -> tuple[CommandRouter, list[CommandResult]]:
    """A router on the time of the running loop, and all answers it publishes."""
    loop = asyncio.get_running_loop()
    zero = loop.time()
    results: list[CommandResult] = []
    return CommandRouter(
        lambda: START + timedelta(seconds=loop.time() - zero), results.append
    ), results


async def accept(command: Command) -> Mapping[str, Any]:
    return {"tap": command.args["tap"]}


async def test_a_command_reaches_its_handler_and_is_answered():
    commands, results = router()
    commands.register("grid/g/regulator/+", accept, "grid")
    result = await commands.send(Command("grid/g/regulator/reg1", "set_tap", {"tap": 3}))
    assert result.done
    assert result.data == {"tap": 3}
    assert results == [result]


async def test_an_unknown_target_is_rejected_with_what_there_is():
    commands, _ = router()
    commands.register("house/+", accept, "grid")
    result = await commands.send(Command("sky", "open"))
    assert result.status is CommandStatus.REJECTED
    assert result.reason == "nothing handles 'sky' (there are: house/+)"
    for number in range(50):
        commands.register(f"house/House{number}", accept, "grid")
    result = await commands.send(Command("hous/house7", "open"))
    assert result.reason == "nothing handles 'hous/house7' (did you mean 'house/House7'?)"


async def test_one_actuator_has_one_handler():
    commands, _ = router()
    undo = commands.register("house/+", accept, "grid")
    with pytest.raises(ValueError, match="handled by 'grid' already"):
        commands.register("house/+", accept, "other")
    undo()
    commands.register("house/+", accept, "other")


async def test_the_more_specific_pattern_wins():
    commands, _ = router()

    async def special(command: Command) -> Mapping[str, Any]:
        return {"special": True}

    commands.register("house/+", accept, "grid")
    commands.register("house/house9", special, "battery")
    assert (await commands.send(Command("house/house9", "x"))).data == {"special": True}


async def test_rejections_and_failures_are_answers():
    commands, _ = router()

    async def refuse(command: Command) -> None:
        raise Rejected("tap 17 is above the highest, 16")

    async def crash(command: Command) -> None:
        raise ZeroDivisionError("division by zero")

    commands.register("a", refuse, "grid")
    commands.register("b", crash, "grid")
    refused = await commands.send(Command("a", "set_tap"))
    assert (refused.status, refused.reason) == (
        CommandStatus.REJECTED,
        "tap 17 is above the highest, 16",
    )
    crashed = await commands.send(Command("b", "set_tap"))
    assert crashed.status is CommandStatus.REJECTED
    assert "grid failed: division by zero" in crashed.reason


def test_a_handler_that_hangs_is_cut_off_and_the_next_command_still_runs():
    async def program() -> tuple[str, str]:
        commands, _ = router()

        async def hang(command: Command) -> Mapping[str, Any]:
            if command.action == "hang":
                await asyncio.sleep(3600)
            return {}

        commands.register("a", hang, "grid")
        first = asyncio.create_task(commands.send(Command("a", "hang", deadline_s=5)))
        second = asyncio.create_task(commands.send(Command("a", "go", deadline_s=60)))
        return (await first).status, (await second).status

    assert in_virtual_time(program) == ("timeout", "done")


def test_a_command_whose_deadline_passed_in_the_queue_is_never_carried_out():
    async def program() -> list[str]:
        commands, _ = router()
        carried: list[str] = []

        async def slow(command: Command) -> None:
            carried.append(command.action)
            await asyncio.sleep(10)

        commands.register("a", slow, "grid")
        first = asyncio.create_task(commands.send(Command("a", "first", deadline_s=60)))
        await asyncio.sleep(0)
        late = await commands.send(Command("a", "late", deadline_s=1))
        assert late.status is CommandStatus.TIMEOUT
        await first
        await asyncio.sleep(60)
        return carried

    assert in_virtual_time(program) == ["first"]


def test_waiting_commands_go_by_priority_then_by_arrival():
    async def program() -> list[str]:
        commands, _ = router()
        carried: list[str] = []

        async def slow(command: Command) -> None:
            carried.append(command.action)
            await asyncio.sleep(1)

        commands.register("a", slow, "grid")

        def send(action: str, priority: Priority) -> asyncio.Task[CommandResult]:
            return asyncio.create_task(
                commands.send(Command("a", action, priority=priority, deadline_s=60))
            )

        tasks = [send("running", Priority.MARKET)]
        await asyncio.sleep(0.5)
        tasks += [
            send("market", Priority.MARKET),
            send("tap", Priority.TAP_CONTROLLER),
            send("fault", Priority.FAULT),
            send("operator", Priority.OPERATOR),
            send("market2", Priority.MARKET),
        ]
        await asyncio.gather(*tasks)
        return carried

    assert in_virtual_time(program) == ["running", "fault", "operator", "tap", "market", "market2"]


def test_a_hold_keeps_lower_priorities_off_until_it_ends():
    async def program() -> None:
        commands, _ = router()
        commands.register("a", accept, "grid")
        by_operator = Command("a", "set_tap", {"tap": 1}, Priority.OPERATOR, hold_s=30)
        assert (await commands.send(by_operator)).done
        lower = Command("a", "set_tap", {"tap": 2}, Priority.TAP_CONTROLLER)
        refused = await commands.send(lower)
        assert refused.reason == "held by operator for 30 s more"
        assert (await commands.send(Command("a", "x", {"tap": 3}, Priority.FAULT))).done
        await asyncio.sleep(31)
        assert (await commands.send(lower)).done

    in_virtual_time(program)


def test_a_command_has_one_answer_even_at_its_deadline():
    async def program() -> list[CommandStatus]:
        commands, results = router()

        async def late(command: Command) -> None:
            await asyncio.sleep(4)

        commands.register("a", late, "grid")
        first = asyncio.create_task(commands.send(Command("a", "one", deadline_s=60)))
        await asyncio.sleep(0)
        # Begun at 4 s, it would be done at 8 s: later than whoever sent it waits.
        second = await commands.send(Command("a", "two", deadline_s=6))
        assert second.reason == "grid did not answer within 6 s"
        await first
        await asyncio.sleep(60)
        return [r.status for r in results]

    assert in_virtual_time(program) == [CommandStatus.DONE, CommandStatus.TIMEOUT]


def test_a_target_survives_whatever_its_handler_raises():
    async def program() -> list[str]:
        commands, _ = router()

        async def interrupted(command: Command) -> None:
            other = asyncio.create_task(asyncio.sleep(60))
            asyncio.get_running_loop().call_later(1, other.cancel)
            await other

        async def handler(command: Command) -> None:
            match command.action:
                case "exit":
                    raise SystemExit(3)
                case "timeout":
                    raise TimeoutError("the cable")
                case "dead":
                    await interrupted(command)

        commands.register("a", handler, "grid")
        return [
            f"{result.status} {result.reason}"
            for action in ("exit", "timeout", "dead", "fine")
            if (result := await commands.send(Command("a", action)))
        ]

    assert in_virtual_time(program) == [
        "rejected grid failed: it raised SystemExit(3)",
        "rejected grid failed: the cable",
        "rejected grid stopped before it was done",
        "done ",
    ]


def test_a_command_under_way_ends_with_its_handler():
    async def program() -> str:
        commands, _ = router()
        undone = []

        async def slow(command: Command) -> None:
            try:
                await asyncio.sleep(3)
            finally:
                undone.append(asyncio.get_running_loop().time())

        undo = commands.register("a", slow, "grid")
        asyncio.get_running_loop().call_later(1, undo)
        result = await commands.send(Command("a", "x"))
        assert undone == [1.0]
        return result.reason

    assert in_virtual_time(program) == "grid stopped before it was done"


def test_a_command_whose_sender_left_before_its_turn_is_not_carried_out():
    async def program() -> tuple[list[str], list[str]]:
        commands, results = router()
        carried: list[str] = []

        async def slow(command: Command) -> None:
            carried.append(command.action)
            await asyncio.sleep(3)

        commands.register("a", slow, "grid")
        begun = asyncio.create_task(commands.send(Command("a", "begun")))
        waiting = asyncio.create_task(commands.send(Command("a", "waiting")))
        await asyncio.sleep(1)
        begun.cancel()
        waiting.cancel()
        await asyncio.sleep(10)
        return carried, [r.command.action for r in results]

    assert in_virtual_time(program) == (["begun"], ["begun"])  # and what was done is on record


def test_targets_are_forgotten_when_nothing_holds_them():
    async def program() -> None:
        commands, _ = router()
        commands.register("house/+", accept, "grid")
        for number in range(5):
            target = f"house/{number}"
            await commands.send(Command(target, "x", {"tap": 1}))
            await commands.send(Command(target, "x", {"tap": 1}, hold_s=1))
        assert len(commands._targets) == 5
        await asyncio.sleep(2)
        for number in range(5):
            await commands.send(Command(f"house/{number}", "x", {"tap": 1}))
        await asyncio.sleep(0)
        assert commands._targets == {}

    in_virtual_time(program)


async def test_who_holds_a_target_may_command_it_again():
    commands, _ = router()
    commands.register("a", accept, "grid")
    held = Command("a", "set_tap", {"tap": 1}, Priority.OPERATOR, hold_s=30)
    assert (await commands.send(held)).done
    assert (await commands.send(Command("a", "set_tap", {"tap": 2}, Priority.OPERATOR))).done
