"""A shop's exports as `reconcile observe --out` would have kept them: the manifest that a plan wants beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import shops

ENVIRON = {"KEY": "demo-key", "SECRET": "demo-secret", "URL": "http://localhost:1"}
"""What the spec's references resolve to: nobody is called, for `policy.lookups` is 0."""


def kept(shop: shops.Made) -> Path:
    """The folder of the exports, with its manifest, which is made once."""
    from reconcile.plan import integrity
    from reconcile.sailthru import kept as observation
    from reconcile.spec import load, managed
    from reconcile.state.keys import Keys
    from reconcile.state.model import RemoteList

    folder = shop.export(shops.REGISTRY).parent
    if not (folder / observation.MANIFEST).exists():
        rows, spec = _rows(shop), load.load(shop.spec)
        manifest = observation.Manifest(
            account=observation.Whose(
                name=spec.account.name, url=ENVIRON["URL"], fingerprint=integrity.fingerprint(ENVIRON["KEY"])
            ),
            taken_at=datetime.now(UTC),
            lists=tuple(RemoteList(f"{at:024x}", name, "natural") for at, name in enumerate(rows)),
            vars=managed.vars(spec),
            exports=tuple(observation.file(folder, name, shop.export(name), count) for name, count in rows.items()),
            hash_check=observation.HashCheck.MATCHED,
        )
        observation.write(folder, manifest, Keys.of_secret(ENVIRON["SECRET"]))
    return folder


def _rows(shop: shops.Made) -> dict[str, int]:
    """List -> how many records its export has, by its rule."""
    people = f"{shops.PEOPLE.format(now=False)} FROM ({shops.shuffled(shop.size)})"
    counts = ", ".join(f"count(*) FILTER (WHERE {rule})" for rule in ("true", *shops.GROUPS.values()))
    with shops.engine() as bare:
        bare.execute(shops.MACROS)
        return dict(zip(shops.list_names(), bare.execute(f"SELECT {counts} FROM ({people})").fetchone(), strict=True))
