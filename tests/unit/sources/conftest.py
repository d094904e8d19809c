"""A source by its parts, opened as a spec would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconcile import sources
from reconcile.errors import Where
from reconcile.spec.model import Spec
from reconcile.spec.places import Places
from reconcile.state.model import Demand

Open = Callable[..., sources.OpenSource]


def spec_of(folder: Path, **parts: Any) -> Spec:
    """A spec with the one source `shop`."""
    spec = Spec.model_validate(
        {
            "version": 1,
            "account": {"name": "a", "api_key": "k", "api_secret": "s"},
            "sources": {"shop": {"key": "id", **parts}},
            "profiles": {"from": "shop", "email": "email"},
        }
    )
    spec._folder = str(folder)
    shop, town = Where("shop.yaml", 3, 3, "  shop:"), Where("shop.yaml", 9, 3)
    spec._places = Places(keys={("sources", "shop"): shop, ("properties", "town"): town})
    return spec


@pytest.fixture
def make_spec(tmp_path: Path) -> Callable[..., Spec]:
    return lambda **parts: spec_of(tmp_path, **parts)


@pytest.fixture
def open_source(tmp_path: Path) -> Open:
    def opened(environ: dict[str, str] | None = None, **parts: Any) -> sources.OpenSource:
        return sources.open_all(spec_of(tmp_path, **parts), environ or {})["shop"]

    return opened


@pytest.fixture
def rows() -> Callable[..., Any]:
    """All rows of a source as an Arrow table, the demanded columns only."""

    def read(source: sources.OpenSource, *columns: str) -> Any:
        with source.read(Demand(columns)) as batches:
            return batches.read_all()

    return read
