"""Whether a call that writes was sent for an action: the account tells, whoever asked for the call hears it.

A call may wait for its turn, and the run may end meanwhile: then nothing was sent, and nothing can have been done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Sending:
    """What is known of the calls of one action.

    Args:
        heard: is called when the first of them is sent.
        told: the account says when it sends; of one that does not, every call counts as sent.
    """

    heard: Callable[[], None]
    told: bool = False
    sent: bool = False

    def note_sent(self) -> None:
        """A call was sent."""
        if not self.sent:
            self.sent = True
            self.heard()


_CURRENT: ContextVar[Sending | None] = ContextVar("sending", default=None)


@contextmanager
def watch(sending: Sending) -> Iterator[None]:
    """Note the calls that are sent within the block, by this task."""
    token = _CURRENT.set(sending)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        if not sending.told:
            sending.note_sent()


def promise() -> None:
    """Say that `announce` will be called once a call is sent: until then it was not."""
    if (sending := _CURRENT.get()) is not None:
        sending.told = True


def announce() -> None:
    """Say that a call that writes is being sent."""
    if (sending := _CURRENT.get()) is not None:
        sending.note_sent()
