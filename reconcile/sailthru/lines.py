"""Lines of an update job: one JSON object a profile, in the words of `POST /user` (SAILTHRU.md §9.4).

Made by the engine from a table of actions: a million lines never become a million objects.
"""

from __future__ import annotations

import ibis

from reconcile.plan.actions import json_name, json_object
from reconcile.spec.property import ValueType
from reconcile.state import nested, values
from reconcile.state.model import Rows, Shape, Var

NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
"""What JSON takes for a number; a number var whose text is none keeps its text, as on the `/user` route."""


def update(actions: Rows, shape: Shape) -> Rows:
    """One column `line`, in the order of the actions' hashes: the typed vars to set and the lists to join and leave.

    Args:
        actions: `hash, email` and for each var `set:x, new:x`, for each list `join:L, leave:L`.
    """
    vars_ = [
        ibis.ifelse(
            actions[f"set:{var.name}"], f",{json_name(var.name)}:" + _value(actions[f"new:{var.name}"], var), ""
        )
        for var in shape.vars
    ]
    lists = [
        ibis.cases(
            (actions[f"join:{one.list}"], f",{json_name(one.list)}:1"),
            (actions[f"leave:{one.list}"], f",{json_name(one.list)}:0"),
            else_="",
        )
        for one in shape.memberships
    ]
    text = (
        ibis.literal('{"id":')
        + values.quoted(actions.email)
        + ',"key":"email","vars":'
        + json_object(vars_)
        + ',"lists":'
        + json_object(lists)
        + "}\n"
    )
    return actions.order_by("hash").select(line=text)


def _value(text: Rows, var: Var) -> Rows:
    """The JSON of a canonical text, as `values.typed` would have it."""
    quoted = values.quoted(text)
    match var.type:
        case ValueType.INTEGER | ValueType.FLOAT:
            plain = text.re_search(NUMBER)
        case ValueType.BOOLEAN:
            plain = text.isin(("true", "false"))
        case ValueType.LIST | ValueType.JSON:
            plain = nested.is_json(text)
        case _:
            plain = ibis.literal(value=False)
    marked = text.startswith(values.FOREIGN) & nested.json_valid(text.substr(1))
    return ibis.cases((text.isnull(), "null"), (marked, text.substr(1)), (plain, text), else_=quoted)
