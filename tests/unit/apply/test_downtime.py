"""Sitting out a downtime: one look for all who fail together, and none of them fails for it."""

from __future__ import annotations

import asyncio
from typing import Any

from account import FakeAccount

from reconcile.apply.brake import Brake
from reconcile.apply.downtime import LOOKS, Breaker
from reconcile.apply.model import Unheard
from reconcile.errors import AccountUnavailable, ReconcileError
from reconcile.state.model import Ref

CALLS = 20


def test_all_that_fail_together_wait_together_and_are_made_again() -> None:
    account, until = FakeAccount(), sum(LOOKS[:2]) + 1
    breaker = Breaker(account, _Brake(account), Unheard(), hours=3, clock=lambda: account.now)  # type: ignore[arg-type]

    def down(_name: str, _subject: Any) -> ReconcileError | None:
        return AccountUnavailable("down") if account.now < until else None

    async def look_at_all() -> None:
        await asyncio.gather(*(breaker.look(Ref(email=f"p{at}@example.com"), ()) for at in range(CALLS)))

    account.trouble = down
    asyncio.run(look_at_all())
    assert account.calls == {"look": 2 * CALLS, "lists": 4}, "the first look, and one after each wait"
    assert breaker.paused == account.now == sum(LOOKS[:3])


class _Brake(Brake):
    """Waits on the account's own clock."""

    def __init__(self, account: FakeAccount) -> None:
        super().__init__(clock=lambda: account.now, sleep=account.sleep)
