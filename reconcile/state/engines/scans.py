"""Files of sources that the engine reads where they lie: they must stay as they are until a plan has done with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from reconcile.errors import ReconcileError, SourceUnavailable
from reconcile.state.model import Scannable

_Stamp: TypeAlias = tuple[int, int, int]


class Scans:
    """Which files are read, for whom, and what they were when they were first looked at."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Scannable, _Stamp]] = {}

    def add(self, source: Scannable, paths: Sequence[str]) -> None:
        """These files are read for this source from now on."""
        self._files |= {path: (source, _stamp(path)) for path in paths}

    def check(self) -> None:
        """Make sure that all are as they were: several looks at them have to see the same rows.

        Raises:
            SourceUnavailable: one was written or replaced meanwhile.
        """
        if (changed := self._changed()) is not None:
            raise changed

    def failure(self, error: Exception, read: Callable[[str], Exception | None]) -> ReconcileError | None:
        """Our error for one of the engine's about one of these files; None when it is about something else.

        Args:
            read: reads the rows of a source, by its name, once more, and gives back the error that it comes to: not
                every message names its file.
        """
        said, sources = str(error), {source.name: source for source, _ in self._files.values()}
        named = (source.failure(error) for path, (source, _) in self._files.items() if path in said)
        again = (sources[name].failure(found) for name in sources if (found := read(name)) is not None)
        return self._changed() or next(named, None) or next(again, None)

    def _changed(self) -> SourceUnavailable | None:
        for path, (source, before) in self._files.items():
            if _now(path) != before:
                return SourceUnavailable(
                    f"Source `{source.name}`: {path} was changed while it was read.",
                    hint="Plan again when it is complete; write a new file and rename it over the old one.",
                )
        return None


def _stamp(path: str) -> _Stamp:
    found = Path(path).stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _now(path: str) -> _Stamp | None:
    return _stamp(path) if os.path.exists(path) else None  # noqa: PTH110 -- asked after every table: no object for it
