"""One face with everything in it, for all tests of this folder."""

from __future__ import annotations

import faces
import pytest

from reconcile.plan.model import Face


@pytest.fixture(scope="session")
def face() -> Face:
    return faces.full()
