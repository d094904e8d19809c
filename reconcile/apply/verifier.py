"""Looking back: the touched fields of the touched profiles, through the same diff that found them, from our side.

A field that an action did not touch is nobody's business here: it is empty on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from reconcile.plan.model import Upsert
from reconcile.state import arrows, diff, values
from reconcile.state.model import Rows, Shape, Sighting
from reconcile.state.workspace import Workspace

_Row: TypeAlias = tuple[str, Mapping[str, str | None], Mapping[str, bool]]
"""One side of a profile: its hash, the text of its vars, its lists."""


class Verifier:
    """Compares what was written with what is there, a chunk at a time.

    Args:
        shape: the plan's shape.
        workspace: compares the two small tables of a chunk.
    """

    def __init__(self, shape: Shape, workspace: Workspace) -> None:
        # A null that was sent must be there as null: `skip` was settled when the plan was made.
        self.types, self.identity = {var.name: var.type for var in shape.vars}, shape.identity
        self._lists = [one.list for one in shape.memberships]
        self._shape = Shape(tuple(type(var)(var.name, var.type) for var in shape.vars), shape.lists, shape.registry)
        self._asks = [workspace.asker(partial(self._between, part)) for part in self._shape.split_by_vars()]

    def differences(self, written: Sequence[tuple[Upsert, Sighting | None]]) -> dict[str, str]:
        """What still differs: the hash of each profile that does -> its fields, without values."""
        pairs = [((one.hash, one.vars, one.lists), self._there(one, seen)) for one, seen in written]
        # What is the same to the letter has one canonical form: the diff is for the rest.
        wrong = self._differing([(wanted, there) for wanted, there in pairs if wanted != there])
        return wrong | _misplaced(written)

    def _differing(self, pairs: Sequence[tuple[_Row, _Row | None]]) -> dict[str, str]:
        if not pairs:
            return {}
        wanted = self._table([wanted for wanted, _ in pairs])
        there = self._table([there for _, there in pairs if there is not None], sid="")
        found: dict[str, dict[str, object]] = {}
        for ask in self._asks:
            for row in ask(wanted=wanted, there=there):
                found.setdefault(row["hash"], {}).update(row)
        return {hash_: self._told(row) for hash_, row in found.items()}

    def _between(self, part: Shape, wanted: Rows, there: Rows) -> Rows:
        return diff.between(self._canonical(part, wanted), self._canonical(part, there), part)

    def _canonical(self, part: Shape, rows: Rows) -> Rows:
        names = ["hash", "email", "sid", *(one.column for one in part.memberships)]
        vars_ = {var.column: values.canonical(rows[var.column], var.type) for var in part.vars}
        return rows.select(*names, **vars_)

    def _there(self, action: Upsert, seen: Sighting | None) -> _Row | None:
        if seen is None:
            return None
        texts = {name: values.seen(seen.vars.get(name), self.types[name]) for name in action.vars}
        return action.hash, texts, {name: name in seen.lists for name in action.lists}

    def _table(self, rows: Sequence[_Row], sid: str | None = None) -> object:
        columns: dict[str, list[object]] = {
            "hash": [hash_ for hash_, _, _ in rows],
            "email": [None for _ in rows],
            "sid": [sid for _ in rows],
        }
        types = dict.fromkeys(columns, "string")
        for name in self.types:
            columns[f"var:{name}"] = [texts.get(name) for _, texts, _ in rows]
            types[f"var:{name}"] = "string"
        for name in self._lists:
            columns[f"list:{name}"] = [members.get(name, False) for _, _, members in rows]
            types[f"list:{name}"] = "bool"
        return arrows.table(columns, types)

    def _told(self, row: Mapping[str, object]) -> str:
        if row["kind"] == "create":
            return "the profile is not there"
        fields = [f"var {name}" for name in self.types if row.get(f"set:{name}")]
        fields += [f"list {name}" for name in self._lists if row[f"join:{name}"] or row[f"leave:{name}"]]
        return f"differs in {', '.join(fields)}"


def _misplaced(written: Sequence[tuple[Upsert, Sighting | None]]) -> dict[str, str]:
    """Profiles whose address did not change as asked."""
    return {
        action.hash: "the e-mail address did not change"
        for action, seen in written
        if seen is not None
        and action.moves_to is not None
        and (seen.email, seen.sid) != (action.moves_to, action.sid or seen.sid)
    }
