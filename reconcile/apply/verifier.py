"""Looking back: the touched fields of the touched profiles, through the same diff that found them, from our side.

A field that an action did not touch is nobody's business here: it is empty on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.plan.model import Upsert
from reconcile.state import diff, values
from reconcile.state.model import Shape, Sighting
from reconcile.state.workspace import Workspace, arrow


class Verifier:
    """Compares what was written with what is there, a chunk at a time.

    Args:
        shape: the plan's shape.
        workspace: where the two small tables of a chunk are put.
    """

    def __init__(self, shape: Shape, workspace: Workspace) -> None:
        # A null that was sent must be there as null: `skip` was settled when the plan was made.
        self.types = {var.name: var.type for var in shape.vars}
        self._lists = [one.list for one in shape.memberships]
        self._shape = Shape(tuple(type(var)(var.name, var.type) for var in shape.vars), shape.lists, shape.registry)
        self._workspace = workspace

    def differences(self, written: Sequence[tuple[Upsert, Sighting | None]]) -> dict[str, str]:
        """What still differs: the hash of each profile that does -> its fields, without values."""
        wanted = self._workspace.store("wanted", self._wanted([action for action, _ in written]))
        there = [(action, seen) for action, seen in written if seen is not None]
        found = self._workspace.store("there", self._seen(there))
        for var in self._shape.vars:
            wanted = wanted.mutate(**{var.column: values.canonical(wanted[var.column], var.type)})
            found = found.mutate(**{var.column: values.canonical(found[var.column], var.type)})
        rows = self._workspace.dicts(diff.between(wanted, found, self._shape), limit=len(written))
        return {row["hash"]: self._told(row) for row in rows} | _misplaced(there)

    def _wanted(self, actions: Sequence[Upsert]) -> object:
        rows = [(action.hash, action.vars, action.lists) for action in actions]
        return self._table(rows)

    def _seen(self, there: Sequence[tuple[Upsert, Sighting]]) -> object:
        rows = []
        for action, seen in there:
            texts = {name: values.seen(seen.vars.get(name), self.types[name]) for name in action.vars}
            rows.append((action.hash, texts, {name: name in seen.lists for name in action.lists}))
        return self._table(rows, sid="")

    def _table(
        self, rows: Sequence[tuple[str, Mapping[str, str | None], Mapping[str, bool]]], sid: str | None = None
    ) -> object:
        columns: dict[str, list[object]] = {
            "hash": [hash_ for hash_, _, _ in rows],
            "email": [None for _ in rows],
        }
        columns["sid"] = [sid for _ in rows]
        types = dict.fromkeys(columns, "string")
        for name in self.types:
            columns[f"var:{name}"] = [texts.get(name) for _, texts, _ in rows]
            types[f"var:{name}"] = "string"
        for name in self._lists:
            columns[f"list:{name}"] = [members.get(name, False) for _, _, members in rows]
            types[f"list:{name}"] = "bool"
        return arrow(columns, types)

    def _told(self, row: Mapping[str, object]) -> str:
        if row["kind"] == "create":
            return "the profile is not there"
        fields = [f"var {name}" for name in self.types if row[f"set:{name}"]]
        fields += [f"list {name}" for name in self._lists if row[f"join:{name}"] or row[f"leave:{name}"]]
        return f"differs in {', '.join(fields)}"


def _misplaced(there: Sequence[tuple[Upsert, Sighting]]) -> dict[str, str]:
    """Profiles whose address did not change as asked."""
    return {
        action.hash: "the e-mail address did not change"
        for action, seen in there
        if action.moves_to is not None and (seen.email, seen.sid) != (action.moves_to, action.sid or seen.sid)
    }
