"""How far the actions of a plan are in this attempt: attempted, written and looked at are three figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reconcile.apply import sending
from reconcile.apply.sending import Sending

_ATTEMPTED, _WRITTEN, _LOOKED_AT = 1, 2, 4


class Figures:
    """Counts each action once for each figure. A byte an action.

    Args:
        total: actions of the plan.

    Attributes:
        attempted: a call that writes was sent for them, or they have a receipt.
        written: Sailthru said ok, or the job that carried them ended well.
        looked_at: seen afterwards, or found as wanted before anything was written.
        moved: is called when actions were written.
    """

    def __init__(self, total: int = 0) -> None:
        self.attempted = self.written = self.looked_at = 0
        self.moved: Callable[[int], None] = lambda _count: None
        self._marks = bytearray(total)
        self._numbers: dict[int, int] = {}
        self._sendings: dict[int, Sending] = {}

    def enter(self, chunk: Sequence[Any]) -> None:
        """These actions are about to be done."""
        self._numbers |= {id(item.action): item.number for item in chunk}

    def leave(self, chunk: Sequence[Any]) -> None:
        """These are over, or the end of the run cut them off."""
        for item in chunk:
            self._numbers.pop(id(item.action), None)
            self._sendings.pop(id(item.action), None)

    @contextmanager
    def writing(self, action: Any) -> Iterator[None]:
        """A call that writes is made in the block; when it ends well the action is written."""
        numbers = [self._numbers[id(action)]] if id(action) in self._numbers else []
        calls = self._sendings.setdefault(id(action), Sending(lambda: self.note_attempted(numbers)))
        with sending.watch(calls):
            yield
        self.note_written(numbers)

    def is_sent(self, action: Any) -> bool:
        """Whether a call that writes was sent for an action of a chunk that was entered."""
        calls = self._sendings.get(id(action))
        return calls is not None and calls.sent

    def note_attempted(self, numbers: Iterable[int]) -> None:
        """Calls were sent for these."""
        self.attempted += self._mark(numbers, _ATTEMPTED)

    def note_written(self, numbers: Iterable[int]) -> None:
        """Sailthru said ok to these."""
        if count := self._mark(numbers, _WRITTEN):
            self.written += count
            self.moved(count)

    def note_ended(self, numbers: Iterable[int], *, looked_at: bool) -> None:
        """These have a receipt.

        Args:
            looked_at: it says what was seen.
        """
        known = list(numbers)
        self.note_attempted(known)
        if looked_at:
            self.looked_at += self._mark(known, _LOOKED_AT)

    def _mark(self, numbers: Iterable[int], mark: int) -> int:
        """How many of them did not have the mark before."""
        marks, count = self._marks, 0
        for number in numbers:
            if not marks[number] & mark:
                marks[number] |= mark
                count += 1
        return count
