"""Creating lists, one at a time: side by side they become twins (SAILTHRU.md §14.8). Then all are looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reconcile.apply.brake import Brake
from reconcile.apply.endings import Ended
from reconcile.apply.figures import Figures
from reconcile.apply.model import REREADS, Executor, Item, Receipt
from reconcile.apply.receipts import attempted, receipt, verdict
from reconcile.plan.model import CreateList, Stage
from reconcile.state import observed
from reconcile.state.model import Membership


@dataclass(frozen=True, slots=True)
class Creation:
    """Creates lists that are not there."""

    side_by_side: ClassVar[int] = 1

    account: Executor
    brake: Brake
    figures: Figures = field(default_factory=Figures)

    async def do(self, chunk: Sequence[Item[CreateList]], begun: Callable[[], None]) -> list[Receipt | None]:
        """Create them, each looked up before, so that one that was made earlier is not made again.

        Raises:
            TwinLists, AccountUnfit: a name is not one natural list.
        """
        made = [await self._create(item) for item in chunk]
        there = await self._there([one.who for one in made if one is not None])
        begun()
        return [one and verdict(one, "" if one.who in there else "the list is not there") for one in made]

    async def _there(self, names: Sequence[str]) -> Collection[str]:
        """Which of these lists are there: looked at again, as a list may take a moment to show."""
        for wait in (0.0, *REREADS):
            await self.account.sleep(wait)
            there = observed.check_lists(await self.account.lists(), [Membership(name) for name in names])
            if len(there) == len(names):
                break
        return there

    async def _create(self, item: Item[CreateList]) -> Receipt | None:
        name = item.action.list
        if self.brake.pulled:
            return None
        try:
            error = await attempted(self._made(item))
        except Ended:
            return None
        self.brake.note(failed=error is not None)
        return receipt(Stage.LISTS, name, "create list", error)

    async def _made(self, item: Item[CreateList]) -> None:
        with self.figures.writing(item.action):
            await self.account.create_list(item.action.list, doubtful=item.doubtful)
