"""Calls abreast: bounded, in order, and the first error stops the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def each(
    items: Sequence[T],
    do: Callable[[T], Awaitable[R]],
    *,
    at_once: int | asyncio.Semaphore,
    begun: Callable[[], object] | None = None,
) -> list[R]:
    """Do something with each item, at most `at_once` side by side; the results in the order of the items.

    The first error cancels what is under way and is raised as itself, not as a group.

    Args:
        at_once: how many; or places that are shared with others, who come first served first.
        begun: called once when nothing waits for a place any more, though much may be under way.
    """
    free = asyncio.Semaphore(at_once) if isinstance(at_once, int) else at_once
    waiting = len(items)

    async def one(item: T) -> R:
        nonlocal waiting
        async with free:
            waiting -= 1
            if not waiting and begun is not None:
                begun()
            return await do(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
