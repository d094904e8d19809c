"""Calls abreast: bounded, in order, and the first error stops the rest."""

from __future__ import annotations

import asyncio

import pytest

from reconcile.state import abreast


class Desk:
    """Counts what is under way."""

    def __init__(self) -> None:
        self.now, self.most, self.begun, self.cancelled = 0, 0, 0, 0

    async def work(self, item: int) -> int:
        self.begun += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _ in range(10 - item):  # the later it comes, the sooner it is done
                await asyncio.sleep(0)
            if item == 5:
                raise ValueError("five")
            return item * 10
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_results_come_in_order_and_never_more_than_allowed_are_under_way(at_once: int) -> None:
    desk = Desk()
    assert asyncio.run(abreast.each(range(5), desk.work, at_once=at_once)) == [0, 10, 20, 30, 40]
    assert desk.most == min(at_once, 5)


def test_nothing_to_do_is_done() -> None:
    assert asyncio.run(abreast.each([], Desk().work, at_once=3)) == []


def test_it_is_told_once_when_nothing_waits_any_more() -> None:
    async def run() -> list[tuple[int, int]]:
        desk, told = Desk(), []
        await abreast.each([9, 9, 0, 9, 9], desk.work, at_once=2, begun=lambda: told.append((desk.begun, desk.now)))
        return told

    assert asyncio.run(run()) == [(4, 1)]  # the last is about to begin, beside one that takes its time


def test_the_first_error_is_raised_as_itself_and_nothing_goes_on() -> None:
    async def run() -> Desk:
        desk = Desk()
        with pytest.raises(ValueError, match="five"):
            await abreast.each([0, 5, *range(10)], desk.work, at_once=2)
        begun = desk.begun
        await asyncio.sleep(0.001)
        assert (desk.now, desk.begun) == (0, begun)
        return desk

    desk = asyncio.run(run())
    assert desk.cancelled
    assert desk.begun < 12


def test_being_cancelled_cancels_what_is_under_way() -> None:
    async def run() -> Desk:
        desk = Desk()
        task = asyncio.ensure_future(abreast.each([0, 0, 0], desk.work, at_once=2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return desk

    desk = asyncio.run(run())
    assert (desk.now, desk.cancelled) == (0, 2)
