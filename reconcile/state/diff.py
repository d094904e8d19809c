"""What differs between two tables of one shape, in one relational pass.

What is to be done about it is not decided here: that is the plan's.

A table of changes has one row a profile that differs:

| column                                | holds                                                                |
|---------------------------------------|----------------------------------------------------------------------|
| `kind`                                | `create` (only desired), `update` (both), `leave` (only observed)    |
| `hash`, `email`, `sid`                | who; `sid` null on `create`, `email` null where only a hash is known |
| `moved`                               | the profile is the same person under another address                 |
| `from`                                | hash of the address that a moved profile has at the account          |
| `holder`                              | sid of another person's profile that has the address now, else null  |
| `duplicate`                           | a second profile of somebody wanted, see `identity.mark_duplicates`  |
| `set:x`, `new:x`, `old:x` for a var x | whether it is to be set, and both canonical texts                    |
| `join:L`, `leave:L` for a list L      | whether the profile is to join or leave it                           |
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection, Iterable

import ibis

from reconcile.state import identity, values
from reconcile.state.model import Membership, Rows, Shape, Var


def between(desired: Rows, observed: Rows, shape: Shape, left_open: Collection[str] | None = None) -> Rows:
    """The changes that turn `observed` into `desired`: empty when both say the same.

    Args:
        left_open: vars that may be left as they are for somebody, see `values.KEPT`; any of them when None.
    """
    pairs = _paired(desired, observed, shape)
    wanted, there = pairs["d:hash"].notnull(), pairs["o:hash"].notnull()
    columns = {
        "kind": ibis.cases((~there, "create"), (wanted, "update"), else_="leave"),
        "hash": pairs["d:hash"].fill_null(pairs["o:hash"]),
        "email": pairs["d:email"].fill_null(pairs["o:email"]),
        "sid": pairs["o:sid"],
        "moved": (pairs["d:hash"] != pairs["o:hash"]).fill_null(False),  # noqa: FBT003 -- Ibis's own signature
        "from": ibis.ifelse(pairs["d:hash"] != pairs["o:hash"], pairs["o:hash"], ibis.null("string")),
        "holder": pairs["d:holder"],
        "duplicate": ibis.literal(value=False),
    }
    for var in shape.vars:
        columns |= _var(pairs, var, wanted, may_be_kept=left_open is None or var.name in left_open)
    for membership in shape.memberships:
        columns |= _membership(pairs, membership, wanted)
    changes = pairs.select(**columns)
    return changes.filter((changes.kind == "create") | changes.moved | any_of(changes, differences(shape)))


def differences(shape: Shape) -> list[str]:
    """The boolean columns of a table of changes that say what differs."""
    lists = [f"{way}:{membership.list}" for membership in shape.memberships for way in ("join", "leave")]
    return [f"set:{var.name}" for var in shape.vars] + lists


def any_of(rows: Rows, columns: Iterable[str]) -> Rows:
    """Whether any of these boolean columns is true."""
    return functools.reduce(operator.or_, (rows[column] for column in columns), ibis.literal(value=False))


def _var(pairs: Rows, var: Var, wanted: Rows, *, may_be_kept: bool) -> dict[str, Rows]:
    new, old = pairs[f"d:{var.column}"], pairs[f"o:{var.column}"]
    if may_be_kept:
        there = pairs["o:hash"].notnull()
        kept = new.startswith(values.KEPT).fill_null(False)  # noqa: FBT003 -- Ibis's own signature
        new = ibis.cases((kept & there, old), (kept, new.substr(1).nullif("")), else_=new)
    differs = wanted & ~values.same(new, old, var.type)
    if var.skip_nulls:
        differs &= new.notnull()
    return {f"set:{var.name}": differs, f"new:{var.name}": new, f"old:{var.name}": old}


def _membership(pairs: Rows, membership: Membership, wanted: Rows) -> dict[str, Rows]:
    old = pairs[f"o:{membership.column}"].fill_null(False)  # noqa: FBT003 -- Ibis's own signature
    new = wanted & pairs[f"d:{membership.column}"].fill_null(old)  # null is left as it is
    return {f"join:{membership.list}": new & ~old, f"leave:{membership.list}": old & ~new}


def _paired(desired: Rows, observed: Rows, shape: Shape) -> Rows:
    left = identity.matched(desired, observed, shape).rename("d:{name}")
    right = observed.rename("o:{name}")
    return left.outer_join(right, left["d:match"] == right["o:hash"])
