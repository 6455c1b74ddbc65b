"""What asyncio leaves to its users about the end of a task."""

from __future__ import annotations

import asyncio


def was_cancelled() -> bool:
    """Return whether a CancelledError just caught is meant for the running task.

    It may also come from something awaited that was cancelled by others; a task that takes that
    for its own end dies without a word.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
