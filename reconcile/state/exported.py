"""How the records of a list's export are read: who each is about, and what it says (SAILTHRU.md §9.3)."""

from __future__ import annotations

import ibis

from reconcile.spec.property import ValueType
from reconcile.state import values
from reconcile.state.model import Export, Rows, Shape, Var

SOME = "some"
"""Opted out, of what an export does not tell (SAILTHRU.md §9.3)."""

_OPTED_OUT = r"opt(ed)?[ _-]?out"
_EMPTY = values.hash_of("")


def key(rows: Rows, export: Export) -> dict[str, Rows]:
    """The key of each record, see `values.keys`: of its address, or of its sid where it has none (§7.1)."""
    hash_, sid = rows[export.hash_column].lower(), rows[export.sid_column]
    # Who has a hash is read for the sid as well: a record without one fails the reading (`Workspace.records`).
    named = hash_.notnull() & (hash_ != "") & (hash_ != _EMPTY) & sid.notnull()
    return values.keys(ibis.ifelse(named, hash_, ibis.literal("sid:") + sid))


def fingerprint(rows: Rows, export: Export, shape: Shape) -> Rows:
    """A number for the vars of each record as they stand there, but for booleans: their words are many."""
    return values.fingerprint([_word(rows, export, var) for var in shape.vars])


def _word(rows: Rows, export: Export, var: Var) -> Rows:
    column = export.var_columns.get(var.name)
    if column is None:
        return ibis.null("string")
    return values.canonical(rows[column], var.type) if var.type is ValueType.BOOLEAN else rows[column]


def profiles(rows: Rows, export: Export, shape: Shape) -> Rows:
    """Records in full: `hash, email, sid, optout`, the vars in canonical form, and the key of each.

    Args:
        rows: of the export, with the columns of `key`.
    """
    columns = {
        "hash": rows[export.hash_column].lower(),
        "email": ibis.null("string"),
        "sid": rows[export.sid_column],
        "optout": _optout(rows, export),
    }
    for var in shape.vars:
        column = export.var_columns.get(var.name)
        columns[var.column] = values.canonical(rows[column], var.type) if column else ibis.null("string")
    return rows.select(*values.KEYS, **columns)


def _optout(rows: Rows, export: Export) -> Rows:
    """What an export tells: a time of opt-out, or a status that says so; the recorded ones all said `Valid` (§9.3)."""
    told = ibis.literal(value=False)
    if export.optout_column is not None:
        told |= rows[export.optout_column].strip().nullif("").notnull()
    if export.status_column is not None:
        told |= rows[export.status_column].lower().re_search(_OPTED_OUT)
    return ibis.ifelse(told, SOME, ibis.null("string"))
