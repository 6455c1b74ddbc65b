"""The thread for blocking work: order, one thread, errors, cancellation, its end."""

import asyncio
import gc
import threading
import weakref

import pytest

from hub import worker as worker_module
from hub.testing import in_virtual_time
from hub.worker import Worker


def play(program):
    """Run `program(worker)` on a loop of its own and close the worker after it."""

    async def main():
        worker = Worker("tested")
        try:
            return await program(worker)
        finally:
            worker.close()

    return asyncio.run(main())


def test_calls_run_in_order_on_one_thread_that_is_not_the_loop():
    async def program(worker):
        seen = []
        calls = [worker.run(lambda n=n: seen.append((n, threading.get_ident()))) for n in range(50)]
        await asyncio.gather(*calls)
        return seen

    seen = play(program)
    assert [number for number, _ in seen] == list(range(50))
    threads = {thread for _, thread in seen}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(
    ("raised", "caught"), [(ValueError("x"), ValueError), (StopIteration(1), RuntimeError)]
)
def test_what_a_function_raises_is_raised_and_the_next_one_runs(raised, caught):
    def fail():
        raise raised

    async def program(worker):
        with pytest.raises(caught):
            await worker.run(fail)
        return await worker.run(lambda: 7)

    assert play(program) == 7


def test_a_cancelled_call_that_waits_never_runs_and_one_that_runs_ends():
    async def program(worker):
        running, go, ran = threading.Event(), threading.Event(), []

        def first():
            running.set()
            assert go.wait(10)
            ran.append("first")

        tasks = [
            asyncio.create_task(worker.run(first)),
            asyncio.create_task(worker.run(lambda: ran.append("second"))),
        ]
        await asyncio.to_thread(running.wait, 10)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        go.set()
        await worker.run(lambda: ran.append("third"))
        return ran, [task.cancelled() for task in tasks]

    assert play(program) == (["first", "third"], [True, True])


def test_closing_drops_what_waits_and_ends_the_thread():
    async def main():
        worker = Worker("tested-end")
        running, go, ran = threading.Event(), threading.Event(), []
        first = asyncio.create_task(worker.run(lambda: (running.set(), go.wait(10))))
        await asyncio.to_thread(running.wait, 10)
        second = asyncio.create_task(worker.run(lambda: ran.append("second")))
        await asyncio.sleep(0)
        worker.close()
        worker.close()
        go.set()
        await asyncio.wait([first, second])
        return second.cancelled(), ran

    assert asyncio.run(main()) == (True, [])
    for thread in threading.enumerate():
        if thread.name.startswith("tested-end"):
            thread.join(10)
            assert not thread.is_alive()


def test_a_thread_that_went_idle_takes_up_work_again(monkeypatch):
    monkeypatch.setattr(worker_module, "IDLE_S", 0.0)

    async def program(worker):
        threads = set()
        for _ in range(200):
            threads.add(await worker.run(threading.get_ident))
        return threads

    assert len(play(program)) == 1


def test_a_result_is_not_kept_alive_by_the_idle_thread():
    class Result:
        pass

    async def program(worker):
        result = weakref.ref(await worker.run(Result))
        for _ in range(100):  # until the thread is back at its queue
            gc.collect()
            if result() is None:
                return True
            await asyncio.sleep(0.01)
        return False

    assert play(program)


def test_virtual_time_waits_for_the_thread():
    async def program():
        worker = Worker("tested")
        loop = asyncio.get_running_loop()
        passed = asyncio.create_task(asyncio.sleep(5))
        release = threading.Event()
        threading.Timer(0.05, release.set).start()
        await worker.run(lambda: release.wait(10))
        worker.close()
        return loop.time(), passed.done()

    assert in_virtual_time(program) == (0.0, False)
