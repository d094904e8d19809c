"""Both states of a shop as Parquet, in the form of `reconcile.state.model.Shape`: what a diff alone starts from."""

from __future__ import annotations

import os

import shops

CANONICAL = shops.VARS | {
    "firstName": "first_name",
    "lastName": "last_name",
    "city": "city",
    "greeting": "'Hi ' || coalesce(first_name, 'There')",
    "birthday": "birthday",
}
"""The vars in canonical form (see `reconcile.state.values`), which but for quotes is how an export writes them."""

OBSERVED = "NULL::varchar AS email, sid_of(id) AS sid, NULL::varchar AS optout"


def prepared(size: int) -> shops.Made:
    """The shop with both states, from disk where they are there already."""
    shop = shops.made(size)
    for side, who in (("desired", "email"), ("observed", OBSERVED)):
        path = shop.state(side)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _write(shop, side, who)
    return shop


def _write(shop: shops.Made, side: str, who: str) -> None:
    people = f"FROM '{shop.customers}'"
    if side == "observed":
        people = f"FROM ({shops.PEOPLE.format(now=False)} FROM ({shops.shuffled(shop.size)}))"
    draft = shop.state(f".{side}.{os.getpid()}")
    fields = {f"var:{name}": f"({text})::varchar" for name, text in CANONICAL.items()}
    fields |= {f"list:{name}": f"coalesce({rule}, false)" for name, rule in shops.GROUPS.items()}
    fields[f"list:{shops.REGISTRY}"] = "true"
    columns = ", ".join(f'{expression} AS "{name}"' for name, expression in sorted(fields.items()))
    with shops.engine() as bare:
        bare.execute(shops.MACROS)
        bare.execute(f"COPY (SELECT md5(email) AS hash, {who}, {columns} {people}) TO '{draft}' (COMPRESSION zstd)")
    draft.rename(shop.state(side))
