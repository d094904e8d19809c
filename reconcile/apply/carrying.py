"""A run's files and a store that is elsewhere: brought before the run, carried there on its way and at its end.

The journal is written on the disk of this machine, record by record. The store has it before the first write to the
account, then every `EVERY` seconds, then at the end. So if this machine dies, another one that has the plan file knows
at least that the run was begun: it looks at what is in doubt, and goes on. If the store dies, nothing of the run is
lost: it ends as it would have, says what could not be carried, and the same plan applied again from here carries it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reconcile.apply.runs import Run
from reconcile.apply.store import Store
from reconcile.errors import StoreUnavailable

EVERY = 30.0
"""Seconds after which what was written meanwhile is carried."""


@dataclass(slots=True)
class Carrier:
    """Carries the files of one run. Where the store is the folder of the run, there is nothing to carry."""

    store: Store
    run: Run
    _mark: str | None = None
    _size: int = -1
    _over: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def _needed(self) -> bool:
        return self.store.local is None

    def bring(self) -> None:
        """Have the journal here, if the store knows more of the run than this machine does.

        Raises:
            StoreUnavailable: nobody can say what was done elsewhere, so nothing is.
        """
        kept = self.store.get(self._key(self.run.journal)) if self._needed else None
        if kept is None:
            return
        self._mark = kept.mark
        here = self.run.journal.read_bytes() if self.run.journal.exists() else b""
        if not here.startswith(kept.content):  # else this machine went on, and could not say so
            self.run.make()
            self.run.write(self.run.journal, kept.content)

    def carry(self) -> None:
        """Have the store know what this machine knows.

        Raises:
            StoreUnavailable: it does not.
        """
        with self._turn:
            if self._needed and self.run.journal.exists():
                self._carry_journal()

    def _carry_journal(self) -> None:
        content = self.run.journal.read_bytes()
        if len(content) == self._size:
            return
        key = self._key(self.run.journal)
        mark = self.store.put(key, content, over=self._mark)
        if mark is None:
            mark = self._ours(key, content)
        self._mark, self._size = mark, len(content)

    def _ours(self, key: str, content: bytes) -> str:
        """The mark of what is there, if it is what we write or its beginning: an answer may have been lost."""
        kept = self.store.get(key)
        if kept is None or not content.startswith(kept.content):
            raise StoreUnavailable(f"The journal in {self.store.told} was gone on with by somebody else.")
        mark = self.store.put(key, content, over=kept.mark)
        return mark or kept.mark

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """Carry on the way, from a thread of its own: a slow store must not hold up the account."""
        if not self._needed:
            yield
            return
        thread = threading.Thread(target=self._keep, name="carrier", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _keep(self) -> None:
        while not self._over.wait(EVERY):
            with suppress(StoreUnavailable):  # the next try may do it, and the end says so if none did
                self.carry()

    def deliver(self, *more: Path) -> None:
        """Carry what there is of the journal, and these files.

        Raises:
            StoreUnavailable: not all of it is there.
        """
        self.carry()
        if self._needed:
            for path in filter(Path.exists, more):
                self.store.send(path, self._key(path))

    def _key(self, path: Path) -> str:
        return self.run.key(path)
