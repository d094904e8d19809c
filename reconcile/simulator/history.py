"""What profiles and counts were a moment ago: for reads and exports that lag behind the writes (SAILTHRU.md §6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from reconcile.simulator.model import Profile


class History:
    """The images that writes have replaced, for `keep` seconds; `note` hears of exports that show them.

    Attributes:
        now: Unix seconds; whoever lets calls in keeps it right.
    """

    def __init__(self, keep: float, note: Callable[[str], None] = lambda _: None) -> None:
        self.keep = keep
        self._note = note
        self.now = 0.0
        self._order: deque[tuple[float, str]] = deque()
        self._images: dict[str, list[tuple[float, Profile | None]]] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._counts: dict[str, deque[tuple[float, int]]] = {}

    def note(self, sid: str, old: Profile | None) -> None:
        """A write replaces this image (None: there was no profile)."""
        self._trim()
        self._order.append((self.now, sid))
        self._images.setdefault(sid, []).append((self.now, old))
        if old is not None:
            self._owners |= dict.fromkeys(old.keys.items(), sid)

    def _trim(self) -> None:
        while self._order and self._order[0][0] < self.now - self.keep:
            _, sid = self._order.popleft()
            _, old = self._images[sid].pop(0)
            if not self._images[sid]:
                del self._images[sid]
                for item in old.keys.items() if old else ():
                    self._owners.pop(item, None)

    def note_count(self, list_id: str, old: int) -> None:
        """The count of this list is about to change from this."""
        counts = self._counts.setdefault(list_id, deque())
        while counts and counts[0][0] < self.now - self.keep:
            counts.popleft()
        if not counts or counts[-1][0] < self.now:
            counts.append((self.now, old))

    def forget_list(self, list_id: str) -> None:
        """This list is gone."""
        self._counts.pop(list_id, None)

    def count(self, list_id: str, current: int, lag: float) -> int:
        """The count of this list as it was `lag` seconds ago."""
        since = self.now - lag
        return next((old for at, old in self._counts.get(list_id, ()) if at > since), current)

    def image(self, sid: str, current: Profile | None, lag: float) -> Profile | None:
        """The profile of this sid as it was `lag` seconds ago."""
        since = self.now - lag
        return next((old for at, old in self._images.get(sid, ()) if at > since), current)

    def find(self, kind: str, value: str, lag: float, current: Callable[[str, str], Profile | None]) -> Profile | None:
        """The profile that had this key `lag` seconds ago; `current` looks one up as of now."""
        now = current(kind, value)
        sid = now.sid if now is not None else self._owners.get((kind, value))
        if sid is None:
            return None
        old = self.image(sid, current("sid", sid), lag)
        return old if old is not None and (kind == "cookie" or old.keys.get(kind) == value) else None

    def listed(self, profiles: Iterable[Profile], list_id: str, lag: float) -> list[Profile]:
        """Members as of `lag` seconds ago, given those of now."""
        sids = dict.fromkeys([*(p.sid for p in profiles), *self._images])
        now = {p.sid: p for p in profiles}
        images = [self.image(sid, now.get(sid), lag) for sid in sids]
        if any(image is not now.get(sid) for sid, image in zip(sids, images, strict=True)):
            self._note("lagging-export")
        return [p for p in images if p is not None and any(m.list_id == list_id for m in p.joined)]
