"""Actions as lines of JSON: made by the engine from a table of changes, read back one chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, assert_never

import ibis
import orjson

from reconcile.plan.model import Action, Cause, CreateList, Delete, MakeRoom, Stage, Upsert
from reconcile.state import values
from reconcile.state.model import Rows, Shape

LINE = {
    "stage": "INTEGER",
    "op": "VARCHAR",
    "hash": "VARCHAR",
    "email": "VARCHAR",
    "kind": "VARCHAR",
    "moved": "BOOLEAN",
    "from": "VARCHAR",
    "holder": "VARCHAR",
    "vars": "MAP(VARCHAR, VARCHAR)",
    "lists": "MAP(VARCHAR, BOOLEAN)",
}
"""What the engine needs to know of a body's lines to read them back."""


def lines(decided: Rows, shape: Shape) -> Rows:
    """One column `line`: a JSON object and a newline for each decided change, in the order of stage and hash.

    Args:
        decided: a table of changes with `stage` and `op`, see `planner.decide`.
    """
    changed = {var.name: (decided[f"set:{var.name}"], decided[f"new:{var.name}"]) for var in shape.vars}
    was = {var.name: (decided[f"set:{var.name}"], decided[f"old:{var.name}"]) for var in shape.vars}
    upsert = decided["op"] == "upsert"
    text = (
        ibis.literal('{"stage":')
        + decided.stage.cast("string")
        + ',"op":"'
        + decided["op"]
        + '","hash":"'
        + decided["hash"]
        + '","email":'
        + _json(decided.email)
        + ',"sid":'
        + _json(decided.sid)
        + ibis.ifelse(upsert, _kind(decided), "")
        + ',"cause":'
        + _json(decided.cause)
        + ibis.ifelse(upsert, ibis.literal(',"vars":') + _object(changed) + ',"was":' + _object(was), "")
        + ',"lists":'
        + _lists(decided, shape)
        + "}\n"
    )
    # Two profiles may be shown under one address: the order is theirs too.
    return decided.select("stage", "hash", "sid", line=text).order_by("stage", "hash", "sid").select("line")


def _kind(decided: Rows) -> Rows:
    return (
        ibis.literal(',"kind":"')
        + decided.kind
        + '","moved":'
        + decided.moved.cast("string")
        + ibis.ifelse(decided["from"].isnull(), "", ibis.literal(',"from":') + _json(decided["from"]))
        + ibis.ifelse(decided.holder.isnull(), "", ibis.literal(',"holder":') + _json(decided.holder))
    )


def _object(fields: dict[str, tuple[Rows, Rows]]) -> Rows:
    parts = [ibis.ifelse(flag, f",{json_name(name)}:" + _json(text), "") for name, (flag, text) in fields.items()]
    return json_object(parts)


def _lists(decided: Rows, shape: Shape) -> Rows:
    parts = []
    for one in shape.memberships:
        joins, leaves = (f",{json_name(one.list)}:{way}" for way in ("true", "false"))
        flags = ((decided[f"join:{one.list}"], joins), (decided[f"leave:{one.list}"], leaves))
        parts.append(ibis.cases(*flags, else_=""))
    return json_object(parts)


def json_object(parts: Sequence[Rows]) -> Rows:
    """An object from `,"name":value` parts, some of them empty."""
    if not parts:
        return ibis.literal("{}")
    first, *more = parts
    return ibis.literal("{") + (first.concat(*more) if more else first).substr(1) + "}"


def _json(text: Rows) -> Rows:
    return values.quoted(text).fill_null("null")


def json_name(name: str) -> str:
    """A name as JSON: quoted and escaped."""
    return orjson.dumps(name).decode()


def table(lines: Rows, shape: Shape) -> Rows:
    """The upserts of a body as a table: `stage, hash, email, kind, moved, from, holder`, and the fields of changes.

    Args:
        lines: the body as the engine reads it, by `LINE`.
    """
    columns = {name: lines[name] for name in ("stage", "hash", "email", "kind", "moved", "from", "holder")}
    for var in shape.vars:
        columns[f"set:{var.name}"] = lines["vars"].contains(var.name)
        columns[f"new:{var.name}"] = lines["vars"].get(var.name)
    for one in shape.memberships:
        way = lines["lists"].get(one.list)
        columns[f"join:{one.list}"] = way.fill_null(False)  # noqa: FBT003 -- Ibis's own signature
        columns[f"leave:{one.list}"] = (~way).fill_null(False)  # noqa: FBT003 -- the same
    return lines.filter(lines["op"] == "upsert").select(**columns)


def list_lines(names: Iterable[str]) -> bytes:
    """The lines that create lists: first of all, in the order of their names."""
    made = ({"stage": int(Stage.LISTS), "op": "create_list", "list": name} for name in sorted(names))
    return b"".join(orjson.dumps(line) + b"\n" for line in made)


def read(lines: Iterable[bytes]) -> Iterator[tuple[Stage, Action]]:
    """The actions of a body, in order.

    Raises:
        ValueError, KeyError: a line is not one of ours.
    """
    for line in lines:
        found = orjson.loads(line)
        yield Stage(found["stage"]), of(found)


def of(found: Mapping[str, Any]) -> Action:
    """The action of a line.

    Raises:
        ValueError, KeyError: it is not one of ours.
    """
    match found["op"]:
        case "create_list":
            return CreateList(found["list"])
        case "make_room":
            return MakeRoom(found["hash"], found["sid"], found["to"])
        case "delete":
            return Delete(found["hash"], found["email"], found["sid"], found["lists"], _cause(found))
        case "upsert":
            return _upsert(found)
        case op:
            raise ValueError(f"unknown action {op!r}")


def _upsert(found: Mapping[str, Any]) -> Upsert:
    moved = found["moved"]
    return Upsert(
        hash=found["hash"],
        # A profile that moves is found by its sid: its address of today is not known to us, only the next one is.
        email=None if moved else found["email"],
        sid=found["sid"],
        new=found["kind"] == "create",
        moves_to=found["email"] if moved else None,
        vars=found["vars"],
        was=found["was"],
        lists=found["lists"],
        cause=_cause(found),
        holder=found.get("holder"),
    )


def _cause(found: Mapping[str, Any]) -> Cause | None:
    return Cause(found["cause"]) if found["cause"] else None


def glyph(action: Action) -> str:
    """`+` comes into being, `~` changes, `-` goes."""
    match action:
        case CreateList():
            return "+"
        case MakeRoom():
            return "~"
        case Upsert(new=new):
            return "+" if new else "~"
        case Delete():
            return "-"
        case _:
            assert_never(action)
