"""How a property comes to its values, in words."""

from __future__ import annotations

from reconcile.spec.model import Spec
from reconcile.spec.property import Property


def told(spec: Spec, prop: Property) -> str:
    """`column city of customers`, `sum of total over orders, where state = 'paid'`, `template: Hi {{ first_name }}`."""
    if prop.aggregate is not None:
        column = f" of {prop.column}" if prop.column else ""
        return f"{prop.aggregate}{column} over {prop.source}{f', where {prop.where}' if prop.where else ''}"
    if prop.column is not None:
        return f"column {prop.column} of {prop.source or spec.profiles.from_}"
    way = "template" if prop.template is not None else "sql" if prop.sql is not None else "value"
    return f"{way}: {getattr(prop, way)}"
